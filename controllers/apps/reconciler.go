package apps

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/echo"
)

type reconciler struct {
	engines *engines
	echoes  echo.Echoes
}

// Reconcile keeps the engine of one AppConnection running as its spec says, hears what people annotate, and writes its status.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	app := &v1alpha1.AppConnection{}
	if err := r.engines.cache.Get(ctx, request.NamespacedName, app); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.engines.stop(request.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	app = echo.Newest(&r.echoes, app).DeepCopy()
	if app.DeletionTimestamp != nil {
		done, err := r.leave(ctx, app)
		if done || err != nil {
			return ctrl.Result{}, err
		}
	} else if err := r.own(ctx, app); err != nil {
		return ctrl.Result{}, err
	}
	engine, err := r.engine(ctx, app)
	if err != nil && reasonOf(err) == "" {
		return ctrl.Result{}, err
	}
	if err := r.hear(ctx, app, engine); err != nil {
		return ctrl.Result{}, err
	}
	return r.report(ctx, app, engine, err)
}

// own takes the finalizer, so that a deletion does not go unnoticed.
func (r *reconciler) own(ctx context.Context, app *v1alpha1.AppConnection) error {
	before := app.DeepCopy()
	if !controllerutil.AddFinalizer(app, v1alpha1.FinalizerConnection) {
		return nil
	}
	if err := r.engines.client.Patch(ctx, app, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("take finalizer: %w", err)
	}
	return nil
}

// engine starts what should run, and has everybody looked at whom a fresh engine may concern.
func (r *reconciler) engine(ctx context.Context, app *v1alpha1.AppConnection) (*engine, error) {
	if app.Spec.Suspend && !leaving(app) {
		r.engines.stop(client.ObjectKeyFromObject(app))
		return nil, nil
	}
	e, fresh, err := r.engines.ensure(ctx, app)
	if err != nil || !fresh {
		return e, err
	}
	return e, r.engines.begin(ctx, e)
}

// hear does what people ask for in annotations, and removes those that were heard.
func (r *reconciler) hear(ctx context.Context, app *v1alpha1.AppConnection, e *engine) error {
	approved, approving := app.Annotations[v1alpha1.AnnotationApproveRemovals]
	_, retry := app.Annotations[v1alpha1.AnnotationRetry]
	if e == nil {
		return nil
	}
	released, heard := e.guard.decide(approved, r.engines.options.Now())
	e.add(true, released...)
	if retry {
		if err := e.retryAll(ctx); err != nil {
			return err
		}
		e.wake()
	}
	if !retry && !(approving && (heard || app.Status.Guard.Digest != approved)) {
		return nil
	}
	before := app.DeepCopy()
	delete(app.Annotations, v1alpha1.AnnotationRetry)
	if approving {
		delete(app.Annotations, v1alpha1.AnnotationApproveRemovals)
	}
	if err := r.engines.client.Patch(ctx, app, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("remove annotation: %w", err)
	}
	return nil
}

// retryAll has all failed accounts tried again.
func (e *engine) retryAll(ctx context.Context) error {
	known, err := e.host.accountsOf(ctx, e.app)
	if err != nil {
		return err
	}
	for id, account := range known {
		if account.Status.State == v1alpha1.AccountFailed {
			e.again(false, id)
		}
	}
	return nil
}

// leave ends an AppConnection that is being deleted: at once, or when all its accounts were taken out of use. Nothing is let go before the
// engine has ended, because it would make an AppAccount again for whomever it sees without one, and nobody would ever delete that.
func (r *reconciler) leave(ctx context.Context, app *v1alpha1.AppConnection) (done bool, err error) {
	if !controllerutil.ContainsFinalizer(app, v1alpha1.FinalizerConnection) {
		r.engines.stop(client.ObjectKeyFromObject(app))
		return true, nil
	}
	if leaving(app) {
		known, err := r.engines.accountsOf(ctx, app)
		if err != nil || slices.ContainsFunc(slices.Collect(maps.Values(known)), isInUse) {
			return false, err
		}
	}
	r.engines.stop(client.ObjectKeyFromObject(app))
	if err := r.letAllGo(ctx, app); err != nil {
		return false, err
	}
	before := app.DeepCopy()
	controllerutil.RemoveFinalizer(app, v1alpha1.FinalizerConnection)
	if err := r.engines.client.Patch(ctx, app, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("let AppConnection go: %w", err)
	}
	return true, nil
}

// letAllGo deletes the AppAccounts of an AppConnection whose engine has ended. It asks the API server for them: what the engine made last, the
// cache may not have yet.
func (r *reconciler) letAllGo(ctx context.Context, app *v1alpha1.AppConnection) error {
	var list v1alpha1.AppAccountList
	if err := r.engines.live.List(ctx, &list, client.InNamespace(app.Namespace)); err != nil {
		return fmt.Errorf("list AppAccounts: %w", err)
	}
	own := slices.DeleteFunc(list.Items, func(a v1alpha1.AppAccount) bool { return a.Spec.App != app.Name })
	for i := range own {
		if leaving(app) && isInUse(&own[i]) {
			return fmt.Errorf("account of %s is in use still, and is not in the cache yet", own[i].Spec.User)
		}
	}
	for i := range own {
		if err := r.letGo(ctx, &own[i]); err != nil {
			return err
		}
	}
	return nil
}

// isInUse says that somebody may be able to use the account, and that it is the operator's. An AppAccount that is being deleted tells nothing
// about the account: when a namespace goes, all its objects are deleted at once.
func isInUse(account *v1alpha1.AppAccount) bool {
	switch account.Status.State {
	case v1alpha1.AccountSuspended, v1alpha1.AccountAbsent, v1alpha1.AccountUnmanaged:
		return false
	}
	return true
}

// letGo deletes an AppAccount without touching the app.
func (r *reconciler) letGo(ctx context.Context, account *v1alpha1.AppAccount) error {
	bare := account.DeepCopy()
	if controllerutil.RemoveFinalizer(bare, v1alpha1.FinalizerAccount) {
		if err := r.engines.client.Patch(ctx, bare, client.MergeFrom(account)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("let AppAccount go: %w", err)
		}
	}
	if account.DeletionTimestamp != nil {
		return nil
	}
	preconditions := client.Preconditions{UID: &account.UID}
	if err := r.engines.client.Delete(ctx, bare, preconditions); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete AppAccount: %w", err)
	}
	return nil
}

// report writes the status, if it changed.
func (r *reconciler) report(ctx context.Context, app *v1alpha1.AppConnection, e *engine, trouble error) (ctrl.Result, error) {
	known, err := r.engines.accountsOf(ctx, app)
	if err != nil {
		return ctrl.Result{}, err
	}
	status := connectionStatus(app, e, known, trouble)
	var result ctrl.Result
	if at := status.Guard.ReleaseTime; at != nil {
		result.RequeueAfter = max(time.Second, at.Sub(r.engines.options.Now()))
	}
	if status.Waiting != nil && *status.Waiting > 0 {
		result.RequeueAfter = 5 * time.Second
	}
	if apiequality.Semantic.DeepEqual(status, app.Status) {
		return result, nil
	}
	changed := app.DeepCopy()
	changed.Status = status
	patch := client.MergeFromWithOptions(app, client.MergeFromWithOptimisticLock{})
	if err := r.engines.client.Status().Patch(ctx, changed, patch); client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("write status: %w", err)
	}
	r.echoes.Wrote(changed)
	return result, nil
}
