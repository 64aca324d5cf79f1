package store

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// Watch makes the Store keep its lists up to date from the informers of its cache, so that a page costs what is on it and not what is
// in the cluster. ServerCacheOptions make that cache small. It must be called once, before the Store is used; it doesn't wait for the cache to
// start. A Store that does not watch does everything but list.
func (s *Store) Watch(ctx context.Context, informers cache.Informers) error {
	lists := &rosters{users: newRoster[*v1alpha1.ScimUser](), roles: newRoster[*v1alpha1.ScimRole](), holders: newHolders()}
	sources := []struct {
		object  client.Object
		handler toolscache.ResourceEventHandler
	}{
		{&v1alpha1.ScimUser{}, handler(lists.users.put, lists.users.drop)},
		{&v1alpha1.ScimRole{}, handler(
			func(role *v1alpha1.ScimRole) { lists.roles.put(role); lists.holders.putRole(role) },
			func(name string) { lists.roles.drop(name); lists.holders.dropRole(name) },
		)},
		{&v1alpha1.ScimRoleSlice{}, handler(lists.holders.putPart, lists.holders.dropPart)},
		{&v1alpha1.ScimClaim{}, handler(
			func(claim metav1.Object) { lists.claimed(shown(claim)) },
			func(name string) { lists.claimed(&claimShown{name: name}) },
		)},
	}
	for _, source := range sources {
		informer, err := informers.GetInformer(ctx, source.object, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watch %T: %w", source.object, err)
		}
		registration, err := informer.AddEventHandler(source.handler)
		if err != nil {
			return fmt.Errorf("follow %T: %w", source.object, err)
		}
		lists.filled = append(lists.filled, registration.HasSynced)
	}
	s.lists = lists
	return nil
}

// Listable says whether the lists are complete, so that Users, Roles and their pages are answered.
func (s *Store) Listable() bool {
	if s.lists == nil || !s.synced() {
		return false
	}
	for _, filled := range s.lists.filled {
		if !filled() {
			return false
		}
	}
	return true
}

// handler turns an informer's events into what is there and what is gone.
func handler[T metav1.Object](put func(T), drop func(name string)) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) {
			if obj, ok := obj.(T); ok {
				put(obj)
			}
		},
		UpdateFunc: func(_, obj any) {
			if obj, ok := obj.(T); ok {
				put(obj)
			}
		},
		DeleteFunc: func(obj any) {
			// An informer that missed the deletion knows the key for certain, and of the object only what it last saw.
			if missed, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
				drop(missed.Key)
				return
			}
			if obj, ok := obj.(T); ok {
				drop(obj.GetName())
			}
		},
	}
}
