package access

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func TestGroupname(t *testing.T) {
	role := &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "ops-1"}, Spec: v1alpha1.ScimRoleSpec{DisplayName: "Ops", ExternalID: "00g1"}}
	cases := []struct{ reason, expression, want, err string }{
		{"without an expression it is the displayName", "", "Ops", ""},
		{"a prefix is the common case", `"oidc:" + role.displayName`, "oidc:Ops", ""},
		{"the other quotes are quotes as well", ` 'x:'+role.displayName `, "x:Ops", ""},
		{"functions of strings are there", `role.displayName.lowerAscii()`, "ops", ""},
		{"the other fields are there", `role.externalId + "/" + role.name`, "00g1/ops-1", ""},
		{"an unknown field fails when it is read", `role.members`, "", "fails for this role"},
		{"the result must be a string", `role.displayName.size()`, "", "want a string"},
		{"also where only the evaluation tells", `dyn(1)`, "", "gives no string"},
		{"the expression must be one", `role.`, "", "does not compile"},
		{"there is no user in it", `user.userName`, "", "does not compile"},
	}
	for _, tc := range cases {
		compiled, err := CompileGroupname(tc.expression)
		got := ""
		if err == nil {
			got, err = compiled.Of(role)
		}
		if got != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("reason: %s; %s gives %q, %v", tc.reason, tc.expression, got, err)
		}
	}
}
