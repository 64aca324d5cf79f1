package apps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/accounts"
	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

// sync makes one person's account what it should be. after is when to look again without an event; 0 for never. causes are the traced writes
// that it is due to.
func (e *engine) sync(ctx context.Context, id string, urgent bool, causes []tracing.Cause) (after time.Duration, err error) {
	for {
		s, err := e.look(ctx, id)
		if err != nil {
			return 0, err
		}
		if s.account != nil && s.account.DeletionTimestamp != nil && !(e.leaving && isInUse(s.account)) {
			return 0, e.release(ctx, s)
		}
		if err := errors.Join(e.hear(ctx, s), e.recall(ctx, s)); err != nil {
			return 0, err
		}
		if e.settled(s) {
			return e.until(s), nil
		}
		if urgent && s.decision.Action == accounts.ActEnsure && !s.decision.Takes {
			e.causes.Again(id, causes)
			e.normal.Add(id) // it takes nothing from anybody, so it waits behind what does
			return 0, nil
		}
		after, waited, err := e.carryOut(ctx, s, urgent, causes)
		if !waited || err != nil {
			return after, err
		}
		// Much may have changed meanwhile.
	}
}

// carryOut does what was decided. waited says that it did not, because it had to wait until the app can be used.
func (e *engine) carryOut(ctx context.Context, s *subject, urgent bool, causes []tracing.Cause) (after time.Duration, waited bool, err error) {
	ctx, span := e.follow(ctx, s, causes)
	defer func() { e.endSpan(span, s, waited, err) }()
	if s.account == nil {
		if err := e.create(ctx, s); err != nil {
			return 0, false, err
		}
	}
	if s.trouble != nil {
		return 0, false, e.write(ctx, s, func(status *v1alpha1.AppAccountStatus) {
			failed(status, v1alpha1.ReasonExpressionFailed, s.trouble.Error())
		})
	}
	if err := e.hold(ctx, s); err != nil {
		return 0, false, err
	}
	if s.held && s.decision.Action != accounts.ActEnsure {
		return 0, false, e.write(ctx, s, isHeld)
	}
	use, waited, err := e.gate.wait(ctx)
	if err != nil {
		return 0, false, err
	}
	defer use.users.Done()
	if waited {
		return 0, true, nil
	}
	after, err = e.act(ctx, use, s, urgent)
	return after, false, err
}

// hear has an account tried again for which somebody asks by the annotation, and removes that.
func (e *engine) hear(ctx context.Context, s *subject) error {
	if s.account == nil {
		return nil
	}
	if _, asked := s.account.Annotations[v1alpha1.AnnotationRetry]; !asked {
		return nil
	}
	heard := s.account.DeepCopy()
	delete(heard.Annotations, v1alpha1.AnnotationRetry)
	if err := e.host.client.Patch(ctx, heard, client.MergeFrom(s.account)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("remove annotation: %w", err)
	}
	s.account = heard
	e.memory.written(s.id, heard)
	e.memory.force(s.id)
	return nil
}

// recall writes down again what was given, where somebody else has written over it: what nobody remembers is never taken back.
func (e *engine) recall(ctx context.Context, s *subject) error {
	given, lost := e.memory.recall(s.id)
	if !lost || s.account == nil {
		return nil
	}
	err := e.write(ctx, s, func(status *v1alpha1.AppAccountStatus) { status.Given = joined(status.Given, given) })
	if err == nil {
		e.memory.recalled(s.id)
	}
	return err
}

// settled says that there is nothing to do: no account and none wanted, or one that was made of the same as it would be now.
func (e *engine) settled(s *subject) bool {
	if s.account == nil {
		return s.trouble == nil && s.decision.Action == accounts.ActNothing
	}
	if e.memory.isForced(s.id) {
		return false
	}
	status := &s.account.Status
	if s.trouble != nil {
		ready := apimeta.FindStatusCondition(status.Conditions, v1alpha1.AccountReady)
		return ready != nil && ready.Reason == v1alpha1.ReasonExpressionFailed && ready.Message == s.trouble.Error()
	}
	return status.Input == s.decision.Input
}

// until is when the account is to be deleted.
func (e *engine) until(s *subject) time.Duration {
	if s.account == nil || s.decision.DeleteAt.IsZero() || s.decision.Action == accounts.ActDelete {
		return 0
	}
	return max(time.Second, s.decision.DeleteAt.Sub(e.host.options.Now()))
}

// fresh is a person's AppAccount before anything is known about it.
func (e *engine) fresh(id string) *v1alpha1.AppAccount {
	return &v1alpha1.AppAccount{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: e.app.Namespace, Name: v1alpha1.AccountObjectName(e.app.Name, id),
			Labels:     map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
			Finalizers: []string{v1alpha1.FinalizerAccount},
		},
		Spec: v1alpha1.AppAccountSpec{App: e.app.Name, User: id},
	}
}

// create makes the AppAccount before anything is done in the app, so that nothing there is ever without one here.
func (e *engine) create(ctx context.Context, s *subject) error {
	account := e.fresh(s.id)
	tracing.Mark(ctx, account)
	err := e.host.client.Create(ctx, account)
	if apierrors.IsAlreadyExists(err) {
		err = e.host.live.Get(ctx, client.ObjectKeyFromObject(account), account)
	}
	if err != nil {
		return fmt.Errorf("make AppAccount: %w", err)
	}
	s.account = account
	e.memory.written(s.id, account)
	return nil
}

// release lets an AppAccount go that somebody deletes. If the person should have the account, it is made again, with the memory of what was
// given.
func (e *engine) release(ctx context.Context, s *subject) error {
	status := s.account.Status
	wanted := !e.leaving && s.decision.Action != accounts.ActNothing && status.State != v1alpha1.AccountAbsent
	if wanted {
		if err := e.canMakeAgain(ctx, s); err != nil {
			return err
		}
	}
	bare := s.account.DeepCopy()
	if !controllerutil.RemoveFinalizer(bare, v1alpha1.FinalizerAccount) {
		return nil
	}
	if err := e.host.client.Patch(ctx, bare, client.MergeFrom(s.account)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("let AppAccount go: %w", err)
	}
	e.memory.written(s.id, nil)
	if !wanted {
		return nil
	}
	s.account = nil
	if err := e.create(ctx, s); err != nil {
		return err
	}
	e.memory.force(s.id)
	return e.write(ctx, s, func(kept *v1alpha1.AppAccountStatus) { *kept = status })
}

// canMakeAgain says whether an AppAccount of this name could be made. In a namespace that is being deleted it could not, and what was given
// would be forgotten before the AppConnection, which goes next, can have it taken back.
func (e *engine) canMakeAgain(ctx context.Context, s *subject) error {
	trial := e.fresh(s.id)
	if err := e.host.client.Create(ctx, trial, client.DryRunAll); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("make AppAccount again: %w", err)
	}
	return nil
}

// write changes the status, if that changes anything. Whoever wrote it meanwhile makes it fail, so that no memory of what was given is lost.
func (e *engine) write(ctx context.Context, s *subject, change func(*v1alpha1.AppAccountStatus)) error {
	changed := s.account.DeepCopy()
	change(&changed.Status)
	if s.user != nil {
		changed.Status.UserName = s.user.Spec.UserName
	}
	if equal(s.account.Status, changed.Status) {
		return nil
	}
	before := s.account
	e.memory.intend(s.id, &changed.Status)
	err := e.host.client.Status().Patch(ctx, changed, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsNotFound(err) {
		e.memory.written(s.id, nil)
		return nil
	}
	if err != nil {
		// Whether it was written is not known. What was written before that is, and the cache may be older.
		return fmt.Errorf("write status: %w", err)
	}
	s.account = changed
	e.memory.written(s.id, changed)
	e.host.announce(before, changed)
	return nil
}

// act asks the app, and writes down what came of it.
func (e *engine) act(ctx context.Context, use *lease, s *subject, urgent bool) (time.Duration, error) {
	if e.app.Spec.Mode != v1alpha1.AppEnforce && !e.leaving {
		return 0, e.preview(ctx, use, s)
	}
	if err := e.turn(ctx, urgent); err != nil {
		return 0, err
	}
	if err := e.begin(ctx, use, s); err != nil {
		return 0, err
	}
	var result outcome
	var err error
	switch s.decision.Action {
	case accounts.ActSuspend:
		result, err = e.suspend(ctx, use, s)
	case accounts.ActDelete:
		result, err = e.remove(ctx, use, s)
	default:
		result, err = e.ensure(ctx, use, s)
	}
	e.host.metrics.count(e.app, s.decision.Action, err)
	if err != nil {
		return 0, e.failed(ctx, s, err)
	}
	now := metav1.NewTime(e.host.options.Now())
	kept := slices.Clone(s.account.Status.Roles)
	if err := e.write(ctx, s, func(status *v1alpha1.AppAccountStatus) {
		succeeded(status, s.decision, result, now)
		if s.held {
			status.Roles = first(unique(append(kept, status.Roles...)), 1024)
			isHeld(status)
		}
	}); err != nil {
		return 0, err
	}
	e.memory.done(s.id)
	e.host.metrics.suspended(e.app, s, result, now.Time)
	return e.until(s), nil
}

// begin writes down that the account is no longer what it was last made of, before that is changed. Otherwise, when what came of the change
// cannot be written down and the account is to be as it was before, as of somebody who is suspended and back at once, nothing would tell that it
// is not. Who loses something does not wait for it: should both writes fail, the next comparison of the app finds out.
func (e *engine) begin(ctx context.Context, use *lease, s *subject) error {
	ensures := s.decision.Action == accounts.ActEnsure
	made := s.account.Status.Input
	if made == "" || made == s.decision.Input || ensures && !use.caps.KeepsRecord {
		return nil // It is new, or a repair, or remember does it.
	}
	err := e.write(ctx, s, unsure)
	if err == nil || ensures {
		return err
	}
	e.log.Info("The status could not be written before an account is taken", "user", s.id, "reason", err.Error())
	return nil
}

// failed writes down why. What may pass is tried again; what does not is tried again when something changes, and with each comparison of the
// whole app.
func (e *engine) failed(ctx context.Context, s *subject, err error) error {
	kind := connector.KindOf(err)
	if kind == connector.Denied || ctx.Err() != nil || !e.gate.isOpen() {
		return err // the app's trouble: the AppConnection says so
	}
	reason, message := string(kind), err.Error()
	if kind == connector.Transient {
		reason = v1alpha1.ReasonRetrying
	}
	written := e.write(ctx, s, func(status *v1alpha1.AppAccountStatus) {
		failed(status, reason, message)
		if kind != connector.Transient {
			status.Input = s.decision.Input
		}
	})
	if written != nil || kind == connector.Transient {
		return err
	}
	e.memory.done(s.id)
	return nil
}
