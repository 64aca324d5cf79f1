// Package directories keeps the status of ScimDirectories: the URL to paste into the identity provider, counts, and whether the
// endpoint can serve.
package directories

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/echo"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/store"
)

// Options configures the controller.
type Options struct {
	// ExternalURL is the scheme and host under which the identity provider reaches the SCIM server; empty when not known.
	ExternalURL string
	// Namespace is where the Secrets of credentials are.
	Namespace string
	// Calm returns when no revocation is under way; nil means at once.
	Calm func(ctx context.Context)
}

type reconciler struct {
	// cached reads from informers; live reads from the API server.
	cached  client.Client
	live    client.Reader
	clock   clock.PassiveClock
	options Options
	// recorder tells people what they must know.
	recorder events.EventRecorder
	echoes   echo.Echoes
}

// conflictRetry lets the cache see what somebody else has just written to the directory.
const conflictRetry = time.Second

// Reconcile brings the status of one directory up to date.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	if r.options.Calm != nil {
		r.options.Calm(ctx)
	}
	directory := &v1alpha1.ScimDirectory{}
	if err := r.cached.Get(ctx, request.NamespacedName, directory); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	directory = echo.Newest(&r.echoes, directory)
	found, err := r.gather(ctx, directory)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("directory %s: %w", directory.Name, err)
	}
	result := ctrl.Result{RequeueAfter: nextCheck(directory, found, r.clock.Now())}
	status := desiredStatus(directory, found)
	if apiequality.Semantic.DeepEqual(status, directory.Status) {
		return result, nil
	}
	changed := directory.DeepCopy()
	changed.Status = status
	// Others write conditions and times here, too, and a merge patch replaces whole lists: so it must be made of what is there.
	patch := client.MergeFromWithOptions(directory, client.MergeFromWithOptimisticLock{})
	if err := r.cached.Status().Patch(ctx, changed, patch); err != nil {
		if apierrors.IsConflict(err) {
			return ctrl.Result{RequeueAfter: conflictRetry}, nil
		}
		return ctrl.Result{}, fmt.Errorf("directory %s: write status: %w", directory.Name, client.IgnoreNotFound(err))
	}
	r.echoes.Wrote(changed)
	r.announce(directory, changed)
	return result, nil
}

func (r *reconciler) gather(ctx context.Context, directory *v1alpha1.ScimDirectory) (facts, error) {
	f := facts{now: r.clock.Now()}
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
		if isMismatched(&users.Items[i]) {
			f.mismatched = append(f.mismatched, users.Items[i].Name)
		}
	}
	slices.Sort(f.mismatched)
	var roles v1alpha1.ScimRoleList
	if err := r.cached.List(ctx, &roles, client.MatchingFields{store.IndexDirectory: directory.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return f, fmt.Errorf("list roles: %w", err)
	}
	f.roles = len(roles.Items)
	if err := r.gatherDefaults(ctx, directory, &f); err != nil {
		return f, err
	}
	r.gatherCredentials(ctx, directory, &f)
	return f, nil
}

// isMismatched says whether the user's own status says that its name keeps it out.
func isMismatched(user *v1alpha1.ScimUser) bool {
	if apimeta.IsStatusConditionFalse(user.Status.Conditions, v1alpha1.UserSignIn) {
		return true
	}
	ready := apimeta.FindStatusCondition(user.Status.Conditions, v1alpha1.UserReady)
	return ready != nil && ready.Reason == v1alpha1.ReasonUsernameRefused
}

// gatherDefaults finds out which default roles are none.
func (r *reconciler) gatherDefaults(ctx context.Context, directory *v1alpha1.ScimDirectory, f *facts) error {
	for _, name := range directory.Spec.DefaultRoles {
		var role v1alpha1.ScimRole
		err := r.cached.Get(ctx, client.ObjectKey{Name: name}, &role)
		switch {
		case apierrors.IsNotFound(err):
			f.missingDefaults = append(f.missingDefaults, name)
		case err != nil:
			return fmt.Errorf("read default role %s: %w", name, err)
		case role.Spec.Directory != "":
			f.managedDefaults = append(f.managedDefaults, name)
		}
	}
	slices.Sort(f.missingDefaults)
	slices.Sort(f.managedDefaults)
	return nil
}
