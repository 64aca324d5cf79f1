package admission

import "fmt"

// The messages of the rules that both kinds of grants have.
const (
	oneNameMessage   = "exactly one of the fields in [displayName name selector] must be set"
	oneUserMessage   = "exactly one of the fields in [userName name] must be set"
	validityMessage  = "spec.validity.notBefore must be before spec.validity.expiresAt: move one of the two"
	conditionMessage = "spec.condition chooses among the members one by one, and a group has no members in a binding: remove it, or set " +
		"spec.subjects to Users"
)

// grantOf makes a grant of a kind from the rest of its spec, in the form of YAML flow style.
func grantOf(kind, spec string) string {
	if kind == "AccessGrant" {
		return fmt.Sprintf(`{metadata: {name: g, namespace: default}, spec: {to: {name: view}, %s}}`, spec)
	}
	return fmt.Sprintf(`{metadata: {name: g}, spec: {to: {name: view}, scope: Cluster, %s}}`, spec)
}

// kindRules are the rules that both kinds of grants have, each for itself.
func kindRules(kind string) []rule {
	var all []rule
	for _, rules := range [][]rule{roleSelectorRules(kind), exceptionRules(kind), effectRules(kind)} {
		all = append(all, rules...)
	}
	if kind == "AccessGrant" {
		all = append(all, rule{
			reason:  "the name of a grant is a label value of its bindings",
			message: "metadata.name is used as a label value: use at most 63 characters",
			accept:  fmt.Sprintf(`{metadata: {name: %s, namespace: default}, spec: {roles: [{name: r}], to: {name: view}}}`, letters(63)),
			refuse:  fmt.Sprintf(`{metadata: {name: %s, namespace: default}, spec: {roles: [{name: r}], to: {name: view}}}`, letters(64)),
		})
	}
	for i := range all {
		all[i].kind = kind
	}
	return all
}

func roleSelectorRules(kind string) []rule {
	roles := func(text string) string { return grantOf(kind, fmt.Sprintf(`roles: [%s]`, text)) }
	return []rule{
		{
			reason:  "a role is found in one way, so that two cannot disagree",
			message: oneNameMessage,
			accept:  roles(`{displayName: R}`),
			refuse:  roles(`{displayName: R, name: r}`),
		},
		{
			reason:  "a role without any name is none",
			message: oneNameMessage,
			accept:  roles(`{name: r}`),
			refuse:  roles(`{}`),
		},
		{
			reason:  "a label selector beside a name would look as if both were asked for",
			message: oneNameMessage,
			accept:  roles(`{selector: {matchLabels: {team: a}}}`),
			refuse:  roles(`{selector: {matchLabels: {team: a}}, name: r}`),
		},
		{
			reason:  "a directory next to an object name would look as if it were checked",
			message: "directory goes with displayName or selector: a role named by its object name needs no directory, so remove it",
			accept:  roles(`{displayName: R, directory: okta}`),
			refuse:  roles(`{name: r, directory: okta}`),
		},
		{
			reason:  "an empty selector would give access to every group that anybody pushes from now on",
			message: "spec.roles.selector would select every role, now and in future: give matchLabels or matchExpressions",
			accept:  roles(`{selector: {matchExpressions: [{key: team, operator: Exists}]}, directory: okta}`),
			refuse:  roles(`{selector: {}, directory: okta}`),
		},
	}
}

func exceptionRules(kind string) []rule {
	return []rule{
		{
			reason:  "a grant to nobody is a mistake",
			message: "the grant names nobody: give spec.roles, spec.users or spec.serviceAccounts",
			accept:  grantOf(kind, `users: [{userName: alice@example.com}]`),
			refuse:  grantOf(kind, `subjects: Users`),
		},
		{
			reason:  "a person is found in one way, so that two cannot disagree",
			message: oneUserMessage,
			accept:  grantOf(kind, `users: [{name: alice-k3v9x2m4qa}]`),
			refuse:  grantOf(kind, `users: [{name: alice-k3v9x2m4qa, userName: alice}]`),
		},
		{
			reason:  "a directory next to an object name would look as if it were checked",
			message: "directory goes with userName: a user named by its object name needs no directory, so remove it",
			accept:  grantOf(kind, `users: [{userName: alice, directory: okta}]`),
			refuse:  grantOf(kind, `users: [{name: alice, directory: okta}]`),
		},
		{
			reason:  "no namespace of a service account can have such a name",
			message: fmt.Sprintf(schemaPatternMessage, `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`),
			accept:  grantOf(kind, `serviceAccounts: [{namespace: ci, name: deployer}]`),
			refuse:  grantOf(kind, `serviceAccounts: [{namespace: "system:x", name: deployer}]`),
		},
		{
			reason:  "no service account can have such a name",
			message: fmt.Sprintf(schemaPatternMessage, `^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`),
			accept:  grantOf(kind, `serviceAccounts: [{namespace: ci, name: a.b-c}]`),
			refuse:  grantOf(kind, `serviceAccounts: [{namespace: ci, name: "a:b"}]`),
		},
	}
}

func effectRules(kind string) []rule {
	where := func(text string) string { return grantOf(kind, `roles: [{name: r}], `+text) }
	target := func(text string) string {
		if kind == "AccessGrant" {
			return fmt.Sprintf(`{metadata: {name: g, namespace: default}, spec: {roles: [{name: r}], to: %s}}`, text)
		}
		return grant(text, `scope: Namespaces, namespaces: {names: [a]}`)
	}
	return []rule{
		{
			reason:  "there are two kinds of roles in RBAC",
			message: `supported values: "ClusterRole", "Role"`,
			accept:  target(`{kind: Role, name: deployer}`),
			refuse:  target(`{kind: Group, name: deployer}`),
		},
		{
			reason:  "a condition cannot choose among the members of a group that is bound as a whole",
			message: conditionMessage,
			accept:  where(`condition: user.active, subjects: Users`),
			refuse:  where(`condition: user.active, subjects: Auto`),
		},
		{
			reason:  "there are three kinds of subjects",
			message: `supported values: "Users", "Group", "Auto"`,
			accept:  where(`subjects: Group`),
			refuse:  where(`subjects: Groups`),
		},
		{
			reason:  "a mode that nobody knows must not be taken for Enforce",
			message: `supported values: "Enforce", "Plan"`,
			accept:  where(`mode: Plan`),
			refuse:  where(`mode: DryRun`),
		},
		{
			reason:  "what is done with other people's bindings is never guessed",
			message: `supported values: "Ignore", "Adopt"`,
			accept:  where(`existing: Adopt`),
			refuse:  where(`existing: Delete`),
		},
		{
			reason:  "a protection that nobody knows would protect nothing",
			message: `supported values: "LastSubject"`,
			accept:  where(`protection: LastSubject`),
			refuse:  where(`protection: Everybody`),
		},
		{
			reason:  "a grant that ends before it begins is a mistake",
			message: validityMessage,
			accept:  where(`validity: {notBefore: "2026-01-01T00:00:00Z", expiresAt: "2026-01-01T00:00:01Z"}`),
			refuse:  where(`validity: {notBefore: "2026-01-01T00:00:01Z", expiresAt: "2026-01-01T00:00:00Z"}`),
		},
		{
			reason:  "times are compared as instants, not as text",
			message: validityMessage,
			accept:  where(`validity: {notBefore: "2026-01-01T09:00:00+09:00", expiresAt: "2026-01-01T00:00:01Z"}`),
			refuse:  where(`validity: {notBefore: "2026-01-01T00:00:00-09:00", expiresAt: "2026-01-01T08:00:00Z"}`),
		},
	}
}
