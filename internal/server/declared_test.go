package server_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// strongDM is the extension under which Okta sends the other names of a person.
const strongDM = "urn:ietf:params:scim:schemas:extension:strongdm:2.0:User"

// declare describes extensions in the directory.
func (s *scim) declare(schemas ...v1alpha1.ExtensionSchema) {
	s.t.Helper()
	s.setSpec(func(spec *v1alpha1.ScimDirectorySpec) { spec.ExtensionSchemas = schemas })
}

func plainly(name, kind string) v1alpha1.ExtensionAttribute {
	return v1alpha1.ExtensionAttribute{ExtensionSubAttribute: v1alpha1.ExtensionSubAttribute{Name: name, Type: kind}}
}

func identityAliases() v1alpha1.ExtensionSchema {
	aliases := plainly("identityAliases", "string")
	aliases.MultiValued = true
	return v1alpha1.ExtensionSchema{Schema: strongDM, Name: "strongDM User", Attributes: []v1alpha1.ExtensionAttribute{aliases}}
}

// everyType has an attribute of each type, a complex one, and one that is required.
func everyType() v1alpha1.ExtensionSchema {
	e := v1alpha1.ExtensionSchema{Schema: "urn:example:types:1.0:User", Resource: "User"}
	for _, kind := range []string{"string", "boolean", "decimal", "integer", "dateTime", "reference", "binary"} {
		e.Attributes = append(e.Attributes, plainly("a"+strings.ToUpper(kind[:1])+kind[1:], kind))
	}
	badge := plainly("badge", "complex")
	badge.SubAttributes = []v1alpha1.ExtensionSubAttribute{{Name: "number", Type: "integer"}}
	exact := plainly("exact", "string")
	exact.CaseExact = true
	e.Attributes = append(e.Attributes, badge, exact)
	return e
}

// TestIdentityAliases: a directory describes the extension that strongDM's app sends, and the values come back as they were sent.
func TestIdentityAliases(t *testing.T) {
	s := newSCIM(t)
	body := func(name, aliases string) string {
		return `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","` + strongDM + `"],"userName":"` + name + `","` + strongDM + `":{"identityAliases":` + aliases + `}}`
	}
	before := s.call(201, "POST", "/Users", body("aliases-before@example.com", `["Ada","countess"]`)).json(t)
	s.declare(identityAliases())
	after := s.call(201, "POST", "/Users", body("aliases-after@example.com", `["grace","Admiral"]`)).json(t)
	read := func(user map[string]any) any {
		id, _ := user["id"].(string)
		return s.call(200, "GET", "/Users/"+id, "").json(t)[strongDM]
	}
	same := func(reason string, got any, aliases ...any) {
		t.Helper()
		if diff := cmp.Diff(any(map[string]any{"identityAliases": aliases}), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", reason, diff)
		}
	}
	same("sent before it was described", read(before), "Ada", "countess")
	same("sent after it was described", read(after), "grace", "Admiral")
	if schemas, _ := after["schemas"].([]any); !slices.Contains(schemas, any(strongDM)) {
		t.Errorf("schemas are %v, want %s among them", schemas, strongDM)
	}
	id, _ := after["id"].(string)
	for _, c := range []struct{ reason, operation, says string }{
		{"an element is a string", `{"op":"add","path":"` + strongDM + `:identityAliases","value":[7]}`, strongDM + ":identityAliases must be a string"},
		{"the attribute is a list", `{"op":"replace","value":{"` + strongDM + `":{"identityAliases":{"value":"x"}}}}`, "identityAliases"},
	} {
		got := s.call(400, "PATCH", "/Users/"+id, `{"Operations":[`+c.operation+`]}`)
		contains(t, refused(t, got, 400, "invalidValue"), c.says)
	}
	contains(t, refused(t, s.call(400, "PUT", "/Users/"+id, body("aliases-after@example.com", `"one"`)), 400, "invalidValue"), strongDM+":identityAliases must be an array")
	s.call(200, "PATCH", "/Users/"+id, `{"Operations":[{"op":"add","path":"`+strongDM+`:identityAliases","value":["hopper","grace"]}]}`)
	same("an alias more, and one that is there", read(after), "grace", "Admiral", "hopper")
	s.call(200, "PATCH", "/Users/"+id, `{"Operations":[{"op":"add","path":"`+strongDM+`:note","value":{"kept":["as",{"it":"is"}]}}]}`)
	if diff := cmp.Diff(any(map[string]any{"kept": []any{"as", map[string]any{"it": "is"}}}), read(after).(map[string]any)["note"]); diff != "" {
		t.Errorf("an attribute that the description lacks (-want +got):\n%s", diff)
	}
	s.listed("a name in another case", "/Users?filter="+url.QueryEscape(strongDM+`:identityAliases eq "HOPPER"`), "aliases-after@example.com")
	s.listed("one sent before it was described", "/Users?filter="+url.QueryEscape(strongDM+`:identityAliases sw "count"`), "aliases-before@example.com")
}

// listed polls until a list has the users of these names, in this order.
func (s *scim) listed(reason, path string, want ...string) {
	s.t.Helper()
	poll(s.t, reason+": GET "+path, func() bool { return slices.Equal(labels(s.t, s.call(http.StatusOK, "GET", path, "")), want) })
}

func TestDeclaredAttributesAreChecked(t *testing.T) {
	s := newSCIM(t)
	s.declare(everyType())
	urn := everyType().Schema
	for name, c := range map[string]struct{ value, says string }{
		"a string":                           {`{"aString":"x"}`, ""},
		"a string that is a number":          {`{"aString":1}`, urn + ":aString must be a string"},
		"a boolean":                          {`{"aBoolean":true}`, ""},
		"a boolean in words":                 {`{"aBoolean":"maybe"}`, "aBoolean must be a boolean"},
		"a decimal":                          {`{"aDecimal":1.25}`, ""},
		"a decimal in quotes":                {`{"aDecimal":"1.25"}`, "aDecimal must be a number"},
		"an integer":                         {`{"aInteger":-7}`, ""},
		"an integer with a fraction":         {`{"aInteger":7.5}`, "aInteger must be an integer"},
		"an integer with an exponent":        {`{"aInteger":1e3}`, "aInteger must be an integer"},
		"a date and time":                    {`{"aDateTime":"2026-01-31T12:00:00.5+01:00"}`, ""},
		"a date and time without a zone":     {`{"aDateTime":"2026-01-31T12:00:00"}`, ""},
		"a date alone":                       {`{"aDateTime":"2026-01-31"}`, "aDateTime must be a date and time"},
		"a reference":                        {`{"aReference":"https://example.com/a"}`, ""},
		"a reference that is no URI":         {`{"aReference":"a b"}`, "aReference must be a URI"},
		"binary":                             {`{"aBinary":"AAEC"}`, ""},
		"binary that is no base64":           {`{"aBinary":"?"}`, "aBinary must be base64"},
		"a complex one":                      {`{"badge":{"number":7}}`, ""},
		"a complex one with more":            {`{"badge":{"number":7,"colour":["red"]}}`, ""},
		"a complex one with a wrong part":    {`{"badge":{"number":"7"}}`, urn + ":badge.number must be an integer"},
		"a complex one that is a string":     {`{"badge":"7"}`, "badge must be an object"},
		"an attribute that nobody describes": {`{"other":{"x":[1,"a",null,{"y":1.5}]}}`, ""},
		"an extension that is no object":     {`["x"]`, "must be an object"},
		"more than an object can hold":       {`{"aString":"` + strings.Repeat("x", 64<<10) + `"}`, "more than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.do("POST", s.base()+"/Users", `{"userName":"`+t.Name()+`","`+urn+`":`+c.value+`}`, bearer(token))
			if c.says != "" {
				contains(t, refused(t, got, 400, "invalidValue"), c.says)
				return
			}
			if got.status != http.StatusCreated {
				t.Fatalf("status %d: %s", got.status, got.body)
			}
			want := (reply{body: []byte(c.value)}).json(t)
			if diff := cmp.Diff(any(want), got.json(t)[urn]); diff != "" {
				t.Errorf("the value that comes back (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDeclaredAttributesInQueries: filters, orders and projections know the types of what a directory describes.
func TestDeclaredAttributesInQueries(t *testing.T) {
	s := newSCIM(t)
	s.declare(everyType())
	urn := everyType().Schema
	for name, extension := range map[string]string{
		"q-nine@example.com":   `{"aInteger":9,"aDateTime":"2026-01-31T12:00:00Z","exact":"Nine","aBoolean":true}`,
		"q-ten@example.com":    `{"aInteger":10,"aDateTime":"2026-01-31T12:30:00+01:00","exact":"nine","badge":{"number":1}}`,
		"q-twenty@example.com": `{"aInteger":20,"aDateTime":"2026-02-01T00:00:00Z","exact":"x","badge":{"number":20}}`,
	} {
		s.call(201, "POST", "/Users", `{"userName":"`+name+`","`+urn+`":`+extension+`}`)
	}
	nine, ten, twenty := "q-nine@example.com", "q-ten@example.com", "q-twenty@example.com"
	filter := func(text string) string { return "/Users?filter=" + url.QueryEscape(urn+":"+text) }
	s.listed("numbers are compared as numbers", filter("aInteger gt 9")+"&sortBy="+urn+":aInteger", ten, twenty)
	s.listed("numbers are sorted as numbers", "/Users?sortBy="+urn+":aInteger&sortOrder=descending", twenty, ten, nine)
	s.listed("times are compared as times", filter(`aDateTime lt "2026-01-31T12:00:00Z"`), ten)
	s.listed("times are sorted as times", "/Users?sortBy="+urn+":aDateTime", ten, nine, twenty)
	s.listed("case counts where the description says so", filter(`exact eq "Nine"`), nine)
	s.listed("booleans", filter(`aBoolean eq true`), nine)
	s.listed("a part of a complex one", filter(`badge.number ge 20`), twenty)
	s.listed("presence", filter(`badge pr`)+"&sortBy=userName", ten, twenty)
	for _, text := range []string{`aInteger eq "9"`, `aInteger co 9`, `aBoolean gt true`, `aDateTime gt "yesterday"`, `aBinary gt "AA"`, `badge eq 1`} {
		contains(t, refused(t, s.call(400, "GET", filter(text), ""), 400, "invalidFilter"), "position")
	}
	only := s.call(200, "GET", filter(`aInteger eq 10`)+"&attributes="+urn+":aInteger", "").json(t)
	resources, _ := only["Resources"].([]any)
	first, _ := resources[0].(map[string]any)
	if diff := cmp.Diff(any(map[string]any{"aInteger": 10.0}), first[urn]); diff != "" || first["userName"] != nil {
		t.Errorf("attributes (-want +got):\n%s%v", diff, first)
	}
	whole := s.call(200, "GET", filter(`aInteger eq 10`)+"&excludedAttributes="+urn, "")
	if strings.Contains(string(whole.body), "aInteger") {
		t.Errorf("excludedAttributes leave the extension: %s", whole.body)
	}
}

// TestDeclaredExtensionsAreAnnounced: discovery of a directory shows what it describes, and that of another does not.
func TestDeclaredExtensionsAreAnnounced(t *testing.T) {
	s := newSCIM(t)
	const other = "scimk8s_of_another_directory_0123456789"
	s.addDirectory("declared-elsewhere", other)
	team := v1alpha1.ExtensionSchema{Schema: "urn:example:team:1.0:Group", Resource: "Group", Attributes: []v1alpha1.ExtensionAttribute{plainly("cost", "integer")}}
	s.declare(identityAliases(), team)
	list := string(s.call(200, "GET", "/Schemas", "").body)
	contains(t, list, `"totalResults":5`, `"id":"`+strongDM+`","name":"strongDM User"`, `"name":"identityAliases","type":"string"`, `"id":"urn:example:team:1.0:Group"`)
	one := s.call(200, "GET", "/Schemas/"+strings.ToLower(strongDM), "").json(t)
	if one["id"] != strongDM {
		t.Errorf("a schema by its URN is %v", one["id"])
	}
	contains(t, string(s.call(200, "GET", "/ResourceTypes/User", "").body), `{"schema":"`+strongDM+`","required":false}`)
	contains(t, string(s.call(200, "GET", "/ResourceTypes", "").body), `{"schema":"urn:example:team:1.0:Group","required":false}`)
	for _, path := range []string{"/Schemas", "/ResourceTypes"} {
		got := s.do("GET", "/scim/declared-elsewhere/v2"+path, "", bearer(other))
		if got.status != 200 || strings.Contains(string(got.body), "strongdm") || strings.Contains(string(got.body), "urn:example") {
			t.Errorf("%s of another directory: %d %s", path, got.status, got.body)
		}
	}
	contains(t, refused(t, s.call(400, "POST", "/Groups", `{"displayName":"declared","urn:example:team:1.0:Group":{"cost":"x"}}`), 400, "invalidValue"), "cost must be an integer")
	group := s.call(201, "POST", "/Groups", `{"displayName":"declared","urn:example:team:1.0:Group":{"cost":7}}`).json(t)
	id, _ := group["id"].(string)
	s.call(204, "PATCH", "/Groups/"+id, `{"Operations":[{"op":"replace","path":"urn:example:team:1.0:Group:cost","value":8}]}`)
	contains(t, string(s.call(200, "GET", "/Groups/"+id, "").body), `"urn:example:team:1.0:Group":{"cost":8}`)
	s.declare()
	if strings.Contains(string(s.call(200, "GET", "/Schemas", "").body), "strongdm") {
		t.Error("an extension that is described no more is still announced")
	}
}

// TestDescriptionsBreakNothing: a description that comes later than the values does not keep anybody from being deactivated, and what it
// requires is asked for once somebody changes the extension.
func TestDescriptionsBreakNothing(t *testing.T) {
	s := newSCIM(t)
	urn := everyType().Schema
	made := s.call(201, "POST", "/Users", `{"userName":"declared-late@example.com","`+strings.ToUpper(urn[:3])+urn[3:]+`":{"AINTEGER":"seven","x":1}}`).json(t)
	path, _ := made["id"].(string)
	path = "/Users/" + path
	odd, _ := s.call(201, "POST", "/Users", `{"userName":"declared-odd@example.com","`+urn+`":["no object"]}`).json(t)["id"].(string)
	strict := everyType()
	strict.Attributes[0].Required = true
	s.declare(strict)
	s.listed("what is stored under another spelling", "/Users?filter="+url.QueryEscape(urn+":aInteger pr"), "declared-late@example.com")
	s.call(200, "PATCH", path, `{"Operations":[{"op":"replace","path":"active","value":false}]}`)
	s.call(200, "PATCH", "/Users/"+odd, `{"Operations":[{"op":"replace","path":"active","value":false}]}`)
	s.call(200, "PUT", path, `{"userName":"declared-late@example.com","title":"T"}`)
	contains(t, refused(t, s.call(400, "PATCH", path, `{"Operations":[{"op":"replace","path":"`+urn+`:exact","value":"x"}]}`), 400, "invalidValue"), "aString is required")
	s.call(200, "PATCH", path, `{"Operations":[{"op":"replace","value":{"`+urn+`":{"exact":"x","aString":"y"}}}]}`)
	s.call(201, "POST", "/Users", `{"userName":"declared-without@example.com"}`)
}
