package connector

import "context"

// Owner says whose an account is. It is written into the target, as the account's mark, and is the fence between accounts: names come and
// go, and an owner is never used again.
type Owner struct {
	// App is the UID of the connection, so that two connections to one target keep out of each other's way.
	App string
	// Person is the metadata.name of the ScimUser, which the operator never gives to a second person.
	Person string
}

// IsZero says that nobody is meant: the account bears no mark.
func (o Owner) IsZero() bool { return o == Owner{} }

// Existing decides what happens when an account that bears no mark already has the name that is wanted.
type Existing string

const (
	// Refuse fails with [Conflict]. It is the zero value's meaning as well.
	Refuse Existing = "Refuse"
	// Ignore leaves the account as it is and without a mark. Ensure returns it, with a zero Owner, and without an error.
	Ignore Existing = "Ignore"
	// Adopt marks the account and goes on as if the connector had made it. Roles that the account already has stay.
	Adopt Existing = "Adopt"
)

// Record is what the connector gave an account, and so may take from it again. Where the target has no room for it beside the account, the
// caller keeps it: see [Capabilities.KeepsRecord].
type Record struct {
	// Roles are in ascending order.
	Roles []string
	// Attributes are names of attributes, in ascending order.
	Attributes []string
}

// Account is an account as it should be.
type Account struct {
	Owner Owner
	// Name is what the person signs in with. An account of the owner under another name is renamed.
	Name string
	// Attributes are what the target keeps beside the name; [Capabilities] lists the names it knows. One that is not given is left as it is,
	// unless the connector set it earlier: then it is removed.
	Attributes map[string][]string
	// Active says whether the person may sign in.
	Active bool
	// Roles are what the account should have. Others that it has stay.
	Roles []string
	// Revoke are roles that should go. Only those go that the connector gave; one that is in Roles as well stays.
	Revoke []string
	// Existing applies while no account bears the owner's mark.
	Existing Existing
	// Record is what the connector gave up to now, for targets without room for it. Before a call the caller adds to the last
	// Observed.Record what this call wants to give and Observe does not show, and stores that; so nothing that was given is forgotten when
	// an answer is lost, and what somebody else gave before is not taken for the connector's. Other connectors ignore it.
	Record Record
}

// Observed is an account as the target has it.
type Observed struct {
	// ID is the target's own and outlives renaming.
	ID   string
	Name string
	// Owner is zero when the account bears no mark.
	Owner  Owner
	Active bool
	// Attributes are those that the target lets the connector read. Secret ones never are.
	Attributes map[string][]string
	// Roles are all that the account has, whoever gave them, in ascending order.
	Roles []string
	// Protected says that the connector will not touch the account, whoever asks.
	Protected bool
	// Record is what the connector gave and the account still has. Only Ensure returns it, and only where the target has no room for it.
	Record Record
}

// Capabilities are what a target can do, and what it takes.
type Capabilities struct {
	// Version is what the target says of itself, for people to read.
	Version string
	// MaxNameBytes is the longest name in bytes of UTF-8, or 0 when there is no limit.
	MaxNameBytes int
	// Attributes are the names that Account.Attributes may have, in ascending order.
	Attributes []string
	// EndsSessions says that Suspend also ends what the person is doing at the moment.
	EndsSessions bool
	// Reassigns says that Delete can hand over what the account owns.
	Reassigns bool
	// KeepsRecord says that the target itself has room for the Record, so that the caller need not keep it.
	KeepsRecord bool
}

// DeleteOptions decide what becomes of things that a deleted account owned.
type DeleteOptions struct {
	// ReassignTo names the account or role that they pass to. When it is empty, an account that owns something is not deleted: [Rejected].
	ReassignTo string
}

// Page is one part of the list of all accounts.
type Page struct {
	Accounts []Observed
	// Next is the cursor of the page that follows, or empty when there is none.
	Next string
	// Complete is true on the last page only, and only when the target was read to its end. Without it nothing follows from an account's
	// not having been listed.
	Complete bool
}

// Lister reads the list of an app's accounts, page by page.
type Lister interface {
	// List returns up to limit accounts, everybody's, after the cursor, which is empty for the first page and else the Next of the page
	// before. A limit below 1 or above what the target allows is brought into range. Accounts that are made or removed during a listing
	// may or may not be in it; all others are in it once.
	List(ctx context.Context, cursor string, limit int) (Page, error)
}

// Connector keeps the accounts of one app. Its methods may be called at the same time, also for the same owner. All return errors of
// type [*Error] only.
type Connector interface {
	// Capabilities asks the target what it is. It is also the cheapest way to find out whether the target can be reached.
	Capabilities(ctx context.Context) (Capabilities, error)

	// Observe returns the owner's account or, when it has none, the one with that name, whoever's it is. It fails with [NotFound] when there
	// is neither.
	Observe(ctx context.Context, owner Owner, name string) (Observed, error)

	// Ensure makes the account what it should be, and says whether it had to change anything. An account that is not there and should not
	// be active is not made: Observed is zero then. One of that name that Existing says to adopt is adopted, and suspended.
	Ensure(ctx context.Context, account Account) (observed Observed, changed bool, err error)

	// Suspend keeps the owner from signing in and, where the target can, ends its sessions. Without an account there is nothing to do.
	// After a failure the owner may already be kept from signing in.
	Suspend(ctx context.Context, owner Owner) (changed bool, err error)

	// Delete removes the owner's account. Without one there is nothing to do. After a failure the account may already be suspended, or
	// have lost part of what it owned to DeleteOptions.ReassignTo.
	Delete(ctx context.Context, owner Owner, options DeleteOptions) (changed bool, err error)

	Lister

	// Close ends what the connector keeps open. Nothing may be called after it.
	Close()
}
