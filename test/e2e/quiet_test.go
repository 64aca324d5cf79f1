package e2e_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/test/okta"
)

// TestNoNewsWritesNothing repeats what Okta repeats (echoes, the same membership, the same name), and wants not one object to have
// another resourceVersion afterwards.
func TestNoNewsWritesNothing(t *testing.T) {
	o := sharedOperator(t)
	custom, catalogue := o.client(t, o.servers[0], okta.AIW), o.client(t, o.servers[1], okta.OIN)
	p := okta.DefaultProfile("quiet.person@example.com")
	p.Department, p.Custom = "Silence", map[string]any{"motto": "hush", "urn:example:2.0:Quiet": map[string]any{"level": 11}}
	user := must[okta.Resource](t)(custom.AssignUser(t.Context(), p))
	members := []okta.Member{okta.MemberOf(user), {Value: "somebody-unknown"}}
	group := must[string](t)(custom.PushGroup(t.Context(), "Quiet Group", members))
	o.grant(t, "quiet", "Quiet Group", "view")
	o.may(t, p.UserName, true)
	before := o.atRest(t)

	slices.Reverse(members)
	for range 3 {
		_, err := custom.EchoUser(t.Context(), user.ID())
		check(t, "echo", err)
		_, err = custom.UpdateUser(t.Context(), user.ID(), p)
		check(t, "update without news", err)
		check(t, "activate one who is active", catalogue.ActivateUser(t.Context(), user.ID()))
		check(t, "set a password", catalogue.SetPassword(t.Context(), user.ID(), "goes nowhere"))
		check(t, "put the same members", custom.PushNow(t.Context(), group, "Quiet Group", members))
		check(t, "replace with the same members", catalogue.PushNow(t.Context(), group, "Quiet Group", members))
		check(t, "add members again", catalogue.ChangeMembers(t.Context(), group, "Quiet Group", members, []string{"a-stranger"}))
	}
	if after := o.atRest(t); !maps.Equal(before, after) {
		t.Errorf("requests without news changed %v", changedKeys(before, after))
	}
}

// TestAStartWritesNothing starts the controllers anew where everything is as it should be, and wants not one object to have another
// resourceVersion afterwards.
func TestAStartWritesNothing(t *testing.T) {
	o := sharedOperator(t)
	o.createUsers(t, "calm", 300)
	c := o.client(t, o.servers[0], okta.AIW)
	user := must[okta.Resource](t)(c.AssignUser(t.Context(), okta.DefaultProfile("calm.person@example.com")))
	_, err := c.PushGroup(t.Context(), "Calm Group", []okta.Member{okta.MemberOf(user)})
	check(t, "push the group", err)
	o.grant(t, "calm", "Calm Group", "view")
	o.may(t, "calm.person@example.com", true)
	before := o.atRest(t)

	o.controller.Stop(patience)
	o.controller, err = o.startController(t.Context(), "controller-calm", built.operator, "")
	check(t, "start the next controller", err)
	// Its status shows that the next one is at work; there is no rest before it is written.
	const witness = "calm-witness"
	o.grant(t, witness, "Nobody Is Called So", "view")
	after := o.atRest(t)
	delete(after, "ClusterAccessGrant//"+witness)
	if !maps.Equal(before, after) {
		t.Errorf("a start changed %v", changedKeys(before, after))
	}
}

// TestSecretsStayOut pushes a password that can be recognised by every way that takes one, and looks for it, and for the token, in
// all objects and in all that the processes wrote.
func TestSecretsStayOut(t *testing.T) {
	o := sharedOperator(t)
	const canary = "canary-5d41402abc4b2a76b9719d911017c592"
	c := o.client(t, o.servers[0], okta.OIN)
	p := okta.DefaultProfile("secret.keeper@example.com")
	p.Custom = map[string]any{"password": canary}
	user := must[okta.Resource](t)(c.UpdateUser(t.Context(), must[okta.Resource](t)(c.CreateUser(t.Context(), okta.DefaultProfile(p.UserName))).ID(), p))
	check(t, "patch the password", c.SetPassword(t.Context(), user.ID(), canary))
	base := "/scim/" + directory + "/v2"
	for _, r := range []rawRequest{
		{method: "POST", path: base + "/Users", body: `{"userName":"secret.two@example.com","password":"` + canary + `"}`},
		{method: "POST", path: base + "/Users", body: `{"password":"` + canary + `"}`},
		{method: "POST", path: base + "/Users", body: `{"userName":"secret.three@example.com","PASSWORD":"` + canary + `",`},
		{method: "PATCH", path: base + "/Users/" + user.ID(), body: patchHead + `[{"op":"add","path":"password","value":"` + canary + `"}]}`},
		{method: "PATCH", path: base + "/Users/" + user.ID(), body: patchHead + `[{"op":"increase","path":"password","value":"` + canary + `"}]}`},
		{method: "GET", path: base + `/Users?filter=password%20eq%20%22` + canary + `%22`},
	} {
		if answer := o.raw(t, o.servers[1], r); bytes.Contains(answer.body, []byte(canary)) {
			t.Errorf("%s %s: the answer has the password", r.method, r.path)
		}
	}
	o.atRest(t)
	o.assertNowhere(t, canary)
	o.assertNowhere(t, o.token)
}

// assertNowhere looks for a secret in every object of the kinds that a push leads to, and in the logs of all processes.
func (o *operator) assertNowhere(t *testing.T, secret string) {
	t.Helper()
	for kind, list := range lists() {
		check(t, "list "+kind, o.kube.List(t.Context(), list))
		err := eachItem(list, func(object client.Object) {
			raw, err := json.Marshal(object)
			check(t, "encode "+kind, err)
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("%s %s has the secret", kind, object.GetName())
			}
		})
		check(t, "read "+kind, err)
	}
	logs, err := filepath.Glob(filepath.Join(o.dir, "*.log"))
	check(t, "find the logs", err)
	if len(logs) < 3 {
		t.Fatalf("%d logs, want those of three processes at least", len(logs))
	}
	for _, path := range logs {
		content, err := os.ReadFile(path)
		check(t, "read a log", err)
		if strings.Contains(string(content), secret) {
			t.Errorf("%s has the secret", filepath.Base(path))
		}
	}
}
