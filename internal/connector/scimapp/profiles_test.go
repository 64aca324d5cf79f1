package scimapp_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/scimapp"
)

var update = flag.Bool("update", false, "write what the profiles' requests are into testdata")

// authOf is a credential that a profile takes.
func authOf(p scimapp.Profile) scimapp.Auth {
	switch p.Auth[0] {
	case scimapp.AuthHeader:
		return scimapp.Auth{Header: &scimapp.Header{Name: "Authorization", Value: canary}}
	case scimapp.AuthBasic:
		return scimapp.Auth{Basic: &scimapp.Basic{Username: "key", Password: canary}}
	}
	return scimapp.Auth{Bearer: canary}
}

// TestProfiles shows which requests each product gets for the same life of an account.
func TestProfiles(t *testing.T) {
	for _, p := range scimapp.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			m := newMinimal(t)
			m.showsGroups, m.noPages, m.etags = p.ShowsGroups, !p.Pages, p.Name == "Zitadel"
			m.add(&m.groups, object{"displayName": "Readers", "members": []any{object{"value": "somebody else"}}})
			c := m.connector(t, func(o *scimapp.Options) {
				o.Profile, o.Auth = p, authOf(p)
				o.BaseURL += p.Path
			})
			got := life(t, m, c, p)
			path := filepath.Join("testdata", "profiles", p.Name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("requests (-want +got), written by go test -update:\n%s", diff)
			}
		})
	}
}

// life makes an account, changes it, suspends it and deletes it, and returns the requests of each step.
func life(t *testing.T, m *minimal, c *scimapp.Connector, p scimapp.Profile) string {
	a := account("zofia")
	a.Attributes = map[string][]string{}
	for _, attribute := range []scimapp.Attribute{p.Attributes[0], p.Attributes[1], p.Attributes[len(p.Attributes)-1]} {
		a.Attributes[attribute.Name] = []string{"a value"}
	}
	if p.Members != scimapp.Never {
		a.Roles = []string{"Readers"}
	}
	var text strings.Builder
	step := func(what string, do func() error) {
		t.Helper()
		m.requests = nil
		if err := do(); err != nil {
			t.Fatalf("%s: %v\n%s", what, err, strings.Join(m.requests, "\n"))
		}
		text.WriteString("# " + what + "\n" + strings.Join(m.requests, "\n") + "\n")
	}
	ensure := func() error { _, _, err := c.Ensure(t.Context(), a); return err }
	step("make it", ensure)
	step("nothing to do", ensure)
	a.Name, a.Attributes, a.Record = "zofia.new", nil, connector.Record{Roles: a.Roles, Attributes: []string{p.Attributes[0].Name}}
	a.Revoke, a.Roles = a.Roles, nil
	step("rename it, take its role and an attribute", ensure)
	suspend := func() error { _, err := c.Suspend(t.Context(), a.Owner); return err }
	step("suspend it", suspend)
	step("observe it", func() error { _, err := c.Observe(t.Context(), a.Owner, a.Name); return err })
	if p.Deletes == scimapp.Delete {
		step("delete it", func() error { _, err := c.Delete(t.Context(), a.Owner, connector.DeleteOptions{}); return err })
		return text.String()
	}
	if _, err := c.Delete(t.Context(), a.Owner, connector.DeleteOptions{}); connector.KindOf(err) != connector.Unsupported {
		t.Errorf("delete: got %v, want Unsupported", err)
	}
	return text.String()
}
