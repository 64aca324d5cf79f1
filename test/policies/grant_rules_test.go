package policies

import (
	"fmt"
	"strings"
)

// granted is a ClusterAccessGrant, given the rest of its spec.
func granted(rest string) string {
	return "{kind: ClusterAccessGrant, metadata: {name: g}, spec: {roles: [{name: r}], " + rest + "}}"
}

// teams lists namespaces from team-0 on.
func teams(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("team-%d", i)
	}
	return "scope: Namespaces, namespaces: {names: [" + strings.Join(names, ", ") + "]}"
}

// grantRules: a person gives by a grant what they could give by a binding, and nothing more.
func grantRules() []rule {
	const (
		policy   = "scim-operator-cluster-grants"
		wide     = "a grant for the whole cluster, or for namespaces by selector, takes the verb bind on its role in the whole cluster"
		listed   = "a grant takes the verb bind on its role in every namespace that it lists"
		view     = "to: {name: view}, "
		cluster  = "scope: Cluster"
		selector = "scope: Namespaces, namespaces: {selector: {matchLabels: {a: b}}}"
		both     = "scope: Namespaces, namespaces: {names: [team-0], selector: {matchLabels: {a: b}}}"
	)
	present := []try{create(sharer, granted(view+teams(2)))}
	return []rule{
		{
			reason: "a person without the verb bind gives nothing, whatever kinds they may write", policy: policy, message: wide,
			accept: []try{create(sharer, granted(view+cluster)), create(sharer, granted(view+selector)), create(admin, granted("to: {name: cluster-admin}, "+cluster))},
			refuse: []try{
				create(broad, granted(view+cluster)), create(lead, granted(view+cluster)), create(lead, granted(view+selector)),
				create(lead, granted(view+both)), create(sharer, granted("to: {name: cluster-admin}, "+cluster)),
			},
		},
		{
			reason: "bind in some namespaces is enough for grants in these", policy: policy, message: listed,
			accept: []try{create(lead, granted(view+teams(2))), create(lead, granted(view+teams(24))), create(sharer, granted(view+teams(256)))},
			refuse: []try{
				create(lead, granted("to: {name: edit}, "+teams(2))), create(broad, granted(view+teams(1))),
				create(lead, granted(view+"scope: Namespaces, namespaces: {names: [team-0, team-24]}")),
				create(lead, granted(view+"scope: Namespaces, namespaces: {names: [kube-system]}")),
				create(sharer, granted("to: {name: admin}, "+teams(24))),
			},
		},
		{
			reason: "to hold all that a role permits is not to have been told that it may be shared", policy: policy, message: listed,
			accept: []try{create(lead, granted(view+teams(1)))},
			refuse: []try{create(lead, granted("to: {name: reader}, "+teams(1)))},
		},
		{
			reason: "the API server does not ask its authorizer without end", policy: policy, message: "lists at most 24 namespaces",
			accept: []try{create(lead, granted(view+teams(24))), create(sharer, granted(view+teams(25)))},
			refuse: []try{create(lead, granted(view+teams(25))), create(broad, granted(view+teams(256)))},
		},
		{
			reason: "a grant is not widened after it was approved", policy: policy, message: listed, present: present,
			accept: []try{
				patch(lead, granted(view+teams(3))), patch(sharer, granted("to: {name: edit}, "+teams(2))),
				patch(sharer, granted(view+`scope: Namespaces, namespaces: {names: [kube-system]}`)),
				patch(broad, `{kind: ClusterAccessGrant, metadata: {name: g, labels: {a: b}, annotations: {c: d}, finalizers: [example.com/a]}}`),
				patch(broad, granted(view+teams(2))), remove(broad, granted(view+teams(2))),
			},
			refuse: []try{
				patch(lead, granted("to: {name: edit}, "+teams(2))),
				patch(lead, `{kind: ClusterAccessGrant, metadata: {name: g}, spec: {namespaces: {names: [team-0, kube-system]}}}`),
				patch(broad, `{kind: ClusterAccessGrant, metadata: {name: g}, spec: {roles: [{name: r}, {name: mine}]}}`),
				patch(broad, `{kind: ClusterAccessGrant, metadata: {name: g}, spec: {validity: {expiresAt: "2099-01-01T00:00:00Z"}}}`),
				patch(broad, `{kind: ClusterAccessGrant, metadata: {name: g}, spec: {namespaces: {names: [team-0]}}}`),
			},
		},
		{
			reason: "a grant for some namespaces is not made one for all", policy: policy, message: wide, present: present,
			accept: []try{patch(sharer, `{kind: ClusterAccessGrant, metadata: {name: g}, spec: {scope: Cluster, namespaces: null}}`)},
			refuse: []try{
				patch(lead, `{kind: ClusterAccessGrant, metadata: {name: g}, spec: {scope: Cluster, namespaces: null}}`),
				patch(lead, `{kind: ClusterAccessGrant, metadata: {name: g}, spec: {namespaces: {selector: {}}}}`),
			},
		},
		{
			reason: "who carries grants out writes none, although it holds the verb bind", policy: policy, message: "the operator writes no grants",
			present: present,
			accept: []try{
				patch(sharer, granted("to: {name: edit}, "+teams(2))), patch(masterController, `{kind: ClusterAccessGrant, metadata: {name: g, labels: {a: b}}}`),
				status(controller, `{kind: ClusterAccessGrant, metadata: {name: g}, status: {observedGeneration: 1}}`),
			},
			refuse: []try{
				create(masterController, granted(view+cluster)), create(broadController, granted(view+teams(1))), create(masterServer, granted(view+cluster)),
				patch(masterController, granted("to: {name: edit}, "+teams(2))),
			},
		},
	}
}

// shared is an AccessGrant in a namespace.
func shared(namespace, to string) string {
	return fmt.Sprintf("{kind: AccessGrant, metadata: {name: g, namespace: %s}, spec: {roles: [{name: r}], to: {%s}}}", namespace, to)
}

// sharingRules: the owner of a namespace shares what they hold there, and has no back door to more.
func sharingRules() []rule {
	const policy, message = "scim-operator-grants", "an AccessGrant takes the verb bind on its role in its namespace"
	const view, deployer = "name: view", "kind: Role, name: deployer"
	return []rule{
		{
			reason: "an owner shares what they hold in their namespace", policy: policy, message: message,
			accept: []try{
				create(owner, shared("team-0", view)), create(owner, shared("team-0", deployer)), create(lead, shared("team-23", view)),
				create(sharer, shared("kube-system", "name: edit")), create(admin, shared("kube-system", "name: cluster-admin")),
			},
			refuse: []try{
				create(owner, shared("team-0", "name: edit")), create(owner, shared("team-0", "name: cluster-admin")),
				create(owner, shared("team-0", "kind: Role, name: view")), create(owner, shared("team-0", "name: deployer")),
				create(lead, shared("team-24", view)), create(lead, shared("kube-system", deployer)), create(broad, shared("team-0", view)),
				create(lead, shared("team-0", "name: reader")),
			},
		},
		{
			reason: "a grant is not widened after it was approved", policy: policy, message: message,
			present: []try{create(sharer, shared("team-0", "name: edit"))},
			accept: []try{
				patch(owner, `{kind: AccessGrant, metadata: {name: g, namespace: team-0, labels: {a: b}, finalizers: [example.com/a]}}`),
				patch(owner, shared("team-0", view)), patch(sharer, shared("team-0", deployer)), remove(owner, shared("team-0", view)),
			},
			refuse: []try{
				patch(owner, `{kind: AccessGrant, metadata: {name: g, namespace: team-0}, spec: {roles: [{name: r}, {name: mine}]}}`),
				patch(owner, `{kind: AccessGrant, metadata: {name: g, namespace: team-0}, spec: {users: [{userName: mallory}]}}`),
				patch(owner, `{kind: AccessGrant, metadata: {name: g, namespace: team-0}, spec: {to: {name: admin}}}`),
				patch(owner, `{kind: AccessGrant, metadata: {name: g, namespace: team-0}, spec: {validity: {expiresAt: "2099-01-01T00:00:00Z"}}}`),
			},
		},
		{
			reason: "who carries grants out writes none, although it holds the verb bind", policy: policy, message: "the operator writes no grants",
			present: []try{create(owner, shared("team-0", view))},
			accept: []try{
				patch(owner, shared("team-0", deployer)), patch(masterController, `{kind: AccessGrant, metadata: {name: g, namespace: team-0, labels: {a: b}}}`),
			},
			refuse: []try{
				create(masterController, shared("team-1", view)), create(broadServer, shared("team-1", view)),
				patch(masterController, shared("team-0", deployer)),
			},
		},
	}
}
