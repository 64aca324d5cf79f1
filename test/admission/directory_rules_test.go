package admission

import "fmt"

func directoryRules() []rule {
	const nameMessage = "metadata.name is part of the SCIM URL: use at most 63 lower-case letters, digits and dashes"
	credential := func(name, secret, key string) string {
		return fmt.Sprintf(`{metadata: {name: d}, spec: {credentials: [{name: %s, tokenSecretRef: {name: %s, key: %s}}]}}`,
			name, secret, key)
	}
	good := credential("2026-q1", "okta.token", "SCIM_token.v2")
	return []rule{
		{
			reason:  "the name of a directory is a segment of a URL",
			kind:    "ScimDirectory",
			message: nameMessage,
			accept:  `{metadata: {name: okta-2}}`,
			refuse:  `{metadata: {name: okta.example}}`,
		},
		{
			reason:  "the name of a directory is a label value",
			kind:    "ScimDirectory",
			message: nameMessage,
			accept:  fmt.Sprintf(`{metadata: {name: %s}}`, letters(63)),
			refuse:  fmt.Sprintf(`{metadata: {name: %s}}`, letters(64)),
		},
		{
			reason:  "a provider whose dialect nobody knows is Generic",
			kind:    "ScimDirectory",
			message: `supported values: "Okta", "Entra", "Authentik", "Google", "JumpCloud", "Generic"`,
			accept:  `{metadata: {name: d}, spec: {provider: Okta}}`,
			refuse:  `{metadata: {name: d}, spec: {provider: okta}}`,
		},
		{
			reason:  "the name of a credential is printed in logs",
			kind:    "ScimDirectory",
			message: fmt.Sprintf(schemaPatternMessage, `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`),
			accept:  good,
			refuse:  credential(`"new token"`, "okta.token", "token"),
		},
		{
			reason:  "no Secret can have such a name",
			kind:    "ScimDirectory",
			message: fmt.Sprintf(schemaPatternMessage, `^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`),
			accept:  good,
			refuse:  credential("a", "other-namespace/token", "token"),
		},
		{
			reason:  "no Secret can have such a key",
			kind:    "ScimDirectory",
			message: fmt.Sprintf(schemaPatternMessage, `^[-._a-zA-Z0-9]+$`),
			accept:  good,
			refuse:  credential("a", "okta.token", "../token"),
		},
	}
}
