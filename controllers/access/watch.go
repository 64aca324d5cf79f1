package access

import (
	"context"
	"maps"
	"slices"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/echo"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/store"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

// priorityRevoke overtakes everything else in the queue, so that a person who leaves does not wait behind a thousand who arrive.
const priorityRevoke = 100

// effect is what an event means: grants to look at, and how urgently.
type effect struct {
	grants []access.GrantKey
	// first are those of the grants that are looked at before the others, in this order.
	first    []access.GrantKey
	priority int
	// later puts a grant off until no revocation is under way; nil for at once.
	later func(grant reconcile.Request)
	// begin notes what is urgent before the grants are in the queue; nil for nothing.
	begin func(grants []reconcile.Request)
}

// change gives the effect of an object's change. A created object has no before, a deleted one no after.
type change func(ctx context.Context, before, after client.Object) effect

// on makes a handler that passes over the initial list: when it comes, each grant has its own event, and no worker starts before
// all caches are filled.
func on(of change) handler.EventHandler { return handle(of, false) }

// onStart makes a handler that also takes the initial list, at low priority.
func onStart(of change) handler.EventHandler { return handle(of, true) }

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

func handle(of change, initial bool) handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			if e.IsInInitialList && !initial {
				return
			}
			found := of(ctx, nil, e.Object)
			if e.IsInInitialList {
				found.priority, found.later = handler.LowPriority, nil
			}
			enqueue(q, found)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			if e.ObjectOld.GetResourceVersion() != e.ObjectNew.GetResourceVersion() {
				enqueue(q, of(ctx, e.ObjectOld, e.ObjectNew))
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { enqueue(q, of(ctx, e.Object, nil)) },
	}
}

// requests are the grants, each once: those that come first, and then the others by name.
func (e effect) requests() []reconcile.Request {
	slices.SortFunc(e.grants, access.GrantKey.Compare)
	others := slices.DeleteFunc(slices.Compact(e.grants), func(key access.GrantKey) bool { return slices.Contains(e.first, key) })
	var requests []reconcile.Request
	for _, key := range slices.Concat(e.first, others) {
		requests = append(requests, requestFor(key))
	}
	return requests
}

func enqueue(q queue, found effect) {
	requests := found.requests()
	if found.begin != nil {
		found.begin(requests)
	}
	for _, request := range requests {
		if found.later != nil {
			found.later(request)
			continue
		}
		add(q, found.priority, request)
	}
}

func add(q queue, priority int, request reconcile.Request) {
	if prioritised, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		prioritised.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, request)
		return
	}
	q.Add(request)
}

// watcher finds the grants that an event concerns, by the indexes of the cache.
type watcher struct {
	cache     client.Reader
	usernames *usernames
	// memory is told of changes; nil for nobody.
	memory *memory
	// frozen are the grants that depend on roles which their spec may not name; nil for none.
	frozen *frozenGrants
	// revocations and alarm hear what is urgent; nil for nobody.
	revocations *revocations
	alarm       *alarm
	// calm keeps looks that nobody waits for; nil for none.
	calm *Calm
	// echoes know the controller's own writes of status.
	echoes *echo.Echoes
	// causes are told of traced writes; nil for nobody.
	causes *tracing.Causes[reconcile.Request]
}

func (w *watcher) grant(_ context.Context, before, after client.Object) effect {
	if after == nil {
		return effect{grants: []access.GrantKey{keyOf(before)}, priority: priorityRevoke}
	}
	if before == nil {
		return effect{grants: []access.GrantKey{keyOf(after)}}
	}
	same := before.GetUID() == after.GetUID() && before.GetGeneration() == after.GetGeneration()
	if same && (before.GetDeletionTimestamp() == nil) == (after.GetDeletionTimestamp() == nil) {
		return w.foreignStatus(before, after)
	}
	return effect{grants: []access.GrantKey{keyOf(after)}, priority: priorityRevoke}
}

// foreignStatus has a grant looked at whose status somebody else has written, when there is time.
func (w *watcher) foreignStatus(before, after client.Object) (found effect) {
	if !w.echoes.Foreign(before, after) {
		return effect{}
	}
	found.grants = []access.GrantKey{keyOf(after)}
	if !w.calm.is() {
		found.later = w.calm.postpone
	}
	return found
}

func (w *watcher) role(ctx context.Context, beforeObject, afterObject client.Object) effect {
	before, _ := beforeObject.(*v1alpha1.ScimRole)
	after, _ := afterObject.(*v1alpha1.ScimRole)
	if before != nil && after != nil && before.Generation == after.Generation && before.UID == after.UID {
		if maps.Equal(before.Labels, after.Labels) {
			return effect{}
		}
		return w.relabelled(ctx, before, after)
	}
	var found effect
	for _, role := range []*v1alpha1.ScimRole{before, after} {
		if role != nil {
			found.grants = append(found.grants, w.grantsOfRole(ctx, role)...)
		}
	}
	if before != nil && (after == nil || loses(&before.Spec, &after.Spec)) {
		found.priority = priorityRevoke
	}
	return found
}

// loses says whether a change of a role may take somebody's access away. A slice that is replaced may have lost a member.
func loses(before, after *v1alpha1.ScimRoleSpec) bool {
	return v1alpha1.Fold(before.DisplayName) != v1alpha1.Fold(after.DisplayName) || before.Directory != after.Directory ||
		lacks(after.Members, before.Members) || lacks(after.LocalMembers, before.LocalMembers) || lacks(after.Slices, before.Slices)
}

// lacks says whether have is without some of want.
func lacks(have, want []string) bool {
	set := make(map[string]bool, len(have))
	for _, value := range have {
		set[value] = true
	}
	return slices.ContainsFunc(want, func(value string) bool { return !set[value] })
}

// user passes over everything that does not change who the user is in Kubernetes, and whether: a new job title is no event here.
func (w *watcher) user(ctx context.Context, beforeObject, afterObject client.Object) effect {
	before, _ := beforeObject.(*v1alpha1.ScimUser)
	after, _ := afterObject.(*v1alpha1.ScimUser)
	if after == nil {
		bound := w.grantsBinding(ctx, before)
		return effect{grants: append(w.grantsOfMember(ctx, before), bound...), first: bound, priority: priorityRevoke}
	}
	if before == nil {
		return effect{grants: append(w.grantsOfMember(ctx, after), w.grantsBinding(ctx, after)...)}
	}
	sameName := before.Spec.UserName == after.Spec.UserName && w.subject(ctx, before) == w.subject(ctx, after)
	sameDirectory := before.Spec.Directory == after.Spec.Directory
	gone := except(assignedRoles(before), assignedRoles(after))
	sameRoles := len(gone) == 0 && len(except(assignedRoles(after), assignedRoles(before))) == 0
	if sameName && sameDirectory && sameRoles && before.IsActive() == after.IsActive() && before.UID == after.UID {
		return w.conditional(ctx, before, after)
	}
	// Whoever takes a name or becomes active may find that the guard holds the name of somebody who left.
	found := effect{grants: append(w.grantsOfMember(ctx, after), w.grantsBinding(ctx, after)...)}
	if !sameDirectory {
		found.grants = append(found.grants, w.grantsByDefault(ctx, before.Spec.Directory)...)
	}
	found.grants = append(found.grants, w.grantsOfRoles(ctx, gone)...)
	if !sameName || !sameDirectory || len(gone) > 0 || !after.IsActive() {
		found.priority = priorityRevoke
		found.first = w.grantsBinding(ctx, before)
		found.grants = append(found.grants, found.first...)
	}
	found.priority = max(found.priority, w.conditional(ctx, before, after).priority)
	return found
}

// subject is the Kubernetes user name, or why there is none; only its changes matter here.
func (w *watcher) subject(ctx context.Context, user *v1alpha1.ScimUser) string {
	expression := access.DefaultUsername
	if name := user.Spec.Directory; name != "" {
		directory := &v1alpha1.ScimDirectory{}
		if err := w.cache.Get(ctx, client.ObjectKey{Name: name}, directory, client.UnsafeDisableDeepCopy); err != nil {
			return "without directory " + name
		}
		expression = directory.Spec.Identity.Username
	}
	name, refusal := ruleOf(w.usernames, expression)(&user.Spec)
	return name + "\n" + refusal
}

func (w *watcher) claim(ctx context.Context, beforeObject, afterObject client.Object) effect {
	before, _ := beforeObject.(*v1alpha1.ScimClaim)
	after, _ := afterObject.(*v1alpha1.ScimClaim)
	if before != nil && after != nil && before.Spec.Owner == after.Spec.Owner {
		return effect{}
	}
	var found effect
	if before != nil {
		found = effect{grants: w.grantsOfClaim(ctx, before), priority: priorityRevoke}
	}
	if after != nil {
		found.grants = append(found.grants, w.grantsOfClaim(ctx, after)...)
	}
	return found
}

func (w *watcher) grantsOfClaim(ctx context.Context, claim *v1alpha1.ScimClaim) []access.GrantKey {
	if claim.Spec.Attribute == v1alpha1.ClaimUserName {
		grants := w.grantsBy(ctx, indexGrantUser, userByUserName(claim.Spec.Value))
		owner := &v1alpha1.ScimUser{}
		if err := w.cache.Get(ctx, client.ObjectKey{Name: claim.Spec.Owner}, owner, client.UnsafeDisableDeepCopy); err == nil {
			return slices.Concat(grants, w.grantsOfMember(ctx, owner), w.grantsBinding(ctx, owner))
		}
		return append(grants, w.grantsOfUser(ctx, claim.Spec.Owner)...)
	}
	return append(w.grantsBy(ctx, indexGrantRole, roleByDisplayName(claim.Spec.Value)),
		w.grantsBy(ctx, indexGrantRole, roleByName(claim.Spec.Owner))...)
}

// directory concerns every grant when the names of its users change, or its guard, or whether their attribute roles means anything; who is
// a member of what is not worth looking up for so rare an event.
func (w *watcher) directory(ctx context.Context, beforeObject, afterObject client.Object) effect {
	before, _ := beforeObject.(*v1alpha1.ScimDirectory)
	after, _ := afterObject.(*v1alpha1.ScimDirectory)
	if before != nil && after != nil && before.Spec.Identity == after.Spec.Identity &&
		before.Spec.RoleAssignment == after.Spec.RoleAssignment && apiequality.Semantic.DeepEqual(before.Spec.Guard, after.Spec.Guard) {
		return w.defaultRoles(ctx, before, after)
	}
	return effect{grants: w.listGrants(ctx)}
}

func (w *watcher) clusterRole(ctx context.Context, before, after client.Object) effect {
	if before != nil && after != nil {
		return effect{}
	}
	object, priority := after, 0
	if after == nil {
		object, priority = before, priorityRevoke
	}
	target := targetKey(v1alpha1.GrantTarget{Kind: v1alpha1.KindClusterRole, Name: object.GetName()})
	return effect{grants: w.grantsBy(ctx, indexGrantTarget, target), priority: priority}
}

func (w *watcher) namespace(ctx context.Context, before, after client.Object) effect {
	if before != nil && after != nil && apiequality.Semantic.DeepEqual(before.GetLabels(), after.GetLabels()) &&
		(before.GetDeletionTimestamp() == nil) == (after.GetDeletionTimestamp() == nil) {
		return effect{}
	}
	var grants v1alpha1.ClusterAccessGrantList
	byScope := client.MatchingFields{indexGrantScope: string(v1alpha1.ScopeNamespaces)}
	if err := w.cache.List(ctx, &grants, byScope, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "cannot find the grants of a namespace")
		return effect{}
	}
	found := effect{grants: w.grantsWithin(ctx, before, after)}
	for i := range grants.Items {
		was, is := selects(&grants.Items[i], before), selects(&grants.Items[i], after)
		if was != is {
			found.grants = append(found.grants, keyOf(&grants.Items[i]))
		}
		if was && !is {
			found.priority = priorityRevoke
		}
	}
	return found
}

// selects says whether a grant selects a namespace; one that is absent or being deleted is selected by none.
func selects(grant *v1alpha1.ClusterAccessGrant, namespace client.Object) bool {
	if namespace == nil || namespace.GetDeletionTimestamp() != nil || grant.Spec.Namespaces == nil {
		return false
	}
	if slices.Contains(grant.Spec.Namespaces.ExcludeNames, namespace.GetName()) {
		return false
	}
	if slices.Contains(grant.Spec.Namespaces.Names, namespace.GetName()) {
		return true
	}
	selector, err := access.NamespaceSelector(grant.Spec.Namespaces.Selector)
	return err == nil && selector.Matches(labels.Set(namespace.GetLabels()))
}

// grantsOfUser finds the grants that name the user, or a role that lists the user, inline, as a local member, or in a slice.
func (w *watcher) grantsOfUser(ctx context.Context, id string) []access.GrantKey {
	var roles v1alpha1.ScimRoleList
	if err := w.cache.List(ctx, &roles, client.MatchingFields{indexMember: id}, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "cannot find the roles of a user")
	}
	var memberSlices v1alpha1.ScimRoleSliceList
	if err := w.cache.List(ctx, &memberSlices, client.MatchingFields{store.IndexMember: id}, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "cannot find the slices of a user")
	}
	grants := w.grantsBy(ctx, indexGrantUser, userByName(id))
	for i := range roles.Items {
		grants = append(grants, w.grantsOfRole(ctx, &roles.Items[i])...)
	}
	for i := range memberSlices.Items {
		role := &v1alpha1.ScimRole{}
		key := client.ObjectKey{Name: memberSlices.Items[i].Spec.Role}
		if err := w.cache.Get(ctx, key, role, client.UnsafeDisableDeepCopy); err == nil {
			grants = append(grants, w.grantsOfRole(ctx, role)...)
		}
	}
	return grants
}

func (w *watcher) grantsOfRole(ctx context.Context, role *v1alpha1.ScimRole) []access.GrantKey {
	return slices.Concat(w.grantsBy(ctx, indexGrantRole, roleByName(role.Name)),
		w.grantsBy(ctx, indexGrantRole, roleByDisplayName(v1alpha1.Fold(role.Spec.DisplayName))), w.grantsSelecting(ctx, role),
		w.frozen.of(role.Name))
}
