package translate_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/filter"
	"github.com/scim-operator/scim-operator/internal/scim/order"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
	"github.com/scim-operator/scim-operator/internal/translate"
)

// attributes are the names that filters and orders are made with: of every kind, in any case, known and unknown.
var attributes = []string{
	"userName", "USERNAME", "id", "externalId", "active", "title", "name.givenName", "displayName", "schemas", "meta.lastModified", "meta.version",
	"emails", "emails.type", "Emails.Value", "photos.value", "emails.Verified", "name.nick", "addresses.locality", "roles", "groups", "groups.display", "members", "members.value", "growthbookrole", "zeta", "a.b",
	scim.UserSchema + ":title", scim.EnterpriseUserSchema + ":department", scim.EnterpriseUserSchema + ":manager.displayName",
	"URN:ietf:params:scim:schemas:extension:enterprise:2.0:User:custom", "urn:acme:2.0:user:a", "http://schemas.example.com/x:a", "urn:x:1:a", "urn:nobody:1:x",
}

func filters(t *rapid.T, depth int) string {
	kinds := 5
	if depth == 0 {
		kinds = 3
	}
	value := rapid.SampledFrom([]string{`"a"`, `"x"`, `"1"`, `""`, "true", "1", "null", `"2026-01-31T12:00:00Z"`})
	operator := rapid.SampledFrom([]string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"})
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom(attributes).Draw(t, "attribute") + " pr"
	case 1:
		return rapid.SampledFrom(attributes).Draw(t, "attribute") + " " + operator.Draw(t, "operator") + " " + value.Draw(t, "value")
	case 2:
		return rapid.SampledFrom([]string{"emails", "photos", "roles", "groups", "members", "zeta"}).Draw(t, "list") +
			"[" + rapid.SampledFrom([]string{"type", "value", "display", "$ref", "VERIFIED"}).Draw(t, "sub") + " " + operator.Draw(t, "operator") + " " + value.Draw(t, "value") + "]"
	case 3:
		return "not (" + filters(t, depth-1) + ")"
	default:
		return "(" + filters(t, depth-1) + rapid.SampledFrom([]string{" and ", " or "}).Draw(t, "word") + filters(t, depth-1) + ")"
	}
}

// query is what somebody wants of a reader, at random. What does not parse is drawn again.
type query struct {
	filter *filter.Filter
	order  order.By
	reader *translate.Reader
	text   string
}

func queries(t *rapid.T, of *schema.ResourceType) query {
	text := rapid.Custom(func(t *rapid.T) string { return filters(t, 2) }).Filter(func(text string) bool {
		_, err := filter.Parse(of, text)
		return err == nil
	}).Draw(t, "filter")
	sortBy := rapid.SampledFrom(attributes).Filter(func(text string) bool {
		_, err := order.Parse(of, text, "")
		return err == nil
	}).Draw(t, "sortBy")
	q := query{reader: translate.NewReader(of, base), text: text + " by " + sortBy}
	var err, errOrder error
	q.filter, err = filter.Parse(of, text)
	q.order, errOrder = order.Parse(of, sortBy, "")
	if err != nil || errOrder != nil {
		t.Fatal(err, errOrder)
	}
	q.filter.EachAttribute(q.reader.Want)
	q.reader.Want(q.order.Attribute())
	return q
}

func (q *query) check(t *rapid.T, whole, part scim.Resource) {
	t.Helper()
	if got, want := q.filter.Matches(part), q.filter.Matches(whole); got != want {
		t.Fatalf("%s: matches %v, want %v\npart:  %v\nwhole: %v", q.text, got, want, part, whole)
	}
	if got, want := q.order.Key(part), q.order.Key(whole); got != want {
		t.Fatalf("%s: key %q, want %q\npart:  %v\nwhole: %v", q.text, got, want, part, whole)
	}
}

// TestReaderIsLikeTheWhole evaluates filters and orders on what a reader makes for them and on the whole resource.
func TestReaderIsLikeTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		users := queries(t, schema.User())
		for range 3 {
			user := &v1alpha1.ScimUser{ObjectMeta: object("alice-0123456789"), Spec: userSpecs.Draw(t, "spec")}
			groups := []translate.GroupRef{{ID: "a", DisplayName: words.Draw(t, "group")}}[:rapid.IntRange(0, 1).Draw(t, "groups")]
			users.check(t, translate.UserResource(user, groups, base), users.reader.User(user, groups))
		}
		roles := queries(t, schema.Group())
		for range 3 {
			role := &v1alpha1.ScimRole{ObjectMeta: object("devs-0123456789"), Spec: v1alpha1.ScimRoleSpec{
				DisplayName: words.Draw(t, "displayName"), ExternalID: words.Draw(t, "externalId"), Extensions: entries(t, "urn:x:1"), AdditionalAttributes: entries(t, "zeta"),
			}}
			members := &translate.Members{IDs: []string{"a"}[:rapid.IntRange(0, 1).Draw(t, "members")]}
			roles.check(t, translate.GroupResource(role, members, base), roles.reader.Group(role, members))
		}
	})
}

// TestReaderMakesNoMore shows that what nobody wants is not made.
func TestReaderMakesNoMore(t *testing.T) {
	reader := translate.NewReader(schema.User(), base)
	reader.Want("", "displayName")
	if got := reader.User(benchmarkUser(), nil); len(got) != 1 || got["displayName"] != "Alice Example" {
		t.Errorf("displayName alone is wanted: %v", got)
	}
	reader.Want("", "locale")
	if got := reader.User(benchmarkUser(), nil); len(got) != 2 || got["locale"] != "en-US" {
		t.Errorf("displayName and locale are wanted: %v", got)
	}
}
