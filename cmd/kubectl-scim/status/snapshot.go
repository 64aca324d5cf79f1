package status

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// maxExamples is how many objects of one kind and reason are named.
const maxExamples = 5

// object is what a snapshot needs to know of one object. Lists are cut down to it page by page, because users are many.
type object struct {
	kind, namespace, name string
	// person is what people call it, where that is another name.
	person string
	// behind says that status is about an earlier spec, or that there is none yet.
	behind bool
	// ready is the condition, as far as its status is False.
	ready metav1.Condition
}

// account is an AppAccount.
type account struct {
	object

	app   string
	state v1alpha1.AccountState
	// leaving says that the AppAccount is being deleted, which ends when the account was taken out of use.
	leaving bool
}

// app is an AppConnection.
type app struct {
	object

	suspended bool
	// waiting is what its controller has before it. Accounts that are worked on again count here, while their states stay.
	waiting int
}

// objects are everything that one snapshot is made of.
type objects struct {
	directories, users, roles []object
	// grants are ClusterAccessGrants, and namespaced AccessGrants after them.
	grants [2][]object
	// bindings are those in effect, of each of the two.
	bindings [2]int
	apps     []app
	accounts []account
	// held are what the guard holds of access, and of accounts.
	held [2][]Held
}

// Counts say how far a kind is. Total is the sum of the others.
type Counts struct {
	Total int `json:"total"`
	// Done are as they should be, Waiting are still to be worked on, and Failed say themselves why they are not as they should be.
	Done    int `json:"done"`
	Waiting int `json:"waiting"`
	Failed  int `json:"failed"`
	// Held are accounts whose removal waits for a person's word.
	Held int `json:"held,omitempty"`
}

// App says how far the accounts of one AppConnection are.
type App struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Suspended says that nothing is done in the app, so that what waits there is not waited for.
	Suspended bool   `json:"suspended,omitempty"`
	Accounts  Counts `json:"accounts"`
}

// Held is an AccessPlan or an AppConnection whose guard holds removals.
type Held struct {
	Kind        string       `json:"kind"`
	Namespace   string       `json:"namespace,omitempty"`
	Name        string       `json:"name"`
	Held        int          `json:"held"`
	HeldSince   *metav1.Time `json:"heldSince,omitempty"`
	ReleaseTime *metav1.Time `json:"releaseTime,omitempty"`
}

// Example is one object of a Group.
type Example struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Person is the userName or displayName.
	Person  string `json:"person,omitempty"`
	Message string `json:"message,omitempty"`
}

// Group are the objects of one kind whose condition Ready is False for one reason.
type Group struct {
	Kind     string    `json:"kind"`
	Reason   string    `json:"reason"`
	Count    int       `json:"count"`
	Examples []Example `json:"examples"`
}

// Snapshot is how far everything is at one time.
type Snapshot struct {
	Time metav1.Time `json:"time"`
	// Done says that nothing waits. Something may have failed all the same, or wait for a person's word.
	Done        bool   `json:"done"`
	Directories Counts `json:"directories"`
	Users       Counts `json:"users"`
	Roles       Counts `json:"roles"`
	Grants      Counts `json:"grants"`
	// Bindings is the number of bindings that are in effect, as the grants say.
	Bindings int    `json:"bindings"`
	Apps     []App  `json:"apps"`
	Guard    []Held `json:"guard"`
	// Failures are what is not as it should be, and Notices what is not in effect because somebody wants it so, or because it waits.
	Failures []Group `json:"failures"`
	Notices  []Group `json:"notices"`
}

// isNoFailure says that a reason why Ready is False passes by itself, is what somebody asked for, or waits for a person's word.
func isNoFailure(reason string) bool {
	switch reason {
	case v1alpha1.ReasonSuspended, v1alpha1.ReasonPlanned, v1alpha1.ReasonDrifted, v1alpha1.ReasonRemovalHeld, v1alpha1.ReasonRemovalsHeld:
		return true
	}
	return isPassing(reason)
}

// isPassing says that the operator has work before it.
func isPassing(reason string) bool {
	return reason == v1alpha1.ReasonClaimPending || reason == v1alpha1.ReasonSyncing
}

// snapshotOf sums up. It changes nothing, and the order of the objects is of no account.
func snapshotOf(o *objects, now time.Time) Snapshot {
	s := Snapshot{
		Time: metav1.NewTime(now.UTC()), Directories: countOf(o.directories), Users: countOf(o.users), Roles: countOf(o.roles),
		Grants: countOf(slices.Concat(o.grants[0], o.grants[1])), Bindings: o.bindings[0] + o.bindings[1], Apps: appsOf(o),
		Guard: slices.Concat([]Held{}, o.held[0], o.held[1]),
	}
	slices.SortFunc(s.Guard, func(a, b Held) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	s.Failures, s.Notices = groupsOf(o)
	s.Done = s.Directories.Waiting+s.Users.Waiting+s.Roles.Waiting+s.Grants.Waiting == 0
	for i := range o.apps {
		s.Done = s.Done && !waits(&o.apps[i].object)
	}
	for i := range s.Apps {
		s.Done = s.Done && (s.Apps[i].Suspended || s.Apps[i].Accounts.Waiting == 0)
	}
	return s
}

func waits(o *object) bool { return o.behind || isPassing(o.ready.Reason) }

// failed never says so of a status that is about an earlier spec.
func failed(o *object) bool { return !o.behind && o.ready.Reason != "" && !isNoFailure(o.ready.Reason) }

func countOf(all []object) (c Counts) {
	for i := range all {
		c.Total++
		switch {
		case waits(&all[i]):
			c.Waiting++
		case failed(&all[i]):
			c.Failed++
		default:
			c.Done++
		}
	}
	return c
}

// add counts one account.
func (c *Counts) add(a *account) {
	c.Total++
	switch {
	case a.state == v1alpha1.AccountFailed:
		c.Failed++
	case a.state == v1alpha1.AccountHeld:
		c.Held++
	case a.leaving || a.state == "" || a.state == v1alpha1.AccountPending:
		c.Waiting++
	default:
		c.Done++
	}
}

// appsOf counts the accounts of each app, also of one whose AppConnection is gone.
func appsOf(o *objects) []App {
	type key struct{ namespace, name string }
	found := map[key]*App{}
	at := func(k key) *App {
		if found[k] == nil {
			found[k] = &App{Namespace: k.namespace, Name: k.name}
		}
		return found[k]
	}
	for i := range o.accounts {
		a := &o.accounts[i]
		at(key{a.namespace, a.app}).Accounts.add(a)
	}
	for i := range o.apps {
		a := at(key{o.apps[i].namespace, o.apps[i].name})
		a.Suspended = o.apps[i].suspended
		again := min(max(o.apps[i].waiting-a.Accounts.Waiting, 0), a.Accounts.Done)
		a.Accounts.Waiting, a.Accounts.Done = a.Accounts.Waiting+again, a.Accounts.Done-again
	}
	all := make([]App, 0, len(found))
	for _, a := range found {
		all = append(all, *a)
	}
	slices.SortFunc(all, func(a, b App) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return all
}

// groupsOf are the reasons why objects are not ready.
func groupsOf(o *objects) (failures, notices []Group) {
	var unready []*object
	choose := func(all []object) {
		for i := range all {
			if !all[i].behind && all[i].ready.Reason != "" {
				unready = append(unready, &all[i])
			}
		}
	}
	for _, all := range [][]object{o.directories, o.users, o.roles, o.grants[0], o.grants[1]} {
		choose(all)
	}
	for i := range o.apps {
		choose([]object{o.apps[i].object})
	}
	for i := range o.accounts {
		choose([]object{o.accounts[i].object})
	}
	slices.SortFunc(unready, func(a, b *object) int {
		return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.ready.Reason, b.ready.Reason),
			strings.Compare(a.namespace, b.namespace), strings.Compare(a.name, b.name))
	})
	failures, notices = []Group{}, []Group{}
	for _, u := range unready {
		into := &failures
		if isNoFailure(u.ready.Reason) {
			into = &notices
		}
		if n := len(*into); n == 0 || (*into)[n-1].Kind != u.kind || (*into)[n-1].Reason != u.ready.Reason {
			*into = append(*into, Group{Kind: u.kind, Reason: u.ready.Reason})
		}
		group := &(*into)[len(*into)-1]
		group.Count++
		if len(group.Examples) < maxExamples {
			group.Examples = append(group.Examples, Example{Namespace: u.namespace, Name: u.name, Person: u.person, Message: u.ready.Message})
		}
	}
	return failures, notices
}
