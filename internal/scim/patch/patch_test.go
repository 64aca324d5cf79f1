package patch_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/patch"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

const enterprise = scim.EnterpriseUserSchema

func decode(t testing.TB, text string) scim.Resource {
	t.Helper()
	r, err := scim.DecodeObject(strings.NewReader(text), scim.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

func verdict(err error) string {
	var e *scim.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, e.Type))
	default:
		return "not a scim.Error: " + err.Error()
	}
}

// user is the resource that most cases start from.
const user = `{"schemas":["` + scim.UserSchema + `"],"id":"u-1","userName":"alice","active":true,"name":{"givenName":"A","familyName":"B"},
 "emails":[{"value":"w@x","type":"work","primary":true},{"value":"h@x","type":"home"}],
 "` + enterprise + `":{"department":"Sales","manager":{"value":"m1","displayName":"M"}},
 "urn:acme:2.0:User":{"badge":"b1"},"growthbookRole":"admin","groups":[{"value":"g1"}],"meta":{"version":"W/\"1\""}}`

// unchanged is what Apply leaves of user when operations have no effect.
const unchanged = `{"userName":"alice","active":true,"name":{"givenName":"A","familyName":"B"},
 "emails":[{"value":"w@x","type":"work","primary":true},{"value":"h@x","type":"home"}],
 "` + enterprise + `":{"department":"Sales","manager":{"value":"m1","displayName":"M"}},
 "urn:acme:2.0:User":{"badge":"b1"},"growthbookRole":"admin"}`

// application is one or more operations on user, and what comes of them.
type application struct {
	reason, ops string
	entra       bool
	// set lists the attributes that differ from unchanged; null means that they are gone.
	set   string
	fails string
}

func TestApply(t *testing.T) {
	for _, c := range []application{
		{reason: "OKTA 4.4: deactivation", ops: `{"op":"replace","value":{"active":false}}`, set: `{"active":false}`},
		{reason: "OKTA 4.4: a password is taken and forgotten", ops: `{"op":"replace","value":{"password":"hunter2"}}`},
		{reason: "a password with a path too", ops: `{"op":"add","path":"password","value":7}`},
		{reason: "OKTA 4.4: pathless attributes merge into complex ones",
			ops: `{"op":"replace","value":{"title":"x","name":{"givenName":"y"},"` + enterprise + `":{"department":"z"}}}`,
			set: `{"title":"x","name":{"givenName":"y","familyName":"B"},"` + enterprise + `":{"department":"z","manager":{"value":"m1","displayName":"M"}}}`},
		{reason: "OKTA 11: dotted keys", ops: `{"op":"replace","value":{"name.givenName":"K","` + enterprise + `:department":"D"}}`,
			set: `{"name":{"givenName":"K","familyName":"B"},"` + enterprise + `":{"department":"D","manager":{"value":"m1","displayName":"M"}}}`},
		{reason: "OKTA 11: a key with brackets", ops: `{"op":"add","value":{"emails[type eq \"home\"].value":"n@x"}}`,
			set: `{"emails":[{"value":"w@x","type":"work","primary":true},{"value":"n@x","type":"home"}]}`},
		{reason: "OKTA 11: Entra's capitals, strings for booleans and paths",
			ops: `{"op":"Replace","path":"emails[type eq \"work\"].value","value":"u@x"},{"op":"Replace","path":"active","value":"False"},
			      {"op":"Add","path":"nickName","value":"Babs"},{"op":"Replace","path":"` + enterprise + `:employeeNumber","value":"1"}`,
			set: `{"emails":[{"value":"u@x","type":"work","primary":true},{"value":"h@x","type":"home"}],"active":false,"nickName":"Babs",
			       "` + enterprise + `":{"department":"Sales","employeeNumber":"1","manager":{"value":"m1","displayName":"M"}}}`},
		{reason: "OKTA 11: Entra wants a replacement that matches nothing to create", entra: true,
			ops: `{"op":"Replace","path":"phoneNumbers[type eq \"mobile\" and primary eq \"true\"].value","value":"1"}`,
			set: `{"phoneNumbers":[{"type":"mobile","primary":true,"value":"1"}]}`},
		{reason: "RFC 7644 3.5.2.3: otherwise it is noTarget", ops: `{"op":"replace","path":"emails[type eq \"fax\"].value","value":"1"}`, fails: "400 noTarget"},
		{reason: "a filter that says not what to create is noTarget for Entra too", entra: true,
			ops: `{"op":"replace","path":"emails[type sw \"f\"].value","value":"1"}`, fails: "400 noTarget"},
		{reason: "OKTA 11: Entra's managers are bare ids", ops: `{"op":"Add","path":"` + enterprise + `:manager","value":"m2"}`,
			set: `{"` + enterprise + `":{"department":"Sales","manager":{"value":"m2"}}}`},
		{reason: "OKTA 5.2: an equal id is passed over", ops: `{"op":"replace","value":{"id":"u-1","displayName":"x"}}`, set: `{"displayName":"x"}`},
		{reason: "OKTA 5.2: another id is mutability", ops: `{"op":"replace","value":{"id":"u-2"}}`, fails: "400 mutability"},
		{reason: "OKTA 4.3: an echo of what only the server writes", ops: `{"op":"replace","value":{"meta":{"created":"04-12-2018 00:00:00"},"groups":[],"schemas":["x"]}}`},
		{reason: "RFC 7644 3.5.2: readOnly", ops: `{"op":"add","path":"groups","value":[{"value":"g2"}]}`, fails: "400 mutability"},
		{reason: "RFC 7644 3.5.2: readOnly sub-attribute", ops: `{"op":"replace","path":"meta.created","value":"x"}`, fails: "400 mutability"},
		{reason: "RFC 7644 3.5.2.1: adding what is there changes nothing", ops: `{"op":"add","path":"emails","value":[{"value":"w@x","type":"work"}]}`},
		{reason: "add appends", ops: `{"op":"add","path":"emails","value":{"value":"o@x","type":"other"}}`,
			set: `{"emails":[{"value":"w@x","type":"work","primary":true},{"value":"h@x","type":"home"},{"value":"o@x","type":"other"}]}`},
		{reason: "RFC 7644 3.5.2: a new primary pushes the old one back", ops: `{"op":"add","path":"emails","value":[{"value":"o@x","primary":true}]}`,
			set: `{"emails":[{"value":"w@x","type":"work","primary":false},{"value":"h@x","type":"home"},{"value":"o@x","primary":true}]}`},
		{reason: "the same by a path", ops: `{"op":"replace","path":"emails[type eq \"home\"].primary","value":true}`,
			set: `{"emails":[{"value":"w@x","type":"work","primary":false},{"value":"h@x","type":"home","primary":true}]}`},
		{reason: "RFC 7643 2.4: two primaries in one value", ops: `{"op":"replace","path":"emails","value":[{"value":"a","primary":true},{"value":"b","primary":true}]}`, fails: "400 invalidValue"},
		{reason: "replace replaces all values", ops: `{"op":"replace","path":"emails","value":[{"value":"n@x"}]}`, set: `{"emails":[{"value":"n@x"}]}`},
		{reason: "RFC 7644 3.5.2.3: a replaced element keeps nothing", ops: `{"op":"replace","path":"emails[type eq \"work\"]","value":{"value":"n@x"}}`,
			set: `{"emails":[{"value":"n@x"},{"value":"h@x","type":"home"}]}`},
		{reason: "an element is removed by filter", ops: `{"op":"remove","path":"emails[type eq \"home\"]"}`, set: `{"emails":[{"value":"w@x","type":"work","primary":true}]}`},
		{reason: "RFC 7644 3.5.2.2: without values an attribute is unassigned", ops: `{"op":"remove","path":"emails[value co \"@\"]"}`, set: `{"emails":null}`},
		{reason: "removing what is not there succeeds", ops: `{"op":"remove","path":"emails[type eq \"fax\"]"},{"op":"remove","path":"nickName"}`},
		{reason: "OKTA 11: values are removed by a list", ops: `{"op":"Remove","path":"emails","value":[{"$ref":null,"value":"h@x"}]}`,
			set: `{"emails":[{"value":"w@x","type":"work","primary":true}]}`},
		{reason: "an empty list of removals removes nothing", ops: `{"op":"remove","path":"emails","value":[]}`},
		{reason: "a sub-attribute is removed", ops: `{"op":"remove","path":"name.givenName"}`, set: `{"name":{"familyName":"B"}}`},
		{reason: "OKTA 11: an empty string clears", ops: `{"op":"replace","path":"name.givenName","value":""}`, set: `{"name":{"familyName":"B"}}`},
		{reason: "RFC 7643 2.5: null clears", ops: `{"op":"replace","value":{"name":null,"growthbookRole":null}}`, set: `{"name":null,"growthbookRole":null}`},
		{reason: "an extension is removed", ops: `{"op":"remove","path":"` + enterprise + `"}`, set: `{"` + enterprise + `":null}`},
		{reason: "the last attribute of an extension takes it along", ops: `{"op":"remove","path":"urn:acme:2.0:User:badge"}`, set: `{"urn:acme:2.0:User":null}`},
		{reason: "an unknown extension is removed", ops: `{"op":"remove","path":"urn:acme:2.0:User"}`, set: `{"urn:acme:2.0:User":null}`},
		{reason: "OKTA 4.7: unknown extensions and attributes are kept", ops: `{"op":"add","value":{"urn:new:1.0:User":{"a":1},"custom":[1]}},{"op":"add","path":"urn:acme:2.0:User:level","value":3}`,
			set: `{"urn:new:1.0:User":{"a":1},"custom":[1],"urn:acme:2.0:User":{"badge":"b1","level":3}}`},
		{reason: "a value that is there already is one value", ops: `{"op":"replace","value":{"GROWTHBOOKROLE":"x"}}`, set: `{"growthbookRole":"x"}`},
		{reason: "the core schema's URN is a prefix", ops: `{"op":"replace","path":"` + scim.UserSchema + `:title","value":"t"}`, set: `{"title":"t"}`},
		{reason: "the core schema's URN is a container", ops: `{"op":"add","value":{"` + scim.UserSchema + `":{"title":"t"}}}`, set: `{"title":"t"}`},
		{reason: "operations apply in order", ops: `{"op":"add","path":"title","value":"a"},{"op":"replace","path":"title","value":"b"},{"op":"remove","path":"title"}`},
		{reason: "RFC 7644 3.5.2.2: a required attribute stays", ops: `{"op":"remove","path":"userName"}`, fails: "400 mutability"},
		{reason: "a required attribute is not emptied", ops: `{"op":"replace","path":"userName","value":""}`, fails: "400 invalidValue"},
		{reason: "types are checked", ops: `{"op":"replace","path":"active","value":"maybe"}`, fails: "400 invalidValue"},
		{reason: "types are checked without a path", ops: `{"op":"replace","value":{"title":7}}`, fails: "400 invalidValue"},
		{reason: "RFC 7644 3.5.2: all or nothing", ops: `{"op":"replace","path":"title","value":"x"},{"op":"remove","path":"userName"}`, fails: "400 mutability"},
		{reason: "RFC 7644 3.5.2.2: a removal needs a path", ops: `{"op":"remove"}`, fails: "400 noTarget"},
		{reason: "RFC 7644 3.5.2.1: add needs a value", ops: `{"op":"add","path":"title"}`, fails: "400 invalidValue"},
		{reason: "a value without a path is an object", ops: `{"op":"add","value":"x"}`, fails: "400 invalidValue"},
		{reason: "an unknown op", ops: `{"op":"move","path":"title","value":"x"}`, fails: "400 invalidSyntax"},
		{reason: "a malformed path", ops: `{"op":"add","path":"a..b","value":"x"}`, fails: "400 invalidPath"},
		{reason: "a malformed filter", ops: `{"op":"remove","path":"emails[type is 1]"}`, fails: "400 invalidFilter"},
		{reason: "a filter on what has one value", ops: `{"op":"remove","path":"name[givenName pr]"}`, fails: "400 invalidFilter"},
	} {
		t.Run(c.reason, c.test)
	}
}

// TestApplyUnknownParts is about sub-attributes that no schema names.
func TestApplyUnknownParts(t *testing.T) {
	for _, c := range []application{
		{reason: "OKTA 4.7: an unknown sub-attribute is kept", ops: `{"op":"add","path":"name.nick","value":{"a":[1]}}`, set: `{"name":{"givenName":"A","familyName":"B","nick":{"a":[1]}}}`},
		{reason: "and so it is in a value, next to its neighbours", ops: `{"op":"replace","value":{"name":{"nick":"x"}}},{"op":"add","path":"name.middleName","value":"M"}`,
			set: `{"name":{"givenName":"A","familyName":"B","middleName":"M","nick":"x"}}`},
		{reason: "in any case it is one", ops: `{"op":"add","path":"name.nick","value":"x"},{"op":"add","value":{"name":{"NICK":"y"}}},{"op":"replace","path":"name.Nick","value":"z"}`,
			set: `{"name":{"givenName":"A","familyName":"B","NICK":"z"}}`},
		{reason: "it is removed by its path, and by null", ops: `{"op":"add","path":"name.nick","value":"x"},{"op":"remove","path":"name.NICK"},{"op":"add","value":{"name.pet":1}},{"op":"replace","value":{"name":{"PET":null}}}`},
		{reason: "it follows its element", ops: `{"op":"add","path":"emails[type eq \"home\"].verified","value":true},{"op":"replace","path":"emails[type eq \"home\"].value","value":"n@x"}`,
			set: `{"emails":[{"value":"w@x","type":"work","primary":true},{"value":"n@x","type":"home","verified":true}]}`},
		{reason: "elements are found by it", ops: `{"op":"add","path":"emails[type eq \"home\"].verified","value":true},{"op":"remove","path":"emails[verified eq true]"}`,
			set: `{"emails":[{"value":"w@x","type":"work","primary":true}]}`},
		{reason: "an element that is added again takes it along", ops: `{"op":"add","path":"emails","value":[{"value":"w@x","type":"work","verified":true}]}`,
			set: `{"emails":[{"value":"w@x","type":"work","primary":true,"verified":true},{"value":"h@x","type":"home"}]}`},
		{reason: "OKTA 11: what else a list of removals says of a value does not matter", ops: `{"op":"remove","path":"emails","value":[{"value":"h@x","$ref":"../x"}]}`,
			set: `{"emails":[{"value":"w@x","type":"work","primary":true}]}`},
		{reason: "an extension's complex attribute has them too", ops: `{"op":"add","path":"` + enterprise + `:manager.email","value":"m@x"}`,
			set: `{"` + enterprise + `":{"department":"Sales","manager":{"value":"m1","displayName":"M","email":"m@x"}}}`},
		{reason: "only complex attributes have sub-attributes", ops: `{"op":"add","path":"title.nick","value":"x"}`, fails: "400 invalidPath"},
		{reason: "nothing is added to what only the server writes", ops: `{"op":"add","path":"meta.nick","value":"x"}`, fails: "400 mutability"},
	} {
		t.Run(c.reason, c.test)
	}
}

func (c *application) test(t *testing.T) {
	before := decode(t, user)
	kept := before.Clone()
	got, err := run(t, before, c.ops, patch.Options{CreateOnUnmatchedReplace: c.entra})
	if verdict(err) != c.fails {
		t.Fatalf("error %v, want %q", err, c.fails)
	}
	if err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v quotes a password", err)
	}
	if diff := cmp.Diff(kept, before); diff != "" {
		t.Errorf("the resource that was passed in has changed\n%s", diff)
	}
	if err != nil {
		return
	}
	want := decode(t, unchanged)
	if c.set != "" {
		for k, v := range decode(t, c.set) {
			if want[k] = v; v == nil {
				delete(want, k)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func run(t testing.TB, before scim.Resource, ops string, options patch.Options) (scim.Resource, error) {
	t.Helper()
	body := decode(t, `{"schemas":["`+scim.PatchOpSchema+`"],"Operations":[`+ops+`]}`)
	parsed, err := patch.Parse(schema.User(), body)
	if err != nil {
		return nil, err
	}
	return patch.Apply(schema.User(), before, parsed, options)
}

func TestParseEnvelope(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat(`{"op":"remove","path":"title"},`, patch.MaxOperations+1), ",")
	for body, want := range map[string]string{
		`{"operations":[{"OP":"Add","Path":"title","VALUE":"x"}]}`:                "",
		`{"schemas":["urn:other"],"Operations":[{"op":"remove","path":"title"}]}`: "400 invalidSyntax",
		`{"Operations":[]}`: "400 invalidSyntax", `{}`: "400 invalidSyntax", `{"Operations":{}}`: "400 invalidSyntax",
		`{"Operations":[7]}`: "400 invalidSyntax", `{"Operations":[{"op":"remove","path":7}]}`: "400 invalidPath",
		`{"Operations":[` + many + `]}`: "413",
	} {
		if _, err := patch.Parse(schema.User(), decode(t, body)); verdict(err) != want {
			t.Errorf("%.80s: %v, want %q", body, err, want)
		}
	}
}

func TestSplitMembers(t *testing.T) {
	add := func(ids ...string) scim.MemberOp { return scim.MemberOp{Kind: scim.AddMembers, IDs: ids} }
	remove := func(ids ...string) scim.MemberOp { return scim.MemberOp{Kind: scim.RemoveMembers, IDs: ids} }
	replace := func(ids ...string) scim.MemberOp { return scim.MemberOp{Kind: scim.ReplaceMembers, IDs: ids} }
	for _, c := range []struct {
		reason, ops string
		members     []scim.MemberOp
		name        string
		fails       string
	}{
		{reason: "OKTA 5.2: a delta", members: []scim.MemberOp{remove("89bb"), add("23a3")}, name: "old",
			ops: `{"op":"remove","path":"members[value eq \"89bb\"]"},{"op":"add","path":"members","value":[{"value":"23a3","display":"test.user@okta.local"}]}`},
		{reason: "OKTA 5.2: Push Now", members: []scim.MemberOp{replace("23a3", "89bb")}, name: "old",
			ops: `{"op":"replace","path":"members","value":[{"value":"23a3","display":"a"},{"value":"89bb","display":null}]}`},
		{reason: "OKTA 5.2: a rename touches no member", ops: `{"op":"replace","value":{"id":"g-1","displayName":"Test SCIMv2"}}`, name: "Test SCIMv2"},
		{reason: "OKTA 5.2: Push Now on an empty group", ops: `{"op":"replace","path":"members","value":[]}`, members: []scim.MemberOp{replace()}, name: "old"},
		{reason: "OKTA 5.2: emptied without a path", ops: `{"op":"replace","value":{"members":[],"id":"g-1","displayName":"x"}}`, members: []scim.MemberOp{replace()}, name: "x"},
		{reason: "OKTA 5.2: replaced without a path", ops: `{"op":"replace","value":{"members":[{"value":"u1"}]}}`, members: []scim.MemberOp{replace("u1")}, name: "old"},
		{reason: "added without a path", ops: `{"op":"add","value":{"Members":[{"value":"u1"}]}}`, members: []scim.MemberOp{add("u1")}, name: "old"},
		{reason: "OKTA 10.6: null members are absent", ops: `{"op":"replace","value":{"members":null,"displayName":"x"}}`, name: "x"},
		{reason: "OKTA 11: Entra removes by a list", ops: `{"op":"Remove","path":"members","value":[{"$ref":null,"value":"u"}]}`, members: []scim.MemberOp{remove("u")}, name: "old"},
		{reason: "a removal of an empty list removes nobody", ops: `{"op":"remove","path":"members","value":[]}`, members: []scim.MemberOp{remove()}, name: "old"},
		{reason: "RFC 7644 3.5.2.2: a removal without a value removes all", ops: `{"op":"remove","path":"members"}`, members: []scim.MemberOp{replace()}, name: "old"},
		{reason: "several in one filter", ops: `{"op":"remove","path":"members[value eq \"a\" or value eq \"b\" or (value eq \"c\")]"}`, members: []scim.MemberOp{remove("a", "b", "c")}, name: "old"},
		{reason: "a URN before the path", ops: `{"op":"add","path":"` + scim.GroupSchema + `:members","value":{"value":"u"}}`, members: []scim.MemberOp{add("u")}, name: "old"},
		{reason: "a display is derived", ops: `{"op":"replace","path":"members[value eq \"a\"].display","value":"x"}`, name: "old"},
		{reason: "the order of operations is kept", ops: `{"op":"add","path":"members","value":["a"]},{"op":"remove","path":"members"},{"op":"add","path":"members","value":"b"}`,
			members: []scim.MemberOp{add("a"), replace(), add("b")}, name: "old"},
		{reason: "other filters are not supported", ops: `{"op":"remove","path":"members[display eq \"a\"]"}`, fails: "400 invalidFilter"},
		{reason: "nor are conjunctions", ops: `{"op":"remove","path":"members[value eq \"a\" and type eq \"User\"]"}`, fails: "400 invalidFilter"},
		{reason: "an id is immutable", ops: `{"op":"replace","path":"members[value eq \"a\"].value","value":"b"}`, fails: "400 mutability"},
		{reason: "a filter goes with removals", ops: `{"op":"add","path":"members[value eq \"a\"]","value":{"value":"b"}}`, fails: "400 invalidPath"},
		{reason: "a member has an id", ops: `{"op":"add","path":"members","value":[{"display":"x"}]}`, fails: "400 invalidValue"},
		{reason: "another id of the group is mutability", ops: `{"op":"replace","value":{"id":"g-2","displayName":"x"}}`, fails: "400 mutability"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			ops, err := patch.Parse(schema.Group(), decode(t, `{"Operations":[`+c.ops+`]}`))
			if err != nil {
				t.Fatal(err)
			}
			group := scim.Resource{"id": "g-1", "displayName": "old"}
			rest, members, err := patch.SplitMembers(ops)
			if err == nil {
				group, err = patch.Apply(schema.Group(), group, rest, patch.Options{})
			}
			if verdict(err) != c.fails {
				t.Fatalf("error %v, want %q", err, c.fails)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(c.members, members, cmp.Transformer("ids", func(l []string) string { return strings.Join(l, ",") })); diff != "" {
				t.Errorf("members (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(scim.Resource{"displayName": c.name}, group); diff != "" {
				t.Errorf("attributes (-want +got)\n%s", diff)
			}
		})
	}
}

// FuzzPatchApply holds what must be true of any PATCH: it is refused with a 400, or its result is canonical; the resource passed
// in never changes; and nobody loses the userName or keeps a password.
func FuzzPatchApply(f *testing.F) {
	for _, seed := range []string{
		`{"op":"replace","value":{"active":false}}`, `{"op":"Replace","path":"emails[type eq \"work\"].value","value":"u@x"}`,
		`{"op":"add","value":{"urn:a:b":{"c":1},"name.givenName":"K","password":"p"}}`, `{"op":"remove","path":"urn:acme:2.0:User:badge"}`,
		`{"op":"add","path":"emails","value":[{"primary":true,"value":"x"}]},{"op":"remove","path":"name"}`,
		`{"op":"replace","path":"growthbookRole.x","value":[null]}`,
		`{"op":"add","path":"emails[type eq \"home\"].verified","value":{"a":[1]}},{"op":"add","value":{"name":{"NICK":1},"name.nick":null}}`,
		`{"op":"add","path":"photos","value":[{"value":"a b","x":1}]},{"op":"remove","path":"emails","value":[{"value":"h@x","$ref":"y"}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ops string) {
		body, err := scim.DecodeObject(strings.NewReader(`{"Operations":[`+ops+`]}`), scim.Limits{})
		if err != nil {
			return
		}
		before := decode(t, user)
		parsed, err := patch.Parse(schema.User(), body)
		if err != nil {
			mustBeRefusal(t, err)
			return
		}
		for _, options := range []patch.Options{{}, {CreateOnUnmatchedReplace: true}} {
			got, err := patch.Apply(schema.User(), before, parsed, options)
			if !scim.Equal(before, decode(t, user)) {
				t.Fatalf("%s changed the resource that was passed in", ops)
			}
			if err != nil {
				mustBeRefusal(t, err)
				continue
			}
			if got["userName"] == nil || got["password"] != nil {
				t.Fatalf("%s: %v", ops, got)
			}
			again, err := schema.Normalize(schema.User(), got)
			if err != nil || !scim.Equal(got, again) {
				t.Fatalf("%s: the result %v is not canonical: %v, %v", ops, got, again, err)
			}
		}
	})
}

func mustBeRefusal(t *testing.T, err error) {
	t.Helper()
	if v := verdict(err); !strings.HasPrefix(v, "400 ") && v != "413" {
		t.Fatalf("%v is not a refusal", err)
	}
}
