package store

import (
	"context"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
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

// spanOf begins the span of a write. The name of a claim is left out: whoever guesses a userName can tell by it that the guess is right.
func spanOf(ctx context.Context, verb string, obj client.Object) (context.Context, *tracing.Span) {
	kind, name := "", obj.GetName()
	switch obj.(type) {
	case *v1alpha1.ScimUser:
		kind = "ScimUser"
	case *v1alpha1.ScimRole:
		kind = "ScimRole"
	case *v1alpha1.ScimRoleSlice:
		kind = "ScimRoleSlice"
	case *v1alpha1.ScimClaim:
		kind, name = "ScimClaim", ""
	}
	return tracing.Call(ctx, verb+" "+kind, tracing.Kind(kind), tracing.Name(name))
}

// mark tells the controllers of which trace a write is a part, if it is of one. They hear of a slice from its role.
func mark(ctx context.Context, obj client.Object) {
	if _, slice := obj.(*v1alpha1.ScimRoleSlice); !slice {
		tracing.Mark(ctx, obj)
	}
}
