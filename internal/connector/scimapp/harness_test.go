package scimapp_test

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/scimapp"
	server "github.com/scim-operator/scim-operator/test/scimmy"
)

// groups are groups that may be given.
var groups = []string{"Readers", `writers "of" it`, "on-call; --", "równość"}

const patchMessage = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

type object = map[string]any

// world is what a test has: a server, and somebody else's access to it.
type world struct {
	testing.TB
	*server.Server
	// groupIDs are those of groups, by name.
	groupIDs map[string]string
}

func newWorld(t testing.TB, kind server.Kind) *world {
	t.Helper()
	s, err := server.Start(t.Context(), kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	w := &world{t, s, map[string]string{}}
	for _, name := range groups {
		w.groupIDs[name] = w.post("/Groups", object{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": name})
	}
	return w
}

func (w *world) options() scimapp.Options {
	return scimapp.Options{
		BaseURL: w.BaseURL, Auth: scimapp.Auth{Bearer: server.Token}, AllowLoopbackHTTP: true,
		Protected: []string{"break glass", "not here yet"}, ProtectedGroups: []string{"admins"},
	}
}

// connector makes one with the usual options, but for some.
func (w *world) connector(change ...func(*scimapp.Options)) *scimapp.Connector {
	w.Helper()
	options := w.options()
	for _, change := range change {
		change(&options)
	}
	c, err := scimapp.New(options)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// closing is a connector that the test's end closes.
func (w *world) closing(change ...func(*scimapp.Options)) *scimapp.Connector {
	w.Helper()
	c := w.connector(change...)
	w.Cleanup(c.Close)
	return c
}

func (w *world) ensure(c connector.Connector, account connector.Account) connector.Observed {
	w.Helper()
	observed, _, err := c.Ensure(w.Context(), account)
	if err != nil {
		w.Fatalf("ensure: %v", err)
	}
	return observed
}

// account is an active account of a person of that name.
func account(name string) connector.Account {
	return connector.Account{Owner: connector.Owner{App: "app of package scimapp", Person: name}, Name: name, Active: true}
}

// post makes a resource in somebody else's name and returns its id.
func (w *world) post(path string, body object) string {
	w.Helper()
	id, _ := w.Do(w, http.MethodPost, path, body)["id"].(string)
	return id
}

// foreign makes a user that somebody else looks after.
func (w *world) foreign(name string, roles ...string) {
	w.Helper()
	w.post("/Users", object{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": name, "active": true})
	for _, role := range roles {
		w.grant(name, role)
	}
}

func (w *world) idOf(name string) string {
	w.Helper()
	for _, person := range w.Truth(w) {
		if person.UserName == name {
			return person.ID
		}
	}
	w.Fatalf("the server has nobody named %q", name)
	return ""
}

func (w *world) grant(name, role string) {
	w.Helper()
	w.patchGroup(role, object{"op": "add", "path": "members", "value": []object{{"value": w.idOf(name)}}})
}

func (w *world) take(name, role string) {
	w.Helper()
	w.patchGroup(role, object{"op": "remove", "path": `members[value eq "` + w.idOf(name) + `"]`})
}

func (w *world) patchGroup(role string, operation object) {
	w.Helper()
	w.Do(w, http.MethodPatch, "/Groups/"+url.PathEscape(w.groupIDs[role]), object{"schemas": []string{patchMessage}, "Operations": []object{operation}})
}

func closedPort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}
