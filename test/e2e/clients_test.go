package e2e_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/clients"
	"github.com/scim-operator/scim-operator/test/okta"
)

// clientMake is one make of client, and what only it does.
type clientMake struct {
	provider v1alpha1.Provider
	connect  func(clients.Config) (clients.Client, error)
	only     func(*testing.T, *clientLife)
	// keepsUsers says that the client deactivates people and never deletes them.
	keepsUsers bool
}

func clientMakes() map[string]clientMake {
	return map[string]clientMake{
		"okta-custom":    {v1alpha1.ProviderOkta, oktaOf(okta.AIW), noMore, true},
		"okta-catalogue": {v1alpha1.ProviderOkta, oktaOf(okta.OIN), noMore, true},
		"entra":          {v1alpha1.ProviderEntra, entraOf(false), onlyEntra, false},
		"entra-flagged":  {v1alpha1.ProviderEntra, entraOf(true), onlyEntra, false},
		"authentik": {v1alpha1.ProviderAuthentik, func(c clients.Config) (clients.Client, error) {
			return clients.NewAuthentik(c)
		}, onlyAuthentik, false},
		"jumpcloud": {v1alpha1.ProviderJumpCloud, func(c clients.Config) (clients.Client, error) {
			return clients.NewJumpCloud(c, "jumpcloud.example.com")
		}, onlyTakeover, false},
		"google": {v1alpha1.ProviderGoogle, func(c clients.Config) (clients.Client, error) {
			return clients.NewGoogle(c)
		}, onlyTakeover, false},
	}
}

func oktaOf(dialect okta.Dialect) func(clients.Config) (clients.Client, error) {
	return func(c clients.Config) (clients.Client, error) { return clients.NewOkta(c, dialect) }
}

func entraOf(compliant bool) func(clients.Config) (clients.Client, error) {
	return func(c clients.Config) (clients.Client, error) { return clients.NewEntra(c, compliant) }
}

// TestClients takes people and groups of every make of client through their whole lives. Each request goes to another replica than
// the one before, and after each step both replicas and the objects must say the same.
func TestClients(t *testing.T) {
	makes := clientMakes()
	for _, name := range slices.Sorted(maps.Keys(makes)) {
		kind := makes[name]
		t.Run(name, func(t *testing.T) {
			o := sharedOperator(t)
			l := &clientLife{o: o, kind: kind, directory: name, people: map[string]clients.Person{}, ids: map[string]string{}}
			config := l.newDirectory(t)
			l.c = must[clients.Client](t)(kind.connect(config))
			l.group = clients.Group{Name: "Crew of " + name, ExternalID: "group-of-" + name}
			o.grant(t, "clients-"+name, l.group.Name, "edit")
			check(t, "connect", l.c.Connect(t.Context()))
			t.Run("Join", l.join)
			t.Run("Update", l.update)
			t.Run("Group", l.pushGroup)
			t.Run("Members", l.changeMembers)
			t.Run("Deactivate", l.deactivate)
			t.Run("Rename", l.rename)
			t.Run("Only", func(t *testing.T) { kind.only(t, l) })
			t.Run("Leave", l.leave)
			t.Run("Unlink", l.unlink)
		})
	}
}

// clientLife carries what one step leaves to the next.
type clientLife struct {
	o         *operator
	c         clients.Client
	kind      clientMake
	directory string
	// readers read at one replica each.
	readers []*okta.Client
	// people and ids are those who were pushed, by first name.
	people map[string]clients.Person
	ids    map[string]string
	group  clients.Group
	role   string
}

// newDirectory makes a directory for the client, and waits until both replicas serve it.
func (l *clientLife) newDirectory(t *testing.T) clients.Config {
	t.Helper()
	config := clients.Config{Token: rand.Text() + rand.Text(), RootCAs: l.o.certificate.roots}
	check(t, "create the Secret", l.o.kube.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: l.directory + "-client-token"},
		StringData: map[string]string{"token": config.Token},
	}))
	check(t, "create the directory", l.o.kube.Create(t.Context(), &v1alpha1.ScimDirectory{
		ObjectMeta: metav1.ObjectMeta{Name: l.directory},
		Spec: v1alpha1.ScimDirectorySpec{
			Provider: l.kind.provider,
			Credentials: []v1alpha1.Credential{
				{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: l.directory + "-client-token", Key: "token"}},
			},
		},
	}))
	for _, server := range l.o.servers {
		base := "https://" + server.address + "/scim/" + l.directory + "/v2"
		config.BaseURLs = append(config.BaseURLs, base)
		reader := must[*okta.Client](t)(okta.New(okta.Config{BaseURL: base, Token: config.Token, RootCAs: config.RootCAs}))
		t.Cleanup(reader.Close)
		l.readers = append(l.readers, reader)
		served(t, reader)
	}
	return config
}

// person is somebody new.
func (l *clientLife) person(first string) clients.Person {
	return clients.Person{
		UserName: first + "@" + l.directory + ".example.com", ExternalID: "id-" + first + "-" + l.directory,
		GivenName: first, FamilyName: "Novák", DisplayName: first + " Novák", Email: first + "@mail." + l.directory + ".example.com",
		Title: "Engineer", Department: "Platform", EmployeeNumber: "701984", Mobile: "+420 555 0100", Active: true,
	}
}

func (l *clientLife) join(t *testing.T) {
	for _, first := range []string{"alice", "bob", "carol", "dave"} {
		p := l.person(first)
		if first != "alice" {
			p.Manager = l.ids["alice"]
		}
		id := must[string](t)(l.c.CreateUser(t.Context(), p))
		l.people[first], l.ids[first] = p, id
		l.sees(t, first)
		if again := must[string](t)(l.c.CreateUser(t.Context(), p)); again != id {
			t.Errorf("assigning %s again made %s of %s: it must link", first, again, id)
		}
		l.sees(t, first)
	}
}

// change pushes another state of a person, and looks at it.
func (l *clientLife) change(t *testing.T, first string, change func(*clients.Person)) {
	t.Helper()
	before := l.people[first]
	after := before
	change(&after)
	check(t, "update "+first, l.c.UpdateUser(t.Context(), l.ids[first], before, after))
	l.people[first] = after
	l.sees(t, first)
}

func (l *clientLife) update(t *testing.T) {
	l.change(t, "bob", func(p *clients.Person) {
		p.GivenName, p.FamilyName, p.DisplayName = "Robert", "Nováková-O'Neil", `Robert "Bob" Nováková-O'Neil`
		p.Email, p.Mobile = "robert@mail."+l.directory+".example.com", "+420 555 0199"
		p.Title, p.Department, p.EmployeeNumber, p.Manager = "Staff Engineer", "Access", "42", l.ids["carol"]
	})
	old := l.people["bob"].UserName
	l.change(t, "bob", func(p *clients.Person) { p.UserName = "Robert@" + l.directory + ".example.com" })
	l.userNameFinds(t, old, "")
	l.userNameFinds(t, l.people["bob"].UserName, l.ids["bob"])
	l.change(t, "bob", func(*clients.Person) {}) // No news.
}

func (l *clientLife) pushGroup(t *testing.T) {
	l.o.may(t, l.people["alice"].UserName, false)
	l.role = must[string](t)(l.c.CreateGroup(t.Context(), l.group, l.of("alice", "bob")))
	l.membersAre(t, "alice", "bob")
	l.o.may(t, l.people["alice"].UserName, true)
	if again := must[string](t)(l.c.CreateGroup(t.Context(), l.group, l.of("alice", "bob"))); again != l.role {
		t.Errorf("pushing the group again made %s of %s: it must be taken over", again, l.role)
	}
	l.membersAre(t, "alice", "bob")
}

// pushMembers turns one membership into another.
func (l *clientLife) pushMembers(t *testing.T, before, after []string) {
	t.Helper()
	err := l.c.ChangeMembers(t.Context(), l.role, l.group, l.of(before...), l.of(after...))
	check(t, fmt.Sprintf("change members from %v to %v", before, after), err)
	l.membersAre(t, after...)
}

func (l *clientLife) changeMembers(t *testing.T) {
	l.pushMembers(t, []string{"alice", "bob"}, []string{"alice", "bob", "carol", "dave"})
	l.pushMembers(t, []string{"alice", "bob", "carol", "dave"}, []string{"alice", "carol"})
	l.o.may(t, l.people["bob"].UserName, false)
	l.pushMembers(t, []string{"alice", "carol"}, []string{"bob", "dave"})
	l.o.may(t, l.people["bob"].UserName, true)
	l.o.may(t, l.people["alice"].UserName, false)
	l.pushMembers(t, []string{"bob", "dave"}, []string{"bob", "alice"})
	l.pushMembers(t, []string{"bob"}, []string{"bob", "alice"}) // One who is there already.
	l.pushMembers(t, []string{"bob", "alice", "dave"}, []string{"bob", "alice"})
	l.o.may(t, l.people["alice"].UserName, true)
}

func (l *clientLife) deactivate(t *testing.T) {
	alice := l.people["alice"].UserName
	l.change(t, "alice", func(p *clients.Person) { p.Active = false })
	l.o.may(t, alice, false)
	l.membersAre(t, "alice", "bob")
	l.userNameFinds(t, alice, l.ids["alice"])
	l.change(t, "alice", func(p *clients.Person) { p.Active = true })
	l.o.may(t, alice, true)
}

func (l *clientLife) rename(t *testing.T) {
	old := l.group
	l.group.Name += " (renamed)"
	check(t, "rename the group", l.c.RenameGroup(t.Context(), l.role, l.group))
	l.membersAre(t, "alice", "bob")
	for _, reader := range l.readers {
		if found := must[okta.Resource](t)(reader.FindGroup(t.Context(), old.Name)); found != nil {
			t.Errorf("the old name still finds %s", found.ID())
		}
		if found := must[okta.Resource](t)(reader.FindGroup(t.Context(), l.group.Name)); found.ID() != l.role {
			t.Errorf("the new name finds %q, want %s", found.ID(), l.role)
		}
	}
	l.o.may(t, l.people["alice"].UserName, false) // The grant names the group by its old name.
	l.group = old
	check(t, "rename the group back", l.c.RenameGroup(t.Context(), l.role, l.group))
	l.o.may(t, l.people["alice"].UserName, true)
}

// leave takes somebody away who is in the group. Whoever is deleted stays in the group's list as an id that leads nowhere, until the
// provider removes it: the standard does not ask for more, and a user who is made anew gets another id.
func (l *clientLife) leave(t *testing.T) {
	alice := l.people["alice"].UserName
	l.change(t, "alice", func(p *clients.Person) { p.Active = false })
	check(t, "delete alice", l.c.RemoveUser(t.Context(), l.ids["alice"]))
	l.o.may(t, alice, false)
	l.membersAre(t, "alice", "bob")
	if l.kind.keepsUsers {
		l.sees(t, "alice")
		return
	}
	l.isGone(t, "/Users/"+l.ids["alice"], &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: l.ids["alice"]}})
	l.userNameFinds(t, alice, "")
	eventually(t, "nobody resolves the id of somebody who was deleted", l.leadsNowhere)
	l.pushMembers(t, []string{"alice", "bob"}, []string{"bob"})
	if again := must[string](t)(l.c.CreateUser(t.Context(), l.person("alice"))); again == l.ids["alice"] {
		t.Error("an id was used twice")
	}
	l.o.may(t, alice, false)
}

// leadsNowhere wants a deleted member to have no name in the group, and the role to count it as unresolved.
func (l *clientLife) leadsNowhere(ctx context.Context) error {
	for _, reader := range l.readers {
		group, err := reader.Group(ctx, l.role)
		if err != nil {
			return err
		}
		values, _ := group["members"].([]any)
		for _, value := range values {
			member, _ := value.(map[string]any)
			if member["value"] == l.ids["alice"] && member["display"] != nil {
				return fmt.Errorf("the member who was deleted has the name %v", member["display"])
			}
		}
	}
	role := &v1alpha1.ScimRole{}
	if err := l.o.kube.Get(ctx, client.ObjectKey{Name: l.role}, role); err != nil {
		return err
	}
	if n := role.Status.UnresolvedMembers; n == nil || *n != 1 {
		return errors.New("the role does not count one unresolved member")
	}
	return nil
}

func (l *clientLife) unlink(t *testing.T) {
	check(t, "delete the group", l.c.RemoveGroup(t.Context(), l.role))
	l.isGone(t, "/Groups/"+l.role, &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: l.role}})
	l.o.may(t, l.people["bob"].UserName, false)
	l.sees(t, "bob")
	for _, name := range []string{l.group.Name, l.group.Name + " (renamed)"} {
		claim := &v1alpha1.ScimClaim{}
		key := client.ObjectKey{Name: v1alpha1.ClaimName(v1alpha1.ClaimDisplayName, name)}
		eventually(t, "repair takes away the claim of "+name, func(ctx context.Context) error {
			err := l.o.kube.Get(ctx, key, claim)
			if err == nil {
				return errors.New("the claim is still there")
			}
			return client.IgnoreNotFound(err)
		})
	}
}

// isGone wants a resource to be 404 at both replicas, and its object not to be there.
func (l *clientLife) isGone(t *testing.T, path string, object client.Object) {
	t.Helper()
	for _, reader := range l.readers {
		if _, err := reader.Call(t.Context(), http.MethodGet, path, nil); okta.StatusOf(err) != http.StatusNotFound {
			t.Errorf("GET %s after its deletion: %v, want 404", path, err)
		}
	}
	if err := l.o.kube.Get(t.Context(), client.ObjectKeyFromObject(object), object); !apierrors.IsNotFound(err) {
		t.Errorf("the object of %s after its deletion: %v, want none", path, err)
	}
}

// of are the ids of people.
func (l *clientLife) of(names ...string) []string {
	ids := make([]string, 0, len(names))
	for _, name := range names {
		ids = append(ids, l.ids[name])
	}
	return ids
}

// membersAre compares the group at both replicas, and the role.
func (l *clientLife) membersAre(t *testing.T, names ...string) {
	t.Helper()
	want := slices.Sorted(slices.Values(l.of(names...)))
	for i, reader := range l.readers {
		group := must[okta.Resource](t)(reader.Group(t.Context(), l.role))
		if diff := cmp.Diff(want, slices.Sorted(slices.Values(group.Members()))); diff != "" {
			t.Errorf("members at replica %d: -want, +got:\n%s", i+1, diff)
		}
		if group["displayName"] != l.group.Name {
			t.Errorf("the group is called %v, want %s", group["displayName"], l.group.Name)
		}
	}
	role := &v1alpha1.ScimRole{}
	check(t, "read the role", l.o.kube.Get(t.Context(), client.ObjectKey{Name: l.role}, role))
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(role.Spec.Members))); diff != "" {
		t.Errorf("members of the ScimRole: -want, +got:\n%s", diff)
	}
	if role.Spec.DisplayName != l.group.Name || role.Spec.Directory != l.directory {
		t.Errorf("the ScimRole is %s of %s, want %s of %s", role.Spec.DisplayName, role.Spec.Directory, l.group.Name, l.directory)
	}
}

// userNameFinds wants a name to find a user at both replicas; an empty id stands for nobody.
func (l *clientLife) userNameFinds(t *testing.T, name, id string) {
	t.Helper()
	for i, reader := range l.readers {
		if found := must[okta.Resource](t)(reader.FindUser(t.Context(), name)); found.ID() != id {
			t.Errorf("the name %s finds %q at replica %d, want %q", name, found.ID(), i+1, id)
		}
	}
}
