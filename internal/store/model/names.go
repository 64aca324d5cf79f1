package model

import (
	"slices"
)

// Names of the steps that write. They are the names of the store's failpoints; those of users stand for roles as well, since both
// kinds share the claim protocol.
var (
	claimWrites = map[kind]map[uint8]string{
		create: {
			pcCreateUser: "create-user.user", pcFence: "create-user.fence", pcWriteClaim: "create-user.claim",
			pcMarkOwn: "create-user.condemn", pcUndo: "create-user.undo",
		},
		rename: {pcFence: "update-user.fence", pcWriteClaim: "update-user.claim", pcRename: "update-user.user"},
		update: {pcUpdate: "update-user.user"},
		remove: {pcDeleteUser: "delete-user.user", pcDropClaim: "delete-user.claim"},
		repair: {
			pcFence: "repair.fence", pcBump: "repair.fence", pcWriteClaim: "repair.claim", pcDropClaim: "repair.claim",
			pcCondemn: "repair.condemn", pcPardon: "repair.uncondemn", pcDeleteCondemned: "repair.residue",
		},
		abandon: {
			pcCondemn: "create-user.condemn", pcPardon: "repair.uncondemn", pcDeleteCondemned: "create-user.undo",
		},
		give: {pcBump: "create-user.fence", pcWriteClaim: "create-user.claim"},
	}
	memberWrites = map[task]map[uint8]string{
		addMembers: updateWrites, removeMembers: updateWrites, replaceMembers: updateWrites,
		createRole: {
			mCreateRole: "create-role.role", mCreateSlice: "create-role.slice", mCommit: "create-role.members", mClaim: "create-role.claim",
		},
		deleteRole:   {mDeleteRole: "delete-role.role", mDropSlice: "delete-role.slice"},
		repairSlices: {mRepairFence: "repair.fence", mRepairDelete: "repair.slice"},
	}
	updateWrites = map[uint8]string{
		mCreateSlice: "update-role.slice", mCommit: "update-role.role", mDropSlice: "update-role.old-slice",
	}
	roleNames = map[string]string{
		"create-user.fence": "create-role.fence", "create-user.claim": "create-role.claim", "create-user.condemn": "create-role.condemn",
		"create-user.undo": "create-role.undo", "create-user.user": "create-role.role",
		"update-user.fence": "update-role.fence", "update-user.claim": "update-role.claim", "update-user.user": "update-role.role",
		"delete-user.user": "delete-role.role", "delete-user.claim": "delete-role.claim",
	}
)

// Steps returns the names of all steps that write, of both protocols and both kinds of object, sorted and without duplicates. Each is
// `<operation>.<object>`, and is the name of a failpoint of the store.
func Steps() []string {
	var names []string
	for _, writes := range claimWrites {
		for _, name := range writes {
			names = append(names, name)
			if twin, ok := roleNames[name]; ok {
				names = append(names, twin)
			}
		}
	}
	for _, writes := range memberWrites {
		for _, name := range writes {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// claimStepName puts a step into words; one that writes has its failpoint's name.
func claimStepName(k kind, pc uint8) string {
	if name, ok := claimWrites[k][pc]; ok {
		return name
	}
	switch pc {
	case pcPeek:
		return "the cache shows the claim"
	case pcGuess:
		return "the request begins, and reads the presumed owner"
	case pcGetClaim, pcConfirm:
		return "read the claim"
	case pcGetOwner:
		return "read the claim's owner"
	case pcGetUser, pcReadBack, pcReadAgain:
		return "read"
	default:
		return "write inline (broken on purpose)"
	}
}

// aboutClaim says whether a step is about a name and not about a user.
func aboutClaim(pc uint8) bool {
	switch pc {
	case pcGetClaim, pcWriteClaim, pcDropClaim, pcPeek, pcConfirm:
		return true
	default:
		return false
	}
}

func memberStepName(t task, pc uint8) string {
	if name, ok := memberWrites[t][pc]; ok {
		return name
	}
	switch pc {
	case mGetRole, mRepairRole:
		return "read the role"
	case mGetSlice:
		return "read a slice"
	default:
		return "write inline (broken on purpose)"
	}
}

func refusal(ok bool) string {
	if ok {
		return ""
	}
	return ", refused"
}

// String implements fmt.Stringer.
func (k kind) String() string {
	return [...]string{"create", "rename", "update", "delete", "search", "repair", "search by attribute", "search ahead", "create of a presumed name", "give away", "abandon"}[k]
}

// String implements fmt.Stringer.
func (t task) String() string {
	return [...]string{"add", "remove", "replace", "create role", "delete role", "read", "repair"}[t]
}
