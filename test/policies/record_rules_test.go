package policies

import (
	"fmt"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// marked is a merge patch that changes one annotation; null takes it off.
func marked(kind, name, annotation, value string) string {
	return fmt.Sprintf("{kind: %s, metadata: {name: %s, annotations: {%s: %s}}}", kind, name, annotation, value)
}

// markRules: the operator's records are its own, and approvals are for those who hold the verb adopt.
func markRules() []rule {
	const policy = "scim-operator-marks"
	const records = "annotations under scim-operator.io/ are the operator's records"
	return append(labelRules(), []rule{
		{
			reason: "a forged record could delete a pushed user", policy: policy, message: records,
			present: []try{create(server, pushedUser), patch(server, marked("ScimUser", "u", v1alpha1.AnnotationLastModified, "then"))},
			accept: []try{
				patch(admin, marked("ScimUser", "u", "example.com/note", "a")),
				patch(server, marked("ScimUser", "u", v1alpha1.AnnotationLastModified, "now")),
				patch(controller, marked("ScimUser", "u", v1alpha1.AnnotationCondemned, "now")),
			},
			refuse: []try{
				patch(admin, marked("ScimUser", "u", v1alpha1.AnnotationCondemned, "now")),
				patch(editor, marked("ScimUser", "u", v1alpha1.AnnotationLastModified, "now")),
				patch(editor, marked("ScimUser", "u", v1alpha1.AnnotationLastModified, "null")),
				patch(adopter, marked("ScimUser", "u", v1alpha1.AnnotationPreviousOwner, "local")),
			},
		},
		{
			reason: "a local object has no forged records either", policy: policy, message: records,
			accept: []try{create(editor, localRole)},
			refuse: []try{
				create(editor, `{kind: ScimRole, metadata: {name: r, annotations: {scim-operator.io/uncommitted: "1"}}, spec: {displayName: a}}`),
				create(admin, `{kind: ScimUser, metadata: {name: u, annotations: {scim-operator.io/fence: a}}, spec: {userName: a}}`),
			},
		},
		{
			reason: "an approval of a takeover takes the verb adopt", policy: policy, message: "takes the verb adopt",
			present: []try{create(editor, localUser)},
			accept: []try{
				patch(adopter, marked("ScimUser", "u", v1alpha1.AnnotationApprovedTakeover, "okta")),
				patch(admin, marked("ScimUser", "u", v1alpha1.AnnotationApprovedTakeover, "okta")),
			},
			refuse: []try{
				patch(editor, marked("ScimUser", "u", v1alpha1.AnnotationApprovedTakeover, "okta")),
				patch(broad, marked("ScimUser", "u", v1alpha1.AnnotationApprovedTakeover, "okta")),
				create(editor, `{kind: ScimRole, metadata: {name: r, annotations: {scim-operator.io/approved-takeover: okta}}, spec: {displayName: a}}`),
			},
		},
		{
			reason: "an approval of a recycled name takes the verb adopt", policy: policy, message: "takes the verb adopt",
			present: []try{
				create(server, pushedUser), create(server, pushedRole),
				patch(adopter, marked("ScimUser", "u", v1alpha1.AnnotationApprovedExternalID, "x")),
			},
			accept: []try{
				patch(adopter, marked("ScimUser", "u", v1alpha1.AnnotationApprovedExternalID, "z")),
				patch(adopter, marked("ScimRole", "r", v1alpha1.AnnotationApprovedTakeover, "okta")),
				patch(server, marked("ScimUser", "u", v1alpha1.AnnotationApprovedExternalID, "null")),
			},
			refuse: []try{
				patch(editor, marked("ScimUser", "u", v1alpha1.AnnotationApprovedExternalID, "z")),
				patch(editor, marked("ScimUser", "u", v1alpha1.AnnotationApprovedExternalID, "null")),
				patch(broad, marked("ScimRole", "r", v1alpha1.AnnotationApprovedTakeover, "okta")),
			},
		},
	}...)
}

func labelRules() []rule {
	const policy, message = "scim-operator-marks", "labels under scim-operator.io/ are the operator's records"
	return []rule{
		{
			reason: "a label says which directory pushed an object", policy: policy, message: message,
			present: []try{create(server, pushedUser)},
			accept: []try{
				patch(editor, `{kind: ScimUser, metadata: {name: u, labels: {example.com/team: a}}}`),
				patch(server, `{kind: ScimUser, metadata: {name: u, labels: {scim-operator.io/directory: entra}}}`),
			},
			refuse: []try{
				patch(editor, `{kind: ScimUser, metadata: {name: u, labels: {scim-operator.io/directory: entra}}}`),
				patch(admin, `{kind: ScimUser, metadata: {name: u, labels: {scim-operator.io/directory: null}}}`),
				patch(admin, `{kind: ScimUser, metadata: {name: u, labels: {scim-operator.io/role: r}}}`),
			},
		},
		{
			reason: "a local object is labelled with no directory", policy: policy, message: message,
			accept: []try{create(editor, localRole)},
			refuse: []try{create(editor, `{kind: ScimRole, metadata: {name: r, labels: {scim-operator.io/directory: okta}}, spec: {displayName: a}}`)},
		},
	}
}

// internalRules: claims and slices are written by the operator alone.
func internalRules() []rule {
	const policy, message = "scim-operator-internals", "are the operator's own"
	name := v1alpha1.ClaimName(v1alpha1.ClaimUserName, "ada")
	claim := func(owner string) string {
		return fmt.Sprintf("{kind: ScimClaim, metadata: {name: %s}, spec: {attribute: userName, value: ada, owner: %s}}", name, owner)
	}
	const slice = `{kind: ScimRoleSlice, metadata: {name: s, labels: {scim-operator.io/role: r}}, spec: {role: r, members: [a]}}`
	return []rule{
		{
			reason: "who writes a claim takes a name", policy: policy, message: message,
			accept: []try{create(server, claim("u")), create(controller, claim("u"))},
			refuse: []try{create(admin, claim("u")), create(broad, claim("u"))},
		},
		{
			reason: "who changes a claim gives a name away", policy: policy, message: message,
			present: []try{create(server, claim("u"))},
			accept: []try{
				patch(server, claim("v")), update(controller, claim("v")), remove(server, claim("u")), remove(controller, claim("u")),
				patch(admin, claim("u")), patch(server, marked("ScimClaim", name, v1alpha1.AnnotationFence, "a")),
			},
			refuse: []try{
				patch(admin, claim("v")), patch(broad, claim("v")), remove(admin, claim("u")), remove(broad, claim("u")), removeAll(admin, claim("u")),
				patch(admin, marked("ScimClaim", name, v1alpha1.AnnotationFence, "a")),
				patch(broad, fmt.Sprintf("{kind: ScimClaim, metadata: {name: %s, labels: {a: b}}}", name)),
				patch(broad, fmt.Sprintf("{kind: ScimClaim, metadata: {name: %s, finalizers: [example.com/a]}}", name)),
				patch(broad, fmt.Sprintf(`{kind: ScimClaim, metadata: {name: %s, ownerReferences: [{apiVersion: v1, kind: Namespace, name: a, uid: b}]}}`, name)),
			},
		},
		{
			reason: "members of a large role are pushed", policy: policy, message: message,
			present: []try{create(server, slice)},
			accept:  []try{remove(server, slice), remove(controller, slice), patch(admin, slice)},
			refuse: []try{
				remove(admin, slice), remove(broad, slice),
				create(admin, `{kind: ScimRoleSlice, metadata: {name: forged}, spec: {role: r, members: [b]}}`),
				patch(admin, `{kind: ScimRoleSlice, metadata: {name: s, labels: {scim-operator.io/role: q}}}`),
			},
		},
	}
}

// planRules: who counts does not decide.
func planRules() []rule {
	const policy = "scim-operator-plans"
	const plan = `{kind: AccessPlan, metadata: {name: p}, spec: {directory: okta}}`
	const decision = `{digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", verdict: Approve}`
	const decided = `{kind: AccessPlan, metadata: {name: p}, spec: {directory: okta, decision: ` + decision + `}}`
	present := []try{create(broadController, plan)}
	return []rule{
		{
			reason: "people make no plans", policy: policy, message: "AccessPlans are made and removed by the operator",
			accept: []try{create(broadController, plan)},
			refuse: []try{create(admin, plan), create(broad, plan), create(broadServer, plan)},
		},
		{
			reason: "people remove no plans, because that forgets what was counted", policy: policy,
			message: "AccessPlans are made and removed by the operator", present: present,
			accept: []try{remove(broadController, plan)},
			refuse: []try{remove(admin, plan), remove(broad, plan)},
		},
		{
			reason: "a decision takes the verb approve", policy: policy, message: "takes the verb approve", present: present,
			accept: []try{patch(approver, decided), patch(admin, decided), patch(broad, `{kind: AccessPlan, metadata: {name: p, labels: {a: b}}}`)},
			refuse: []try{patch(broad, decided), patch(broadController, decided), patch(broadServer, decided)},
		},
		{
			reason: "who may not decide takes no decision back either", policy: policy, message: "takes the verb approve",
			present: append(present[:1:1], patch(approver, decided)),
			accept:  []try{patch(approver, `{kind: AccessPlan, metadata: {name: p}, spec: {decision: null}}`)},
			refuse:  []try{patch(broad, `{kind: AccessPlan, metadata: {name: p}, spec: {decision: null}}`)},
		},
		{
			reason: "a plan is not born decided", policy: policy, message: "takes the verb approve",
			accept: []try{create(broadController, plan)},
			refuse: []try{create(broadController, decided)},
		},
		{
			reason: "people don't write what was counted", policy: policy, message: "status of an AccessPlan says what the operator counted",
			present: present,
			accept:  []try{status(broadController, `{kind: AccessPlan, metadata: {name: p}, status: {held: 3}}`)},
			refuse: []try{
				status(admin, `{kind: AccessPlan, metadata: {name: p}, status: {held: 0}}`),
				status(broad, `{kind: AccessPlan, metadata: {name: p}, status: {state: Released}}`),
			},
		},
	}
}
