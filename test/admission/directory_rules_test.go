package admission

import "fmt"

func directoryRules() []rule {
	const nameMessage = "metadata.name is part of the SCIM URL: use at most 63 lower-case letters, digits and dashes"
	credential := func(name, secret, key string) string {
		return fmt.Sprintf(`{metadata: {name: d}, spec: {credentials: [{name: %s, tokenSecretRef: {name: %s, key: %s}}]}}`,
			name, secret, key)
	}
	good := credential("2026-q1", "okta.token", "SCIM_token.v2")
	return append(credentialRules(), []rule{
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
	}...)
}

// credentialRules are the rules about what a credential is and when it is valid.
func credentialRules() []rule {
	const (
		oneOf    = "exactly one of the fields in [tokenSecretRef tokenSHA256 basicSecretRef] must be set"
		validity = "notBefore of a credential must be before expiresAt: move one of the two"
		hash     = "0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789abcdef"
		keys     = `^[-._a-zA-Z0-9]+$`
	)
	credential := func(fields string) string {
		return fmt.Sprintf(`{metadata: {name: d}, spec: {credentials: [{name: a, %s}]}}`, fields)
	}
	basic := func(name, username, password string) string {
		return credential(fmt.Sprintf(`basicSecretRef: {name: %s, usernameKey: %s, passwordKey: %s}`, name, username, password))
	}
	hashed := func(more string) string { return credential(fmt.Sprintf("tokenSHA256: %q%s", hash, more)) }
	goodBasic := basic("okta.basic", "user_name", "pass-word.v2")
	return []rule{
		{"a credential without a secret would be one that nobody can present", "ScimDirectory", oneOf, "",
			goodBasic, credential("access: ReadOnly")},
		{"a credential that is two things would leave open which of them to revoke", "ScimDirectory", oneOf, "",
			hashed(""), hashed(", tokenSecretRef: {name: s}")},
		{"a user name with its password is no token", "ScimDirectory", oneOf, "",
			goodBasic, hashed(", basicSecretRef: {name: s}")},
		{"a hash of the wrong length is the hash of another function", "ScimDirectory",
			fmt.Sprintf(schemaPatternMessage, `^([0-9a-fA-F]{64}|[A-Za-z0-9+/]{43}=)$`), "",
			credential("tokenSHA256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), credential(fmt.Sprintf("tokenSHA256: %q", hash[:56]))},
		{"what a credential may do is one of two things", "ScimDirectory", `supported values: "ReadOnly", "ReadWrite"`, "",
			hashed(", access: ReadOnly"), hashed(", access: WriteOnly")},
		{"a credential that ends before it begins is a slip of the pen", "ScimDirectory", validity, "",
			hashed(`, notBefore: "2026-01-01T00:00:00Z", expiresAt: "2026-01-01T00:00:01Z"`),
			hashed(`, notBefore: "2026-01-01T00:00:00Z", expiresAt: "2026-01-01T00:00:00Z"`)},
		{"no Secret of a user name and password can have such a name", "ScimDirectory",
			fmt.Sprintf(schemaPatternMessage, `^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`), "", goodBasic, basic("kube-system/s", "u", "p")},
		{"no Secret can have such a key for a user name", "ScimDirectory", fmt.Sprintf(schemaPatternMessage, keys), "",
			goodBasic, basic("s", "../u", "p")},
		{"no Secret can have such a key for a password", "ScimDirectory", fmt.Sprintf(schemaPatternMessage, keys), "",
			goodBasic, basic("s", "u", `"p q"`)},
	}
}
