// Package users keeps the status of ScimUsers: whether the identity counts, under which name Kubernetes knows it, in how many roles
// it is, and since when its access is gone.
package users

import (
	"context"
	"fmt"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	bindings "github.com/scim-operator/scim-operator/controllers/access"
	"github.com/scim-operator/scim-operator/controllers/apps"
	"github.com/scim-operator/scim-operator/controllers/echo"
	"github.com/scim-operator/scim-operator/controllers/memberships"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/store"
)

// Options configures the controller.
type Options struct {
	// Bound says whether bindings of ours name the Kubernetes user, and whether the guard keeps it there.
	Bound func(ctx context.Context, kubernetesUser string) (bindings.Bound, error)
	// Now gives the time.
	Now func() time.Time
	// Recorder tells people what they must know; nil for nobody.
	Recorder events.EventRecorder
	// Calm returns when no revocation is under way; nil means at once.
	Calm func(ctx context.Context)
	// RequiredSubjectPrefix is what every Kubernetes user name must begin with; empty for nothing.
	RequiredSubjectPrefix string
}

type reconciler struct {
	client  client.Client
	options Options
	echoes  echo.Echoes
}

// Reconcile brings the status of one user up to date.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	if r.options.Calm != nil {
		r.options.Calm(ctx)
	}
	user := &v1alpha1.ScimUser{}
	if err := r.client.Get(ctx, request.NamespacedName, user); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	user = echo.Newest(&r.echoes, user)
	found, err := r.gather(ctx, user)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("user %s: %w", user.Name, err)
	}
	status := desiredStatus(user, found)
	if apiequality.Semantic.DeepEqual(status, user.Status) {
		return ctrl.Result{}, nil
	}
	changed := user.DeepCopy()
	changed.Status = status
	if err := r.client.Status().Patch(ctx, changed, client.MergeFrom(user)); client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("user %s: write status: %w", user.Name, err)
	}
	r.echoes.Wrote(changed)
	r.announce(user, changed)
	return ctrl.Result{}, nil
}

func (r *reconciler) gather(ctx context.Context, user *v1alpha1.ScimUser) (facts, error) {
	f := facts{now: metav1.NewTime(r.options.Now())}
	var claim v1alpha1.ScimClaim
	err := r.client.Get(ctx, client.ObjectKey{Name: store.ClaimNameOf(user)}, &claim)
	if client.IgnoreNotFound(err) != nil {
		return f, fmt.Errorf("read claim: %w", err)
	}
	f.claimOwner = claim.Spec.Owner
	directory, err := r.directory(ctx, user.Spec.Directory)
	if err != nil {
		return f, err
	}
	f.kubernetesUser, f.usernameErr = kubernetesUser(user, directory, r.options.RequiredSubjectPrefix)
	if directory != nil {
		f.signInDomains = directory.Spec.SignInDomains
	}
	if f.roles, err = r.countRoles(ctx, user, directory); err != nil {
		return f, err
	}
	if f.accounts, err = r.countAccounts(ctx, user.Name); err != nil {
		return f, err
	}
	for _, name := range []string{f.kubernetesUser, user.Status.KubernetesUser} {
		if name == "" || user.IsActive() { // Only of suspended users it matters.
			continue
		}
		bound, err := r.options.Bound(ctx, name)
		if err != nil {
			return f, fmt.Errorf("look for bindings: %w", err)
		}
		f.bound, f.held = f.bound || bound.Bound, f.held || bound.Held
	}
	return f, nil
}

// countRoles counts those roles of a user that count: the rest of a create that was cut off gives nobody anything.
func (r *reconciler) countRoles(ctx context.Context, user *v1alpha1.ScimUser, directory *v1alpha1.ScimDirectory) (int, error) {
	roles, err := memberships.Of(ctx, r.client, user, directory)
	if err != nil {
		return 0, err
	}
	count := 0
	for _, role := range roles {
		counts, err := store.RoleCounts(ctx, r.client, role)
		if err != nil {
			return 0, err
		}
		if counts {
			count++
		}
	}
	return count, nil
}

// directory reads the directory that a user came through; nil when there is none.
func (r *reconciler) directory(ctx context.Context, name string) (*v1alpha1.ScimDirectory, error) {
	if name == "" {
		return nil, nil
	}
	var directory v1alpha1.ScimDirectory
	err := r.client.Get(ctx, client.ObjectKey{Name: name}, &directory)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read directory: %w", err)
	}
	return &directory, nil
}

// kubernetesUser gives the name that bindings use, which begins with the prefix, or says why the user has none.
func kubernetesUser(user *v1alpha1.ScimUser, directory *v1alpha1.ScimDirectory, requiredPrefix string) (string, error) {
	expression := ""
	switch {
	case directory != nil:
		expression = directory.Spec.Identity.Username
	case user.Spec.Directory != "":
		return "", fmt.Errorf("ScimDirectory %q, which says how the user is called in Kubernetes, does not exist", user.Spec.Directory)
	}
	username, err := access.CompileUsername(expression)
	if err != nil {
		return "", err
	}
	name, err := username.Requiring(requiredPrefix).Of(&user.Spec)
	if err != nil {
		return "", err
	}
	if err := access.SubjectName(name); err != nil {
		return "", err
	}
	return name, nil
}

// countAccounts counts the accounts in apps that the user may use.
func (r *reconciler) countAccounts(ctx context.Context, id string) (int, error) {
	var all v1alpha1.AppAccountList
	if err := r.client.List(ctx, &all, client.MatchingFields{apps.IndexUser: id}, client.UnsafeDisableDeepCopy); err != nil {
		return 0, fmt.Errorf("list accounts: %w", err)
	}
	count := 0
	for i := range all.Items {
		if inUse(&all.Items[i]) {
			count++
		}
	}
	return count, nil
}

func inUse(account *v1alpha1.AppAccount) bool {
	switch account.Status.State {
	case v1alpha1.AccountActive, v1alpha1.AccountRolesRemoved, v1alpha1.AccountHeld:
		return true
	}
	return false
}
