package access

import (
	"errors"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

func TestVerdict(t *testing.T) {
	at := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	roles := []v1alpha1.RoleSelector{{DisplayName: "Ops", Directory: "okta"}, {Name: "dev-1"}}
	many := []access.Refusal{{User: "a", Reason: "x"}, {User: "b"}, {User: "c"}, {User: "d"}, {User: "e"}, {User: "f"}}
	refused := []failure{{err: errors.New("ClusterRoleBinding b: refused")}}
	tests := map[string]struct {
		outcome  access.Outcome
		failures []failure
		want     string
		says     string
		reason   string
	}{
		"enforced": {want: "Enforced", says: "as the grant asks", reason: "nothing is amiss"},
		"expired": {
			outcome: access.Outcome{Phase: access.PhaseExpired, TargetNotFound: true},
			want:    "Expired", says: "2026-01-02 03:04:05 UTC",
			reason: "once over, nothing else matters",
		},
		"not expired": {
			outcome: access.Outcome{Phase: access.PhaseExpired}, failures: refused,
			want: "ApplyFailed", says: "refused",
			reason: "unless what it gave cannot be removed",
		},
		"not yet": {
			outcome: access.Outcome{Phase: access.PhaseNotYetValid},
			want:    "NotYetValid", says: "before 2026-01-02",
			reason: "it waits for its time",
		},
		"not allowed": {
			outcome: access.Outcome{TargetNotAllowed: true, TargetNotFound: true},
			want:    "RoleNotAllowed", says: "access.bindableClusterRoles",
			reason: "what is not allowed need not exist",
		},
		"no target": {
			outcome: access.Outcome{TargetNotFound: true},
			want:    "TargetNotFound", says: `"view"`,
			reason: "the thing is named",
		},
		"bind": {
			failures: []failure{{err: errors.New("x"), notAllowed: true}},
			want:     "RoleNotAllowed", says: "verb bind",
			reason: "the remedy is named",
		},
		"incomplete": {
			outcome: access.Outcome{RolesIncomplete: []string{"r"}},
			want:    "SliceNotFound", says: "stay as they are",
			reason: "nothing was lost",
		},
		"no role": {
			outcome: access.Outcome{RolesNotFound: roles},
			want:    "RoleNotFound", says: `displayName "Ops" in directory "okta", name "dev-1"`,
			reason: "each selector is named",
		},
		"bad labels": {
			outcome: access.Outcome{SelectorError: "nonsense"},
			want:    "NamespaceNotFound", says: "nonsense",
			reason: "the error is passed on",
		},
		"namespace": {
			outcome: access.Outcome{NamespacesNotFound: []string{"n"}},
			want:    "NamespaceNotFound", says: `"n"`,
			reason: "the namespace is named",
		},
		"refused": {
			outcome: access.Outcome{Refused: many},
			want:    "SubjectsRefused", says: "6 users left out: a (x), b (), c (), d (), e () and 1 more",
			reason: "a few are named, the rest counted",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			grant := grantFor("g", "Ops", "view")
			grant.Spec.Validity = &v1alpha1.Validity{NotBefore: &at, ExpiresAt: &at}
			s := &scope{grant: grant, planned: access.OfCluster(grant), plan: access.Result{Outcomes: []access.Outcome{test.outcome}}, failures: test.failures}
			got := verdict(s, nil)
			if got.Reason != test.want || !strings.Contains(got.Message, test.says) {
				t.Errorf("reason: %s\ngot %s: %s\nwant %s: …%s…", test.reason, got.Reason, got.Message, test.want, test.says)
			}
		})
	}
}

func TestWait(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		outcome  access.Outcome
		failures []failure
		refusals int
		want     time.Duration
		reason   string
	}{
		"for ever": {want: 0, reason: "without an end nothing happens by itself"},
		"end": {
			outcome: access.Outcome{Next: now.Add(time.Hour)},
			want:    time.Hour,
			reason:  "the end is not missed",
		},
		"far": {
			outcome: access.Outcome{Next: now.AddDate(300, 0, 0)},
			want:    longestSleep,
			reason:  "a corrected clock is noticed",
		},
		"refused": {
			outcome: access.Outcome{Next: now.Add(time.Hour)}, failures: []failure{{final: true}}, refusals: 100,
			want:   refusedRetry,
			reason: "a cure that we do not watch is found",
		},
		"refused once": {
			failures: []failure{{final: true}},
			want:     refusedFirst,
			reason:   "an API server that has just started refuses what it does a moment later",
		},
		"refused thrice": {
			failures: []failure{{final: true}}, refusals: 2,
			want:   4 * refusedFirst,
			reason: "one that goes on refusing is asked less and less",
		},
		"revocation refused": {
			failures: []failure{{final: true, change: access.Change{Action: access.Delete}}}, refusals: 100,
			want:   refusedRevocation,
			reason: "nobody keeps access for minutes after the cure",
		},
		"slice": {
			outcome: access.Outcome{RolesIncomplete: []string{"r"}}, failures: []failure{{}}, refusals: 100,
			want:   missingRetry,
			reason: "a slice that comes back is found",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &scope{now: now, plan: access.Result{Outcomes: []access.Outcome{test.outcome}}, failures: test.failures,
				past: &past{refusals: test.refusals}}
			if got := s.wait(); got != test.want {
				t.Errorf("reason: %s\ngot %s, want %s", test.reason, got, test.want)
			}
		})
	}
}
