package admission

import "fmt"

// grant is a whole grant of one role with the given parts; each is in the form of YAML flow style.
func grant(target, where string) string {
	return fmt.Sprintf(`{metadata: {name: g}, spec: {roles: [{name: r}], to: %s, %s}}`, target, where)
}

func grantRules() []rule {
	rules := []rule{
		{
			reason:  "the name of a grant is a label value of its bindings",
			kind:    "ClusterAccessGrant",
			message: "metadata.name is used as a label value: use at most 63 characters",
			accept:  fmt.Sprintf(`{metadata: {name: %s}, spec: {roles: [{name: r}], to: {name: view}, scope: Cluster}}`, letters(63)),
			refuse:  fmt.Sprintf(`{metadata: {name: %s}, spec: {roles: [{name: r}], to: {name: view}, scope: Cluster}}`, letters(64)),
		},
		{
			reason:  "a Role lives in a namespace, so nobody can have it in the whole cluster",
			kind:    "ClusterAccessGrant",
			message: "spec.to.kind Role needs spec.scope Namespaces, because a Role lives in a namespace: change one of the two",
			accept:  grant(`{kind: Role, name: deployer}`, `scope: Namespaces, namespaces: {names: [a]}`),
			refuse:  grant(`{kind: Role, name: deployer}`, `scope: Cluster`),
		},
		{
			reason:  "a service account without a namespace is none, and a cluster-wide grant has no namespace of its own",
			kind:    "ClusterAccessGrant",
			message: "spec.serviceAccounts needs a namespace in every entry of a ClusterAccessGrant: add it",
			accept:  grant(`{name: view}`, `scope: Cluster, serviceAccounts: [{namespace: ci, name: deployer}]`),
			refuse:  grant(`{name: view}`, `scope: Cluster, serviceAccounts: [{name: deployer}]`),
		},
	}
	rules = append(append(rules, scopeRules()...), namespaceRules()...)
	return append(append(rules, kindRules("ClusterAccessGrant")...), kindRules("AccessGrant")...)
}

func scopeRules() []rule {
	const message = "spec.namespaces is required with scope Namespaces and must be absent with scope Cluster: add it, or change spec.scope"
	where := func(text string) string { return grant(`{name: view}`, text) }
	return []rule{
		{
			reason:  "a grant for namespaces without any would be taken for the whole cluster",
			kind:    "ClusterAccessGrant",
			message: message,
			accept:  where(`scope: Namespaces, namespaces: {names: [a]}`),
			refuse:  where(`scope: Namespaces`),
		},
		{
			reason:  "a cluster-wide grant with namespaces says two things",
			kind:    "ClusterAccessGrant",
			message: message,
			accept:  where(`scope: Cluster`),
			refuse:  where(`scope: Cluster, namespaces: {names: [a]}`),
		},
		{
			reason:  "there are two scopes and no default",
			kind:    "ClusterAccessGrant",
			message: `supported values: "Cluster", "Namespaces"`,
			accept:  where(`scope: Cluster`),
			refuse:  where(`scope: All`),
		},
	}
}

func namespaceRules() []rule {
	const operatorMessage = "spec.namespaces.selector.matchExpressions: operator is In or NotIn with values, or Exists or DoesNotExist " +
		"without"
	where := func(text string) string {
		return grant(`{name: view}`, fmt.Sprintf(`scope: Namespaces, namespaces: %s`, text))
	}
	expression := func(text string) string { return where(fmt.Sprintf(`{selector: {matchExpressions: [%s]}}`, text)) }
	return []rule{
		{
			reason:  "a selection of nothing is a mistake, and must not be read as everything",
			kind:    "ClusterAccessGrant",
			message: "spec.namespaces selects nothing: give names, selector, or both",
			accept:  where(`{selector: {}}`),
			refuse:  where(`{}`),
		},
		{
			reason:  "no namespace can have such a name",
			kind:    "ClusterAccessGrant",
			message: fmt.Sprintf(schemaPatternMessage, `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`),
			accept:  where(`{names: [team-1]}`),
			refuse:  where(`{names: ["team-*"]}`),
		},
		{
			reason:  "an exclusion that no namespace can match would look as if it protected something",
			kind:    "ClusterAccessGrant",
			message: fmt.Sprintf(schemaPatternMessage, `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`),
			accept:  where(`{selector: {}, excludeNames: [kube-system]}`),
			refuse:  where(`{selector: {}, excludeNames: ["kube-*"]}`),
		},
		{
			reason:  "an operator that nobody knows would select nothing or everything",
			kind:    "ClusterAccessGrant",
			message: operatorMessage,
			accept:  expression(`{key: team, operator: In, values: [a]}, {key: x, operator: DoesNotExist}`),
			refuse:  expression(`{key: team, operator: Equals, values: [a]}`),
		},
		{
			reason:  "In without values selects nothing",
			kind:    "ClusterAccessGrant",
			message: operatorMessage,
			accept:  expression(`{key: team, operator: NotIn, values: [a, b]}`),
			refuse:  expression(`{key: team, operator: In}`),
		},
		{
			reason:  "Exists with values does not compare them",
			kind:    "ClusterAccessGrant",
			message: operatorMessage,
			accept:  expression(`{key: team, operator: Exists}`),
			refuse:  expression(`{key: team, operator: Exists, values: [a]}`),
		},
	}
}
