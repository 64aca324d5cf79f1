package e2e_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/clients"
	"github.com/scim-operator/scim-operator/test/okta"
)

// sees compares a person at both replicas, and the ScimUser, with what was pushed, as far as the client's mappings go.
func (l *clientLife) sees(t *testing.T, first string) {
	t.Helper()
	want := l.c.Maps(l.people[first])
	for i, reader := range l.readers {
		got := personOf(must[okta.Resource](t)(reader.User(t.Context(), l.ids[first])))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s at replica %d: -want, +got:\n%s", first, i+1, diff)
		}
	}
	user := &v1alpha1.ScimUser{}
	check(t, "read the ScimUser", l.o.kube.Get(t.Context(), client.ObjectKey{Name: l.ids[first]}, user))
	if diff := cmp.Diff(want, personOfSpec(&user.Spec)); diff != "" {
		t.Errorf("the ScimUser of %s: -want, +got:\n%s", first, diff)
	}
	if user.Spec.Directory != l.directory {
		t.Errorf("the ScimUser of %s is of directory %s, want %s", first, user.Spec.Directory, l.directory)
	}
}

// personOf reads a SCIM user.
func personOf(user okta.Resource) clients.Person {
	name, _ := user["name"].(map[string]any)
	enterprise, _ := user[okta.EnterpriseSchema].(map[string]any)
	manager, _ := enterprise["manager"].(map[string]any)
	return clients.Person{
		UserName: textOf(user, "userName"), ExternalID: textOf(user, "externalId"), DisplayName: textOf(user, "displayName"),
		GivenName: textOf(name, "givenName"), FamilyName: textOf(name, "familyName"), Title: textOf(user, "title"),
		Email: onlyValue(user, "emails"), Mobile: onlyValue(user, "phoneNumbers"),
		Department: textOf(enterprise, "department"), EmployeeNumber: textOf(enterprise, "employeeNumber"),
		Manager: textOf(manager, "value"), Active: user["active"] == true,
	}
}

func textOf(object map[string]any, name string) string {
	s, _ := object[name].(string)
	return s
}

// onlyValue is the value of an attribute that must have one at most.
func onlyValue(user okta.Resource, name string) string {
	values, _ := user[name].([]any)
	if len(values) > 1 {
		return fmt.Sprintf("%d values", len(values))
	}
	for _, value := range values {
		element, _ := value.(map[string]any)
		return textOf(element, "value")
	}
	return ""
}

// personOfSpec reads the spec of a ScimUser.
func personOfSpec(spec *v1alpha1.ScimUserSpec) clients.Person {
	p := clients.Person{
		UserName: spec.UserName, ExternalID: spec.ExternalID, DisplayName: spec.DisplayName, Title: spec.Title,
		Email: onlyOf(spec.Emails), Mobile: onlyOf(spec.PhoneNumbers), Active: ptr.Deref(spec.Active, true),
	}
	if spec.Name != nil {
		p.GivenName, p.FamilyName = spec.Name.GivenName, spec.Name.FamilyName
	}
	if e := spec.Enterprise; e != nil {
		p.Department, p.EmployeeNumber = e.Department, e.EmployeeNumber
		if e.Manager != nil {
			p.Manager = e.Manager.Value
		}
	}
	return p
}

func onlyOf(values []v1alpha1.MultiValue) string {
	switch len(values) {
	case 0:
		return ""
	case 1:
		return values[0].Value
	default:
		return fmt.Sprintf("%d values", len(values))
	}
}

func noMore(*testing.T, *clientLife) {}

// onlyEntra looks people and groups up as Entra may be configured to, takes attributes away, and gives one that the server has not.
func onlyEntra(t *testing.T, l *clientLife) {
	entra, ok := l.c.(*clients.Entra)
	if !ok {
		t.Fatalf("%T is not Entra", l.c)
	}
	for _, bare := range []bool{false, true} {
		for range l.readers { // Once at each replica.
			found := must[okta.Resource](t)(entra.FindByExternalID(t.Context(), l.people["bob"].ExternalID, bare))
			if found.ID() != l.ids["bob"] {
				t.Errorf("the externalId of bob, bare %t, finds %q", bare, found.ID())
			}
		}
		eventually(t, "an address finds who has it", func(ctx context.Context) error {
			found, err := entra.FindByWorkEmail(ctx, l.people["bob"].Email, bare)
			if err == nil && found.ID() != l.ids["bob"] {
				err = fmt.Errorf("the address of bob, bare %t, finds %q", bare, found.ID())
			}
			return err
		})
	}
	if found := must[okta.Resource](t)(entra.FindGroup(t.Context(), l.group.Name)); found.ID() != l.role {
		t.Errorf("the group is found as %q, want %s", found.ID(), l.role)
	}
	l.change(t, "carol", func(p *clients.Person) {
		p.Title, p.Mobile, p.Email, p.Department, p.Manager = "", "", "", "", ""
	})
	l.change(t, "carol", func(p *clients.Person) {
		p.Title, p.Mobile, p.Email, p.Manager = "Director", "+420 555 0111", l.person("carol").Email, l.ids["bob"]
	})
	l.fillIn(t)
}

// fillIn gives somebody who came without address and telephone both, by replacements whose filters match nothing. That creates the
// values, as Entra expects; the standard would have it refused.
func (l *clientLife) fillIn(t *testing.T) {
	t.Helper()
	erin := l.person("erin")
	erin.Email, erin.Mobile = "", ""
	l.people["erin"], l.ids["erin"] = erin, must[string](t)(l.c.CreateUser(t.Context(), erin))
	l.sees(t, "erin")
	l.change(t, "erin", func(p *clients.Person) {
		p.Email, p.Mobile = l.person("erin").Email, l.person("erin").Mobile
	})
}

// onlyAuthentik deletes the group behind authentik's back: it must be able to make it anew.
func onlyAuthentik(t *testing.T, l *clientLife) {
	authentik, ok := l.c.(*clients.Authentik)
	if !ok {
		t.Fatalf("%T is not authentik", l.c)
	}
	same := must[string](t)(authentik.WriteGroup(t.Context(), l.role, l.group, l.of("alice", "bob")))
	if same != l.role {
		t.Fatalf("writing a group that exists made %s of %s", same, l.role)
	}
	role := &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: l.role}}
	check(t, "delete the role", l.o.kube.Delete(t.Context(), role))
	l.o.may(t, l.people["alice"].UserName, false)
	anew := must[string](t)(authentik.WriteGroup(t.Context(), l.role, l.group, l.of("alice", "bob")))
	if anew == l.role {
		t.Error("an id was used twice")
	}
	l.role = anew
	l.membersAre(t, "alice", "bob")
	l.o.may(t, l.people["alice"].UserName, true)
}

// onlyTakeover pushes the group as if for the first time, which takes it over and keeps those who are in it.
func onlyTakeover(t *testing.T, l *clientLife) {
	again := must[string](t)(l.c.CreateGroup(t.Context(), l.group, l.of("bob", "alice")))
	if again != l.role {
		t.Errorf("a push of a group that exists made %s of %s: it must be taken over by name", again, l.role)
	}
	l.membersAre(t, "alice", "bob")
}
