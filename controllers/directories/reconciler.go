// Package directories keeps the status of ScimDirectories: the URL to paste into the identity provider, counts, and whether the
// endpoint can serve.
package directories

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/store"
)

// minTokenLength is the length, in bytes, below which the SCIM server treats a token as absent.
const minTokenLength = 32

// recheckCredentials is how long a credential that cannot be used is left alone. Secrets are not watched, because that takes the
// right to read all of them.
const recheckCredentials = time.Minute

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
	var result ctrl.Result
	if len(found.credentialErrs) > 0 {
		result.RequeueAfter = recheckCredentials
	}
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
	for _, credential := range directory.Spec.Credentials {
		if err := r.checkCredential(ctx, credential); err != nil {
			f.credentialErrs = append(f.credentialErrs, fmt.Sprintf("credential %q: %v", credential.Name, err))
		}
	}
	return f, nil
}

// checkCredential says why a credential cannot be used. Trouble in reaching the API server is reported as such and is not counted
// against the credential: it is tried again anyhow.
func (r *reconciler) checkCredential(ctx context.Context, credential v1alpha1.Credential) error {
	ref := credential.TokenSecretRef
	var secret corev1.Secret
	err := r.live.Get(ctx, client.ObjectKey{Namespace: r.options.Namespace, Name: ref.Name}, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("Secret %s/%s does not exist", r.options.Namespace, ref.Name) //nolint:staticcheck // Secret is the kind's name
	case apierrors.IsForbidden(err):
		return fmt.Errorf("the operator may not read Secret %s/%s", r.options.Namespace, ref.Name)
	case err != nil:
		return errors.New("the Secret cannot be read at present")
	}
	key := ref.Key
	if key == "" {
		key = "token"
	}
	if len(strings.TrimSpace(string(secret.Data[key]))) < minTokenLength {
		return fmt.Errorf("key %q of Secret %s/%s is absent or shorter than %d characters", key, r.options.Namespace, ref.Name, minTokenLength)
	}
	return nil
}
