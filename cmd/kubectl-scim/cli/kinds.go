package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Numbers of objects on a page that keep an answer at a few megabytes: a full role, slice or binding has up to 250 kB, a user one or two.
const (
	SmallPage = 50
	LargePage = 500
)

// parallelLists is how many kinds are read at once.
const parallelLists = 4

// KindList reads all objects of a kind. Resource is what the API server calls it.
type KindList struct {
	Resource string
	Read     func(context.Context) error
}

// ReadKinds reads several kinds at the same time, each to a place of its own. The error of somebody who may not list some of them names
// every one, says why that matters, which may be nothing, and the role that has the rights.
func ReadKinds(ctx context.Context, lists []KindList, why, role string) error {
	failures := make([]error, len(lists))
	var group errgroup.Group
	group.SetLimit(parallelLists)
	for i, list := range lists {
		group.Go(func() error { failures[i] = list.Read(ctx); return nil })
	}
	_ = group.Wait() // No function of the group returns an error.
	var missing []string
	for i, err := range failures {
		if err != nil && !apierrors.IsForbidden(err) {
			return fmt.Errorf("listing %s: %w", lists[i].Resource, err)
		}
		if err != nil {
			missing = append(missing, lists[i].Resource)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return errors.New("you may not list " + strings.Join(missing, ", ") + " in the whole cluster" + why + ": ask for the ClusterRole " + role +
		", which has these rights, or use another account with --context, --user or --as")
}
