package admission

import (
	"fmt"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func claimRules() []rule {
	userName := v1alpha1.ClaimName(v1alpha1.ClaimUserName, "alice")
	displayName := v1alpha1.ClaimName(v1alpha1.ClaimDisplayName, "alice")
	claim := func(name, attribute, value, owner string) string {
		return fmt.Sprintf(`{metadata: {name: %s}, spec: {attribute: %s, value: %s, owner: %s}}`, name, attribute, value, owner)
	}
	const (
		nameMessage      = "metadata.name of a ScimClaim is derived from spec.attribute and spec.value: let the operator write it"
		immutableMessage = "spec.attribute and spec.value of a ScimClaim are immutable: its name is derived from them"
	)
	return []rule{
		{
			reason:  "a name that is not derived from a value would make no value unique",
			kind:    "ScimClaim",
			message: nameMessage,
			accept:  claim(userName, "userName", "alice", "a"),
			refuse:  claim("username-alice", "userName", "alice", "a"),
		},
		{
			reason:  "the claim of one attribute must not stand in for another's",
			kind:    "ScimClaim",
			message: nameMessage,
			accept:  claim(displayName, "displayName", "alice", "a"),
			refuse:  claim(displayName, "userName", "alice", "a"),
		},
		{
			reason:  "a claim changes hands, not values",
			kind:    "ScimClaim",
			message: immutableMessage,
			before:  claim(userName, "userName", "alice", "a"),
			accept:  claim(userName, "userName", "alice", "b"),
			refuse:  claim(userName, "userName", "bob", "a"),
		},
		{
			reason:  "only userName and displayName are unique in the cluster",
			kind:    "ScimClaim",
			message: `supported values: "userName", "displayName"`,
			accept:  claim(userName, "userName", "alice", "a"),
			refuse:  claim(userName, "externalId", "alice", "a"),
		},
	}
}
