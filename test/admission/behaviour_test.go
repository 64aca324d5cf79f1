package admission

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// TestUnknownAttributesSurvive: what the identity provider sent comes back as it was sent, null and nesting included.
func TestUnknownAttributesSurvive(t *testing.T) {
	texts := map[string]string{
		"urn:okta:lanternfield_1:1.0:user:custom":                    `{"badge":"A-7","level":3,"ratio":0.25,"tags":["x",null,{"y":[]}],"none":null,"empty":{}}`,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": `{"unknownSubAttribute":true}`,
		"urn:example:Scalar":                                         `"text"`,
		"urn:example:Big":                                            `9007199254740993`,
		"urn:example:List":                                           `[1,[2,[3]]]`,
	}
	c := newClient(t)
	user := &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Name: "round-trip"},
		Spec: v1alpha1.ScimUserSpec{
			UserName:             "round-trip@example.com",
			Extensions:           jsonValues(texts),
			AdditionalAttributes: jsonValues(texts),
		},
	}
	create(t, c, user)
	got := &v1alpha1.ScimUser{}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(user), got); err != nil {
		t.Fatal(err)
	}
	for where, values := range map[string]map[string]apiextensionsv1.JSON{
		"extensions": got.Spec.Extensions, "additionalAttributes": got.Spec.AdditionalAttributes,
	} {
		if diff := cmp.Diff(canonical(t, jsonValues(texts)), canonical(t, values)); diff != "" {
			t.Errorf("%s changed on the way through the API server (-sent +got):\n%s", where, diff)
		}
	}
}

func jsonValues(texts map[string]string) map[string]apiextensionsv1.JSON {
	values := map[string]apiextensionsv1.JSON{}
	for key, text := range texts {
		values[key] = apiextensionsv1.JSON{Raw: []byte(text)}
	}
	return values
}

// canonical keeps numbers as they are written, so that a number which lost digits shows.
func canonical(t *testing.T, values map[string]apiextensionsv1.JSON) map[string]any {
	t.Helper()
	result := map[string]any{}
	for key, value := range values {
		var raw any
		if err := json.Unmarshal(value.Raw, &raw); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if _, number := raw.(float64); number {
			raw = string(value.Raw)
		}
		result[key] = raw
	}
	return result
}

// TestDefaults: what people leave out has one meaning, which the object shows.
func TestDefaults(t *testing.T) {
	c := newClient(t)
	user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "defaults"}, Spec: v1alpha1.ScimUserSpec{UserName: "defaults"}}
	create(t, c, user)
	if user.Spec.Active == nil || !*user.Spec.Active {
		t.Errorf("spec.active of a user that says nothing: got %v, want true", user.Spec.Active)
	}

	inactive := false
	suspended := &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Name: "suspended"},
		Spec:       v1alpha1.ScimUserSpec{UserName: "suspended", Active: &inactive},
	}
	create(t, c, suspended)
	if suspended.Spec.Active == nil || *suspended.Spec.Active {
		t.Errorf("spec.active of a user that says false: got %v, want false", suspended.Spec.Active)
	}

	directory := &v1alpha1.ScimDirectory{
		ObjectMeta: metav1.ObjectMeta{Name: "defaults"},
		Spec: v1alpha1.ScimDirectorySpec{Credentials: []v1alpha1.Credential{
			{Name: "a", TokenSecretRef: v1alpha1.SecretKeyRef{Name: "token"}},
		}},
	}
	create(t, c, directory)
	if got := directory.Spec.Provider; got != v1alpha1.ProviderGeneric {
		t.Errorf("spec.provider: got %q, want %q", got, v1alpha1.ProviderGeneric)
	}
	if got := directory.Spec.Credentials[0].TokenSecretRef.Key; got != "token" {
		t.Errorf("spec.credentials[0].tokenSecretRef.key: got %q, want token", got)
	}

	grant := &v1alpha1.ClusterAccessGrant{
		ObjectMeta: metav1.ObjectMeta{Name: "defaults"},
		Spec: v1alpha1.ClusterAccessGrantSpec{
			Roles: []v1alpha1.RoleSelector{{Name: "r"}},
			To:    v1alpha1.GrantTarget{Name: "view"},
			Scope: v1alpha1.ScopeCluster,
		},
	}
	create(t, c, grant)
	if got := grant.Spec.To.Kind; got != "ClusterRole" {
		t.Errorf("spec.to.kind: got %q, want ClusterRole", got)
	}
}

// TestUserSelectors: every selectable field finds one of two users, live.
func TestUserSelectors(t *testing.T) {
	c := newClient(t)
	inactive := false
	wanted := &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Name: "selected"},
		Spec: v1alpha1.ScimUserSpec{
			Directory: "okta", UserName: `O'Neil, "Al"=x\y@example.com`, ExternalID: "00u18ep2sjmnGT1wk698", Active: &inactive,
		},
	}
	create(t, c, wanted)
	wanted.Status.State = v1alpha1.UserSuspended
	if err := c.Status().Update(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	create(t, c, &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Name: "not-selected"},
		Spec:       v1alpha1.ScimUserSpec{Directory: "entra", UserName: "other", ExternalID: "other"},
	})
	for field, value := range map[string]string{
		"spec.directory":  wanted.Spec.Directory,
		"spec.userName":   wanted.Spec.UserName,
		"spec.externalId": wanted.Spec.ExternalID,
		"spec.active":     "false",
		"status.state":    string(v1alpha1.UserSuspended),
		"metadata.name":   wanted.Name,
	} {
		mustSelect(t, c, &v1alpha1.ScimUserList{}, field, value, wanted.Name)
	}
}

// TestOtherSelectors: the selectable fields of the other kinds work too.
func TestOtherSelectors(t *testing.T) {
	c := newClient(t)
	claim := v1alpha1.ClaimName(v1alpha1.ClaimUserName, "selected")
	for _, text := range []string{
		`{kind: ScimRole, metadata: {name: selected}, spec: {displayName: "A, B", externalId: e, directory: okta}}`,
		`{kind: ScimRole, metadata: {name: not-selected}, spec: {displayName: x, externalId: x, directory: x}}`,
		`{kind: ScimRoleSlice, metadata: {name: selected}, spec: {role: r, members: [m]}}`,
		`{kind: ScimRoleSlice, metadata: {name: not-selected}, spec: {role: x, members: [m]}}`,
		`{kind: ScimClaim, metadata: {name: ` + claim + `}, spec: {attribute: userName, value: selected, owner: o}}`,
		`{kind: ClusterAccessGrant, metadata: {name: selected}, spec: {roles: [{name: r}], to: {name: view}, scope: Cluster}}`,
		`{kind: ClusterAccessGrant, metadata: {name: not-selected}, spec: {roles: [{name: r}], to: {name: x}, scope: Namespaces,
		  namespaces: {names: [a]}}}`,
	} {
		create(t, c, parse(t, text))
	}
	mustSelect(t, c, &v1alpha1.ScimRoleList{}, "spec.displayName", "A, B", "selected")
	mustSelect(t, c, &v1alpha1.ScimRoleList{}, "spec.externalId", "e", "selected")
	mustSelect(t, c, &v1alpha1.ScimRoleList{}, "spec.directory", "okta", "selected")
	mustSelect(t, c, &v1alpha1.ScimRoleSliceList{}, "spec.role", "r", "selected")
	mustSelect(t, c, &v1alpha1.ScimClaimList{}, "spec.attribute", "userName", claim)
	mustSelect(t, c, &v1alpha1.ScimClaimList{}, "spec.owner", "o", claim)
	mustSelect(t, c, &v1alpha1.ClusterAccessGrantList{}, "spec.to.name", "view", "selected")
	mustSelect(t, c, &v1alpha1.ClusterAccessGrantList{}, "spec.scope", "Cluster", "selected")
}

func mustSelect(t *testing.T, c client.Client, list client.ObjectList, field, value, want string) {
	t.Helper()
	selector := client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector(field, value)}
	if err := c.List(t.Context(), list, selector); err != nil {
		t.Errorf("list by %s: %v", field, err)
		return
	}
	if diff := cmp.Diff([]string{want}, namesOf(t, list)); diff != "" {
		t.Errorf("list by %s=%s (-want +got):\n%s", field, value, diff)
	}
}
