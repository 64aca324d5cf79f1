package translate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/patch"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
	"github.com/scim-operator/scim-operator/internal/translate"
)

// spoilt are objects that a person has changed past the server, into what no client may send.
var spoilt = []struct {
	what   string
	change func(*v1alpha1.ScimUserSpec)
}{
	{"a profileUrl that is no URI", func(s *v1alpha1.ScimUserSpec) { s.ProfileURL = "not a\tURI %zz" }},
	{"a photo that is no URI", func(s *v1alpha1.ScimUserSpec) { s.Photos = []v1alpha1.MultiValue{{Value: "a b", Type: "photo"}} }},
	{"a manager whose $ref is no URI", func(s *v1alpha1.ScimUserSpec) {
		s.Enterprise = &v1alpha1.EnterpriseUser{Manager: &v1alpha1.Manager{Value: "m", Ref: "../Users/m m"}}
	}},
	{"a certificate that is not base64", func(s *v1alpha1.ScimUserSpec) { s.X509Certificates = []v1alpha1.MultiValue{{Value: "?"}} }},
	{"a certificate that is not DER", func(s *v1alpha1.ScimUserSpec) {
		s.X509Certificates = []v1alpha1.MultiValue{{Value: "AAAA", Display: "old"}}
	}},
	{"two primary values", func(s *v1alpha1.ScimUserSpec) {
		yes := true
		s.Emails = []v1alpha1.MultiValue{{Value: "a", Primary: &yes}, {Value: "b", Primary: &yes}}
	}},
	{"a value twice, and a type in capitals", func(s *v1alpha1.ScimUserSpec) {
		s.Emails = []v1alpha1.MultiValue{{Value: "a", Type: "WORK"}, {Value: "a", Type: "WORK"}}
	}},
	{"extensions that are too large", func(s *v1alpha1.ScimUserSpec) {
		s.Extensions = map[string]apiextensionsv1.JSON{"urn:big": {Raw: []byte(`"` + strings.Repeat("x", 100_000) + `"`)}}
	}},
	{"too many extensions", func(s *v1alpha1.ScimUserSpec) {
		s.Extensions = map[string]apiextensionsv1.JSON{}
		for i := range 40 {
			s.Extensions[fmt.Sprint("urn:x:", i)] = apiextensionsv1.JSON{Raw: []byte(`1`)}
		}
	}},
	{"parts of a name that are too large, with a name of their own that is empty", func(s *v1alpha1.ScimUserSpec) {
		s.Name = &v1alpha1.Name{AdditionalAttributes: map[string]apiextensionsv1.JSON{"": {Raw: []byte(`"` + strings.Repeat("x", 100_000) + `"`)}}}
	}},
	{"names of the other kind", func(s *v1alpha1.ScimUserSpec) {
		s.Extensions = map[string]apiextensionsv1.JSON{"plain": {Raw: []byte(`1`)}}
		s.AdditionalAttributes = map[string]apiextensionsv1.JSON{"urn:x:1": {Raw: []byte(`1`)}}
		for i := range 32 {
			s.Extensions[fmt.Sprint("urn:x:x", i)] = apiextensionsv1.JSON{Raw: []byte(`1`)}
		}
	}},
	{"names that are empty and too long", func(s *v1alpha1.ScimUserSpec) {
		s.AdditionalAttributes = map[string]apiextensionsv1.JSON{"": {Raw: []byte(`1`)}, strings.Repeat("n", 300): {Raw: []byte(`1`)}}
	}},
}

func spoiltUser(change func(*v1alpha1.ScimUserSpec)) *v1alpha1.ScimUser {
	yes := true
	user := &v1alpha1.ScimUser{ObjectMeta: object("alice-0123456789")}
	user.Spec = v1alpha1.ScimUserSpec{Directory: "okta", UserName: "alice", Active: &yes, Title: "old"}
	change(&user.Spec)
	return user
}

// patched is what the server makes of a PATCH with one operation.
func patched(t *testing.T, user *v1alpha1.ScimUser, operation string) (v1alpha1.ScimUserSpec, error) {
	t.Helper()
	operations, err := patch.Parse(schema.User(), decode(t, `{"Operations":[`+operation+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	next, err := patch.Apply(schema.User(), translate.UserResource(user, nil, base), operations, patch.Options{})
	if err != nil {
		return v1alpha1.ScimUserSpec{}, err
	}
	return translate.MergeUser(schema.User(), user, next)
}

// TestWhatIsStoredStopsNothing changes users whose objects are malformed: the change is made, and the rest stays byte for byte.
func TestWhatIsStoredStopsNothing(t *testing.T) {
	echo := func(active bool) func(*testing.T, *v1alpha1.ScimUser) (v1alpha1.ScimUserSpec, error) {
		return func(t *testing.T, user *v1alpha1.ScimUser) (v1alpha1.ScimUserSpec, error) {
			t.Helper()
			body := decode(t, string(translate.AppendUser(nil, user, nil, base)))
			body["active"] = active
			return translate.MergeUser(schema.User(), user, body)
		}
	}
	operation := func(text string) func(*testing.T, *v1alpha1.ScimUser) (v1alpha1.ScimUserSpec, error) {
		return func(t *testing.T, user *v1alpha1.ScimUser) (v1alpha1.ScimUserSpec, error) {
			t.Helper()
			return patched(t, user, text)
		}
	}
	no := false
	deactivated := func(s *v1alpha1.ScimUserSpec) { s.Active = &no }
	for _, request := range []struct {
		reason string
		send   func(*testing.T, *v1alpha1.ScimUser) (v1alpha1.ScimUserSpec, error)
		want   func(*v1alpha1.ScimUserSpec)
	}{
		{"OKTA 4.4: deactivation by PATCH", operation(`{"op":"replace","value":{"active":false}}`), deactivated},
		{"OKTA 4.3: deactivation by a PUT that echoes the rest", echo(false), deactivated},
		{"OKTA 4.3: an echo changes nothing", echo(true), func(*v1alpha1.ScimUserSpec) {}},
		{"RFC 7644 3.5.2: a PATCH of something else", operation(`{"op":"replace","path":"title","value":"new"}`), func(s *v1alpha1.ScimUserSpec) { s.Title = "new" }},
		{"the same with a new attribute", operation(`{"op":"add","path":"nickName","value":"Al"}`), func(s *v1alpha1.ScimUserSpec) { s.NickName = "Al" }},
	} {
		for _, c := range spoilt {
			t.Run(request.reason+"/"+c.what, func(t *testing.T) {
				user := spoiltUser(c.change)
				want := *user.Spec.DeepCopy()
				request.want(&want)
				got, err := request.send(t, user)
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("error %v (-want +got)\n%s", err, diff)
				}
			})
		}
	}
}

// TestPutOfLessThanIsStored leaves malformed values out, which always works.
func TestPutOfLessThanIsStored(t *testing.T) {
	no := false
	want := v1alpha1.ScimUserSpec{Directory: "okta", UserName: "alice", Active: &no}
	for _, c := range spoilt {
		got, err := translate.MergeUser(schema.User(), spoiltUser(c.change), decode(t, `{"userName":"alice","active":false}`))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v (-want +got)\n%s", c.what, err, diff)
		}
	}
}

// TestPartOfWhatIsStored touches an attribute of which another part is malformed.
func TestPartOfWhatIsStored(t *testing.T) {
	user := spoiltUser(func(s *v1alpha1.ScimUserSpec) {
		s.Photos = []v1alpha1.MultiValue{{Value: "a b", Type: "photo"}, {Value: "https://x/y", Type: "thumbnail"}}
		s.Enterprise = &v1alpha1.EnterpriseUser{Manager: &v1alpha1.Manager{Value: "m", Ref: "../Users/m m"}}
	})
	const manager = scim.EnterpriseUserSchema + ":manager"
	for _, c := range []struct {
		reason, operation string
		fails             bool
	}{
		{reason: "a neighbour in the same element", operation: `{"op":"replace","path":"photos[type eq \"photo\"].display","value":"d"}`},
		{reason: "another element", operation: `{"op":"replace","path":"photos[type eq \"thumbnail\"].value","value":"https://x/z"}`},
		{reason: "one element more", operation: `{"op":"add","path":"photos","value":[{"value":"https://x/new"}]}`},
		{reason: "the stored value by its path", operation: `{"op":"replace","path":"photos[type eq \"photo\"].value","value":"a b"}`},
		{reason: "the stored value in a new element", operation: `{"op":"replace","path":"photos","value":[{"value":"a b","type":"photo","display":"d"}]}`},
		{reason: "another part of the manager", operation: `{"op":"replace","path":"` + manager + `","value":{"displayName":"M"}}`},
		{reason: "the stored $ref with another value", operation: `{"op":"replace","path":"` + manager + `","value":{"value":"n","$ref":"../Users/m m"}}`},
		{reason: "a malformed value that is new", operation: `{"op":"replace","path":"photos[type eq \"photo\"].value","value":"a c"}`, fails: true},
		{reason: "a new malformed element", operation: `{"op":"add","path":"photos","value":[{"value":"a c"}]}`, fails: true},
		{reason: "a value that is stored elsewhere", operation: `{"op":"add","path":"profileUrl","value":"a b"}`, fails: true},
		{reason: "a new malformed $ref", operation: `{"op":"replace","path":"` + manager + `.$ref","value":"a b"}`, fails: true},
		{reason: "two primaries that are new", operation: `{"op":"add","path":"emails","value":[{"value":"a","primary":true},{"value":"b","primary":true}]}`, fails: true},
	} {
		t.Run(c.reason, func(t *testing.T) {
			spec, err := patched(t, user, c.operation)
			if (err != nil) != c.fails {
				t.Fatalf("error %v, want one: %v", err, c.fails)
			}
			stays := slices.ContainsFunc(spec.Photos, func(v v1alpha1.MultiValue) bool { return v.Value == "a b" })
			if err == nil && !stays {
				t.Errorf("the malformed value is gone: %+v", spec.Photos)
			}
		})
	}
}

// TestNewMalformedValueInPut is refused whatever is stored.
func TestNewMalformedValueInPut(t *testing.T) {
	for _, c := range spoilt {
		for _, body := range []string{`"profileUrl":"a c"`, `"photos":[{"value":"a c"}]`, `"x509Certificates":[{"value":"AAAB"}]`, `"x":"` + strings.Repeat("x", 200_000) + `"`} {
			if _, err := translate.MergeUser(schema.User(), spoiltUser(c.change), decode(t, `{"userName":"alice",`+body+`}`)); err == nil {
				t.Errorf("%s: %.40s is accepted", c.what, body)
			}
		}
	}
}

func TestStoredGroupStopsNothing(t *testing.T) {
	role := &v1alpha1.ScimRole{ObjectMeta: object("devs-0123456789"), Spec: v1alpha1.ScimRoleSpec{
		Directory: "okta", DisplayName: "Devs",
		Extensions: map[string]apiextensionsv1.JSON{"urn:big": {Raw: []byte(`"` + strings.Repeat("x", 100_000) + `"`)}},
	}}
	operations, err := patch.Parse(schema.Group(), decode(t, `{"Operations":[{"op":"replace","path":"displayName","value":"Ops"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	next, err := patch.Apply(schema.Group(), translate.GroupResource(role, nil, base), operations, patch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := *role.Spec.DeepCopy()
	want.DisplayName = "Ops"
	got, err := translate.MergeGroup(schema.Group(), role, next)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got)\n%s", err, diff)
	}
}
