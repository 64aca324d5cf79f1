package scim

import "context"

// MemberChange says by how many members a change of a group made it larger and smaller.
type MemberChange struct {
	// Added and Removed count ids, each once.
	Added, Removed int
}

type memberTrace struct{}

// TraceMembers returns a context under which a store that changes the members of a group says in change what became of them, as
// net/http/httptrace does for requests. What it says counts only if the change succeeds.
func TraceMembers(ctx context.Context, change *MemberChange) context.Context {
	return context.WithValue(ctx, memberTrace{}, change)
}

// TracedMembers returns where to count the members that a change adds and removes; nil when nobody wants to know.
func TracedMembers(ctx context.Context) *MemberChange {
	change, _ := ctx.Value(memberTrace{}).(*MemberChange)
	return change
}
