package admission

import "fmt"

// lifecycleRules are the rules about what a directory accepts, whom it matches and what its guard holds.
func lifecycleRules() []rule {
	directory := func(spec string) string { return fmt.Sprintf(`{metadata: {name: d}, spec: {%s}}`, spec) }
	extension := func(fields string) string {
		return directory(fmt.Sprintf(`extensionSchemas: [{schema: "urn:example:scim:User", %s}]`, fields))
	}
	named := func(urn string) string {
		return directory(fmt.Sprintf(`extensionSchemas: [{schema: %q, attributes: [{name: a}]}]`, urn))
	}
	const builtIn = "the standard's own schemas are built in: remove the entry, or give a URN of your own"
	rules := []rule{
		{"a schema is named by a URN", "ScimDirectory",
			fmt.Sprintf(schemaPatternMessage, `^[uU][rR][nN]:[A-Za-z0-9][-A-Za-z0-9]{0,31}:[^ ]+$`), "",
			named("urn:ietf:params:scim:schemas:extension:strongdm:2.0:User"), named("https://example.com/schema")},
		{"a directory must not redefine the standard", "ScimDirectory", builtIn, "",
			named("urn:example:User"), named("urn:ietf:params:scim:schemas:core:2.0:User")},
		{"a complex attribute has parts", "ScimDirectory",
			"subAttributes are for type complex, which needs at least one: add them, or change type", "",
			extension(`attributes: [{name: a, type: complex, subAttributes: [{name: b}]}]`),
			extension(`attributes: [{name: a, subAttributes: [{name: b}]}]`)},
		{"an attribute has a name of RFC 7643 section 2.1", "ScimDirectory",
			fmt.Sprintf(schemaPatternMessage, `^[A-Za-z$][-_A-Za-z0-9$]*$`), "",
			extension(`attributes: [{name: identityAliases, multiValued: true}]`), extension(`attributes: [{name: "a b"}]`)},
		{"a sub-attribute has one, too", "ScimDirectory",
			fmt.Sprintf(schemaPatternMessage, `^[A-Za-z$][-_A-Za-z0-9$]*$`), "",
			extension(`attributes: [{name: a, type: complex, subAttributes: [{name: b}]}]`),
			extension(`attributes: [{name: a, type: complex, subAttributes: [{name: "1"}]}]`)},
		{"a domain is written as DNS has it", "ScimDirectory",
			fmt.Sprintf(schemaPatternMessage, `^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`), "",
			directory(`signInDomains: [example.com]`), directory(`signInDomains: ["@example.com"]`)},
	}
	return append(append(rules, choiceRules(directory, extension)...), planRules()...)
}

// choiceRules: a word that is none of those that the field knows would be taken for the default.
func choiceRules(directory, extension func(string) string) []rule {
	choice := func(field, accept, refuse, values string) rule {
		return rule{"a choice is one of those that exist: " + field, "ScimDirectory", "supported values: " + values, "",
			directory(fmt.Sprintf(field, accept)), directory(fmt.Sprintf(field, refuse))}
	}
	const policies = `"Link", "Review", "Reject"`
	return []rule{
		choice("discovery: %s", "Public", "Anonymous", `"Authenticated", "Public"`),
		choice("resources: %s", "Users", "Groups", `"Users", "UsersAndGroups"`),
		choice("roleAssignment: %s", "Enabled", "Always", `"Disabled", "Enabled"`),
		choice("matching: {existingUsers: %s}", "Link", "link", policies),
		choice("matching: {existingRoles: %s}", "Reject", "reject", policies),
		choice("matching: {recycledUsers: %s}", "Review", "Ask", policies),
		choice("guard: {mode: %s}", `"Off"`, `"On"`, `"Hold", "Off"`),
		{"an extension is one of users or of groups", "ScimDirectory", `supported values: "User", "Group"`, "",
			extension(`resource: Group, attributes: [{name: a}]`), extension(`resource: Role, attributes: [{name: a}]`)},
		{"an attribute has a type of RFC 7643 section 2.3", "ScimDirectory",
			`supported values: "string", "boolean", "decimal", "integer", "dateTime", "reference", "binary", "complex"`, "",
			extension(`attributes: [{name: a, type: dateTime}]`), extension(`attributes: [{name: a, type: text}]`)},
	}
}

// planRules are the rules about an AccessPlan.
func planRules() []rule {
	const (
		digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		fixed  = "spec.directory and spec.role of an AccessPlan cannot change: the operator makes one plan for each directory and role"
	)
	plan := func(spec string) string { return fmt.Sprintf(`{metadata: {name: p}, spec: {%s}}`, spec) }
	decided := func(digest, verdict string) string {
		return plan(fmt.Sprintf(`directory: okta, decision: {digest: %q, verdict: %s}`, digest, verdict))
	}
	return []rule{
		{"a decision about one directory must not become one about another", "AccessPlan", fixed, plan(`directory: okta`),
			decided(digest, "Approve"), plan(`directory: entra`)},
		{"a decision names the set that it is about", "AccessPlan", fmt.Sprintf(schemaPatternMessage, `^sha256:[0-9a-f]{64}$`), "",
			decided(digest, "Discard"), decided("SHA256:"+digest[len("sha256:"):], "Approve")},
		{"a verdict is one of two", "AccessPlan", `supported values: "Approve", "Discard"`, "",
			decided(digest, "Approve"), decided(digest, "Maybe")},
	}
}
