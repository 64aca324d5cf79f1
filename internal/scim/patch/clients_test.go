package patch_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/patch"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// TestClientShapesOfUsers has what identity providers send for users, as documentation, source or logs of users show it.
func TestClientShapesOfUsers(t *testing.T) {
	const before = `{"userName":"a","active":true,"externalId":"e","name":{"givenName":"A"},"emails":[{"value":"w@x","type":"work","primary":true}],
	 "` + enterprise + `":{"department":"Sales","manager":{"value":"m1","displayName":"M"}}}`
	for _, c := range []struct{ reason, ops, want string }{
		{
			"Entra sends a manager as an array of one, with or without a reference",
			`{"op":"Add","path":"` + enterprise + `:manager","value":[{"$ref":"https://x/Users/m2","value":"m2"}]}`,
			`{"userName":"a","active":true,"externalId":"e","name":{"givenName":"A"},"emails":[{"value":"w@x","type":"work","primary":true}],
			 "` + enterprise + `":{"department":"Sales","manager":{"value":"m2","$ref":"https://x/Users/m2","displayName":"M"}}}`,
		},
		{
			"Entra creates several elements and parts in one request, capitals and strings for booleans included",
			`{"op":"Replace","path":"active","value":"False"},{"op":"Replace","path":"addresses[type eq \"work\"].postalCode","value":"94105"},
			 {"op":"Replace","path":"addresses[type eq \"work\"].country","value":"US"},{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"1"},
			 {"op":"Replace","path":"roles[primary eq \"True\"].value","value":"boss"},{"op":"Remove","path":"` + enterprise + `:manager"}`,
			`{"userName":"a","active":false,"externalId":"e","name":{"givenName":"A"},"emails":[{"value":"w@x","type":"work","primary":true}],
			 "addresses":[{"type":"work","postalCode":"94105","country":"US"}],"phoneNumbers":[{"type":"mobile","value":"1"}],
			 "roles":[{"primary":true,"value":"boss"}],"` + enterprise + `":{"department":"Sales"}}`,
		},
		{
			"Entra with aadOptscim062020 mixes a filter with dotted keys under and outside of a URN",
			`{"op":"replace","path":"emails[type eq \"work\"].value","value":"n@x"},{"op":"replace","value":{"displayName":"D","name.givenName":"G",
			 "name.familyName":"F","` + enterprise + `:employeeNumber":"1"}},{"op":"replace","path":"active","value":false}`,
			`{"userName":"a","active":false,"externalId":"e","displayName":"D","name":{"givenName":"G","familyName":"F"},
			 "emails":[{"value":"n@x","type":"work","primary":true}],
			 "` + enterprise + `":{"department":"Sales","employeeNumber":"1","manager":{"value":"m1","displayName":"M"}}}`,
		},
		{
			"Entra clears a telephone number that is not there with an empty text, and that makes no number of nothing",
			`{"op":"Replace","path":"phoneNumbers[type eq \"mobile\"].value","value":""},{"op":"Replace","path":"title","value":""}`, before,
		},
		{
			"Google's suspension says nothing but active", `{"op":"replace","value":{"active":false}}`,
			`{"userName":"a","active":false,"externalId":"e","name":{"givenName":"A"},"emails":[{"value":"w@x","type":"work","primary":true}],
			 "` + enterprise + `":{"department":"Sales","manager":{"value":"m1","displayName":"M"}}}`,
		},
	} {
		t.Run(c.reason, func(t *testing.T) {
			got, err := run(t, decode(t, before), c.ops, patch.Options{CreateOnUnmatchedReplace: true})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decode(t, c.want), got); diff != "" {
				t.Errorf("%s (-want +got)\n%s", c.reason, diff)
			}
		})
	}
}

// TestSingleValuesInArrays wants the leniency for Entra's managers to go no further.
func TestSingleValuesInArrays(t *testing.T) {
	for reason, ops := range map[string]string{
		"two managers are not one":              `{"op":"add","path":"` + enterprise + `:manager","value":[{"value":"m1"},{"value":"m2"}]}`,
		"an array of one text is not a text":    `{"op":"replace","path":"displayName","value":["x"]}`,
		"an array of one boolean is no boolean": `{"op":"replace","path":"active","value":[false]}`,
	} {
		t.Run(reason, func(t *testing.T) {
			if _, err := run(t, decode(t, user), ops, patch.Options{}); verdict(err) != "400 invalidValue" {
				t.Errorf("%s: %v, want 400 invalidValue", reason, err)
			}
		})
	}
}

// TestClientShapesOfGroups has what identity providers send for groups.
func TestClientShapesOfGroups(t *testing.T) {
	ids := func(kind scim.MemberOpKind, ids ...string) scim.MemberOp { return scim.MemberOp{Kind: kind, IDs: ids} }
	for _, c := range []struct {
		reason, ops string
		members     []scim.MemberOp
		want        scim.Resource
	}{
		{
			"authentik replaces a group's attributes with schemas and id among them, and says nothing of members",
			`{"op":"replace","value":{"schemas":["` + scim.GroupSchema + `"],"id":"g-1","externalId":"pk","displayName":"new"}}`,
			nil, scim.Resource{"displayName": "new", "externalId": "pk"},
		},
		{
			"authentik has one operation for each member, and a null path where it has none",
			`{"op":"add","path":"members","value":[{"value":"a"}]},{"op":"remove","path":"members","value":[{"value":"b"}]},
			 {"op":"replace","path":null,"value":{"displayName":"new"}}`,
			[]scim.MemberOp{ids(scim.AddMembers, "a"), ids(scim.RemoveMembers, "b")}, scim.Resource{"displayName": "new"},
		},
		{
			"JumpCloud removes in both ways",
			`{"op":"remove","path":"members","value":[{"value":"a"}]},{"op":"remove","path":"members[value eq \"b\"]"}`,
			[]scim.MemberOp{ids(scim.RemoveMembers, "a"), ids(scim.RemoveMembers, "b")}, scim.Resource{"displayName": "old"},
		},
		{
			"Entra adds with null references",
			`{"op":"Add","path":"members","value":[{"$ref":null,"value":"a"},{"$ref":null,"value":"b"}]}`,
			[]scim.MemberOp{ids(scim.AddMembers, "a", "b")}, scim.Resource{"displayName": "old"},
		},
	} {
		t.Run(c.reason, func(t *testing.T) {
			ops, err := patch.Parse(schema.Group(), decode(t, `{"Operations":[`+c.ops+`]}`))
			if err != nil {
				t.Fatal(err)
			}
			rest, members, err := patch.SplitMembers(ops)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.members, members); diff != "" {
				t.Errorf("%s: members (-want +got)\n%s", c.reason, diff)
			}
			got, err := patch.Apply(schema.Group(), scim.Resource{"id": "g-1", "displayName": "old"}, rest, patch.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: attributes (-want +got)\n%s", c.reason, diff)
			}
		})
	}
}
