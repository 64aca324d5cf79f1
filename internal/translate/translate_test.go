package translate_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
	"github.com/scim-operator/scim-operator/internal/translate"
)

const base = "https://scim.example.com/scim/okta/v2"

func decode(t testing.TB, text string) scim.Resource {
	t.Helper()
	r, err := scim.DecodeObject(strings.NewReader(text), scim.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

func object(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: name, Generation: 7, CreationTimestamp: metav1.NewTime(time.Date(2026, 1, 31, 13, 0, 0, 0, time.FixedZone("CET", 3600))),
		Annotations: map[string]string{v1alpha1.AnnotationLastModified: "2026-02-01T10:00:00.250Z"},
	}
}

// words are texts that are awkward in JSON, in URLs and in filters.
var words = rapid.OneOf(rapid.Just(""), rapid.StringN(1, 12, 48), rapid.SampledFrom([]string{"a\"b\\", "zoë", "<&>", "\u2028", "x@y"}))

func flags(t *rapid.T, label string) *bool {
	switch rapid.IntRange(0, 2).Draw(t, label) {
	case 0:
		return nil
	case 1:
		return new(bool)
	default:
		yes := true
		return &yes
	}
}

func multiValues(t *rapid.T, label string) []v1alpha1.MultiValue {
	var out []v1alpha1.MultiValue
	primary := false
	for i := range rapid.IntRange(0, 3).Draw(t, label) {
		v := v1alpha1.MultiValue{
			Value: fmt.Sprint(i) + words.Draw(t, "value"), Display: words.Draw(t, "display"), Type: words.Draw(t, "type"), Primary: flags(t, "primary"),
			AdditionalAttributes: entries(t, "verified", "$ref"),
		}
		if v.Primary != nil && *v.Primary {
			if primary {
				v.Primary = nil
			}
			primary = true
		}
		out = append(out, v)
	}
	return out
}

// uris draws what a reference may be.
var uris = rapid.SampledFrom([]string{"", "https://example.com/a?b=c#d", "../people/alice", "tel:+49-30-1", "https://example.com/ä"})

// references draws values that are URIs, and certificates such that are DER in base64.
func references(t *rapid.T, label string) []v1alpha1.MultiValue {
	out := multiValues(t, label)
	for i := range out {
		out[i].Value = fmt.Sprintf("https://example.com/%d/%s", i, url.PathEscape(out[i].Value))
	}
	return out
}

func certificates(t *rapid.T, label string) []v1alpha1.MultiValue {
	out := multiValues(t, label)
	for i := range out {
		// A sequence of one integer.
		out[i].Value = base64.StdEncoding.EncodeToString([]byte{0x30, 0x03, 0x02, 0x01, byte(i)})
	}
	return out
}

// rawJSON draws canonical JSON, as this package writes it, other than null.
func rawJSON(t *rapid.T) apiextensionsv1.JSON {
	text := rapid.SampledFrom([]string{
		`1`, `-1.5`, `1e+21`, `1e-7`, `9223372036854775807`, `true`, `"x"`, `""`, `[]`, `{}`, `{"a":[null,{"b":"\"<"}]}`, `[1,2.25,"é"]`,
	}).Draw(t, "raw")
	return apiextensionsv1.JSON{Raw: []byte(text)}
}

func entries(t *rapid.T, names ...string) map[string]apiextensionsv1.JSON {
	var out map[string]apiextensionsv1.JSON
	for _, name := range names {
		if rapid.Bool().Draw(t, name) {
			if out == nil {
				out = map[string]apiextensionsv1.JSON{}
			}
			out[name] = rawJSON(t)
		}
	}
	return out
}

// userSpecs draws every spec that SCIM can lead to.
var userSpecs = rapid.Custom(func(t *rapid.T) v1alpha1.ScimUserSpec {
	active := rapid.Bool().Draw(t, "active")
	s := v1alpha1.ScimUserSpec{
		UserName: "u" + words.Draw(t, "userName"), ExternalID: words.Draw(t, "externalId"), Active: &active,
		DisplayName: words.Draw(t, "displayName"), NickName: words.Draw(t, "nickName"), ProfileURL: uris.Draw(t, "profileUrl"),
		Title: words.Draw(t, "title"), UserType: words.Draw(t, "userType"), PreferredLanguage: words.Draw(t, "preferredLanguage"),
		Locale: words.Draw(t, "locale"), Timezone: words.Draw(t, "timezone"),
		Emails: multiValues(t, "emails"), PhoneNumbers: multiValues(t, "phoneNumbers"), Ims: multiValues(t, "ims"), Photos: references(t, "photos"),
		Entitlements: multiValues(t, "entitlements"), Roles: multiValues(t, "roles"), X509Certificates: certificates(t, "x509"),
		Extensions:           entries(t, "urn:acme:2.0:User", "http://schemas.example.com/x"),
		AdditionalAttributes: entries(t, "growthbookRole", "zeta", "a"),
	}
	n := v1alpha1.Name{Formatted: words.Draw(t, "formatted"), FamilyName: words.Draw(t, "family"), GivenName: words.Draw(t, "given"),
		MiddleName: words.Draw(t, "middle"), HonorificPrefix: words.Draw(t, "prefix"), HonorificSuffix: words.Draw(t, "suffix"),
		AdditionalAttributes: entries(t, "nick")}
	if !reflect.ValueOf(n).IsZero() {
		s.Name = &n
	}
	if rapid.Bool().Draw(t, "address") {
		s.Addresses = []v1alpha1.Address{{Formatted: words.Draw(t, "formatted"), StreetAddress: words.Draw(t, "street"), Locality: words.Draw(t, "locality"),
			Region: words.Draw(t, "region"), PostalCode: words.Draw(t, "code"), Country: "DE", Type: words.Draw(t, "type"), Primary: flags(t, "primary"),
			AdditionalAttributes: entries(t, "building")}}
	}
	e := v1alpha1.EnterpriseUser{EmployeeNumber: words.Draw(t, "number"), CostCenter: words.Draw(t, "costCenter"), Organization: words.Draw(t, "organization"),
		Division: words.Draw(t, "division"), Department: words.Draw(t, "department")}
	m := v1alpha1.Manager{Value: words.Draw(t, "manager"), Ref: uris.Draw(t, "ref"), DisplayName: words.Draw(t, "managerName"),
		AdditionalAttributes: entries(t, "email")}
	if !reflect.ValueOf(m).IsZero() {
		e.Manager = &m
	}
	if e != (v1alpha1.EnterpriseUser{}) {
		s.Enterprise = &e
	}
	if rapid.Bool().Draw(t, "surplus") {
		if s.Extensions == nil {
			s.Extensions = map[string]apiextensionsv1.JSON{}
		}
		s.Extensions[scim.EnterpriseUserSchema] = apiextensionsv1.JSON{Raw: []byte(`{"custom":[1],"other":"x"}`)}
	}
	return s
})

func TestEchoChangesNoUser(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		user := &v1alpha1.ScimUser{ObjectMeta: object("alice-0123456789"), Spec: userSpecs.Draw(t, "spec")}
		groups := []translate.GroupRef{{ID: "g-1", DisplayName: words.Draw(t, "group")}}
		resource := translate.UserResource(user, groups, base)
		spec, err := translate.UserSpec(schema.User(), resource)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(user.Spec, spec); diff != "" {
			t.Fatalf("OKTA 4.3: an echo must change nothing (-stored +echoed)\n%s", diff)
		}
		text := translate.AppendUser(nil, user, groups, base)
		rendered, err := scim.DecodeObject(bytes.NewReader(text), scim.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if !scim.Equal(resource, rendered) {
			t.Fatalf("AppendUser renders %s, UserResource is %s", text, scim.AppendValue(nil, resource))
		}
		user.Spec.Directory = "okta"
		merged, err := translate.MergeUser(schema.User(), user, rendered)
		if diff := cmp.Diff(user.Spec, merged); diff != "" || err != nil {
			t.Fatalf("a PUT of the answer: %v (-stored +put)\n%s", err, diff)
		}
	})
}

func TestEchoChangesNoGroup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		role := &v1alpha1.ScimRole{ObjectMeta: object("devs-0123456789"), Spec: v1alpha1.ScimRoleSpec{
			Directory: "okta", DisplayName: "d" + words.Draw(t, "displayName"), ExternalID: words.Draw(t, "externalId"),
			Slices: []string{"s-1"}, LocalMembers: []string{"l"}, Extensions: entries(t, "urn:x:1"), AdditionalAttributes: entries(t, "q"),
		}}
		members := &translate.Members{Names: map[string]string{"u0": words.Draw(t, "name")}}
		for i := range rapid.IntRange(0, 5).Draw(t, "members") {
			members.IDs = append(members.IDs, fmt.Sprint("u", i))
		}
		text := translate.AppendGroup(nil, role, members, base)
		attrs, ids, has, err := scim.DecodeGroup(bytes.NewReader(text), scim.Limits{})
		if err != nil || !has || strings.Join(ids, ",") != strings.Join(members.IDs, ",") {
			t.Fatalf("%s: members %v, %v, error %v", text, has, ids, err)
		}
		merged, err := translate.MergeGroup(schema.Group(), role, attrs)
		if diff := cmp.Diff(role.Spec, merged); diff != "" || err != nil {
			t.Fatalf("a PUT of the answer: %v (-stored +put)\n%s", err, diff)
		}
		whole, err := scim.DecodeObject(bytes.NewReader(text), scim.Limits{})
		if err != nil || !scim.Equal(translate.GroupResource(role, members, base), whole) {
			t.Fatalf("AppendGroup renders %s: %v", text, err)
		}
		without := translate.AppendGroup(nil, role, nil, base)
		if strings.Contains(string(without), `"members"`) || !json.Valid(without) {
			t.Fatalf("members are left out on request: %s", without)
		}
	})
}

func TestAppendUser(t *testing.T) {
	active := false
	user := &v1alpha1.ScimUser{ObjectMeta: object("alice-0123456789"), Spec: v1alpha1.ScimUserSpec{
		UserName: "Alice@Example.com", Active: &active,
		Extensions: map[string]apiextensionsv1.JSON{"urn:b": {Raw: []byte(`{"x":1}`)}, "urn:a": {Raw: []byte(`[]`)}, "urn:n": {Raw: []byte(`null`)}},
		// People may write what they like into an object; a name must not appear twice in an answer for all that.
		AdditionalAttributes: map[string]apiextensionsv1.JSON{"USERNAME": {Raw: []byte(`"x"`)}, "id": {Raw: []byte(`"y"`)}},
	}}
	got := string(translate.AppendUser(nil, user, []translate.GroupRef{{ID: "devs-1", DisplayName: "Devs"}}, base))
	want := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:a","urn:b"],"id":"alice-0123456789","userName":"Alice@Example.com","active":false,` +
		`"urn:a":[],"urn:b":{"x":1},` +
		`"groups":[{"value":"devs-1","$ref":"` + base + `/Groups/devs-1","display":"Devs","type":"direct"}],` +
		`"meta":{"resourceType":"User","created":"2026-01-31T12:00:00Z","lastModified":"2026-02-01T10:00:00.25Z","location":"` + base + `/Users/alice-0123456789","version":"W/\"7\""}}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	delete(user.Annotations, v1alpha1.AnnotationLastModified)
	if got := translate.LastModified(&user.ObjectMeta); !got.Equal(user.CreationTimestamp.Time) {
		t.Errorf("RFC 7643 3.1: lastModified of what was never modified is %v", got)
	}
}

func TestWriteGroupInPieces(t *testing.T) {
	members := &translate.Members{Names: map[string]string{"u-7": "seven@example.com"}}
	for i := range 5000 {
		members.IDs = append(members.IDs, fmt.Sprint("u-", i))
	}
	role := &v1alpha1.ScimRole{ObjectMeta: object("devs-1"), Spec: v1alpha1.ScimRoleSpec{DisplayName: "Devs"}}
	var w pieces
	if err := translate.WriteGroup(&w, role, members, base); err != nil {
		t.Fatal(err)
	}
	if w.largest > 64<<10 {
		t.Errorf("a piece has %d bytes", w.largest)
	}
	if want := translate.AppendGroup(nil, role, members, base); !bytes.Equal(want, w.all) {
		t.Errorf("the pieces make up something else than the whole")
	}
	if !json.Valid(w.all) {
		t.Error("not JSON")
	}
}

type pieces struct {
	all     []byte
	largest int
}

func (p *pieces) Write(b []byte) (int, error) {
	p.largest = max(p.largest, len(b))
	p.all = append(p.all, b...)
	return len(b), nil
}

func TestMergeUser(t *testing.T) {
	inactive := false
	current := &v1alpha1.ScimUser{Spec: v1alpha1.ScimUserSpec{
		Directory: "okta", UserName: "a", Title: "old", Active: &inactive,
		// The API server writes JSON in its own way.
		Extensions: map[string]apiextensionsv1.JSON{"urn:x": {Raw: []byte(`{"b": "\u003c", "a":1.0}`)}},
	}}
	got, err := translate.MergeUser(schema.User(), current, decode(t, `{"userName":"b","urn:x":{"a":1,"b":"<"}}`))
	want := v1alpha1.ScimUserSpec{Directory: "okta", UserName: "b", Active: &inactive, Extensions: maps.Clone(current.Spec.Extensions)}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("OKTA 4.3: PUT without active keeps the state, and drops what is left out: %v (-want +got)\n%s", err, diff)
	}
	got, err = translate.MergeUser(schema.User(), current, decode(t, `{"userName":"b","active":"True"}`))
	if err != nil || got.Active == nil || !*got.Active || got.Extensions != nil {
		t.Errorf("OKTA 4.5: active reactivates: %v, %+v", err, got)
	}
	if _, err = translate.MergeUser(schema.User(), current, decode(t, `{"active":true}`)); err == nil || !strings.Contains(err.Error(), "userName is required") {
		t.Errorf("RFC 7644 3.5.1: required attributes: %v", err)
	}
}

func TestUserSpecOfOktasCreate(t *testing.T) {
	got, err := translate.UserSpec(schema.User(), decode(t, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","`+scim.EnterpriseUserSchema+`"],
		"userName":"test.user@okta.local","name":{"givenName":"Test","familyName":"User"},
		"emails":[{"primary":true,"value":"test.user@okta.local","type":"work"}],"displayName":"Test User","locale":"en-US",
		"externalId":"00ujl29u0le5T6Aj10h7","groups":[],"password":"1mz050nq","title":"Sales Manager","`+scim.EnterpriseUserSchema+`":{"department":"Sales"}}`))
	yes := true
	want := v1alpha1.ScimUserSpec{
		UserName: "test.user@okta.local", ExternalID: "00ujl29u0le5T6Aj10h7", Active: &yes, DisplayName: "Test User", Locale: "en-US", Title: "Sales Manager",
		Name:       &v1alpha1.Name{GivenName: "Test", FamilyName: "User"},
		Emails:     []v1alpha1.MultiValue{{Value: "test.user@okta.local", Type: "work", Primary: &yes}},
		Enterprise: &v1alpha1.EnterpriseUser{Department: "Sales"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("OKTA 4.2: %v (-want +got)\n%s", err, diff)
	}
}

func benchmarkUser() *v1alpha1.ScimUser {
	yes := true
	return &v1alpha1.ScimUser{ObjectMeta: object("alice-example-com-0123456789"), Spec: v1alpha1.ScimUserSpec{
		UserName: "alice@example.com", ExternalID: "00ujl29u0le5T6Aj10h7", Active: &yes, DisplayName: "Alice Example", Locale: "en-US",
		Name:       &v1alpha1.Name{GivenName: "Alice", FamilyName: "Example"},
		Emails:     []v1alpha1.MultiValue{{Value: "alice@example.com", Type: "work", Primary: &yes}},
		Enterprise: &v1alpha1.EnterpriseUser{Department: "Sales", EmployeeNumber: "42"},
		Extensions: map[string]apiextensionsv1.JSON{"urn:acme:2.0:User": {Raw: []byte(`{"badge":"b1"}`)}},
	}}
}

func BenchmarkAppendUser(b *testing.B) {
	user, groups := benchmarkUser(), []translate.GroupRef{{ID: "devs-0123456789", DisplayName: "Devs"}, {ID: "ops-0123456789", DisplayName: "Ops"}}
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = translate.AppendUser(buf[:0], user, groups, base)
	}
}

func BenchmarkUserSpec(b *testing.B) {
	r := translate.UserResource(benchmarkUser(), nil, base)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := translate.UserSpec(schema.User(), r); err != nil {
			b.Fatal(err)
		}
	}
}
