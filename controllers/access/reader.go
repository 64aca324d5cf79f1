package access

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// reader reads from the cache, and looks live at what the cache does not have when it is told to. A cache that has fallen back in
// time lacks objects that exist; on its word alone nobody may lose access.
type reader struct {
	cache client.Reader
	live  client.Reader
	// absent counts what the cache did not have and nobody looked at live.
	absent int
	// revealed says that an object was found live that the cache lacks.
	revealed bool
}

// get reads an object by name, without copying it: what it gives must not be changed. It says false when there is no such object.
func (r *reader) get(ctx context.Context, name string, object client.Object, lookLive bool) (bool, error) {
	return r.getIn(ctx, "", name, object, lookLive)
}

// getIn reads an object of a namespace; without one, an object of the cluster.
func (r *reader) getIn(ctx context.Context, namespace, name string, object client.Object, lookLive bool) (bool, error) {
	if !canBeName(name) {
		return false, nil
	}
	key := client.ObjectKey{Namespace: namespace, Name: name}
	found, err := r.getCached(ctx, key, object)
	if err != nil || found {
		return found, err
	}
	if !lookLive {
		r.absent++
		return false, nil
	}
	found, err = r.getLiveIn(ctx, key, object)
	r.revealed = r.revealed || found
	return found, err
}

// canBeName is false for what is the name of nothing: member ids and selectors are free text.
func canBeName(text string) bool { return text != "" && len(content.IsPathSegmentName(text)) == 0 }

// getCached reads an object from the cache, and counts nothing when it is not there.
func (r *reader) getCached(ctx context.Context, key client.ObjectKey, object client.Object) (bool, error) {
	err := r.cache.Get(ctx, key, object, client.UnsafeDisableDeepCopy)
	if err != nil && !apierrors.IsNotFound(err) {
		return false, fmt.Errorf("reading %T %s from the cache: %w", object, key.Name, err)
	}
	return err == nil, nil
}

// find reads an object by name, live if the cache lacks it; unlisted is one that only the API server has.
func (r *reader) find(ctx context.Context, name string, object client.Object) (found, unlisted bool, err error) {
	if !canBeName(name) {
		return false, false, nil
	}
	if found, err = r.getCached(ctx, client.ObjectKey{Name: name}, object); err != nil || found {
		return found, false, err
	}
	found, err = r.getLive(ctx, name, object)
	return found, found, err
}

func (r *reader) getLive(ctx context.Context, name string, object client.Object) (bool, error) {
	return r.getLiveIn(ctx, client.ObjectKey{Name: name}, object)
}

func (r *reader) getLiveIn(ctx context.Context, key client.ObjectKey, object client.Object) (bool, error) {
	err := r.live.Get(ctx, key, object)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading %T %s: %w", object, key.Name, err)
	}
	return true, nil
}
