package users

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func user(active *bool, revokedAt *metav1.Time) *v1alpha1.ScimUser {
	u := &v1alpha1.ScimUser{Spec: v1alpha1.ScimUserSpec{UserName: "alice", Active: active}}
	u.Name, u.Generation, u.Status.RevokedAt = "alice-id", 3, revokedAt
	return u
}

func at(t *metav1.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().String()
}

func TestDesiredStatus(t *testing.T) {
	yes, no := true, false
	now := metav1.NewTime(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	earlier := metav1.NewTime(now.Add(-time.Hour))
	tests := []struct {
		reason    string
		user      *v1alpha1.ScimUser
		facts     facts
		state     v1alpha1.UserState
		ready     metav1.ConditionStatus
		why       string
		revokedAt *metav1.Time
	}{
		{
			reason: "a user whose claim names it and who is active counts",
			user:   user(&yes, nil), facts: facts{claimOwner: "alice-id", kubernetesUser: "alice", bound: true, now: now},
			state: v1alpha1.UserActive, ready: metav1.ConditionTrue, why: v1alpha1.ReasonActive,
		},
		{
			reason: "absent means active",
			user:   user(nil, nil), facts: facts{claimOwner: "alice-id", kubernetesUser: "alice", now: now},
			state: v1alpha1.UserActive, ready: metav1.ConditionTrue, why: v1alpha1.ReasonActive,
		},
		{
			reason: "no claim, no effect",
			user:   user(&yes, nil), facts: facts{now: now},
			state: v1alpha1.UserPending, ready: metav1.ConditionFalse, why: v1alpha1.ReasonClaimPending,
		},
		{
			reason: "the name belongs to who holds its claim",
			user:   user(&yes, nil), facts: facts{claimOwner: "other-id", now: now},
			state: v1alpha1.UserConflict, ready: metav1.ConditionFalse, why: v1alpha1.ReasonUserNameConflict,
		},
		{
			reason: "a name that may not be bound is said so, whatever the state",
			user:   user(&yes, nil), facts: facts{claimOwner: "alice-id", usernameErr: errors.New("it is empty"), now: now},
			state: v1alpha1.UserActive, ready: metav1.ConditionFalse, why: v1alpha1.ReasonUsernameRefused,
		},
		{
			reason: "while a binding names the user, the revocation is under way",
			user:   user(&no, nil), facts: facts{claimOwner: "alice-id", kubernetesUser: "alice", bound: true, now: now},
			state: v1alpha1.UserSuspended, ready: metav1.ConditionTrue, why: v1alpha1.ReasonSuspended,
		},
		{
			reason: "the first pass that finds no binding says when",
			user:   user(&no, nil), facts: facts{claimOwner: "alice-id", kubernetesUser: "alice", now: now},
			state: v1alpha1.UserSuspended, ready: metav1.ConditionTrue, why: v1alpha1.ReasonSuspended, revokedAt: &now,
		},
		{
			reason: "the time of the revocation stays",
			user:   user(&no, &earlier), facts: facts{claimOwner: "alice-id", kubernetesUser: "alice", now: now},
			state: v1alpha1.UserSuspended, ready: metav1.ConditionTrue, why: v1alpha1.ReasonSuspended, revokedAt: &earlier,
		},
		{
			reason: "a user who is active again was not revoked",
			user:   user(&yes, &earlier), facts: facts{claimOwner: "alice-id", kubernetesUser: "alice", now: now},
			state: v1alpha1.UserActive, ready: metav1.ConditionTrue, why: v1alpha1.ReasonActive,
		},
	}
	for _, test := range tests {
		status := desiredStatus(test.user, test.facts)
		ready := status.Conditions[0]
		got := []any{status.State, ready.Status, ready.Reason, at(status.RevokedAt), status.ObservedGeneration, ready.ObservedGeneration}
		want := []any{test.state, test.ready, test.why, at(test.revokedAt), int64(3), int64(3)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", test.reason, diff)
		}
		test.user.Status = status
		if again := desiredStatus(test.user, test.facts); !apiequality.Semantic.DeepEqual(status, again) {
			t.Errorf("%s: a second pass over the same facts changes the status:\n%s", test.reason, cmp.Diff(status, again))
		}
	}
}

func TestDifference(t *testing.T) {
	got := difference([]string{"a", "b", "c", "c"}, []string{"c", "d", "a"})
	if diff := cmp.Diff([]string{"b", "d"}, got); diff != "" {
		t.Errorf("those in one list only, in order: -want, +got:\n%s", diff)
	}
}

// TestSignIn: S77, a user of another domain is accepted, counts, and is warned of.
func TestSignIn(t *testing.T) {
	tests := []struct {
		reason, userName string
		domains          []string
		want             metav1.ConditionStatus
	}{
		{"no domains are named, so none is warned of", "a@example.com", nil, ""},
		{"the domain is listed", "a@example.com", []string{"example.org", "example.com"}, metav1.ConditionTrue},
		{"without regard to case", "a@Example.COM", []string{"example.com"}, metav1.ConditionTrue},
		{"another domain", "a@example.net", []string{"example.com"}, metav1.ConditionFalse},
		{"a domain below is another", "a@eu.example.com", []string{"example.com"}, metav1.ConditionFalse},
		{"what follows the last @ counts", "a@example.com@example.net", []string{"example.com"}, metav1.ConditionFalse},
		{"no domain at all", "alice", []string{"example.com"}, metav1.ConditionFalse},
	}
	for _, test := range tests {
		user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "u"}, Spec: v1alpha1.ScimUserSpec{UserName: test.userName}}
		user.Status.Conditions = []metav1.Condition{{Type: v1alpha1.UserSignIn, Status: metav1.ConditionUnknown, Reason: "Old"}}
		status := desiredStatus(user, facts{claimOwner: "u", kubernetesUser: test.userName, signInDomains: test.domains})
		got := metav1.ConditionStatus("")
		if c := apimeta.FindStatusCondition(status.Conditions, v1alpha1.UserSignIn); c != nil {
			got = c.Status
		}
		if got != test.want || status.State != v1alpha1.UserActive {
			t.Errorf("%s: SignIn is %q, want %q; the user is %s", test.reason, got, test.want, status.State)
		}
	}
}
