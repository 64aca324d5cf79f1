package apps

import (
	"errors"
	"fmt"
	"strings"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/connector"
)

// tally counts the accounts of an app.
type tally struct {
	active, suspended, failed, planned, pending int
}

func count(known map[string]*v1alpha1.AppAccount) (t tally) {
	for _, account := range known {
		switch account.Status.State {
		case v1alpha1.AccountActive, v1alpha1.AccountHeld, v1alpha1.AccountRolesRemoved:
			t.active++
		case v1alpha1.AccountSuspended:
			t.suspended++
		case v1alpha1.AccountFailed:
			t.failed++
		case "", v1alpha1.AccountPending:
			t.pending++
		}
		if len(account.Status.Changes) > 0 {
			t.planned++
		}
	}
	return t
}

// connectionStatus is the status of an AppConnection. e is nil while nothing runs, and trouble why nothing can.
func connectionStatus(app *v1alpha1.AppConnection, e *engine, known map[string]*v1alpha1.AppAccount, trouble error) v1alpha1.AppConnectionStatus {
	status := *app.Status.DeepCopy()
	t := count(known)
	status.ObservedGeneration = app.Generation
	status.Type, status.Endpoint = app.Spec.Target.Type(), endpoint(app)
	status.Accounts, status.Suspended, status.Failed = number(t.active), number(t.suspended), number(t.failed)
	status.Waiting = number(t.pending)
	if e == nil {
		setAppReady(&status, unusable(app, trouble))
		return status
	}
	if e.gate.untried() && settledBefore(app) {
		return status // a controller that just began has nothing else to say
	}
	status.Waiting = number(max(t.pending, e.waiting()))
	passes := status.Guard.Passes
	status.Guard = e.guard.status()
	if len(status.Guard.Passes) == 0 {
		status.Guard.Passes = passes
	}
	if use := e.gate.version(); use != "" {
		status.Version = use
	}
	compared := e.compared.result.Load()
	if compared != nil && compared.err == nil {
		at := metav1.NewTime(compared.at.Truncate(1e9))
		status.LastSyncTime, status.Orphans = &at, compared.orphans
	}
	setAppReady(&status, condition(app, e, t, &status, compared))
	return status
}

// settledBefore says that status is about this spec.
func settledBefore(app *v1alpha1.AppConnection) bool {
	ready := apimeta.FindStatusCondition(app.Status.Conditions, v1alpha1.AppReady)
	return ready != nil && ready.ObservedGeneration == app.Generation
}

func setAppReady(status *v1alpha1.AppConnectionStatus, c metav1.Condition) {
	c.Type, c.ObservedGeneration = v1alpha1.AppReady, status.ObservedGeneration
	if len(c.Message) > 4096 {
		c.Message = strings.ToValidUTF8(c.Message[:4096], "")
	}
	apimeta.SetStatusCondition(&status.Conditions, c)
}

func not(reason, message string) metav1.Condition {
	return metav1.Condition{Status: metav1.ConditionFalse, Reason: reason, Message: message}
}

// unusable says why nothing runs.
func unusable(app *v1alpha1.AppConnection, trouble error) metav1.Condition {
	if trouble != nil {
		return not(reasonOf(trouble), trouble.Error())
	}
	if app.Spec.Suspend {
		return not(v1alpha1.ReasonSuspended, "spec.suspend is true: the app is neither read nor changed, and people who leave keep their accounts.")
	}
	return not(v1alpha1.ReasonSyncing, "The app is about to be looked at.")
}

// condition sums up, the gravest first.
func condition(app *v1alpha1.AppConnection, e *engine, t tally, status *v1alpha1.AppConnectionStatus, compared *comparison) metav1.Condition {
	_, trouble := e.gate.why()
	waiting := status.Waiting != nil && *status.Waiting > 0
	switch {
	case trouble != nil:
		return not(troubleReason(trouble), trouble.Error())
	case status.Guard.Held != nil:
		return not(v1alpha1.ReasonRemovalsHeld, fmt.Sprintf("%d removals wait, because too many come at once: look at status.guard, and approve exactly "+
			"this set with kubectl scim accounts approve, or give the people back.", *status.Guard.Held))
	case t.failed > 0:
		return not(v1alpha1.ReasonAccountsFailed, fmt.Sprintf("%d accounts are not as they should be: kubectl scim accounts --failed lists them and says why.", t.failed))
	case compared != nil && compared.err != nil:
		return not(v1alpha1.ReasonListingIncomplete, "The app did not list its accounts to the end, so nothing was concluded from what is missing: "+compared.err.Error())
	case !e.gate.isOpen(), waiting:
		return not(v1alpha1.ReasonSyncing, "Accounts are being worked on: status.waiting says how many.")
	case t.planned > 0:
		return metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonPlanned,
			Message: fmt.Sprintf("%d accounts would be changed: kubectl scim accounts --planned lists them and says how.", t.planned)}
	case app.Spec.Mode == v1alpha1.AppObserve:
		return metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonObserved, Message: "The app was read."}
	}
	return metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSynced, Message: "Every account is as it should be."}
}

// troubleReason is why the whole app cannot be used.
func troubleReason(err error) string {
	if reason := reasonOf(err); reason != "" {
		return reason
	}
	if typed := new(connector.Error); errors.As(err, &typed) && typed.Kind == connector.Denied {
		return v1alpha1.ReasonCredentialRefused
	}
	return v1alpha1.ReasonUnreachable
}
