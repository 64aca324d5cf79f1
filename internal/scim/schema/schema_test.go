package schema_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

func decode(t testing.TB, text string) scim.Resource {
	t.Helper()
	r, err := scim.DecodeObject(strings.NewReader(text), scim.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"x%d":%d`, i, i)
	}
	return b.String()
}

func TestNormalize(t *testing.T) {
	for _, c := range []struct{ reason, in, want, fails string }{
		{reason: "OKTA 4.2: the real create", in: `{"schemas":["` + scim.UserSchema + `"],"userName":"test.joiner@lanternfieldgoods.co.uk",
			"name":{"givenName":"test","familyName":"joiner"},"emails":[{"primary":true,"value":"test.joiner@lanternfieldgoods.co.uk"}],
			"externalId":"00u18ep2sjmnGT1wk698","groups":[],"password":"hunter2","active":true}`,
			want: `{"userName":"test.joiner@lanternfieldgoods.co.uk","name":{"givenName":"test","familyName":"joiner"},
			"emails":[{"primary":true,"value":"test.joiner@lanternfieldgoods.co.uk"}],"externalId":"00u18ep2sjmnGT1wk698","active":true}`},
		{reason: "OKTA 4.3: what only the server writes is not looked at", in: `{"id":7,"meta":"04-12-2018","groups":{"x":1},"password":[],"userName":"a"}`, want: `{"userName":"a"}`},
		{reason: "RFC 7643 2.1: names without case", in: `{"USERNAME":"A","Name":{"GIVENNAME":"b"}}`, want: `{"userName":"A","name":{"givenName":"b"}}`},
		{reason: "RFC 7643 2.5: null, empty arrays and OKTA C9337 empty strings are unassigned",
			in: `{"userName":"a","title":null,"emails":[],"nickName":"","name":{"givenName":""},"phoneNumbers":[{"value":""},null]}`, want: `{"userName":"a"}`},
		{reason: "OKTA 4.7: numbers for identifiers", in: `{"externalId":12,"` + scim.EnterpriseUserSchema + `":{"employeeNumber":7}}`, want: `{"externalId":"12","` + scim.EnterpriseUserSchema + `":{"employeeNumber":"7"}}`},
		{reason: "OKTA 11: booleans as strings", in: `{"active":"True","emails":[{"value":"a","primary":"false"}]}`, want: `{"active":true,"emails":[{"value":"a","primary":false}]}`},
		{reason: "OKTA 4.7: unknown attributes and extensions are kept verbatim", in: `{"growthbookRole":"x","urn:a:b":{"C":[null,1.50]},"` + strings.ToLower(scim.EnterpriseUserSchema) + `":{"Custom":[]}}`,
			want: `{"growthbookRole":"x","urn:a:b":{"C":[null,1.50]},"` + scim.EnterpriseUserSchema + `":{"Custom":[]}}`},
		{reason: "OKTA 4.7: and so are sub-attributes", in: `{"NAME":{"nick":{"a":[1.0]},"x":null,"y":""},"emails":[{"value":"a","Verified":false},{"$ref":"b"}],"` + scim.EnterpriseUserSchema + `":{"manager":{"email":[]}}}`,
			want: `{"name":{"nick":{"a":[1.0]},"y":""},"emails":[{"value":"a","Verified":false},{"$ref":"b"}],"` + scim.EnterpriseUserSchema + `":{"manager":{"email":[]}}}`},
		{reason: "elements that are one keep the unknown sub-attributes of both", in: `{"emails":[{"value":"a","x":1},{"value":"a","y":2,"x":3}]}`, want: `{"emails":[{"value":"a","x":1,"y":2}]}`},
		{reason: "an element has so many of them", in: `{"emails":[{"value":"a"` + manyMembers(17) + `}]}`, fails: "emails has more than 16 parts"},
		{reason: "and together they are so large", in: `{"emails":[{"x":"` + strings.Repeat("x", 40_000) + `"}],"name":{"x":"` + strings.Repeat("x", 40_000) + `"}}`, fails: "more than 65536 bytes together"},
		{reason: "the names are so long", in: `{"name":{"` + strings.Repeat("n", 257) + `":1}}`, fails: "between 1 and 256 bytes"},
		{reason: "attributes under the core URN are core attributes", in: `{"` + scim.UserSchema + `":{"title":"x"}}`, want: `{"title":"x"}`},
		{reason: "an attribute has one value", in: `{"title":"y","` + scim.UserSchema + `":{"title":"x"}}`, fails: "title is given twice"},
		{reason: "OKTA 11: roles as strings", in: `{"roles":["admin"]}`, want: `{"roles":[{"value":"admin"}]}`},
		{reason: "an extension without attributes is none", in: `{"` + scim.EnterpriseUserSchema + `":{"department":""}}`, want: `{}`},
		{reason: "RFC 7643 2.4: one primary", in: `{"emails":[{"value":"a","primary":true},{"value":"b","primary":"TRUE"}]}`, fails: "emails has more than one value"},
		{reason: "RFC 7643 2.4: a pair of type and value is there once, and canonical types have one spelling",
			in:   `{"emails":[{"value":"a","type":"WORK"},{"value":"a","type":"work","display":"d","primary":true},{"value":"a"},{"type":"home"},{"type":"home"}]}`,
			want: `{"emails":[{"value":"a","type":"work","display":"d","primary":true},{"value":"a"},{"type":"home"},{"type":"home"}]}`},
		{reason: "RFC 7643 2.3.7: a reference is a URI", in: `{"profileUrl":"my page"}`, fails: "profileUrl must be a URI"},
		{reason: "RFC 7643 2.3.7: a reference may be relative", in: `{"profileUrl":"../a#b"}`, want: `{"profileUrl":"../a#b"}`},
		{reason: "RFC 7643 2.3.6: binary is base64", in: `{"x509Certificates":[{"value":"?"}]}`, fails: "must be base64"},
		{reason: "RFC 7643 4.1.2: a certificate is DER", in: `{"x509Certificates":[{"value":"AAAA"}]}`, fails: "must be one certificate"},
		{reason: "RFC 7643 4.1.2: one certificate a value", in: `{"x509Certificates":[{"value":"MAMCAQAwAwIBAA=="}]}`, fails: "must be one certificate"},
		{reason: "RFC 7643 4.1.2: a sequence in DER", in: `{"x509Certificates":[{"value":"MAMCAQA="}]}`, want: `{"x509Certificates":[{"value":"MAMCAQA="}]}`},
		{reason: "the type is named", in: `{"title":7}`, fails: "title must be a string"},
		{reason: "the type is named, in depth", in: `{"emails":[{"value":{}}]}`, fails: "emails.value must be a string"},
		{reason: "an array is an array", in: `{"emails":"a@b"}`, fails: "emails must be an array"},
		{reason: "an object is an object", in: `{"name":"a"}`, fails: "name must be an object"},
		{reason: "a boolean is a boolean", in: `{"active":"yes"}`, fails: "active must be a boolean"},
		{reason: "an extension is an object", in: `{"` + scim.EnterpriseUserSchema + `":[]}`, fails: "must be an object"},
		{reason: "RFC 7643 3: schemas name the resource", in: `{"schemas":["` + scim.GroupSchema + `"]}`, fails: "schemas must name"},
		{reason: "schemas are texts", in: `{"schemas":[1]}`, fails: "schemas must be an array"},
		{reason: "the unknown is bounded in bytes", in: `{"x":"` + strings.Repeat("a", 64<<10) + `"}`, fails: "more than 65536 bytes"},
		{reason: "the unknown is bounded in number", in: manyAttributes(65), fails: "more than 64 attributes"},
		{reason: "64 are allowed", in: manyAttributes(64), want: manyAttributes(64)},
	} {
		t.Run(c.reason, func(t *testing.T) {
			in := decode(t, c.in)
			kept := in.Clone()
			got, err := schema.Normalize(schema.User(), in)
			if diff := cmp.Diff(kept, in); diff != "" {
				t.Errorf("the resource that was passed in has changed\n%s", diff)
			}
			if c.fails != "" {
				var e *scim.Error
				if !errors.As(err, &e) || e.Status != 400 || e.Type != scim.TypeInvalidValue || !strings.Contains(e.Detail, c.fails) {
					t.Fatalf("error %v, want 400 invalidValue with %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decode(t, c.want), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			again, err := schema.Normalize(schema.User(), got)
			if diff := cmp.Diff(got, again); diff != "" || err != nil {
				t.Errorf("normalising again changes it: %v\n%s", err, diff)
			}
		})
	}
}

func manyAttributes(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(`"x%d":1`, i)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func TestRequireAll(t *testing.T) {
	if err := schema.RequireAll(schema.User(), scim.Resource{"userName": "a"}); err != nil {
		t.Error(err)
	}
	if err := schema.RequireAll(schema.Group(), scim.Resource{}); err == nil || !strings.Contains(err.Error(), "displayName is required") {
		t.Errorf("a group without a name: %v", err)
	}
}

func TestLookup(t *testing.T) {
	for _, c := range []struct{ urn, name, want string }{
		{"", "USERNAME", "userName"}, {scim.UserSchema, "emails", "emails"}, {"", "ExternalID", "externalId"},
		{strings.ToUpper(scim.EnterpriseUserSchema), "Department", "department"}, {"", "department", ""}, {"urn:x", "userName", ""},
	} {
		got := ""
		if a := schema.User().Lookup(c.urn, c.name); a != nil {
			got = a.Name
		}
		if got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.urn, c.name, got, c.want)
		}
	}
}

func TestProjection(t *testing.T) {
	const user = `{"schemas":["s"],"id":"1","userName":"a","name":{"givenName":"g","familyName":"f"},"emails":[{"value":"v","type":"t"}],
		"` + scim.EnterpriseUserSchema + `":{"department":"d","costCenter":"c"}}`
	for _, c := range []struct{ reason, attributes, excluded, want string }{
		{reason: "RFC 7644 3.9: the minimum set stays", attributes: "userName", want: `{"schemas":["s"],"id":"1","userName":"a"}`},
		{reason: "without case", attributes: "USERNAME, nothing", want: `{"schemas":["s"],"id":"1","userName":"a"}`},
		{reason: "sub-attributes", attributes: "name.givenName,emails.value", want: `{"schemas":["s"],"id":"1","name":{"givenName":"g"},"emails":[{"value":"v"}]}`},
		{reason: "two sub-attributes of one", attributes: "emails.type,emails.value", want: `{"schemas":["s"],"id":"1","emails":[{"value":"v","type":"t"}]}`},
		{reason: "an extension's attribute", attributes: scim.EnterpriseUserSchema + ":department", want: `{"schemas":["s"],"id":"1","` + scim.EnterpriseUserSchema + `":{"department":"d"}}`},
		{reason: "an extension", attributes: scim.EnterpriseUserSchema, want: `{"schemas":["s"],"id":"1","` + scim.EnterpriseUserSchema + `":{"department":"d","costCenter":"c"}}`},
		{reason: "the core's URN", attributes: scim.UserSchema + ":userName", want: `{"schemas":["s"],"id":"1","userName":"a"}`},
		{reason: "exclusion", excluded: "name,emails.type," + scim.EnterpriseUserSchema + ":costCenter",
			want: `{"schemas":["s"],"id":"1","userName":"a","emails":[{"value":"v"}],"` + scim.EnterpriseUserSchema + `":{"department":"d"}}`},
		{reason: "RFC 7644 3.4.2.5: what is always returned cannot be excluded", excluded: "id,schemas,name,userName,emails," + scim.EnterpriseUserSchema, want: `{"schemas":["s"],"id":"1"}`},
	} {
		t.Run(c.reason, func(t *testing.T) {
			p, err := schema.ParseProjection(schema.User(), strings.Split(c.attributes, ","), strings.Split(c.excluded, ","))
			if err != nil {
				t.Fatal(err)
			}
			r := decode(t, user)
			if diff := cmp.Diff(decode(t, c.want), p.Apply(r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(decode(t, user), r); diff != "" {
				t.Errorf("the resource that was passed in has changed\n%s", diff)
			}
		})
	}
	if _, err := schema.ParseProjection(schema.User(), []string{"a"}, []string{"b"}); err == nil {
		t.Error("attributes and excludedAttributes together are accepted")
	}
	p, _ := schema.ParseProjection(schema.Group(), nil, []string{"Members"})
	if p.Has("members") || !p.Has("displayName") {
		t.Error("excludedAttributes=members must leave out members and nothing else")
	}
	p, _ = schema.ParseProjection(schema.Group(), []string{"members.value"}, nil)
	if !p.Has("members") || p.Has("displayName") {
		t.Error("attributes=members.value must have members and nothing else")
	}
}

func TestDiscovery(t *testing.T) {
	for _, s := range schema.Schemas() {
		var got struct {
			ID         string
			Attributes []map[string]any
			Meta       struct{ Location string }
		}
		if err := json.Unmarshal(schema.AppendSchema(nil, s, "https://x/v2"), &got); err != nil {
			t.Fatalf("%s: %v", s.ID, err)
		}
		if got.ID != s.ID || len(got.Attributes) != len(s.Attributes) || got.Meta.Location != "https://x/v2/Schemas/"+s.ID {
			t.Errorf("%s: got %+v", s.ID, got)
		}
	}
	for _, r := range schema.ResourceTypes() {
		text := schema.AppendResourceType(nil, r, "https://x/v2")
		if !json.Valid(text) || !strings.Contains(string(text), `"endpoint":"`+r.Endpoint+`"`) {
			t.Errorf("%s: got %s", r.Name, text)
		}
	}
}
