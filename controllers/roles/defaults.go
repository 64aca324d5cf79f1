package roles

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store"
)

// addDefaultMembers adds the active users of the directories that have the role as a default, if it is a local role.
func (r *reconciler) addDefaultMembers(ctx context.Context, role *v1alpha1.ScimRole, ids map[string]struct{}) error {
	if role.Spec.Directory != "" {
		return nil
	}
	var directories v1alpha1.ScimDirectoryList
	if err := r.cached.List(ctx, &directories, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list directories: %w", err)
	}
	for i := range directories.Items {
		if !directories.Items[i].HasDefaultRole(role.Name) {
			continue
		}
		var users v1alpha1.ScimUserList
		of := client.MatchingFields{store.IndexDirectory: directories.Items[i].Name}
		if err := r.cached.List(ctx, &users, of, client.UnsafeDisableDeepCopy); err != nil {
			return fmt.Errorf("list users: %w", err)
		}
		for j := range users.Items {
			if users.Items[j].IsActive() {
				ids[users.Items[j].Name] = struct{}{}
			}
		}
	}
	return nil
}

// defaultRolesOfUser are the default roles of the directory of a user who comes, goes, or begins or ceases to be active or of the directory.
func (r *reconciler) defaultRolesOfUser() handler.EventHandler {
	add := func(ctx context.Context, o client.Object, q queue) {
		user := o.(*v1alpha1.ScimUser)
		if user.Spec.Directory == "" {
			return
		}
		directory := &v1alpha1.ScimDirectory{}
		if err := r.cached.Get(ctx, client.ObjectKey{Name: user.Spec.Directory}, directory, client.UnsafeDisableDeepCopy); err != nil {
			return // Its own event, when it comes, finds the roles.
		}
		later(directory.Spec.DefaultRoles, q)
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { add(ctx, e.Object, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			before, after := e.ObjectOld.(*v1alpha1.ScimUser), e.ObjectNew.(*v1alpha1.ScimUser)
			if before.IsActive() != after.IsActive() || before.Spec.Directory != after.Spec.Directory {
				add(ctx, before, q)
				add(ctx, after, q)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { add(ctx, e.Object, q) },
	}
}

// defaultRolesOfDirectory are the roles that a directory names as its defaults, or named before it changed.
func defaultRolesOfDirectory() handler.EventHandler {
	add := func(o client.Object, q queue) { later(o.(*v1alpha1.ScimDirectory).Spec.DefaultRoles, q) }
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { add(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			add(e.ObjectOld, q)
			add(e.ObjectNew, q)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { add(e.Object, q) },
	}
}

func later(names []string, q queue) {
	for _, name := range names {
		q.AddAfter(request(name), countDelay)
	}
}
