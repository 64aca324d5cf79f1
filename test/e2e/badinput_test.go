package e2e_test

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/utils/ptr"

	"github.com/scim-operator/scim-operator/test/okta"
)

// badInput is one request that must be refused, and the words that its refusal must have for the administrator who reads it.
type badInput struct {
	reason, method string
	// path starts after the base URL; one that starts with "!" starts after the host. {user} and {group} stand for ids that exist.
	path, body    string
	authorization *string
	status        int
	scimType      string
	// detail lists words that name the field and the remedy.
	detail []string
}

const patchHead = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":`

func badInputs() map[string]badInput {
	return map[string]badInput{
		"MalformedJSON": {
			reason: "RFC 7644 section 3.12: unparsable is invalidSyntax", method: http.MethodPost, path: "/Users", body: `{"userName":`,
			status: 400, scimType: "invalidSyntax", detail: []string{"JSON"},
		},
		"EmptyBody": {
			reason: "a create needs a body", method: http.MethodPost, path: "/Users", status: 400, scimType: "invalidSyntax", detail: []string{"body"},
		},
		"BodyIsAList": {
			reason: "a resource is an object", method: http.MethodPost, path: "/Users", body: `[]`, status: 400, scimType: "invalidSyntax", detail: []string{"object"},
		},
		"MissingUserName": {
			reason: "RFC 7643 section 4.1.1: userName is required", method: http.MethodPost, path: "/Users", body: `{"displayName":"x"}`,
			status: 400, scimType: "invalidValue", detail: []string{"userName"},
		},
		"UserNameIsAnObject": {
			reason: "userName is a string", method: http.MethodPost, path: "/Users", body: `{"userName":{"a":1}}`,
			status: 400, scimType: "invalidValue", detail: []string{"userName", "string"},
		},
		"EmailsIsAString": {
			reason: "emails is a list of objects", method: http.MethodPost, path: "/Users", body: `{"userName":"bad@example.com","emails":{"value":7,"primary":"perhaps"}}`,
			status: 400, scimType: "invalidValue", detail: []string{"emails"},
		},
		"ActiveIsAWord": {
			reason: "active is a boolean", method: http.MethodPut, path: "/Users/{user}", body: `{"userName":"bad.input@example.com","active":"perhaps"}`,
			status: 400, scimType: "invalidValue", detail: []string{"active", "true"},
		},
		"DuplicateInOtherCase": {
			reason: "userName is unique without regard to case", method: http.MethodPost, path: "/Users", body: `{"userName":"BAD.Input@Example.COM"}`,
			status: 409, scimType: "uniqueness", detail: []string{"userName"},
		},
		"DuplicateGroup": {
			reason: "displayName is unique without regard to case", method: http.MethodPost, path: "/Groups", body: `{"displayName":"bad INPUT"}`,
			status: 409, scimType: "uniqueness", detail: []string{"displayName"},
		},
		"MissingDisplayName": {
			reason: "RFC 7643 section 4.2: displayName is required", method: http.MethodPost, path: "/Groups", body: `{"members":[]}`,
			status: 400, scimType: "invalidValue", detail: []string{"displayName"},
		},
		"MembersAreNumbers": {
			reason: "a member is an object with a value", method: http.MethodPut, path: "/Groups/{group}", body: `{"displayName":"Bad Input","members":[7]}`,
			status: 400, scimType: "invalidValue", detail: []string{"member", "value"},
		},
		"UnknownOperation": {
			reason: "RFC 7644 section 3.5.2: add, remove, replace", method: http.MethodPatch, path: "/Users/{user}",
			body: patchHead + `[{"op":"increase","path":"title","value":"x"}]}`, status: 400, scimType: "invalidSyntax", detail: []string{"op", "replace"},
		},
		"PatchWithoutOperations": {
			reason: "a PATCH has operations", method: http.MethodPatch, path: "/Users/{user}", body: patchHead + `[]}`,
			status: 400, scimType: "invalidSyntax", detail: []string{"Operations"},
		},
		"PatchBadPath": {
			reason: "RFC 7644 table 9: a malformed path is invalidPath", method: http.MethodPatch, path: "/Users/{user}",
			body: patchHead + `[{"op":"replace","path":"name..givenName","value":"x"}]}`, status: 400, scimType: "invalidPath", detail: []string{"path"},
		},
		"PatchBadPathFilter": {
			reason: "RFC 7644 table 9: a malformed filter in a path is invalidFilter", method: http.MethodPatch, path: "/Users/{user}",
			body: patchHead + `[{"op":"replace","path":"emails[type eq","value":"x"}]}`, status: 400, scimType: "invalidFilter", detail: []string{"path"},
		},
		"RemoveWithoutPath": {
			reason: "RFC 7644 section 3.5.2.2: remove without a path is noTarget", method: http.MethodPatch, path: "/Users/{user}",
			body: patchHead + `[{"op":"remove"}]}`, status: 400, scimType: "noTarget", detail: []string{"path"},
		},
		"SecondOperationFails": {
			reason: "a PATCH is atomic: the first operation must not take effect", method: http.MethodPatch, path: "/Users/{user}",
			body:   patchHead + `[{"op":"replace","path":"title","value":"half"},{"op":"replace","path":"userName","value":""}]}`,
			status: 400, scimType: "invalidValue", detail: []string{"userName"},
		},
		"ChangeOfID": {
			reason: "id is immutable", method: http.MethodPatch, path: "/Groups/{group}",
			body: patchHead + `[{"op":"replace","value":{"id":"another"}}]}`, status: 400, scimType: "mutability", detail: []string{"id"},
		},
		"BadFilter": {
			reason: "RFC 7644 section 3.4.2.2: a filter that cannot be read is invalidFilter", method: http.MethodGet,
			path: "/Users?filter=userName%20is%20%22x%22", status: 400, scimType: "invalidFilter", detail: []string{"filter"},
		},
		"UnknownUser": {
			reason: "an id that never was is 404", method: http.MethodGet, path: "/Users/00919288221112222", status: 404, detail: []string{"00919288221112222"},
		},
		"UserIDIsNoName": {
			reason: "an id that is no object name is 404 all the same", method: http.MethodGet, path: "/Users/A%20B%2F..%2Fc_d", status: 404, detail: []string{"User"},
		},
		"GroupIDAsUser": {
			reason: "an id belongs to one resource type", method: http.MethodGet, path: "/Users/{group}", status: 404, detail: []string{"User"},
		},
		"PutUnknownUser": {
			reason: "PUT never creates", method: http.MethodPut, path: "/Users/nobody", body: `{"userName":"new@example.com"}`, status: 404, detail: []string{"nobody"},
		},
		"PutUnknownGroup": {
			reason: "PUT never creates", method: http.MethodPut, path: "/Groups/nobody", body: `{"displayName":"New"}`, status: 404, detail: []string{"nobody", "unlink"},
		},
		"UnknownEndpoint": {reason: "every path answers SCIM", method: http.MethodGet, path: "/Devices", status: 404, detail: []string{"/Users", "/Groups"}},
		"OutsideSCIM":     {reason: "every path answers SCIM", method: http.MethodGet, path: "!/index.html", status: 404, detail: []string{"/scim/"}},
		"UnknownDirectory": {
			reason: "a directory that is not there", method: http.MethodGet, path: "!/scim/nowhere/v2/Users", status: 404, detail: []string{"ScimDirectory"},
		},
		"MethodNotAllowed": {reason: "405 names what is allowed", method: http.MethodDelete, path: "/Users", status: 405, detail: []string{"GET", "POST"}},
		"BodyOverLimit": {
			reason: "a user of more than a mebibyte is refused", method: http.MethodPost, path: "/Users",
			body:   `{"userName":"big@example.com","nickName":"` + strings.Repeat("x", 1<<20) + `"}`,
			status: 413, detail: []string{"1048576"},
		},
		"NoToken": {
			reason: "RFC 7644 section 2: 401 without a credential", method: http.MethodGet, path: "/Users", authorization: ptr.To(""), status: 401, detail: []string{"Authorization", "Bearer"},
		},
		"WrongToken": {
			reason: "401 with a wrong credential", method: http.MethodPost, path: "/Users", body: `{"userName":"x@example.com"}`,
			authorization: ptr.To("Bearer 0123456789012345678901234567890123456789"), status: 401, detail: []string{"credentials"},
		},
		"TokenWithoutScheme": {
			reason: "Okta's own suite sends a token without a scheme and wants a whole SCIM error", method: http.MethodGet, path: "/Users",
			authorization: ptr.To("non-token"), status: 401, detail: []string{"token"},
		},
	}
}

func TestBadInputChangesNothingAndSaysWhy(t *testing.T) {
	o := sharedOperator(t)
	c := o.client(t, o.servers[0], okta.AIW)
	user := must[okta.Resource](t)(c.AssignUser(t.Context(), okta.DefaultProfile("bad.input@example.com")))
	group := must[string](t)(c.PushGroup(t.Context(), "Bad Input", okta.Members(user.ID())))
	names := strings.NewReplacer("{user}", user.ID(), "{group}", group)
	before := o.atRest(t)
	inputs := badInputs()
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		t.Run(name, func(t *testing.T) {
			in := inputs[name]
			path, fromHost := strings.CutPrefix(in.path, "!")
			if !fromHost {
				path = "/scim/" + directory + "/v2" + names.Replace(in.path)
			}
			got := o.raw(t, o.servers[1], rawRequest{method: in.method, path: path, body: in.body, authorization: in.authorization})
			assertRefused(t, in, got)
		})
	}
	if after := o.atRest(t); !maps.Equal(before, after) {
		t.Errorf("refused requests changed %v", changedKeys(before, after))
	}
}

func assertRefused(t *testing.T, in badInput, got rawAnswer) {
	t.Helper()
	if got.status != in.status || got.message.SCIMType != in.scimType {
		t.Errorf("%s: %d %q, want %d %q: %.300s", in.reason, got.status, got.message.SCIMType, in.status, in.scimType, got.body)
	}
	for _, word := range in.detail {
		if !strings.Contains(got.message.Detail, word) {
			t.Errorf("%s: the detail %q does not name %q", in.reason, got.message.Detail, word)
		}
	}
	if kind := got.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/scim+json") {
		t.Errorf("Content-Type is %q, want application/scim+json", kind)
	}
	if got.message.Status != strconv.Itoa(got.status) || !slices.Contains(got.message.Schemas, okta.ErrorSchema) {
		t.Errorf("the answer is no SCIM error: %.300s", got.body)
	}
	if got.status == http.StatusUnauthorized && got.header.Get("WWW-Authenticate") == "" {
		t.Error("a 401 has WWW-Authenticate (RFC 9110 section 15.5.2)")
	}
	if got.status == http.StatusMethodNotAllowed && got.header.Get("Allow") == "" {
		t.Error("a 405 has Allow (RFC 9110 section 15.5.6)")
	}
}
