package access

import (
	"context"
	"hash/fnv"
	"reflect"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// checkEvery is how often a grant is planned without what is remembered of it, and checkSpread what keeps grants from doing so at once.
	checkEvery  = time.Hour
	checkSpread = 30 * time.Minute
	// checkTries is the number of differences in a row that make an error: one may be a change that came between two plans.
	checkTries = 3
)

// check plans a grant from nothing, once in a while and when nothing else has to be done, and compares. It writes nothing. Should what is
// remembered be wrong, which no event but this would find, it is forgotten, and it says false.
func (r *Reconciler) check(ctx context.Context, s *scope) (bool, error) {
	if r.memory == nil || s.grant == nil {
		return true, nil
	}
	if s.past.due.IsZero() {
		s.past.due = s.now.Add(spread(s.request))
	}
	if s.now.Before(s.past.due) {
		return true, nil
	}
	if len(s.changes) > 0 { // There is something else to do, or that cannot be done.
		s.past.due = s.now.Add(refusedRetry)
		return true, nil
	}
	for range checkTries {
		same, err := r.same(ctx, s)
		if err != nil {
			return true, err
		}
		if same {
			s.past.due = s.now.Add(checkEvery + spread(s.request))
			return true, nil
		}
	}
	r.counters.stray.Inc()
	log.FromContext(ctx).Error(nil, "what was remembered of the grant was not what the caches say; it is planned anew", "grant", s.key.String())
	r.memory.forget(s.request)
	return false, nil
}

// same compares a plan that uses what is remembered with one that does not.
func (r *Reconciler) same(ctx context.Context, s *scope) (bool, error) {
	known, fresh := s.again(s.past), s.again(&past{})
	if err := known.planWith(ctx, r.gatherer(known)); err != nil {
		return false, err
	}
	from := r.gatherer(fresh)
	from.memory = nil
	if err := fresh.planWith(ctx, from); err != nil {
		return false, err
	}
	return reflect.DeepEqual(known.plan, fresh.plan), nil
}

// again is a scope that knows as much as this one did before it planned.
func (s *scope) again(past *past) *scope {
	return &scope{key: s.key, request: s.request, now: s.now, grant: s.grant, planned: s.planned, existing: s.existing, past: past}
}

// spread is the same for a grant whenever it is asked.
func spread(request reconcile.Request) time.Duration {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(request.String()))
	return time.Duration(sum.Sum32()) * time.Second % checkSpread
}

// next says when to look at the grant again although nothing happens.
func (r *Reconciler) next(s *scope) reconcile.Result {
	result := reconcile.Result{RequeueAfter: s.wait(), Priority: new(0)}
	if s.keepsAccess() {
		result.Priority = new(priorityRevoke)
	}
	s.countRefusal()
	if r.memory == nil {
		return result
	}
	if left := max(s.past.due.Sub(s.now), time.Second); result.RequeueAfter == 0 || left < result.RequeueAfter {
		result.RequeueAfter, result.Priority = left, new(handler.LowPriority)
	}
	return result
}
