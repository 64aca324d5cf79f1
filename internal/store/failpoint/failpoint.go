// Package failpoint names every write of the identity store, and lets a test build die right before or right after any of them.
//
// In a normal build Hit does nothing and is inlined away. With the build tag failpoints, the environment variable
// SCIM_OPERATOR_FAILPOINT=<name>:<before|after>[:<n>] makes the process kill itself (SIGKILL, so that nothing is tidied up) at
// the n-th hit, by default the first.
package failpoint

// When says on which side of a write a failpoint lies.
type When string

const (
	// Before is the moment before the request is sent.
	Before When = "before"
	// After is the moment after the answer has come, whatever it is.
	After When = "after"
)

// Point is the name of one write: the operation, a dot, and what is written.
type Point string

// The writes of the store, in the order in which an operation makes them. A name is also a step of the model checker.
const (
	CreateUserUser  Point = "create-user.user"
	CreateUserFence Point = "create-user.fence"
	CreateUserClaim Point = "create-user.claim"
	// CreateUserCondemn marks the user of a create that lost, before CreateUserUndo deletes it.
	CreateUserCondemn Point = "create-user.condemn"
	CreateUserUndo    Point = "create-user.undo"

	UpdateUserFence Point = "update-user.fence"
	UpdateUserClaim Point = "update-user.claim"
	UpdateUserUser  Point = "update-user.user"

	DeleteUserUser  Point = "delete-user.user"
	DeleteUserClaim Point = "delete-user.claim"

	CreateRoleRole    Point = "create-role.role"
	CreateRoleSlice   Point = "create-role.slice"
	CreateRoleMembers Point = "create-role.members"
	CreateRoleFence   Point = "create-role.fence"
	CreateRoleClaim   Point = "create-role.claim"
	CreateRoleCondemn Point = "create-role.condemn"
	CreateRoleUndo    Point = "create-role.undo"

	UpdateRoleFence    Point = "update-role.fence"
	UpdateRoleClaim    Point = "update-role.claim"
	UpdateRoleSlice    Point = "update-role.slice"
	UpdateRoleRole     Point = "update-role.role"
	UpdateRoleOldSlice Point = "update-role.old-slice"

	DeleteRoleRole  Point = "delete-role.role"
	DeleteRoleClaim Point = "delete-role.claim"
	DeleteRoleSlice Point = "delete-role.slice"

	RepairFence     Point = "repair.fence"
	RepairClaim     Point = "repair.claim"
	RepairCondemn   Point = "repair.condemn"
	RepairUncondemn Point = "repair.uncondemn"
	RepairResidue   Point = "repair.residue"
	RepairSlice     Point = "repair.slice"
)

// Names returns the names of all failpoints, in the order of the operations and of their writes.
func Names() []Point {
	return []Point{
		CreateUserUser, CreateUserFence, CreateUserClaim, CreateUserCondemn, CreateUserUndo,
		UpdateUserFence, UpdateUserClaim, UpdateUserUser,
		DeleteUserUser, DeleteUserClaim,
		CreateRoleRole, CreateRoleSlice, CreateRoleMembers, CreateRoleFence, CreateRoleClaim,
		CreateRoleCondemn, CreateRoleUndo,
		UpdateRoleFence, UpdateRoleClaim, UpdateRoleSlice, UpdateRoleRole, UpdateRoleOldSlice,
		DeleteRoleRole, DeleteRoleClaim, DeleteRoleSlice,
		RepairFence, RepairClaim, RepairCondemn, RepairUncondemn, RepairResidue, RepairSlice,
	}
}
