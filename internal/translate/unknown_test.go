package translate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
	"github.com/scim-operator/scim-operator/internal/translate"
)

// withParts has a sub-attribute that no schema names in every place where there can be one.
const withParts = `{"userName":"alice","name":{"givenName":"A","nick":{"a":[1,null]}},
 "emails":[{"value":"w@x","type":"work","verified":true},{"value":"h@x","verified":"no"}],"phoneNumbers":[{"value":"1","x":1}],"ims":[{"value":"i","x":2}],
 "photos":[{"value":"https://x/p","x":3}],"addresses":[{"locality":"L","building":7}],"entitlements":[{"value":"e","x":4}],"roles":[{"x":5}],
 "x509Certificates":[{"value":"MAMCAQA=","x":6}],"` + scim.EnterpriseUserSchema + `":{"manager":{"value":"m","email":"m@x"}}}`

func created(t *testing.T, body string) *v1alpha1.ScimUser {
	t.Helper()
	spec, err := translate.UserSpec(schema.User(), decode(t, body))
	if err != nil {
		t.Fatal(err)
	}
	return &v1alpha1.ScimUser{ObjectMeta: object("alice-0123456789"), Spec: spec}
}

// returned is what an answer says of a user, without what the server adds.
func returned(t *testing.T, user *v1alpha1.ScimUser) scim.Resource {
	t.Helper()
	got := decode(t, string(translate.AppendUser(nil, user, nil, base)))
	for _, name := range []string{"schemas", "id", "meta", "active"} {
		delete(got, name)
	}
	return got
}

func TestUnknownPartsAreReturned(t *testing.T) {
	user := created(t, withParts)
	if diff := cmp.Diff(decode(t, withParts), returned(t, user)); diff != "" {
		t.Errorf("OKTA 4.7: what no schema names is kept verbatim (-sent +returned)\n%s", diff)
	}
	places := 0
	for place, entries := range translate.RawEntries(&user.Spec) {
		for name := range entries {
			// What is stored comes back from the API server in its own spelling.
			entries[name] = apiextensionsv1.JSON{Raw: []byte(" " + string(entries[name].Raw))}
		}
		if places++; len(entries) != 1 {
			t.Errorf("%s has %d entries, want 1", place, len(entries))
		}
	}
	if places != 11 {
		t.Errorf("RawEntries gives %d places, want 11", places)
	}
	spec, err := translate.MergeUser(schema.User(), user, decode(t, withParts))
	if diff := cmp.Diff(user.Spec, spec); diff != "" || err != nil {
		t.Errorf("OKTA 4.3: an echo changes nothing, not even the spelling: %v (-stored +put)\n%s", err, diff)
	}
	spec, err = translate.MergeUser(schema.User(), user, decode(t, strings.Replace(withParts, `"verified":true`, `"verified":false`, 1)))
	if diff := cmp.Diff(`false`, string(spec.Emails[0].AdditionalAttributes["verified"].Raw)); diff != "" || err != nil {
		t.Errorf("another value is another value: %v\n%s", err, diff)
	}
}

func TestUnknownPartsSurvivePatch(t *testing.T) {
	user := created(t, withParts)
	for _, operation := range []string{
		`{"op":"replace","value":{"active":false}}`, `{"op":"replace","path":"name.familyName","value":"B"}`, `{"op":"replace","value":{"name":{"familyName":"B"}}}`,
		`{"op":"add","path":"emails","value":{"value":"o@x"}}`, `{"op":"replace","path":"emails[type eq \"work\"].value","value":"n@x"}`,
		`{"op":"add","path":"emails[verified eq true]","value":{"display":"d"}}`, `{"op":"add","path":"` + scim.EnterpriseUserSchema + `:manager","value":{"displayName":"M"}}`,
	} {
		spec, err := patched(t, user, operation)
		if err != nil {
			t.Fatal(err)
		}
		places := 0
		for range translate.RawEntries(&spec) {
			places++
		}
		if places != 11 || string(spec.Emails[0].AdditionalAttributes["verified"].Raw) != "true" {
			t.Errorf("%s: %d of 11 places are left: %+v", operation, places, spec)
		}
	}
	spec, err := patched(t, user, `{"op":"remove","path":"emails[type eq \"work\"]"}`)
	if err != nil || len(spec.Emails) != 1 || string(spec.Emails[0].AdditionalAttributes["verified"].Raw) != `"no"` {
		t.Errorf("the parts of an element go with it, and the others keep theirs: %v, %+v", err, spec.Emails)
	}
}

// TestPartsByHand are sub-attributes that a person wrote into the object although a schema names them: a name may not appear twice.
func TestPartsByHand(t *testing.T) {
	raw := map[string]apiextensionsv1.JSON{"VALUE": {Raw: []byte(`"x"`)}, "givenname": {Raw: []byte(`"x"`)}, "n": {Raw: []byte(`null`)}}
	user := &v1alpha1.ScimUser{ObjectMeta: object("alice-0123456789"), Spec: v1alpha1.ScimUserSpec{
		UserName: "alice", Emails: []v1alpha1.MultiValue{{Value: "a", AdditionalAttributes: raw}},
		Name:       &v1alpha1.Name{AdditionalAttributes: map[string]apiextensionsv1.JSON{"givenname": {Raw: []byte(`"x"`)}}},
		Enterprise: &v1alpha1.EnterpriseUser{Manager: &v1alpha1.Manager{AdditionalAttributes: map[string]apiextensionsv1.JSON{"VALUE": {Raw: []byte(`"x"`)}}}},
	}}
	want := decode(t, `{"userName":"alice","emails":[{"value":"a","givenname":"x"}]}`)
	if diff := cmp.Diff(want, returned(t, user)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if whole := decode(t, string(translate.AppendUser(nil, user, nil, base))); !scim.Equal(whole, translate.UserResource(user, nil, base)) {
		t.Errorf("AppendUser renders %v, UserResource is %v", whole, translate.UserResource(user, nil, base))
	}
}
