package store

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

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
