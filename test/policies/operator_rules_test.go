package policies

import (
	"fmt"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// serverRules hold the server, which the internet reaches, to its own objects.
func serverRules() []rule {
	const policy = "scim-operator-server-objects"
	return append(reachRules(), []rule{
		{
			reason: "the server makes no local objects", policy: policy, message: "the SCIM server makes no local objects",
			accept: []try{create(server, pushedUser), create(server, pushedRole)},
			refuse: []try{create(server, localUser), create(server, localRole)},
		},
		{
			reason: "the server fences local objects and leaves their spec alone", policy: policy, message: "changes nothing of a local object but annotations",
			present: []try{create(editor, localUser), create(editor, localRole)},
			accept: []try{
				patch(server, marked("ScimUser", "u", v1alpha1.AnnotationFence, "a")),
				patch(server, marked("ScimRole", "r", v1alpha1.AnnotationReviewRequested, "okta")),
			},
			refuse: []try{
				patch(server, `{kind: ScimUser, metadata: {name: u}, spec: {active: false}}`),
				patch(server, `{kind: ScimRole, metadata: {name: r}, spec: {members: [b]}}`),
				patch(server, `{kind: ScimRole, metadata: {name: r, labels: {a: b}}}`),
				patch(server, marked("ScimUser", "u", "example.com/note", "a")),
			},
		},
		{
			reason: "the server detaches nobody", policy: policy, message: "changes nothing of a local object but annotations",
			present: []try{create(server, pushedUser)},
			accept:  []try{patch(server, `{kind: ScimUser, metadata: {name: u}, spec: {externalId: x}}`)},
			refuse:  []try{patch(server, `{kind: ScimUser, metadata: {name: u}, spec: {directory: null}}`)},
		},
		{
			reason: "the server deletes no local objects", policy: policy, message: "the SCIM server deletes no local objects",
			present: []try{create(server, pushedUser), create(editor, localRole)},
			accept:  []try{remove(server, pushedUser)},
			refuse:  []try{remove(server, localRole)},
		},
	}...)
}

// reachRules are defence in depth: roles stop most of this already.
func reachRules() []rule {
	const policy = "scim-operator-server-reach"
	const lifetime, foreignStatus = "sets no finalizers and no owner references", "writes the status of ScimDirectories and ScimRoles"
	const finalizers = "finalizers: [example.com/a]"
	const owners = "ownerReferences: [{apiVersion: v1, kind: Namespace, name: default, uid: a}]"
	claim := fmt.Sprintf("{kind: ScimClaim, metadata: {name: %s, %%s}, spec: {attribute: userName, value: ada, owner: u}}",
		v1alpha1.ClaimName(v1alpha1.ClaimUserName, "ada"))
	return []rule{
		{
			reason: "the server gives nothing to the garbage collector and keeps nothing from it", policy: policy, message: lifetime,
			present: []try{create(server, pushedUser)},
			accept:  []try{create(server, pushedRole), patch(server, `{kind: ScimUser, metadata: {name: u, labels: {a: b}}}`)},
			refuse: []try{
				create(server, `{kind: ScimRole, metadata: {name: r, `+owners+`}, spec: {directory: okta, displayName: a}}`),
				create(server, `{kind: ScimRoleSlice, metadata: {name: s, `+finalizers+`}, spec: {role: r, members: [a]}}`),
				create(server, fmt.Sprintf(claim, owners)),
				patch(server, `{kind: ScimUser, metadata: {name: u, `+owners+`}}`),
				patch(server, `{kind: ScimUser, metadata: {name: u, `+finalizers+`}}`),
			},
		},
		{
			reason: "the server leaves finalizers of others alone", policy: policy, message: lifetime,
			present: []try{
				create(server, pushedRole), patch(editor, `{kind: ScimRole, metadata: {name: r, `+finalizers+`}}`),
			},
			accept: []try{patch(server, `{kind: ScimRole, metadata: {name: r}, spec: {members: [b]}}`)},
			refuse: []try{patch(server, `{kind: ScimRole, metadata: {name: r, finalizers: null}}`)},
		},
		{
			reason: "what counts is for the controller to say", policy: policy, message: foreignStatus,
			present: []try{
				create(server, pushedUser), create(server, pushedRole), create(admin, `{kind: ScimDirectory, metadata: {name: d}}`),
			},
			accept: []try{
				status(server, `{kind: ScimDirectory, metadata: {name: d}, status: {observedGeneration: 1}}`),
				status(server, `{kind: ScimRole, metadata: {name: r}, status: {members: 1}}`),
			},
			refuse: []try{status(broadServer, `{kind: ScimUser, metadata: {name: u}, status: {state: Active}}`)},
		},
	}
}

// controllerRules leave the controller what repair does.
func controllerRules() []rule {
	const policy = "scim-operator-controller-objects"
	return []rule{
		{
			reason: "the controller makes nobody", policy: policy, message: "never changes their spec",
			present: []try{create(server, pushedRole)},
			accept:  []try{patch(controller, `{kind: ScimRole, metadata: {name: r}, spec: {displayName: Admins}}`)},
			refuse:  []try{create(broadController, localUser), create(broadController, pushedUser)},
		},
		{
			reason: "the controller changes nobody", policy: policy, message: "never changes their spec",
			present: []try{create(server, pushedUser), create(editor, localRole)},
			accept: []try{
				patch(controller, marked("ScimUser", "u", v1alpha1.AnnotationFence, "a")),
				patch(controller, marked("ScimUser", "u", v1alpha1.AnnotationUncommitted, "null")),
				patch(controller, marked("ScimRole", "r", v1alpha1.AnnotationFence, "a")),
				status(controller, `{kind: ScimUser, metadata: {name: u}, status: {state: Active}}`),
			},
			refuse: []try{
				patch(controller, `{kind: ScimUser, metadata: {name: u}, spec: {active: false}}`),
				patch(controller, `{kind: ScimUser, metadata: {name: u}, spec: {directory: null}}`),
				patch(controller, `{kind: ScimRole, metadata: {name: r}, spec: {localMembers: [b]}}`),
			},
		},
		{
			reason: "the controller approves nothing and labels nothing", policy: policy, message: "approvals are for people",
			present: []try{create(server, pushedUser), create(editor, localRole)},
			accept: []try{
				patch(controller, marked("ScimUser", "u", v1alpha1.AnnotationCondemned, "now")),
				patch(controller, marked("ScimRole", "r", v1alpha1.AnnotationCondemned, "null")),
			},
			refuse: []try{
				patch(controller, marked("ScimUser", "u", v1alpha1.AnnotationApprovedExternalID, "x")),
				patch(controller, marked("ScimRole", "r", v1alpha1.AnnotationApprovedTakeover, "okta")),
				patch(controller, marked("ScimRole", "r", "example.com/note", "a")),
				patch(controller, `{kind: ScimUser, metadata: {name: u, labels: {a: b}}}`),
				patch(controller, `{kind: ScimUser, metadata: {name: u, finalizers: [example.com/a]}}`),
				patch(controller, `{kind: ScimUser, metadata: {name: u, ownerReferences: [{apiVersion: v1, kind: Namespace, name: a, uid: b}]}}`),
			},
		},
		{
			reason: "the controller deletes what never came to count, and nobody else", policy: policy, message: "only after it has marked it",
			present: []try{
				create(server, pushedRole), patch(controller, marked("ScimRole", "r", v1alpha1.AnnotationCondemned, "now")),
				create(server, pushedUser), create(editor, `{kind: ScimUser, metadata: {name: local}, spec: {userName: local}}`),
				patch(controller, marked("ScimUser", "local", v1alpha1.AnnotationCondemned, "now")),
			},
			accept: []try{remove(controller, pushedRole)},
			refuse: []try{remove(controller, pushedUser), remove(controller, `{kind: ScimUser, metadata: {name: local}}`)},
		},
	}
}
