package users

import (
	"context"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/access"
	"github.com/scim-operator/scim-operator/internal/store"
)

// Indexes of the cache that only this controller needs.
const (
	indexKubernetesUser = "users.kubernetes-user"
	indexAssigned       = "users.assigned"
)

// countDelay lets the slices and the role of one push arrive before its members are counted, so that each member is looked at
// once a push.
const countDelay = time.Second

// workers is the number of users that are reconciled at once. Status is written in the background of everything else.
const workers = 2

type queue = workqueue.TypedRateLimitingInterface[ctrl.Request]

// SetupWithManager starts the controller with the manager. The indexes of store.SetupIndexes must be registered.
func SetupWithManager(ctx context.Context, mgr ctrl.Manager, options Options) error {
	indexer := mgr.GetFieldIndexer()
	err := indexer.IndexField(ctx, &v1alpha1.ScimUser{}, indexKubernetesUser, func(o client.Object) []string {
		if name := o.(*v1alpha1.ScimUser).Status.KubernetesUser; name != "" {
			return []string{name}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := indexer.IndexField(ctx, &v1alpha1.ScimUser{}, indexAssigned, assignedIDs); err != nil {
		return err
	}
	r := &reconciler{client: mgr.GetClient(), options: options}
	changed := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	return ctrl.NewControllerManagedBy(mgr).
		Named("users").
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Watches(&v1alpha1.ScimUser{}, r.editedUser(), builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, r.echoes.Predicate()))).
		Watches(&v1alpha1.ScimClaim{}, handler.EnqueueRequestsFromMapFunc(r.usersOfClaim)).
		Watches(&v1alpha1.ScimClaim{}, r.membersByClaim()).
		Watches(&v1alpha1.ScimDirectory{}, handler.EnqueueRequestsFromMapFunc(r.usersOfDirectory), changed).
		Watches(&v1alpha1.ScimRole{}, r.membersOfRole(), changed).
		Watches(&v1alpha1.ScimRole{}, handler.EnqueueRequestsFromMapFunc(r.usersByDefault), builder.WithPredicates(localChanged())).
		Watches(&v1alpha1.ScimRole{}, handler.EnqueueRequestsFromMapFunc(r.usersOfAssigned), builder.WithPredicates(ownership())).
		Watches(&v1alpha1.ScimRoleSlice{}, membersOfSlice()).
		Watches(&v1alpha1.AppAccount{}, handler.EnqueueRequestsFromMapFunc(userOfAccount), builder.WithPredicates(stateChanged())).
		Watches(&rbacv1.ClusterRoleBinding{}, r.subjects()).
		Watches(&rbacv1.RoleBinding{}, r.subjects()).
		Complete(r)
}

// editDelay lets the access controller hear first of a change that takes access away: status then waits until it is gone.
const editDelay = 100 * time.Millisecond

// claimDelay is how long the status of a new user waits for the user's claim, which is created right after the user. Its event brings the user at
// once, and without the wait each push would have a status written that says Pending, and then another.
const claimDelay = time.Second

// editedUser is the user itself.
func (r *reconciler) editedUser() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			if e.IsInInitialList || r.isClaimed(ctx, e.Object) {
				q.Add(request(e.Object.GetName()))
				return
			}
			q.AddAfter(request(e.Object.GetName()), claimDelay)
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			q.AddAfter(request(e.ObjectNew.GetName()), editDelay)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { q.Add(request(e.Object.GetName())) },
	}
}

// isClaimed says whether the claim of a user's name has been seen.
func (r *reconciler) isClaimed(ctx context.Context, user client.Object) bool {
	claim := &v1alpha1.ScimClaim{}
	return r.client.Get(ctx, client.ObjectKey{Name: store.ClaimNameOf(user)}, claim, client.UnsafeDisableDeepCopy) == nil
}

func request(name string) ctrl.Request {
	return ctrl.Request{NamespacedName: types.NamespacedName{Name: name}}
}

func requestsOf(names []string) []ctrl.Request {
	all := make([]ctrl.Request, 0, len(names))
	for _, name := range names {
		all = append(all, request(name))
	}
	return all
}

func (r *reconciler) listed(ctx context.Context, index, value string) []ctrl.Request {
	var users v1alpha1.ScimUserList
	// The cache answers; an error means that it is stopping.
	if err := r.client.List(ctx, &users, client.MatchingFields{index: value}, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	requests := make([]ctrl.Request, 0, len(users.Items))
	for i := range users.Items {
		requests = append(requests, request(users.Items[i].Name))
	}
	return requests
}

// usersOfClaim are all users that bear the claimed name: those that gain by a change of owner and those that lose.
func (r *reconciler) usersOfClaim(ctx context.Context, o client.Object) []ctrl.Request {
	return r.listed(ctx, store.IndexClaim, o.GetName())
}

func (r *reconciler) usersOfDirectory(ctx context.Context, o client.Object) []ctrl.Request {
	return r.listed(ctx, store.IndexDirectory, o.GetName())
}

// localChanged passes that a local role came or went.
func localChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*v1alpha1.ScimRole), e.ObjectNew.(*v1alpha1.ScimRole)
		return (before.Spec.Directory == "") != (after.Spec.Directory == "")
	}}
}

// usersByDefault are the users of the directories that have a role as a default.
func (r *reconciler) usersByDefault(ctx context.Context, role client.Object) []ctrl.Request {
	var all v1alpha1.ScimDirectoryList
	// The cache answers; an error means that it is stopping.
	if err := r.client.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	var requests []ctrl.Request
	for i := range all.Items {
		if all.Items[i].HasDefaultRole(role.GetName()) {
			requests = append(requests, r.listed(ctx, store.IndexDirectory, all.Items[i].Name)...)
		}
	}
	return requests
}

// assignedIDs are the values of a user's attribute roles.
func assignedIDs(o client.Object) []string {
	var ids []string
	for _, value := range o.(*v1alpha1.ScimUser).Spec.Roles {
		ids = append(ids, value.Value)
	}
	return ids
}

// usersOfAssigned are the users whose attribute roles names a role.
func (r *reconciler) usersOfAssigned(ctx context.Context, o client.Object) []ctrl.Request {
	return r.listed(ctx, indexAssigned, o.GetName())
}

// ownership passes what decides whether a role can be given: that it comes, goes, or changes hands.
func ownership() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.(*v1alpha1.ScimRole).Spec.Directory != e.ObjectNew.(*v1alpha1.ScimRole).Spec.Directory
	}}
}

// membersOfRole are the users whose number of roles a change of a role may have changed: the difference of its lists.
func (r *reconciler) membersOfRole() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			addLater(q, requestsOf(r.members(ctx, e.Object.(*v1alpha1.ScimRole), nil)))
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			before, after := e.ObjectOld.(*v1alpha1.ScimRole), e.ObjectNew.(*v1alpha1.ScimRole)
			addLater(q, requestsOf(difference(r.members(ctx, before, after.Spec.Slices), r.members(ctx, after, before.Spec.Slices))))
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) {
			addLater(q, requestsOf(r.members(ctx, e.Object.(*v1alpha1.ScimRole), nil)))
		},
	}
}

// membersByClaim are those who have the roles that bear a claimed name: whether a role counts is up to its claim. What is there when this
// process starts was counted with everything else.
func (r *reconciler) membersByClaim() handler.EventHandler {
	add := func(ctx context.Context, claim client.Object, q queue) {
		var roles v1alpha1.ScimRoleList
		// The cache answers; an error means that it is stopping.
		if err := r.client.List(ctx, &roles, client.MatchingFields{store.IndexClaim: claim.GetName()}, client.UnsafeDisableDeepCopy); err != nil {
			return
		}
		for i := range roles.Items {
			role := &roles.Items[i]
			addLater(q, slices.Concat(requestsOf(r.members(ctx, role, nil)), r.usersByDefault(ctx, role), r.usersOfAssigned(ctx, role)))
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			if !e.IsInInitialList {
				add(ctx, e.Object, q)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			if e.ObjectOld.(*v1alpha1.ScimClaim).Spec.Owner != e.ObjectNew.(*v1alpha1.ScimClaim).Spec.Owner {
				add(ctx, e.ObjectNew, q)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { add(ctx, e.Object, q) },
	}
}

// membersOfSlice are the members of a slice that has just come, and of one that its role no longer names. The role's own event may come when a
// new slice has not reached the cache yet, or when an old one has left it already, and they would be missed.
func membersOfSlice() handler.EventHandler {
	add := func(slice client.Object, q queue) {
		addLater(q, requestsOf(slice.(*v1alpha1.ScimRoleSlice).Spec.Members))
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) {
			if !e.IsInInitialList {
				add(e.Object, q)
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { add(e.Object, q) },
	}
}

// addLater has users looked at after countDelay. There may be a thousand, and a queue that is told of each by itself wakes up for each.
func addLater(q queue, users []ctrl.Request) {
	if all, ok := q.(priorityqueue.PriorityQueue[ctrl.Request]); ok {
		all.AddWithOpts(priorityqueue.AddOpts{After: countDelay}, users...)
		return
	}
	for _, user := range users {
		q.AddAfter(user, countDelay)
	}
}

// members are the ids of a role's members, without those of the slices in except. A slice that is not in the cache is passed over: the
// event of its coming or going finds its members.
func (r *reconciler) members(ctx context.Context, role *v1alpha1.ScimRole, except []string) []string {
	ids := slices.Concat(role.Spec.Members, role.Spec.LocalMembers)
	for _, name := range role.Spec.Slices {
		if slices.Contains(except, name) {
			continue
		}
		var part v1alpha1.ScimRoleSlice
		if err := r.client.Get(ctx, client.ObjectKey{Name: name}, &part, client.UnsafeDisableDeepCopy); err == nil {
			ids = append(ids, part.Spec.Members...)
		}
	}
	return ids
}

// difference are the ids that are in one of the lists only.
func difference(a, b []string) []string {
	in := make(map[string]int, len(a)+len(b))
	for _, id := range a {
		in[id] |= 1
	}
	for _, id := range b {
		in[id] |= 2
	}
	var ids []string
	for id, lists := range in {
		if lists != 3 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// subjects are the users whom a change of a binding concerns: those who are suspended. The status of others says nothing of bindings, and
// a binding may name a thousand of them.
func (r *reconciler) subjects() handler.EventHandler {
	add := func(ctx context.Context, names []string, q queue) {
		for _, name := range names {
			var users v1alpha1.ScimUserList
			// The cache answers; an error means that it is stopping.
			if err := r.client.List(ctx, &users, client.MatchingFields{indexKubernetesUser: name}, client.UnsafeDisableDeepCopy); err != nil {
				return
			}
			for i := range users.Items {
				if !users.Items[i].IsActive() {
					q.Add(request(users.Items[i].Name))
				}
			}
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { add(ctx, subjectNames(e.Object), q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			add(ctx, difference(subjectNames(e.ObjectOld), subjectNames(e.ObjectNew)), q)
			add(ctx, difference(access.HeldNames(e.ObjectOld), access.HeldNames(e.ObjectNew)), q)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) {
			add(ctx, subjectNames(e.Object), q)
		},
	}
}

func subjectNames(o client.Object) []string {
	var subjects []rbacv1.Subject
	switch binding := o.(type) {
	case *rbacv1.ClusterRoleBinding:
		subjects = binding.Subjects
	case *rbacv1.RoleBinding:
		subjects = binding.Subjects
	}
	names := make([]string, 0, len(subjects))
	for _, subject := range subjects {
		names = append(names, subject.Name)
	}
	return names
}

func userOfAccount(_ context.Context, o client.Object) []ctrl.Request {
	return []ctrl.Request{request(o.(*v1alpha1.AppAccount).Spec.User)}
}

// stateChanged passes that an account comes into use, or goes out of it.
func stateChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return inUse(e.Object.(*v1alpha1.AppAccount)) },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return inUse(e.ObjectOld.(*v1alpha1.AppAccount)) != inUse(e.ObjectNew.(*v1alpha1.AppAccount))
		},
		DeleteFunc: func(e event.DeleteEvent) bool { return inUse(e.Object.(*v1alpha1.AppAccount)) },
	}
}
