package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	testclock "k8s.io/utils/clock/testing"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/internal/access"
)

// transport counts requests that are not for reading.
type transport struct {
	http.RoundTripper
	reads, writes *atomic.Int32
}

func (c transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method == http.MethodGet {
		c.reads.Add(1)
	} else {
		c.writes.Add(1)
	}
	return c.RoundTripper.RoundTrip(request)
}

// preview runs `plan -f` and fails the test if it asks the API server for anything else than to read.
func preview(t *testing.T, input string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	var reads, writes atomic.Int32
	env := cli.NewEnv(genericiooptions.IOStreams{In: strings.NewReader(input), Out: &stdout, ErrOut: &stderr})
	env.Clock = testclock.NewFakePassiveClock(now)
	env.Flags.WrapConfigFn = func(config *rest.Config) *rest.Config {
		config.Wrap(func(inner http.RoundTripper) http.RoundTripper { return transport{inner, &reads, &writes} })
		return config
	}
	code := execute(t.Context(), env, append([]string{"--kubeconfig=" + kubeconfig(t), "plan"}, args...))
	if writes.Load() > 0 {
		t.Errorf("plan %v made %d requests that are not for reading", args, writes.Load())
	}
	if code == exitDone && reads.Load() == 0 {
		t.Errorf("plan %v read nothing, so that it can know nothing", args)
	}
	return outcome{code, stdout.String(), stderr.String()}
}

const plannedGrants = `# Two grants, and what they name.
apiVersion: scim-operator.io/v1alpha1
kind: ClusterAccessGrant
metadata: {name: planned}
spec:
  roles: [{displayName: planners}, {displayName: Nowhere}]
  users: [{userName: uma@example.com}]
  serviceAccounts: [{namespace: planned, name: ci}]
  to: {name: view}
  scope: Namespaces
  namespaces: {names: [planned, missing]}
  mode: Plan
---
apiVersion: scim-operator.io/v1alpha1
kind: ScimRole
metadata: {name: "passed\u001bover"}
---
# Nothing here.
---
apiVersion: scim-operator.io/v1alpha1
kind: AccessGrant
metadata: {name: planned, namespace: planned}
spec:
  roles: [{name: planners-1}]
  to: {name: cluster-admin}
  validity: {notBefore: "2030-01-01T00:00:00Z"}
---
apiVersion: scim-operator.io/v1alpha1
kind: ClusterAccessGrant
metadata: {name: conditional}
spec:
  roles: [{name: planners-1}]
  condition: user.userName.startsWith("zoe")
  to: {name: view}
  scope: Cluster
---
apiVersion: scim-operator.io/v1alpha1
kind: ClusterAccessGrant
metadata: {name: mistaken}
spec:
  roles: [{name: planners-1}]
  condition: user.userName +
  to: {name: view}
  scope: Cluster
`

// TestPlanFile compares with bindings that a grant of the name has already: somebody gains, somebody loses, somebody moves.
func TestPlanFile(t *testing.T) {
	kube := newKube(t)
	placeOf(t, kube, "planned")
	makeObject(t, kube, newDirectory("planner", nil))
	person(t, kube, "tara-1", "tara@example.com", "planner")
	person(t, kube, "uma-1", "uma@example.com", "planner")
	person(t, kube, "vic-1", "vic\u202e@example.com", "planner")
	team(t, kube, "planners-1", "Planners", "planner", "tara-1", "vic-1")
	key, to := access.GrantKey{Name: "planned"}, v1alpha1.GrantTarget{Name: "view"}
	old := roleBinding("planned", access.BindingName(key, "planners-1", "0", to), "view", usersNamed("uma@example.com", "wes\x1b[2J@example.com")...)
	old.Labels = map[string]string{
		v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelGrant: "planned", v1alpha1.LabelRole: "planners-1", v1alpha1.LabelShard: "0",
	}
	makeBindings(t, clientAs(t, "scim-operator-controller"), old)
	golden(t, "plan-file", preview(t, plannedGrants, "-f", "-").want(t, 0, `Passed over: "ScimRole passed\x1bover"`).stdout)

	file := filepath.Join(t.TempDir(), "grant.yaml")
	must(t, os.WriteFile(file, []byte(plannedGrants), 0o600))
	var previews []struct {
		Grant    string
		Bindings []struct{ Action string }
		Changes  []struct {
			Namespace, Role, Target string
			Gained, Lost            []string
		}
		Notes []string
	}
	must(t, json.Unmarshal([]byte(preview(t, "", "-f", file, "-o", "json").want(t, 0).stdout), &previews))
	if len(previews) != 4 || previews[1].Grant != "planned/planned" || len(previews[1].Changes) != 0 || len(previews[0].Changes) != 2 {
		t.Errorf("plan -o json: %+v", previews)
	}
	for _, tc := range []struct {
		reason, input string
		want          string
	}{
		{"a field must exist", "apiVersion: scim-operator.io/v1alpha1\nkind: AccessGrant\nmetadata: {name: x}\nspec: {rols: []}\n", `unknown field "rols"`},
		{"a grant has a name", "apiVersion: scim-operator.io/v1alpha1\nkind: AccessGrant\nspec: {}\n", "has no metadata.name"},
		{"something must be planned", "# nothing\n", "there is no ClusterAccessGrant and no AccessGrant"},
		{"what is no YAML is none", "{", "document 1"},
	} {
		t.Log(tc.reason)
		preview(t, tc.input, "-f", "-").want(t, 1, tc.want)
	}
	preview(t, "", "-f", filepath.Join(t.TempDir(), "none.yaml")).want(t, 1, "no such file")
	scim(t, "plan").want(t, 0, "Available Commands")
	scim(t, "plan", "lst").want(t, 2, "did you mean list?")
}
