package users

import (
	"strings"
	"testing"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func TestKubernetesUser(t *testing.T) {
	prefixed := &v1alpha1.ScimDirectory{}
	prefixed.Spec.Identity.Username = `"okta:" + user.userName`
	tests := map[string]struct {
		reason, userName string
		directory        *v1alpha1.ScimDirectory
		required, want   string
		refused          bool
	}{
		"local":    {reason: "a local user is called by the userName", userName: "alice", want: "alice"},
		"prefixed": {reason: "the directory's expression says how", userName: "alice", directory: prefixed, want: "okta:alice"},
		"system":   {reason: "a name that may not be bound is nobody's, in status too", userName: "system:masters", refused: true},
		"required": {reason: "the expression gives the prefix that is required", userName: "alice", directory: prefixed, required: "okta:", want: "okta:alice"},
		"lacking":  {reason: "a local user has no expression to give a prefix", userName: "alice", required: "okta:", refused: true},
		"case":     {reason: "Kubernetes tells capitals from small letters", userName: "OKTA:alice", required: "okta:", refused: true},
		"too long": {reason: "status cannot hold it, and would never be written", userName: strings.Repeat("a", 254), refused: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			user := &v1alpha1.ScimUser{Spec: v1alpha1.ScimUserSpec{UserName: test.userName}}
			got, err := kubernetesUser(user, test.directory, test.required)
			if got != test.want || (err != nil) != test.refused {
				t.Errorf("reason: %s\ngot %q and %v, want %q, refused %t", test.reason, got, err, test.want, test.refused)
			}
		})
	}
}
