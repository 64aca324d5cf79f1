package server_test

import (
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/server"
)

func (s *scim) localUser(name string) *v1alpha1.ScimUser {
	s.t.Helper()
	user := &v1alpha1.ScimUser{}
	user.Name, user.Spec.UserName = name, name+"@example.com"
	s.claimed(user)
	return user
}

func (s *scim) ownerOf(id string) string {
	s.t.Helper()
	user := &v1alpha1.ScimUser{}
	must(s.t, s.kube.Get(s.t.Context(), client.ObjectKey{Name: id}, user))
	return user.Spec.Directory
}

// TestTakeoverOverSCIM walks Okta's ways to a local user, with the rule changed between them.
func TestTakeoverOverSCIM(t *testing.T) {
	s := newSCIM(t)
	user := s.localUser("http-local")
	find := "/Users?filter=" + strings.NewReplacer(" ", "%20", `"`, "%22").Replace(`userName eq "HTTP-Local@example.com"`)
	put := `{"userName":"http-local@example.com","externalId":"00u-http","active":true}`
	detail := refused(t, s.call(409, "POST", "/Users", put), 409, "uniqueness")
	contains(t, detail, "kubectl scim adopt user http-local --directory "+s.directory)
	s.call(404, "GET", "/Users/"+user.Name, "")
	s.call(404, "PUT", "/Users/"+user.Name, put)
	s.call(404, "DELETE", "/Users/"+user.Name, "")

	s.rule(s.directory, func(spec *v1alpha1.ScimDirectorySpec) { spec.Matching.ExistingUsers = v1alpha1.MatchReject })
	contains(t, refused(t, s.call(409, "POST", "/Users", put), 409, "uniqueness"), "local user", "spec.matching.existingUsers")

	s.rule(s.directory, func(spec *v1alpha1.ScimDirectorySpec) { spec.Matching.ExistingUsers = v1alpha1.MatchLink })
	if list := listOf(t, s.call(200, "GET", find, "")); *list.TotalResults != 1 {
		t.Fatalf("Okta's search finds %d local users, want the one", *list.TotalResults)
	}
	contains(t, refused(t, s.call(403, "DELETE", "/Users/"+user.Name, ""), 403, ""), "local")
	if s.ownerOf(user.Name) != "" {
		t.Fatal("reading is no takeover")
	}
	s.call(200, "PUT", "/Users/"+user.Name, put)
	if got := s.ownerOf(user.Name); got != s.directory {
		t.Fatalf("after the first change the user is %q's", got)
	}
	detail = refused(t, s.call(409, "PUT", "/Users/"+user.Name, strings.ReplaceAll(put, "00u-http", "00u-newcomer")), 409, "uniqueness")
	contains(t, detail, "another externalId", "--external-id", "00u-newcomer")
	patch := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"externalId":"00u-newcomer"}}]}`
	refused(t, s.call(409, "PATCH", "/Users/"+user.Name, patch), 409, "uniqueness")
	bulk := s.call(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
		{"method":"PUT","path":"/Users/`+user.Name+`","data":{"userName":"http-local@example.com","externalId":"00u-newcomer"}}]}`)
	contains(t, string(bulk.body), `"status":"409"`)
}

// TestPostTakesOver: a POST of a local user's name is answered 201 with the id that the user has.
func TestPostTakesOver(t *testing.T) {
	s := newSCIM(t)
	s.rule(s.directory, func(spec *v1alpha1.ScimDirectorySpec) { spec.Matching.ExistingUsers = v1alpha1.MatchLink })
	user := s.localUser("http-posted")
	made := s.call(201, "POST", "/Users", `{"userName":"http-posted@example.com"}`)
	if id := made.json(t)["id"]; id != user.Name {
		t.Errorf("the id is %v, want that of the local user", id)
	}
	refused(t, s.call(409, "POST", "/Users", `{"userName":"http-posted@example.com"}`), 409, "uniqueness")
}

// TestFailedCircleKeepsWhatWasThere: a circle of bulkIds that fails deletes what it made, and nothing that it took over.
func TestFailedCircleKeepsWhatWasThere(t *testing.T) {
	s := newSCIM(t)
	s.rule(s.directory, func(spec *v1alpha1.ScimDirectorySpec) { spec.Matching.ExistingUsers = v1alpha1.MatchLink })
	user := s.localUser("http-circle")
	const manager = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:`
	got := s.call(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
		{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"http-circle@example.com",`+manager+`b"}}}},
		{"method":"POST","path":"/Users","bulkId":"b","data":{"userName":"",`+manager+`a"}}}}]}`)
	contains(t, string(got.body), `"status":"400"`)
	if got := s.ownerOf(user.Name); got != s.directory {
		t.Errorf("the user is %q's", got)
	}
}

func TestLastSeenTime(t *testing.T) {
	kube := newKube(t)
	activity := server.NewActivity(server.StatusSightings{Client: kube}, nil, logr.Discard())
	s := newSCIM(t, func(cfg *server.Config) { cfg.Activity = activity })
	id := s.createGroup("Seen Group")
	seen := func() *v1alpha1.ScimRole {
		role := &v1alpha1.ScimRole{}
		must(t, s.kube.Get(t.Context(), client.ObjectKey{Name: id}, role))
		return role
	}
	s.call(200, "GET", "/Groups", "")
	if at := seen().Status.LastSeenTime; at != nil {
		t.Errorf("a list names no role: %v", at)
	}
	s.call(200, "GET", "/Groups/"+id, "")
	poll(t, "the time is written", func() bool { return seen().Status.LastSeenTime != nil })
	before := seen()
	s.call(200, "PUT", "/Groups/"+id, `{"displayName":"Seen Group"}`)
	activity.Wait()
	if after := seen(); after.ResourceVersion != before.ResourceVersion || after.Generation != before.Generation {
		t.Error("a second request on the same day is written, or the time changes the version that clients see")
	}
}
