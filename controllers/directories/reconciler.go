// Package directories keeps the status of ScimDirectories: the URL to paste into the identity provider, counts, and whether the
// endpoint can serve.
package directories

import (
	"context"
	"fmt"
	"strings"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/store"
)

// Options configures the controller.
type Options struct {
	// ExternalURL is the scheme and host under which the identity provider reaches the SCIM server; empty when not known.
	ExternalURL string
	// Namespace is where the Secrets of credentials are.
	Namespace string
}

type reconciler struct {
	// cached reads from informers; live reads from the API server.
	cached  client.Client
	live    client.Reader
	clock   clock.PassiveClock
	options Options
}

// Reconcile brings the status of one directory up to date.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var directory v1alpha1.ScimDirectory
	if err := r.cached.Get(ctx, request.NamespacedName, &directory); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	found, err := r.gather(ctx, &directory)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("directory %s: %w", directory.Name, err)
	}
	result := ctrl.Result{RequeueAfter: nextCheck(&directory, found, r.clock.Now())}
	status := desiredStatus(&directory, found)
	if apiequality.Semantic.DeepEqual(status, directory.Status) {
		return result, nil
	}
	changed := directory.DeepCopy()
	changed.Status = status
	if err := r.cached.Status().Patch(ctx, changed, client.MergeFrom(&directory)); err != nil {
		return ctrl.Result{}, fmt.Errorf("directory %s: write status: %w", directory.Name, client.IgnoreNotFound(err))
	}
	return result, nil
}

func (r *reconciler) gather(ctx context.Context, directory *v1alpha1.ScimDirectory) (facts, error) {
	f := facts{}
	if r.options.ExternalURL != "" {
		f.url = strings.TrimSuffix(r.options.ExternalURL, "/") + "/scim/" + directory.Name + "/v2"
	}
	if _, err := access.CompileUsername(directory.Spec.Identity.Username); err != nil {
		f.usernameErr = err
	}
	var users v1alpha1.ScimUserList
	if err := r.cached.List(ctx, &users, client.MatchingFields{store.IndexDirectory: directory.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return f, fmt.Errorf("list users: %w", err)
	}
	f.users = len(users.Items)
	for i := range users.Items {
		if !users.Items[i].IsActive() {
			f.suspended++
		}
	}
	var roles v1alpha1.ScimRoleList
	if err := r.cached.List(ctx, &roles, client.MatchingFields{store.IndexDirectory: directory.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return f, fmt.Errorf("list roles: %w", err)
	}
	f.roles = len(roles.Items)
	r.gatherCredentials(ctx, directory, &f)
	return f, nil
}
