package scim

// MemberOpKind says what a MemberOp does to a group's members.
type MemberOpKind int

// The kinds of member operations.
const (
	// AddMembers adds ids; those that are members already stay.
	AddMembers MemberOpKind = iota
	// RemoveMembers removes ids; those that are no members are passed over.
	RemoveMembers
	// ReplaceMembers makes ids the whole membership; with none it empties the group.
	ReplaceMembers
)

// MemberOp is one step of a change of a group's members. A PATCH, a PUT and a POST all come down to a list of them, applied in
// order and as a whole, so that the cost of a change need not grow with the group.
type MemberOp struct {
	Kind MemberOpKind
	// IDs are the members' ids as the client sent them; they may repeat, and may name users that do not exist.
	IDs []string
}
