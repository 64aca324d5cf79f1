package store

import (
	"context"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/internal/store/failpoint"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

// The four functions of this file are the only ones of the package that write, so that no write can lack its failpoint, or its span.

func (s *Store) create(ctx context.Context, point failpoint.Point, obj client.Object) error {
	ctx, span := spanOf(ctx, "create", obj)
	mark(ctx, obj)
	failpoint.Hit(point, failpoint.Before)
	err := s.client.Create(ctx, obj)
	failpoint.Hit(point, failpoint.After)
	span.End(tracing.Reason(err))
	s.note(obj, err)
	return err
}

// update writes the whole object at the resourceVersion that it carries.
func (s *Store) update(ctx context.Context, point failpoint.Point, obj client.Object) error {
	ctx, span := spanOf(ctx, "update", obj)
	mark(ctx, obj)
	failpoint.Hit(point, failpoint.Before)
	err := s.client.Update(ctx, obj)
	failpoint.Hit(point, failpoint.After)
	span.End(tracing.Reason(err))
	s.note(obj, err)
	return err
}

// annotate writes the difference of obj's annotations, at the resourceVersion that base was read at.
func (s *Store) annotate(ctx context.Context, point failpoint.Point, obj, base client.Object) error {
	patch := client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})
	ctx, span := spanOf(ctx, "annotate", obj)
	failpoint.Hit(point, failpoint.Before)
	err := s.client.Patch(ctx, obj, patch)
	failpoint.Hit(point, failpoint.After)
	span.End(tracing.Reason(err))
	s.note(obj, err)
	return err
}

// remove deletes exactly the object that was read: its UID, at its resourceVersion.
func (s *Store) remove(ctx context.Context, point failpoint.Point, obj client.Object) error {
	exactly := client.Preconditions{UID: ptr.To(obj.GetUID()), ResourceVersion: ptr.To(obj.GetResourceVersion())}
	ctx, span := spanOf(ctx, "delete", obj)
	failpoint.Hit(point, failpoint.Before)
	err := s.client.Delete(ctx, obj, exactly)
	failpoint.Hit(point, failpoint.After)
	span.End(tracing.Reason(err))
	return err
}
