package cli

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// EachPage lists page by page; options should have a client.Limit. Each page is a list of its own, because what an answer leaves out stays
// in a list that is used again.
func EachPage[T any, L interface {
	*T
	client.ObjectList
}](ctx context.Context, kube client.Reader, options []client.ListOption, visit func(L)) error {
	for next := ""; ; {
		page := L(new(T))
		if err := kube.List(ctx, page, append(slices.Clone(options), client.Continue(next))...); err != nil {
			return err
		}
		visit(page)
		if next = page.GetContinue(); next == "" {
			return nil
		}
	}
}
