package apps

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	"k8s.io/client-go/util/workqueue"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/accounts"
	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

const (
	defaultPerSecond   = 20
	defaultConcurrency = 4
	// urgentWorkers take accounts away and do nothing else, so that no suspension waits for a creation to end.
	urgentWorkers = 2
	// callTimeout bounds one operation on an account.
	callTimeout = time.Minute

	firstRetry = 2 * time.Second
	lastRetry  = 5 * time.Minute
	// configRetry is how often an AppConnection whose Secret or endpoint is no good is looked at again: nothing says when that was mended.
	configRetry = 30 * time.Second
)

// lane is a queue of ids of ScimUsers.
type lane = workqueue.TypedRateLimitingInterface[string]

func newLane() lane {
	return workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](firstRetry, lastRetry))
}

// engine works for one AppConnection as it was when the engine was started.
type engine struct {
	host    *engines
	app     *v1alpha1.AppConnection
	rules   *accounts.Rules
	log     logr.Logger
	leaving bool

	urgent, normal lane
	// limiter counts all operations. Suspensions wait for urgentLimiter, which counts nothing else and begins with a second's worth.
	limiter, urgentLimiter *rate.Limiter
	gate                   *gate
	guard                  *guard
	busy                   locks
	memory                 memory
	causes                 *tracing.Causes[string]
	compared               last
	// nudge ends a pause before the next attempt to connect.
	nudge chan struct{}
	// compare wakes the comparison of the whole app.
	compare chan struct{}

	cancel context.CancelFunc
	ended  sync.WaitGroup
}

func newEngine(host *engines, app *v1alpha1.AppConnection, rules *accounts.Rules) *engine {
	perSecond := or(app.Spec.Limits.PerSecond, defaultPerSecond)
	e := &engine{
		host: host, app: app, rules: rules, leaving: leaving(app),
		log:    host.log.WithValues("namespace", app.Namespace, "app", app.Name),
		urgent: newLane(), normal: newLane(),
		limiter: rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)/4)), urgentLimiter: rate.NewLimiter(rate.Limit(perSecond), int(perSecond)),
		gate: newGate(), nudge: make(chan struct{}, 1), compare: make(chan struct{}, 1),
		causes: tracing.NewCauses[string](host.options.Tracer),
	}
	e.guard = newGuard(host, app)
	return e
}

func or(value, otherwise int32) int32 {
	if value == 0 {
		return otherwise
	}
	return value
}

// leaving says that the accounts go with the AppConnection.
func leaving(app *v1alpha1.AppConnection) bool {
	return app.DeletionTimestamp != nil && app.Spec.DeletionPolicy == v1alpha1.ConnectionDeprovision
}

// start begins to work; stop ends it.
func (e *engine) start(ctx context.Context) {
	ctx, e.cancel = context.WithCancel(ctx)
	e.ended.Go(func() { e.connect(ctx) })
	for range or(e.app.Spec.Limits.Concurrency, defaultConcurrency) {
		e.ended.Go(func() { e.work(ctx, e.normal) })
	}
	for range urgentWorkers {
		e.ended.Go(func() { e.work(ctx, e.urgent) })
	}
	e.ended.Go(func() { e.comparing(ctx) })
}

func (e *engine) stop() {
	e.cancel()
	e.urgent.ShutDown()
	e.normal.ShutDown()
	e.ended.Wait()
	e.gate.shut(nil, 0)
}

// add has a person's account looked at. Whoever may lose something goes first.
func (e *engine) add(urgent bool, ids ...string) {
	to := e.normal
	if urgent {
		to = e.urgent
	}
	for _, id := range ids {
		to.Add(id)
	}
}

// addFor is add for what a write has caused, which may be traced.
func (e *engine) addFor(cause tracing.Cause, urgent bool, ids ...string) {
	e.causes.Note(cause, ids...)
	e.add(urgent, ids...)
}

// again has accounts worked on although nothing about them changed here.
func (e *engine) again(urgent bool, ids ...string) {
	e.memory.force(ids...)
	e.add(urgent, ids...)
}

// wake has the app tried at once, and compared.
func (e *engine) wake() {
	for _, c := range []chan struct{}{e.nudge, e.compare} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// waiting is the number of accounts in the queues.
func (e *engine) waiting() int { return e.urgent.Len() + e.normal.Len() }

// connect keeps the gate open while the app can be used, and tries it again and again, less and less often, while it cannot.
func (e *engine) connect(ctx context.Context) {
	for attempt := 0; ctx.Err() == nil; attempt++ {
		if err := e.open(ctx); err != nil {
			e.gate.shut(err, retryAfter(err))
			e.host.report(e.app)
			e.pause(ctx, e.delay(attempt, err))
			continue
		}
		e.host.report(e.app)
		attempt = -1
		e.gate.untilShut(ctx)
		if ctx.Err() == nil {
			e.host.report(e.app)
			asked, trouble := e.gate.why()
			e.pause(ctx, max(asked, e.delay(0, trouble)))
		}
	}
}

// open reads the Secret and asks the app what it is.
func (e *engine) open(ctx context.Context) error {
	opener := e.host.options.Openers[e.app.Spec.Target.Type()]
	if opener == nil {
		return misconfigured(v1alpha1.ReasonEndpointRefused, "this build has no connector for %s", e.app.Spec.Target.Type())
	}
	credential, err := readCredential(ctx, e.host.live, e.app)
	if err != nil {
		return err
	}
	dial := &dialer{allowed: e.host.options.AllowedNetworks}
	conn, err := opener(ctx, e.app, credential, dial.dial)
	if err != nil {
		return &configError{reason: v1alpha1.ReasonEndpointRefused, err: err}
	}
	asking, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	capabilities, err := conn.Capabilities(asking)
	if err != nil {
		conn.Close()
		if dial.refused.Load() {
			return &configError{reason: v1alpha1.ReasonEndpointRefused, err: errAddressRefused}
		}
		return err
	}
	e.gate.open(conn, capabilities)
	return nil
}

func retryAfter(err error) time.Duration {
	if typed := new(connector.Error); errors.As(err, &typed) {
		return typed.RetryAfter
	}
	return 0
}

// delay grows with the attempts. A part of it is chance, so that many apps that come back at once are not all asked at once.
func (e *engine) delay(attempt int, err error) time.Duration {
	d := lastRetry
	if attempt < 8 {
		d = min(lastRetry, firstRetry<<attempt)
	}
	if reasonOf(err) != "" {
		d = min(d, configRetry)
	}
	d = max(d, retryAfter(err))
	return d + time.Duration(rand.Int64N(int64(d)/4+1)) //nolint:gosec // jitter is no secret
}

func (e *engine) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-e.nudge:
	case <-timer.C:
	}
}

// work takes ids from a lane until it is shut down.
func (e *engine) work(ctx context.Context, from lane) {
	for {
		id, over := from.Get()
		if over {
			return
		}
		e.handle(ctx, from, id)
	}
}

func (e *engine) handle(ctx context.Context, from lane, id string) {
	defer from.Done(id)
	defer e.busy.lock(id)()
	causes := e.causes.Take(id)
	after, err := e.sync(ctx, id, from == e.urgent, causes)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		e.causes.Again(id, causes)
		e.log.V(1).Info("Account will be tried again", "user", id, "reason", err.Error())
		from.AddRateLimited(id)
	default:
		from.Forget(id)
		if after > 0 {
			e.normal.AddAfter(id, after)
		}
	}
}

// turn waits for the rate limit.
func (e *engine) turn(ctx context.Context, urgent bool) error {
	wait, cancel := e.reserve(urgent)
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		cancel()
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// reserve takes a turn, and says how long it is until then. Suspensions wait for each other only, however many creations have a turn
// already, and creations wait the longer for them.
func (e *engine) reserve(urgent bool) (wait time.Duration, cancel func()) {
	turn := e.limiter.Reserve()
	if !urgent {
		return turn.Delay(), turn.Cancel
	}
	own := e.urgentLimiter.Reserve()
	return own.Delay(), func() {
		turn.Cancel()
		own.Cancel()
	}
}

// call asks the app for something, and shuts the gate when the app turns out to be no good.
func call[T any](ctx context.Context, e *engine, operation string, do func(context.Context) (T, error)) (T, error) {
	ctx, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	ctx, span := tracing.Call(ctx, "connector."+operation, tracing.App(e.app.Namespace, e.app.Name), tracing.Operation(operation))
	result, err := do(ctx)
	span.End(resultOf(err))
	if e.gate.heard(err) {
		e.gate.shut(err, retryAfter(err))
	}
	return result, err
}

// locks keep two workers off one person.
type locks struct {
	mu   sync.Mutex
	held map[string]*sync.Mutex
	uses map[string]int
}

// lock waits until nobody works on the person, and gives the function that ends it.
func (l *locks) lock(id string) (unlock func()) {
	l.mu.Lock()
	if l.held == nil {
		l.held, l.uses = map[string]*sync.Mutex{}, map[string]int{}
	}
	if l.held[id] == nil {
		l.held[id] = &sync.Mutex{}
	}
	own := l.held[id]
	l.uses[id]++
	l.mu.Unlock()
	own.Lock()
	return func() {
		own.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.uses[id]--; l.uses[id] == 0 {
			delete(l.held, id)
			delete(l.uses, id)
		}
	}
}
