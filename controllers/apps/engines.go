package apps

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/accounts"
)

// engines are the engines of all AppConnections, while this process leads.
type engines struct {
	options Options
	// client writes, cache reads from memory, and live reads at the API server.
	client client.Client
	cache  client.Reader
	live   client.Reader
	log    logr.Logger
	// reports has AppConnections reconciled, for their status.
	reports chan event.TypedGenericEvent[*v1alpha1.AppConnection]
	metrics *metrics

	mu      sync.Mutex
	running map[client.ObjectKey]*engine
	// base is the context of all engines; begun is closed once there is one.
	base  context.Context //nolint:containedctx // engines outlive the request that starts them, and end with the process
	begun chan struct{}
}

// Start keeps engines going until the context ends. It is called once.
func (h *engines) Start(ctx context.Context) error {
	h.base = ctx
	close(h.begun)
	<-ctx.Done()
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, e := range h.running {
		e.stop()
		delete(h.running, key)
	}
	return nil
}

// NeedLeaderElection says that two processes must not work on one app.
func (h *engines) NeedLeaderElection() bool { return true }

// ensure gives the engine of an AppConnection as it is now; fresh says that it was started just now. It fails when an expression does not
// compile; what ran before is stopped then.
func (h *engines) ensure(ctx context.Context, app *v1alpha1.AppConnection) (e *engine, fresh bool, err error) {
	select {
	case <-h.begun:
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	key := client.ObjectKeyFromObject(app)
	if e := h.get(key); e != nil && e.app.UID == app.UID && e.app.Generation == app.Generation && e.leaving == leaving(app) {
		return e, false, nil
	}
	h.stop(key)
	rules, err := accounts.Compile(&app.Spec)
	if err != nil {
		return nil, false, misconfigured(v1alpha1.ReasonInvalidExpression, "%w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.base.Err() != nil {
		return nil, false, h.base.Err()
	}
	e = newEngine(h, app.DeepCopy(), rules)
	h.running[key] = e
	e.start(h.base)
	return e, true, nil
}

func (h *engines) get(key client.ObjectKey) *engine {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running[key]
}

// stop ends the engine of an AppConnection, if there is one, and waits for what it has begun.
func (h *engines) stop(key client.ObjectKey) {
	h.mu.Lock()
	e := h.running[key]
	delete(h.running, key)
	h.mu.Unlock()
	if e != nil {
		e.stop()
	}
}

// each calls for every engine that runs.
func (h *engines) each(do func(*engine)) {
	h.mu.Lock()
	all := make([]*engine, 0, len(h.running))
	for _, e := range h.running {
		all = append(all, e)
	}
	h.mu.Unlock()
	for _, e := range all {
		do(e)
	}
}

// report has the status of an AppConnection brought up to date.
func (h *engines) report(app *v1alpha1.AppConnection) { h.reportKey(client.ObjectKeyFromObject(app)) }

func (h *engines) reportKey(key client.ObjectKey) {
	app := &v1alpha1.AppConnection{}
	app.Namespace, app.Name = key.Namespace, key.Name
	select {
	case h.reports <- event.TypedGenericEvent[*v1alpha1.AppConnection]{Object: app}:
	default: // a report that is lost is made good by the next one, and each reconcile reads everything
	}
}

// accountsOf are the AppAccounts of an app by person. They belong to the cache.
func (h *engines) accountsOf(ctx context.Context, app *v1alpha1.AppConnection) (map[string]*v1alpha1.AppAccount, error) {
	var list v1alpha1.AppAccountList
	err := h.cache.List(ctx, &list, client.InNamespace(app.Namespace), client.MatchingFields{indexApp: app.Name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list AppAccounts: %w", err)
	}
	byPerson := make(map[string]*v1alpha1.AppAccount, len(list.Items))
	for i := range list.Items {
		byPerson[list.Items[i].Spec.User] = &list.Items[i]
	}
	return byPerson, nil
}

// inUse is the number of accounts of an app that people may use.
func (h *engines) inUse(ctx context.Context, key client.ObjectKey) (int, error) {
	app := &v1alpha1.AppConnection{}
	app.Namespace, app.Name = key.Namespace, key.Name
	all, err := h.accountsOf(ctx, app)
	if err != nil {
		return 0, err
	}
	count := 0
	for _, account := range all {
		if state := account.Status.State; state == v1alpha1.AccountActive || state == v1alpha1.AccountHeld {
			count++
		}
	}
	return count, nil
}

// storePasses writes down how many removals may take effect. The status of an AppConnection has two writers, so this one is made against the
// version that it read.
func (h *engines) storePasses(ctx context.Context, key client.ObjectKey, passes []v1alpha1.AppPass) error {
	var app v1alpha1.AppConnection
	if err := h.live.Get(ctx, key, &app); err != nil {
		return client.IgnoreNotFound(err)
	}
	changed := app.DeepCopy()
	changed.Status.Guard.Passes = passes
	return h.client.Status().Patch(ctx, changed, client.MergeFrom(&app))
}

// announce tells people what became of an account.
func (h *engines) announce(before, after *v1alpha1.AppAccount) {
	if h.options.Recorder == nil || before.Status.State == after.Status.State {
		return
	}
	switch after.Status.State {
	case v1alpha1.AccountSuspended:
		h.options.Recorder.Eventf(after, nil, "Normal", "AccountSuspended", "Suspend", "The person can no longer sign in.")
	case v1alpha1.AccountActive:
		h.options.Recorder.Eventf(after, nil, "Normal", "AccountActive", "Ensure", "The account is in use.")
	case v1alpha1.AccountFailed:
		h.options.Recorder.Eventf(after, nil, "Warning", "AccountFailed", "Ensure", "%s", reasonIn(after))
	}
}

func reasonIn(account *v1alpha1.AppAccount) string {
	for _, c := range account.Status.Conditions {
		if c.Type == v1alpha1.AccountReady {
			message := c.Message
			if len(message) > 512 {
				message = message[:512]
			}
			return c.Reason + ": " + message
		}
	}
	return ""
}

// quiet is how long the status of an AppConnection waits for more to say.
const quiet = time.Second
