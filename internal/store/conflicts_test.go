package store

import (
	"strings"
	"testing"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// TestCommandsArePlain: whoever pushes chooses the externalId, and somebody with more rights pastes the command that the refusal names.
func TestCommandsArePlain(t *testing.T) {
	user := &v1alpha1.ScimUser{Spec: v1alpha1.ScimUserSpec{Directory: "okta"}}
	user.Name = "ada-k3v9x2m4qa"
	const command = "kubectl scim adopt user ada-k3v9x2m4qa --directory okta"
	for externalID, want := range map[string]string{
		"00u18ep2sjmnGT1wk698":   "`" + command + " --external-id 00u18ep2sjmnGT1wk698`",
		"ada@example.com":        "`" + command + " --external-id ada@example.com`",
		"$(touch /tmp/x)":        "`" + command + "`",
		"a`touch x`":             "`" + command + "`",
		"a; touch x":             "`" + command + "`",
		`a" --directory entra "`: "`" + command + "`",
		"--directory=entra":      "`" + command + "`",
		"a\nb":                   "`" + command + "`",
		"\x1b[2Ja":               "`" + command + "`",
		strings.Repeat("a", 129): "`" + command + "`",
		"'; touch x; echo 'a":    "`" + command + "`",
	} {
		if got := newcomerCommand(user, "okta", externalID); got != want {
			t.Errorf("externalId %q: got %s, want %s", externalID, got, want)
		}
	}
}
