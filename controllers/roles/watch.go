package roles

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store"
)

// countDelay gathers the arrivals of many users, because counting a large role looks at every member.
const countDelay = 5 * time.Second

type queue = workqueue.TypedRateLimitingInterface[ctrl.Request]

// SetupWithManager starts the controller with the manager. The indexes of store.SetupIndexes must be registered.
func SetupWithManager(mgr ctrl.Manager, options Options) error {
	r := &reconciler{cached: mgr.GetClient(), live: mgr.GetAPIReader(), options: options}
	changed := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	return ctrl.NewControllerManagedBy(mgr).
		Named("roles").
		Watches(&v1alpha1.ScimRole{}, editedRole(), builder.WithPredicates(
			predicate.Or(predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{}, r.echoes.Predicate()),
		)).
		Watches(&v1alpha1.ScimClaim{}, handler.EnqueueRequestsFromMapFunc(r.rolesOfClaim)).
		Watches(&v1alpha1.ScimUser{}, r.rolesOfUser()).
		Watches(&v1alpha1.ScimUser{}, r.defaultRolesOfUser()).
		Watches(&v1alpha1.ScimDirectory{}, defaultRolesOfDirectory(), changed).
		Watches(&v1alpha1.ScimRoleSlice{}, rolesOfSlice()).
		Watches(&v1alpha1.ClusterAccessGrant{}, r.rolesOfGrant(), changed).
		Watches(&v1alpha1.AccessGrant{}, r.rolesOfGrant(), changed).
		Complete(r)
}

// editDelay lets the access controller hear first of a change that takes access away: status then waits until it is gone.
const editDelay = 100 * time.Millisecond

// editedRole is the role itself.
func editedRole() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { q.Add(request(e.Object.GetName())) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			q.AddAfter(request(e.ObjectNew.GetName()), editDelay)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { q.Add(request(e.Object.GetName())) },
	}
}

func request(name string) ctrl.Request {
	return ctrl.Request{NamespacedName: types.NamespacedName{Name: name}}
}

func (r *reconciler) listed(ctx context.Context, index, value string) []string {
	var roles v1alpha1.ScimRoleList
	// The cache answers; an error means that it is stopping.
	if err := r.cached.List(ctx, &roles, client.MatchingFields{index: value}, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	names := make([]string, 0, len(roles.Items))
	for i := range roles.Items {
		names = append(names, roles.Items[i].Name)
	}
	return names
}

// rolesOfClaim are all roles that bear the claimed name.
func (r *reconciler) rolesOfClaim(ctx context.Context, o client.Object) []ctrl.Request {
	found := r.listed(ctx, store.IndexClaim, o.GetName())
	requests := make([]ctrl.Request, 0, len(found))
	for _, name := range found {
		requests = append(requests, request(name))
	}
	return requests
}

// rolesOfUser are the roles that list a user who comes or goes: one member id more or less that names nobody.
func (r *reconciler) rolesOfUser() handler.EventHandler {
	add := func(ctx context.Context, id string, q queue) {
		for _, name := range r.listed(ctx, store.IndexMember, id) {
			q.AddAfter(request(name), countDelay)
		}
		var parts v1alpha1.ScimRoleSliceList
		if err := r.cached.List(ctx, &parts, client.MatchingFields{store.IndexMember: id}, client.UnsafeDisableDeepCopy); err != nil {
			return
		}
		for i := range parts.Items {
			q.AddAfter(request(parts.Items[i].Spec.Role), countDelay)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { add(ctx, e.Object.GetName(), q) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { add(ctx, e.Object.GetName(), q) },
	}
}

// rolesOfSlice is the role that a slice was written for. One that goes may still be named; one that comes may have been counted already, as it was
// read live, while its members were not there yet, and whoever of them came before the slice did was not known to be in it.
func rolesOfSlice() handler.EventHandler {
	add := func(slice client.Object, q queue) {
		q.AddAfter(request(slice.(*v1alpha1.ScimRoleSlice).Spec.Role), countDelay)
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

// rolesOfGrant are the roles that a grant names, or named before it changed.
func (r *reconciler) rolesOfGrant() handler.EventHandler {
	add := func(ctx context.Context, o client.Object, q queue) {
		for _, selector := range selectorsOf(o) {
			if selector.Name != "" {
				q.Add(request(selector.Name))
				continue
			}
			if selector.Selector != nil {
				for _, name := range r.selected(ctx, selector.Selector) {
					q.Add(request(name))
				}
				continue
			}
			claim := v1alpha1.ClaimName(v1alpha1.ClaimDisplayName, selector.DisplayName)
			for _, name := range r.listed(ctx, store.IndexClaim, claim) {
				q.Add(request(name))
			}
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { add(ctx, e.Object, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			add(ctx, e.ObjectOld, q)
			add(ctx, e.ObjectNew, q)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { add(ctx, e.Object, q) },
	}
}

// selectorsOf are the entries of spec.roles of a grant of either kind.
func selectorsOf(o client.Object) []v1alpha1.RoleSelector {
	switch grant := o.(type) {
	case *v1alpha1.ClusterAccessGrant:
		return grant.Spec.Roles
	case *v1alpha1.AccessGrant:
		return grant.Spec.Roles
	}
	return nil
}

// selected are the roles that a label selector matches.
func (r *reconciler) selected(ctx context.Context, by *metav1.LabelSelector) []string {
	var roles v1alpha1.ScimRoleList
	if err := r.cached.List(ctx, &roles, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	var names []string
	for i := range roles.Items {
		if selects(by, &roles.Items[i]) {
			names = append(names, roles.Items[i].Name)
		}
	}
	return names
}
