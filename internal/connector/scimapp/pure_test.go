package scimapp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// TestMark: every owner has a mark of its own, in characters that mean nothing in a filter, and a mark has one owner.
func TestMark(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringOfN(rapid.RuneFrom([]rune(`aB09-._/~%*"\'zé 李`)), 1, 40, -1)
		one := connector.Owner{App: part.Draw(t, "app"), Person: part.Draw(t, "person")}
		two := connector.Owner{App: part.Draw(t, "other app"), Person: part.Draw(t, "other person")}
		if got, broken := parseMark(mark(one)); broken || got != one {
			t.Errorf("%q is read as %v, broken=%t", mark(one), got, broken)
		}
		if one != two && fold(mark(one)) == fold(mark(two)) {
			t.Errorf("%v and %v have the mark %q", one, two, mark(one))
		}
		if strings.Trim(mark(one), "abcdefghijklmnopqrstuvwxyz0123456789-./_") != "" {
			t.Errorf("the mark %q has other characters in it", mark(one))
		}
	})
}

// TestParseMark: what only looks like a mark is nobody's.
func TestParseMark(t *testing.T) {
	for _, c := range []struct {
		reason, text string
		owner        connector.Owner
		broken       bool
	}{
		{"usual", "scim-operator/6f1f1c1e-0000-4000-8000-000000000001/zofia-k3x2", connector.Owner{App: "6f1f1c1e-0000-4000-8000-000000000001", Person: "zofia-k3x2"}, false},
		{"none", "", connector.Owner{}, false},
		{"another client's", "00u1abcd", connector.Owner{}, false},
		{"no person", "scim-operator/app/", connector.Owner{}, true},
		{"no app", "scim-operator//person", connector.Owner{}, true},
		{"one part", "scim-operator/app", connector.Owner{}, true},
		{"three parts", "scim-operator/app/person/more", connector.Owner{}, true},
		{"a capital", "scim-operator/app/Person", connector.Owner{}, true},
		{"half a code", "scim-operator/app/person_2", connector.Owner{}, true},
		{"a code of what needs none", "scim-operator/app/_61", connector.Owner{}, true},
		{"a code in capitals", "scim-operator/app/_4A", connector.Owner{}, true},
		{"a control character", "scim-operator/app/_0a", connector.Owner{}, true},
	} {
		if owner, broken := parseMark(c.text); owner != c.owner || broken != c.broken {
			t.Errorf("%s: got %v, broken=%t", c.reason, owner, broken)
		}
	}
}

// TestAttribute: what is put in is read again, and stands where the standard wants it.
func TestAttribute(t *testing.T) {
	const strongDM = "urn:ietf:params:scim:schemas:extension:strongdm:2.0:User"
	for _, c := range []struct {
		attribute Attribute
		values    []string
		want      string
	}{
		{Attribute{"title", Text}, []string{"Dr."}, `{"title":"Dr."}`},
		{Attribute{"name.givenName", Text}, []string{"Zofia"}, `{"name":{"givenName":"Zofia"}}`},
		{Attribute{"emails", Values}, []string{"a", "b"}, `{"emails":[{"primary":true,"type":"work","value":"a"},{"primary":false,"type":"work","value":"b"}]}`},
		{
			Attribute{strongDM + ":identityAliases", Texts}, []string{"set,alias", "other,alias"},
			`{"schemas":["` + strongDM + `"],"` + strongDM + `":{"identityAliases":["set,alias","other,alias"]}}`,
		},
		{
			Attribute{enterpriseUser + ":manager.value", Text}, []string{"7"},
			`{"schemas":["` + enterpriseUser + `"],"` + enterpriseUser + `":{"manager":{"value":"7"}}}`,
		},
	} {
		raw := object{}
		c.attribute.put(raw, c.values)
		text, err := encode(raw)
		if err != nil || string(text) != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.attribute.Name, text, err, c.want)
		}
		read := (&answer{body: text}).object()
		if diff := cmp.Diff(c.values, c.attribute.read(read)); diff != "" {
			t.Errorf("%s (-put +read):\n%s", c.attribute.Name, diff)
		}
		c.attribute.put(read, nil)
		if got := c.attribute.read(read); got != nil {
			t.Errorf("%s: got %q after it was taken out", c.attribute.Name, got)
		}
	}
}

// TestTarget: the object that an extension's attribute is in is written whole, with what else is in it.
func TestTarget(t *testing.T) {
	raw := object{enterpriseUser: object{"manager": object{"value": "1", "$ref": "../Users/1", "displayName": "Jan"}}}
	at, value := Attribute{enterpriseUser + ":manager.value", Text}.target(raw, []string{"2"})
	if diff := cmp.Diff(object{"value": "2", "displayName": "Jan"}, value); diff != "" || at != enterpriseUser+":manager" {
		t.Errorf("at %s (-want +got):\n%s", at, diff)
	}
}

// TestBase decides which account it is, also when that was made between the look for the owner's and the look for the name.
func TestBase(t *testing.T) {
	mine := connector.Owner{App: "app", Person: "zofia"}
	account := connector.Account{Owner: mine, Name: "zofia", Active: true}
	one, two := user{id: "1", name: "zofia", owner: mine}, user{id: "2", name: "zofia.new"}
	for _, c := range []struct {
		reason string
		mine   []user
		named  *user
		is     string
		kind   connector.Kind
	}{
		{"nobody's yet", nil, nil, "", ""},
		{"the owner's", []user{one}, nil, "1", ""},
		{"made a moment ago", nil, &one, "1", ""},
		{"the name is taken", []user{one}, &two, "", connector.Conflict},
		{"nobody's", nil, &two, "", connector.Conflict},
		{"somebody else's", nil, &user{id: "3", owner: connector.Owner{App: "app", Person: "jan"}}, "", connector.Conflict},
		{"protected", []user{{id: "1", owner: mine, why: "so"}}, nil, "", connector.Protected},
	} {
		is, leave, err := base("ensure", account, c.mine, c.named)
		id := ""
		if is != nil {
			id = is.id
		}
		if id != c.is || leave || connector.KindOf(err) != c.kind {
			t.Errorf("%s: got account %q, leave=%t, %v", c.reason, id, leave, err)
		}
	}
}

// TestIsActive: an account is closed only when the server says so.
func TestIsActive(t *testing.T) {
	for _, c := range []struct {
		raw  object
		want bool
	}{
		{object{"active": true}, true}, {object{"active": false}, false}, {object{"Active": false}, false},
		{object{"active": "False"}, false}, {object{"active": "true"}, true}, {object{}, true}, {object{"active": nil}, true},
	} {
		if got := isActive(c.raw); got != c.want {
			t.Errorf("%v: got %t", c.raw, got)
		}
	}
}
