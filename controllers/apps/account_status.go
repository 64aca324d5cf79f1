package apps

import (
	"slices"
	"strings"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/accounts"
	"github.com/scim-operator/scim-operator/internal/connector"
)

// maxMessage is the longest message of a condition that the API server takes.
const maxMessage = 32768

func equal(a, b v1alpha1.AppAccountStatus) bool { return apiequality.Semantic.DeepEqual(a, b) }

func setReady(status *v1alpha1.AppAccountStatus, is metav1.ConditionStatus, reason, message string) {
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "")
	}
	apimeta.SetStatusCondition(&status.Conditions, metav1.Condition{Type: v1alpha1.AccountReady, Status: is, Reason: reason, Message: message})
}

// unsure says that the account may be anything from what it was last made of to what it is about to be made.
func unsure(status *v1alpha1.AppAccountStatus) { status.Input = "" }

// failed says why the account is not as it should be. What is known of the account stays.
func failed(status *v1alpha1.AppAccountStatus, reason, message string) {
	status.State = v1alpha1.AccountFailed
	setReady(status, metav1.ConditionFalse, reason, message)
}

func isHeld(status *v1alpha1.AppAccountStatus) {
	status.State = v1alpha1.AccountHeld
	setReady(status, metav1.ConditionFalse, v1alpha1.ReasonRemovalHeld,
		"The guard holds this removal back, because too many come at once: look at status.guard of the AppConnection, and approve it with kubectl scim accounts approve.")
}

// succeeded is the status of an account about which everything was done.
func succeeded(status *v1alpha1.AppAccountStatus, d accounts.Decision, result outcome, now metav1.Time) {
	status.Input, status.Changes = d.Input, nil
	status.Given = v1alpha1.GivenRecord{Roles: result.given.Roles, Attributes: result.given.Attributes}
	status.Through = first(d.Wanted.Through, 64)
	if result.changed {
		status.LastChangeTime = &now
	}
	status.DeleteTime = nil
	if !d.DeleteAt.IsZero() && d.Action == accounts.ActSuspend {
		at := metav1.NewTime(d.DeleteAt.Truncate(time.Second))
		status.DeleteTime = &at
	}
	switch d.Action {
	case accounts.ActSuspend:
		suspended(status, now)
	case accounts.ActDelete:
		*status = v1alpha1.AppAccountStatus{
			Conditions: status.Conditions, UserName: status.UserName, Input: d.Input, LastChangeTime: status.LastChangeTime, SuspendedAt: status.SuspendedAt,
			State: v1alpha1.AccountAbsent,
		}
		setReady(status, metav1.ConditionTrue, v1alpha1.ReasonSynced, "The account was deleted.")
	default:
		inPlace(status, d, result)
	}
}

func suspended(status *v1alpha1.AppAccountStatus, now metav1.Time) {
	if status.State == v1alpha1.AccountUnmanaged {
		setReady(status, metav1.ConditionTrue, v1alpha1.ReasonUnmanaged, "The person should have no account. The one of this name was there before, and is left alone.")
		return
	}
	if status.SuspendedAt == nil {
		at := metav1.NewTime(now.Truncate(time.Second))
		status.SuspendedAt = &at
	}
	if status.AccountID == "" {
		status.State = v1alpha1.AccountAbsent
		setReady(status, metav1.ConditionTrue, v1alpha1.ReasonSynced, "The person should have no account, and has none.")
		return
	}
	status.State = v1alpha1.AccountSuspended
	setReady(status, metav1.ConditionTrue, v1alpha1.ReasonSynced, "The person can no longer sign in.")
}

func inPlace(status *v1alpha1.AppAccountStatus, d accounts.Decision, result outcome) {
	status.SuspendedAt = nil
	status.AccountName, status.AccountID = result.observed.Name, result.observed.ID
	status.Roles = first(d.Wanted.Roles, 1024)
	switch {
	case result.observed.Owner.IsZero():
		status.State, status.Roles = v1alpha1.AccountUnmanaged, nil
		setReady(status, metav1.ConditionTrue, v1alpha1.ReasonUnmanaged, "An account of this name was there before, and is left alone (spec.existing of the AppConnection).")
	case len(d.Wanted.Through) == 0:
		status.State = v1alpha1.AccountRolesRemoved
		setReady(status, metav1.ConditionTrue, v1alpha1.ReasonSynced, "The account is usable, and has no role of the operator's any more.")
	default:
		status.State = v1alpha1.AccountActive
		setReady(status, metav1.ConditionTrue, v1alpha1.ReasonSynced, "The account is as it should be.")
	}
}

// previewed is the status of an account that was only looked at.
func previewed(status *v1alpha1.AppAccountStatus, d accounts.Decision, found connector.Observed, exists bool, changes []string) {
	status.Input, status.Changes, status.Through = d.Input, bounded(changes), first(d.Wanted.Through, 64)
	status.State, status.AccountName, status.AccountID, status.Roles = v1alpha1.AccountAbsent, "", "", nil
	if exists {
		status.AccountName, status.AccountID = found.Name, found.ID
		status.State = map[bool]v1alpha1.AccountState{true: v1alpha1.AccountActive, false: v1alpha1.AccountSuspended}[found.Active]
		status.Roles = first(both(d.Wanted.Roles, found.Roles), 1024)
		if found.Owner.IsZero() {
			status.State = v1alpha1.AccountUnmanaged
		}
	}
	if len(changes) > 0 {
		setReady(status, metav1.ConditionFalse, v1alpha1.ReasonPlanned, "status.changes says what spec.mode Enforce of the AppConnection would do.")
		return
	}
	setReady(status, metav1.ConditionTrue, v1alpha1.ReasonObserved, "The app was read, and there is nothing to change.")
}

// drifted says what somebody else changed. Without changes, what was reported before is over.
func drifted(status *v1alpha1.AppAccountStatus, changes []string) {
	status.Changes = bounded(changes)
	if len(changes) > 0 {
		setReady(status, metav1.ConditionFalse, v1alpha1.ReasonDrifted, "Somebody else changed the account in the app: status.changes says what spec.drift.policy Repair of the AppConnection would do.")
		return
	}
	setReady(status, metav1.ConditionTrue, v1alpha1.ReasonSynced, "The account is as it should be.")
}

func both(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

// first are the first n, a list of its own; nil for none.
func first(list []string, n int) []string {
	if len(list) == 0 {
		return nil
	}
	return slices.Clone(list[:min(n, len(list))])
}

// bounded keeps to what status takes.
func bounded(changes []string) []string {
	changes = first(changes, 64)
	for i, change := range changes {
		if len(change) > 1024 {
			changes[i] = strings.ToValidUTF8(change[:1024], "")
		}
	}
	return changes
}
