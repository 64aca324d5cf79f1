package admission

import (
	"fmt"
	"strings"
)

// letters is a name of n characters.
func letters(n int) string { return strings.Repeat("n", n) }

func roleRules() []rule {
	rules := []rule{
		{
			reason:  "the name of a role is a label value of its slices and bindings",
			kind:    "ScimRole",
			message: "metadata.name is used as a label value: use at most 63 characters",
			accept:  fmt.Sprintf(`{metadata: {name: %s}, spec: {displayName: a}}`, letters(63)),
			refuse:  fmt.Sprintf(`{metadata: {name: %s}, spec: {displayName: a}}`, letters(64)),
		},
		{
			reason:  "nobody can grant anything to a group without a name",
			kind:    "ScimRole",
			message: "spec.displayName must not be blank: give the name of the group",
			accept:  `{metadata: {name: r}, spec: {displayName: "1234 / Ä"}}`,
			refuse:  `{metadata: {name: r}, spec: {displayName: " "}}`,
		},
		{
			reason:  "slices are immutable, so that a cached one is always right",
			kind:    "ScimRoleSlice",
			message: "spec of a ScimRoleSlice is immutable: write a new slice and name it in the role's spec.slices",
			before:  `{metadata: {name: s}, spec: {role: r, members: [a, b]}}`,
			accept:  `{metadata: {name: s, annotations: {note: x}}, spec: {role: r, members: [a, b]}}`,
			refuse:  `{metadata: {name: s}, spec: {role: r, members: [a, c]}}`,
		},
	}
	return append(rules, directoryTransitions("ScimRole", "displayName", "spec.directory cannot be changed from one directory to another: clear it to "+
		"make the role local (kubectl scim detach), and let the other directory take it over")...)
}
