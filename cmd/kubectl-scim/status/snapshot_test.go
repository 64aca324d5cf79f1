package status

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

var now = time.Date(2026, time.February, 3, 4, 5, 6, 0, time.UTC)

func unready(o object, reason string) object {
	o.ready = metav1.Condition{Reason: reason, Message: "Because of " + reason + "."}
	return o
}

// accountOf is an account in the app a.
func accountOf(name string, state v1alpha1.AccountState) account {
	return account{object: object{kind: "AppAccount", namespace: "shop", name: "a." + name}, app: "a", state: state}
}

func TestCounts(t *testing.T) {
	user := object{kind: "ScimUser", name: "u"}
	behind := user
	behind.behind = true
	for reason, tc := range map[string]struct {
		objects []object
		want    Counts
	}{
		"there may be nothing":                                {nil, Counts{}},
		"what is ready is done":                               {[]object{user}, Counts{Total: 1, Done: 1}},
		"a status about an earlier spec waits":                {[]object{behind}, Counts{Total: 1, Waiting: 1}},
		"and what it says of a failure is about that spec":    {[]object{unready(behind, v1alpha1.ReasonUserNameConflict)}, Counts{Total: 1, Waiting: 1}},
		"a claim that is not seen yet is work":                {[]object{unready(user, v1alpha1.ReasonClaimPending)}, Counts{Total: 1, Waiting: 1}},
		"a failure is told from what is done":                 {[]object{user, unready(user, v1alpha1.ReasonUserNameConflict)}, Counts{Total: 2, Done: 1, Failed: 1}},
		"what somebody asked for is done":                     {[]object{unready(user, v1alpha1.ReasonPlanned), unready(user, v1alpha1.ReasonSuspended)}, Counts{Total: 2, Done: 2}},
		"a reason that this version does not know is failure": {[]object{unready(user, "Invented")}, Counts{Total: 1, Failed: 1}},
	} {
		if diff := cmp.Diff(tc.want, countOf(tc.objects)); diff != "" {
			t.Errorf("%s (-want, +got):\n%s", reason, diff)
		}
	}
}

func TestApps(t *testing.T) {
	connection := func(waiting int, suspended bool) app {
		return app{object: object{kind: "AppConnection", namespace: "shop", name: "a"}, waiting: waiting, suspended: suspended}
	}
	leaving := accountOf("u", v1alpha1.AccountActive)
	leaving.leaving = true
	for reason, tc := range map[string]struct {
		apps     []app
		accounts []account
		want     Counts
		done     bool
	}{
		"every state counts once": {
			[]app{connection(2, false)},
			[]account{
				accountOf("1", ""), accountOf("2", v1alpha1.AccountPending), accountOf("3", v1alpha1.AccountActive),
				accountOf("4", v1alpha1.AccountSuspended),
				accountOf("5", v1alpha1.AccountRolesRemoved), accountOf("6", v1alpha1.AccountHeld), accountOf("7", v1alpha1.AccountUnmanaged),
				accountOf("8", v1alpha1.AccountAbsent), accountOf("9", v1alpha1.AccountFailed),
			},
			Counts{Total: 9, Done: 5, Waiting: 2, Failed: 1, Held: 1}, false,
		},
		"an account that is worked on again waits, whatever its state": {
			[]app{connection(1, false)}, []account{accountOf("1", v1alpha1.AccountActive), accountOf("2", v1alpha1.AccountActive)},
			Counts{Total: 2, Done: 1, Waiting: 1}, false,
		},
		"more work than accounts makes no negative number": {
			[]app{connection(7, false)}, []account{accountOf("1", v1alpha1.AccountFailed)}, Counts{Total: 1, Failed: 1}, true,
		},
		"one that leaves is done when it is gone":         {[]app{connection(0, false)}, []account{leaving}, Counts{Total: 1, Waiting: 1}, false},
		"what waits in a suspended app is not waited for": {[]app{connection(1, true)}, []account{accountOf("1", "")}, Counts{Total: 1, Waiting: 1}, true},
		"accounts may outlive their app":                  {nil, []account{accountOf("1", v1alpha1.AccountActive)}, Counts{Total: 1, Done: 1}, true},
		"an app that is not looked at yet is waited for":  {[]app{{object: object{namespace: "shop", name: "a", behind: true}}}, nil, Counts{}, false},
		"a person's word is not waited for, nor a new attempt": {
			[]app{connection(0, false)}, []account{accountOf("1", v1alpha1.AccountHeld), accountOf("2", v1alpha1.AccountFailed)},
			Counts{Total: 2, Failed: 1, Held: 1}, true,
		},
	} {
		got := snapshotOf(&objects{apps: tc.apps, accounts: tc.accounts}, now)
		want := []App{{Namespace: "shop", Name: "a", Suspended: len(tc.apps) > 0 && tc.apps[0].suspended, Accounts: tc.want}}
		if diff := cmp.Diff(want, got.Apps); diff != "" {
			t.Errorf("%s (-want, +got):\n%s", reason, diff)
		}
		if got.Done != tc.done {
			t.Errorf("%s: done is %v", reason, got.Done)
		}
	}
}

// TestGroups: at most five of each kind and reason are named, and the order of the lists is of no account.
func TestGroups(t *testing.T) {
	o := objects{}
	for i := range 7 {
		name := fmt.Sprintf("u%d", i)
		o.users = append(o.users, unready(object{kind: "ScimUser", name: name, person: name + "@example.com"}, v1alpha1.ReasonUserNameConflict))
	}
	o.users = append(o.users, unready(object{kind: "ScimUser", name: "x"}, v1alpha1.ReasonUsernameRefused),
		unready(object{kind: "ScimUser", name: "late", behind: true}, v1alpha1.ReasonUsernameRefused))
	o.grants[1] = []object{unready(object{kind: "AccessGrant", namespace: "b", name: "g"}, v1alpha1.ReasonPlanned)}
	o.grants[0] = []object{unready(object{kind: "ClusterAccessGrant", name: "g"}, v1alpha1.ReasonRoleNotAllowed)}
	o.accounts = []account{
		{object: unready(object{kind: "AppAccount", namespace: "b", name: "a.1"}, v1alpha1.ReasonConflict), app: "a", state: v1alpha1.AccountFailed},
		{object: unready(object{kind: "AppAccount", namespace: "a", name: "a.1"}, v1alpha1.ReasonConflict), app: "a", state: v1alpha1.AccountFailed},
	}
	conflict, refused := "Because of UserNameConflict.", "Because of UsernameRefused."
	want := []Group{
		{"AppAccount", "Conflict", 2, []Example{
			{Namespace: "a", Name: "a.1", Message: "Because of Conflict."}, {Namespace: "b", Name: "a.1", Message: "Because of Conflict."},
		}},
		{"ClusterAccessGrant", "RoleNotAllowed", 1, []Example{{Name: "g", Message: "Because of RoleNotAllowed."}}},
		{"ScimUser", "UserNameConflict", 7, []Example{
			{"", "u0", "u0@example.com", conflict}, {"", "u1", "u1@example.com", conflict}, {"", "u2", "u2@example.com", conflict},
			{"", "u3", "u3@example.com", conflict}, {"", "u4", "u4@example.com", conflict},
		}},
		{"ScimUser", "UsernameRefused", 1, []Example{{Name: "x", Message: refused}}},
	}
	notices := []Group{{"AccessGrant", "Planned", 1, []Example{{Namespace: "b", Name: "g", Message: "Because of Planned."}}}}
	for _, order := range []string{"as listed", "the other way round"} {
		got := snapshotOf(&o, now)
		if diff := cmp.Diff(want, got.Failures); diff != "" {
			t.Errorf("failures, %s (-want, +got):\n%s", order, diff)
		}
		if diff := cmp.Diff(notices, got.Notices); diff != "" {
			t.Errorf("notices, %s (-want, +got):\n%s", order, diff)
		}
		slices.Reverse(o.users)
		slices.Reverse(o.accounts)
	}
}
