package apps

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/accounts"
	"github.com/scim-operator/scim-operator/internal/connector"
)

const (
	defaultInterval = time.Hour
	// pageSize is the number of accounts that are asked for at once.
	pageSize = 500
)

// comparison is the result of the last comparison of a whole app.
type comparison struct {
	at      time.Time
	err     error
	orphans v1alpha1.OrphanReport
}

// last keeps the last comparison.
type last struct{ result atomic.Pointer[comparison] }

// comparing compares the whole app now and then, for what no event tells of: what others did in the app.
func (e *engine) comparing(ctx context.Context) {
	next := e.interval()
	if at := e.app.Status.LastSyncTime; at != nil {
		next = at.Sub(e.host.options.Now()) + next
	} else {
		next = 0
	}
	for ctx.Err() == nil {
		timer := time.NewTimer(max(0, next))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-e.compare:
			timer.Stop()
		case <-timer.C:
		}
		if err := e.compareNow(ctx); err != nil && ctx.Err() == nil {
			e.log.Info("Comparing the app failed", "reason", err.Error())
			next = min(e.interval(), lastRetry)
			continue
		}
		next = e.interval()
	}
}

func (e *engine) interval() time.Duration {
	d := defaultInterval
	if seconds := e.app.Spec.Drift.IntervalSeconds; seconds > 0 {
		d = time.Duration(seconds) * time.Second
	}
	return d + time.Duration(rand.Int64N(int64(d)/10+1)) //nolint:gosec // jitter is no secret
}

// throttled lists under the rate limit.
type throttled struct {
	connector.Lister
	e *engine
}

func (t throttled) List(ctx context.Context, cursor string, limit int) (connector.Page, error) {
	if err := t.e.turn(ctx, false); err != nil {
		return connector.Page{}, err
	}
	return call(ctx, t.e, "List", func(ctx context.Context) (connector.Page, error) { return t.Lister.List(ctx, cursor, limit) })
}

// compareNow lists the app's accounts, to the end or not at all, and has those looked at that are not as they should be.
func (e *engine) compareNow(ctx context.Context) error {
	use, _, err := e.gate.wait(ctx)
	if err != nil {
		return err
	}
	all, err := connector.All(ctx, throttled{use.Connector, e}, pageSize)
	use.users.Done()
	now := e.host.options.Now()
	if err != nil {
		if ctx.Err() == nil && connector.KindOf(err) != connector.Unsupported {
			e.compared.result.Store(&comparison{err: err})
			e.host.report(e.app)
			return err
		}
		return e.recheckFailed(ctx, nil)
	}
	known, err := e.host.accountsOf(ctx, e.app)
	if err != nil {
		return err
	}
	report, differing := e.judge(ctx, all, known)
	e.compared.result.Store(&comparison{at: now, orphans: report})
	e.host.report(e.app)
	return e.recheckFailed(ctx, differing)
}

// judge finds accounts that nobody answers for, and people whose account is not what the last operation left.
func (e *engine) judge(ctx context.Context, all []connector.Observed, known map[string]*v1alpha1.AppAccount) (v1alpha1.OrphanReport, []string) {
	var unmanaged, stray []string
	differing := map[string]bool{}
	seen := map[string]bool{}
	for _, found := range all {
		if found.Protected {
			continue
		}
		switch account := known[found.Owner.Person]; {
		case found.Owner.IsZero():
			if found.Active {
				unmanaged = append(unmanaged, found.Name)
			}
		case found.Owner.App != e.app.Mark():
		case account == nil:
			if found.Active {
				stray = append(stray, found.Name)
			}
		default:
			seen[found.Owner.Person] = true
			if e.differs(ctx, found, account) {
				differing[found.Owner.Person] = true
			}
		}
	}
	for id, account := range known {
		if !seen[id] && account.Status.AccountID != "" && account.Status.State == v1alpha1.AccountActive {
			differing[id] = true // it is gone from the app
		}
	}
	ids := make([]string, 0, len(differing))
	for id := range differing {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return reportOf(unmanaged, stray), ids
}

// differs says whether somebody else changed an account since the operator left it. What its last operation left behind as a failure is looked
// at anyway.
func (e *engine) differs(ctx context.Context, found connector.Observed, account *v1alpha1.AppAccount) bool {
	s, err := e.look(ctx, account.Spec.User)
	if err != nil || s.trouble != nil || s.account == nil {
		return false
	}
	if s.decision.Action != accounts.ActEnsure {
		return found.Active
	}
	return len(accounts.Differences(s.decision.Account, found, true)) > 0
}

func reportOf(unmanaged, stray []string) v1alpha1.OrphanReport {
	slices.Sort(unmanaged)
	slices.Sort(stray)
	return v1alpha1.OrphanReport{
		Unmanaged: number(len(unmanaged)), UnmanagedSamples: samples(unmanaged),
		Stray: number(len(stray)), StraySamples: samples(stray),
	}
}

func samples(names []string) []string {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "" || len(name) > 1024 })
	return first(names, 50)
}

func number(n int) *int32 {
	count := int32(n) //nolint:gosec // accounts of one app
	return &count
}

// recheckFailed has accounts looked at again that differ, and those that failed for a reason that nothing here tells the end of.
func (e *engine) recheckFailed(ctx context.Context, differing []string) error {
	known, err := e.host.accountsOf(ctx, e.app)
	if err != nil {
		return err
	}
	for id, account := range known {
		if account.Status.State == v1alpha1.AccountFailed {
			e.again(false, id)
		}
	}
	if e.app.Spec.Drift.Policy != v1alpha1.DriftReport || e.app.Spec.Mode != v1alpha1.AppEnforce {
		// Whoever is in use again, and should not be, goes first.
		for _, id := range differing {
			e.again(known[id] != nil && known[id].Status.State == v1alpha1.AccountSuspended, id)
		}
		return nil
	}
	var errs []error
	for _, id := range differing {
		errs = append(errs, e.reportDrift(ctx, id))
	}
	return errors.Join(errs...)
}

// reportDrift says in the status of an account what Repair would do.
func (e *engine) reportDrift(ctx context.Context, id string) error {
	defer e.busy.lock(id)()
	s, err := e.look(ctx, id)
	if err != nil || s.account == nil || s.trouble != nil {
		return err
	}
	use, _, err := e.gate.wait(ctx)
	if err != nil {
		return err
	}
	defer use.users.Done()
	found, exists, err := e.observe(ctx, use, s, s.decision.Account.Name)
	if err != nil {
		return err
	}
	changes := e.planned(s, found, exists)
	return e.write(ctx, s, func(status *v1alpha1.AppAccountStatus) { drifted(status, changes) })
}
