package accounts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/connector"
)

// defaultDeleteAfter is how long an account stays suspended before it is deleted, where deletion is asked for and no time is given.
const defaultDeleteAfter = 14 * 24 * time.Hour

// Action is what is to be done about an account.
type Action string

const (
	// ActNothing means that there is no account and should be none, or that all was done.
	ActNothing Action = "Nothing"
	// ActEnsure makes the account what Decision.Account says.
	ActEnsure Action = "Ensure"
	// ActSuspend takes it out of use.
	ActSuspend Action = "Suspend"
	// ActDelete removes it.
	ActDelete Action = "Delete"
)

// Facts are what a decision depends on.
type Facts struct {
	Person Person
	// Known is the AppAccount's status; nil when there is no AppAccount.
	Known *v1alpha1.AppAccountStatus
	Owner connector.Owner
	// Leaving says that the AppConnection is being deleted and takes its accounts with it.
	Leaving bool
	Now     time.Time
}

// Decision is what is to be done about one person's account.
type Decision struct {
	Action  Action
	Wanted  Wanted
	Account connector.Account
	// Takes says that the person loses the account, or roles in it, so that the guard has a say.
	Takes bool
	// DeleteAt is when the account is to be deleted; zero for never.
	DeleteAt time.Time
	// Input names all that the account is made of. As long as it is the same as AppAccountStatus.Input, there is nothing to do.
	Input string
}

// Decide says what is to be done. It fails when an expression does for a person who should have an account; nothing is done then.
func (r *Rules) Decide(f Facts) (Decision, error) {
	if f.Leaving {
		f.Person.Visible = false
	}
	wanted, err := r.Want(f.Person)
	if err != nil {
		return Decision{Action: ActNothing, Wanted: wanted}, err
	}
	if len(wanted.Through) > 0 {
		return r.give(f, wanted), nil
	}
	if f.Known == nil {
		return Decision{Action: ActNothing}, nil
	}
	return r.take(f), nil
}

// give makes the account as it should be.
func (r *Rules) give(f Facts, wanted Wanted) Decision {
	account := connector.Account{
		Owner: f.Owner, Name: wanted.Name, Attributes: wanted.Attributes, Active: true, Roles: wanted.Roles,
		Revoke: r.revoked(f, wanted.Roles), Existing: existing(r.spec.Existing.Policy),
	}
	d := Decision{Action: ActEnsure, Wanted: wanted, Account: account}
	d.Takes = f.Known != nil && slices.ContainsFunc(f.Known.Roles, func(role string) bool { return !slices.Contains(wanted.Roles, role) })
	d.Input = r.digest(d)
	return d
}

// revoked are the roles that should go if the operator gave them: all that it may have given, but for those that are wanted.
func (r *Rules) revoked(f Facts, keep []string) []string {
	gone := r.MappedRoles()
	if f.Known != nil {
		gone = append(append(gone, f.Known.Roles...), f.Known.Given.Roles...)
	}
	slices.Sort(gone)
	gone = slices.Compact(gone)
	return slices.DeleteFunc(gone, func(role string) bool { return slices.Contains(keep, role) })
}

// take does what the policy says about an account that should not be there.
func (r *Rules) take(f Facts) Decision {
	policy := r.spec.Deprovisioning.Policy
	if policy == v1alpha1.DeprovisionRemoveRoles && f.Person.Active && !f.Leaving {
		if d, ok := r.strip(f); ok {
			return d
		}
	}
	d := Decision{Action: ActSuspend, Takes: inUse(f.Known)}
	if policy == v1alpha1.DeprovisionDelete {
		since := f.Now
		if f.Known.SuspendedAt != nil {
			since = f.Known.SuspendedAt.Time
		}
		d.DeleteAt = since.Add(r.deleteAfter())
		if f.Known.SuspendedAt != nil && !f.Now.Before(d.DeleteAt) {
			d.Action = ActDelete
		}
	}
	d.Input = r.digest(d)
	return d
}

// strip leaves the account in use and takes the roles. It does not, when nobody can say what the account is called.
func (r *Rules) strip(f Facts) (Decision, bool) {
	wanted, err := r.Describe(f.Person, Wanted{})
	if err != nil {
		return Decision{}, false
	}
	account := connector.Account{
		Owner: f.Owner, Name: wanted.Name, Attributes: wanted.Attributes, Active: true, Revoke: r.revoked(f, nil), Existing: connector.Refuse,
	}
	d := Decision{Action: ActEnsure, Wanted: wanted, Account: account, Takes: inUse(f.Known) && f.Known.State != v1alpha1.AccountRolesRemoved}
	d.Input = r.digest(d)
	return d, true
}

// inUse says that the account may be used, as far as is known.
func inUse(known *v1alpha1.AppAccountStatus) bool {
	switch known.State {
	case v1alpha1.AccountActive, v1alpha1.AccountRolesRemoved, v1alpha1.AccountHeld, v1alpha1.AccountFailed:
		return known.AccountID != ""
	}
	return false
}

func (r *Rules) deleteAfter() time.Duration {
	if seconds := r.spec.Deprovisioning.DeleteAfterSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return defaultDeleteAfter
}

func existing(policy v1alpha1.ExistingAccounts) connector.Existing {
	switch policy {
	case v1alpha1.ExistingAccountsAdopt:
		return connector.Adopt
	case v1alpha1.ExistingAccountsIgnore:
		return connector.Ignore
	}
	return connector.Refuse
}

// digest names a decision. It has a person's data in it and is a hash for that reason, too.
func (r *Rules) digest(d Decision) string {
	a := d.Account
	encoded, err := json.Marshal([]any{d.Action, a.Owner, a.Name, a.Attributes, a.Active, a.Roles, a.Existing, r.spec.Mode, d.Wanted.Through})
	if err != nil {
		panic(err) // texts, lists of texts and a bool always have a form in JSON
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:16])
}

// Keeping is the account as Decision has it, less what would be taken: what the guard lets pass while it holds the rest.
func Keeping(d Decision) connector.Account {
	account := d.Account
	account.Revoke = nil
	return account
}

// Differences says in words what Ensure would change about the account that was found; nothing when it would change nothing that shows.
func Differences(want connector.Account, found connector.Observed, exists bool) []string {
	if !exists {
		if !want.Active {
			return nil
		}
		return append([]string{"make the account " + quote(want.Name)}, listed("give", want.Roles)...)
	}
	var changes []string
	if found.Owner.IsZero() {
		changes = append(changes, "adopt the account "+quote(found.Name))
	}
	if found.Name != want.Name && !found.Owner.IsZero() {
		changes = append(changes, "rename the account from "+quote(found.Name)+" to "+quote(want.Name))
	}
	if found.Active != want.Active {
		changes = append(changes, map[bool]string{true: "resume the account", false: "suspend the account"}[want.Active])
	}
	changes = append(changes, listed("give", minus(want.Roles, found.Roles))...)
	changes = append(changes, listed("take", both(want.Revoke, found.Roles))...)
	return append(changes, attributeChanges(want.Attributes, found.Attributes)...)
}

// attributeChanges names attributes and no values. What the app does not show is not compared.
func attributeChanges(want, found map[string][]string) []string {
	var changes []string
	for name, values := range want {
		shown, ok := found[name]
		if ok && !slices.Equal(sorted(values), sorted(shown)) {
			changes = append(changes, "change the attribute "+name)
		}
	}
	slices.Sort(changes)
	return changes
}

func sorted(values []string) []string { return slices.Sorted(slices.Values(values)) }

func listed(verb string, roles []string) []string {
	var all []string
	for _, role := range roles {
		all = append(all, verb+" the role "+quote(role))
	}
	return all
}

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // every text has a form in JSON
	}
	return string(quoted)
}

// minus is what is in the first list only, and both what is in both, in the first list's order.
func minus(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

func both(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}
