package admission

import "fmt"

// grant is a whole grant with the given parts; each is in the form of YAML flow style.
func grant(roles, target, where string) string {
	return fmt.Sprintf(`{metadata: {name: g}, spec: {roles: [%s], to: %s, %s}}`, roles, target, where)
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
			reason:  "a grant cannot give a Role, which lives in one namespace",
			kind:    "ClusterAccessGrant",
			message: `supported values: "ClusterRole"`,
			accept:  grant(`{name: r}`, `{kind: ClusterRole, name: view}`, `scope: Cluster`),
			refuse:  grant(`{name: r}`, `{kind: Role, name: view}`, `scope: Cluster`),
		},
		{
			reason:  "a role is found by one name, so that two cannot disagree",
			kind:    "ClusterAccessGrant",
			message: "exactly one of the fields in [displayName name] must be set",
			accept:  grant(`{displayName: R}`, `{name: view}`, `scope: Cluster`),
			refuse:  grant(`{displayName: R, name: r}`, `{name: view}`, `scope: Cluster`),
		},
		{
			reason:  "a role without any name is none",
			kind:    "ClusterAccessGrant",
			message: "exactly one of the fields in [displayName name] must be set",
			accept:  grant(`{name: r}`, `{name: view}`, `scope: Cluster`),
			refuse:  grant(`{}`, `{name: view}`, `scope: Cluster`),
		},
		{
			reason:  "a directory next to an object name would look as if it were checked",
			kind:    "ClusterAccessGrant",
			message: "directory goes with displayName: a role named by its object name needs no directory, so remove it",
			accept:  grant(`{displayName: R, directory: okta}`, `{name: view}`, `scope: Cluster`),
			refuse:  grant(`{name: r, directory: okta}`, `{name: view}`, `scope: Cluster`),
		},
	}
	return append(append(rules, scopeRules()...), namespaceRules()...)
}

func scopeRules() []rule {
	const message = "spec.namespaces is required with scope Namespaces and must be absent with scope Cluster: add it, or change spec.scope"
	const validityMessage = "spec.validity.notBefore must be before spec.validity.expiresAt: move one of the two"
	where := func(text string) string { return grant(`{name: r}`, `{name: view}`, text) }
	return []rule{
		{
			reason:  "a protection that nobody knows would protect nothing",
			kind:    "ClusterAccessGrant",
			message: `supported values: "LastSubject"`,
			accept:  where(`scope: Cluster, protection: LastSubject`),
			refuse:  where(`scope: Cluster, protection: Everybody`),
		},
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
		{
			reason:  "a grant that ends before it begins is a mistake",
			kind:    "ClusterAccessGrant",
			message: validityMessage,
			accept:  where(`scope: Cluster, validity: {notBefore: "2026-01-01T00:00:00Z", expiresAt: "2026-01-01T00:00:01Z"}`),
			refuse:  where(`scope: Cluster, validity: {notBefore: "2026-01-01T00:00:01Z", expiresAt: "2026-01-01T00:00:00Z"}`),
		},
		{
			reason:  "times are compared as instants, not as text",
			kind:    "ClusterAccessGrant",
			message: validityMessage,
			accept:  where(`scope: Cluster, validity: {notBefore: "2026-01-01T09:00:00+09:00", expiresAt: "2026-01-01T00:00:01Z"}`),
			refuse:  where(`scope: Cluster, validity: {notBefore: "2026-01-01T00:00:00-09:00", expiresAt: "2026-01-01T08:00:00Z"}`),
		},
	}
}

func namespaceRules() []rule {
	const operatorMessage = "spec.namespaces.selector.matchExpressions: operator is In or NotIn with values, or Exists or DoesNotExist " +
		"without"
	where := func(text string) string {
		return grant(`{name: r}`, `{name: view}`, fmt.Sprintf(`scope: Namespaces, namespaces: %s`, text))
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
