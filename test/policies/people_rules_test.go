package policies

import (
	"fmt"
	"strings"
)

// pushedUser and pushedRole are what a directory pushed, localUser and localRole what people wrote.
const (
	pushedUser = `{kind: ScimUser, metadata: {name: u, labels: {scim-operator.io/directory: okta}}, spec: {directory: okta, userName: ada}}`
	pushedRole = `{kind: ScimRole, metadata: {name: r, labels: {scim-operator.io/directory: okta}},
		spec: {directory: okta, displayName: Admins, members: [a]}}`
	// squattingUser and squattingRole are what people might write to pass for a directory's, without the label, which is refused too.
	squattingUser = `{kind: ScimUser, metadata: {name: u}, spec: {directory: okta, userName: ada}}`
	squattingRole = `{kind: ScimRole, metadata: {name: r}, spec: {directory: okta, displayName: Admins}}`

	localUser = `{kind: ScimUser, metadata: {name: u}, spec: {userName: ada}}`
	localRole = `{kind: ScimRole, metadata: {name: r}, spec: {displayName: Admins, members: [a]}}`
)

// managedRules: what a directory pushes is read-only (S53, S62, S64), and local objects are not (S65 to S67).
func managedRules() []rule {
	const policy = "scim-operator-directory-managed"
	return []rule{
		{
			reason: "nobody but the server makes objects of a directory", policy: policy, message: "and the object is local and yours to write",
			accept: []try{create(editor, localUser), create(admin, localUser), create(editor, localRole), create(server, pushedUser)},
			refuse: []try{create(admin, squattingUser), create(editor, squattingUser), create(admin, squattingRole), create(broad, squattingRole)},
		},
		{
			reason: "nobody but the server gives a local user to a directory", policy: policy, message: "allow that with kubectl scim adopt",
			present: []try{create(editor, localUser)},
			accept: []try{
				patch(editor, `{kind: ScimUser, metadata: {name: u}, spec: {userName: grace, active: false}}`),
				patch(server, `{kind: ScimUser, metadata: {name: u, labels: {scim-operator.io/directory: okta},
					annotations: {scim-operator.io/previous-owner: local}}, spec: {directory: okta, externalId: x}}`),
			},
			refuse: []try{
				patch(admin, `{kind: ScimUser, metadata: {name: u}, spec: {directory: okta}}`),
				patch(editor, `{kind: ScimUser, metadata: {name: u}, spec: {directory: okta, externalId: x}}`),
			},
		},
		{
			reason: "nobody but the server gives a local role to a directory", policy: policy, message: "allow that with kubectl scim adopt",
			present: []try{create(editor, localRole)},
			accept: []try{
				patch(editor, `{kind: ScimRole, metadata: {name: r}, spec: {members: [a, b], displayName: Others}}`),
				patch(server, `{kind: ScimRole, metadata: {name: r}, spec: {directory: okta}}`),
			},
			refuse: []try{patch(adopter, `{kind: ScimRole, metadata: {name: r}, spec: {directory: okta}}`)},
		},
		{
			reason: "a pushed user is read-only for people", policy: policy, message: "make the object local with kubectl scim detach",
			present: []try{create(server, pushedUser)},
			accept: []try{
				patch(admin, `{kind: ScimUser, metadata: {name: u, labels: {team: a}, annotations: {note: b}}}`),
				patch(editor, `{kind: ScimUser, metadata: {name: u}, spec: {userName: ada}}`),
				patch(server, `{kind: ScimUser, metadata: {name: u}, spec: {userName: grace, active: false}}`),
				remove(server, pushedUser),
			},
			refuse: []try{
				patch(admin, `{kind: ScimUser, metadata: {name: u}, spec: {active: false}}`),
				patch(editor, `{kind: ScimUser, metadata: {name: u}, spec: {userName: grace}}`),
				patch(adopter, `{kind: ScimUser, metadata: {name: u}, spec: {externalId: x}}`),
				patch(broad, `{kind: ScimUser, metadata: {name: u}, spec: {extensions: {"urn:a": {b: c}}}}`),
			},
		},
		{
			reason: "a pushed role is read-only for people but for its local members", policy: policy, message: "make the object local with kubectl scim detach",
			present: []try{create(server, pushedRole)},
			accept: []try{
				patch(editor, `{kind: ScimRole, metadata: {name: r}, spec: {localMembers: [b]}}`),
				patch(server, `{kind: ScimRole, metadata: {name: r}, spec: {members: [a, c]}}`),
			},
			refuse: []try{
				patch(editor, `{kind: ScimRole, metadata: {name: r}, spec: {members: [a, b]}}`),
				patch(editor, `{kind: ScimRole, metadata: {name: r}, spec: {members: null}}`),
				patch(admin, `{kind: ScimRole, metadata: {name: r}, spec: {localMembers: [b], displayName: Others}}`),
			},
		},
	}
}

// costRules: the API server limits what a policy may cost to evaluate, and refuses what costs more. About the largest role that it stores
// must not come to that.
func costRules() []rule {
	const policy = "scim-operator-directory-managed"
	members := func(prefix string) string {
		var list []string
		for i := range 1000 {
			list = append(list, fmt.Sprintf("%s-%0240d", prefix, i))
		}
		return "[" + strings.Join(list, ", ") + "]"
	}
	largest := `{kind: ScimRole, metadata: {name: r}, spec: {directory: okta, displayName: Largest, members: ` + members("pushed") + `,
		extensions: {"urn:a": {text: "` + strings.Repeat("x", 400_000) + `"}}}}`
	return []rule{{
		reason: "the largest role can be written and detached", policy: policy, message: "make the object local with kubectl scim detach",
		present: []try{create(server, largest)},
		accept: []try{
			patch(editor, `{kind: ScimRole, metadata: {name: r}, spec: {localMembers: `+members("local")+`}}`),
			patch(controller, `{kind: ScimRole, metadata: {name: r, annotations: {scim-operator.io/fence: a}}}`),
			patch(server, `{kind: ScimRole, metadata: {name: r}, spec: {displayName: Renamed}}`),
			patch(editor, `{kind: ScimRole, metadata: {name: r}, spec: {directory: null}}`),
		},
		refuse: []try{patch(editor, `{kind: ScimRole, metadata: {name: r}, spec: {displayName: Renamed}}`)},
	}}
}

// detachRules: people can free what a directory left behind (S62).
func detachRules() []rule {
	const policy, message = "scim-operator-directory-managed", "clears spec.directory and changes nothing else in spec"
	return []rule{
		{
			reason: "a user is detached as it is", policy: policy, message: message,
			present: []try{create(server, pushedUser)},
			accept: []try{
				patch(editor, `{kind: ScimUser, metadata: {name: u}, spec: {directory: null}}`),
				patch(admin, `{kind: ScimUser, metadata: {name: u, labels: {scim-operator.io/directory: null}}, spec: {directory: null}}`),
			},
			refuse: []try{
				patch(editor, `{kind: ScimUser, metadata: {name: u}, spec: {directory: null, userName: grace}}`),
				patch(admin, `{kind: ScimUser, metadata: {name: u}, spec: {directory: null, active: false}}`),
			},
		},
		{
			reason: "a role is detached as it is", policy: policy, message: message,
			present: []try{create(server, pushedRole)},
			accept:  []try{patch(editor, `{kind: ScimRole, metadata: {name: r}, spec: {directory: null}}`)},
			refuse: []try{
				patch(editor, `{kind: ScimRole, metadata: {name: r}, spec: {directory: null, members: null}}`),
				patch(editor, `{kind: ScimRole, metadata: {name: r}, spec: {directory: null, localMembers: [b]}}`),
			},
		},
		{
			reason: "what was detached is local", policy: policy, message: "allow that with kubectl scim adopt",
			present: []try{create(server, pushedRole), patch(editor, `{kind: ScimRole, metadata: {name: r}, spec: {directory: null}}`)},
			accept: []try{
				patch(editor, `{kind: ScimRole, metadata: {name: r}, spec: {members: [a, b]}}`),
				patch(editor, `{kind: ScimRole, metadata: {name: r, labels: {scim-operator.io/directory: null}}}`),
				remove(editor, pushedRole),
			},
			refuse: []try{patch(editor, `{kind: ScimRole, metadata: {name: r}, spec: {directory: okta}}`)},
		},
	}
}

// deletionRules warn of what an identity provider doesn't get over by itself.
func deletionRules() []rule {
	const policy = "scim-operator-deletions"
	return []rule{
		{
			reason: "the push of a group fails once its role is gone", policy: policy, message: "unlink the group in the identity provider",
			present: []try{create(server, pushedRole), create(editor, `{kind: ScimRole, metadata: {name: local}, spec: {displayName: Local}}`)},
			accept:  []try{remove(editor, `{kind: ScimRole, metadata: {name: local}}`), remove(server, pushedRole)},
			refuse:  []try{remove(editor, pushedRole), remove(admin, pushedRole)},
		},
		{
			reason: "an identity provider goes on updating a user that is gone", policy: policy, message: "unassign the user in the identity provider",
			present: []try{create(server, pushedUser), create(editor, `{kind: ScimUser, metadata: {name: local}, spec: {userName: local}}`)},
			accept:  []try{remove(editor, `{kind: ScimUser, metadata: {name: local}}`), remove(server, pushedUser)},
			refuse:  []try{remove(editor, pushedUser), remove(admin, pushedUser)},
		},
	}
}
