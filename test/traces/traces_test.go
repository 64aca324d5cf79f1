package traces_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/collector"
)

const (
	forged = "Traceparent: 00-00f067aa0ba902b7a3ce929d0e0e4736-00f067aa0ba902b7-01"

	patch   = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`
	suspend = `{"op":"replace","path":"active","value":false}`
)

// path is the way from the root of a trace to a span, by what spans are called and which process made them. It is empty where it does not lead
// to the root.
func path(spans []collector.Span, span collector.Span) []string {
	step := strings.TrimPrefix(span.Service, "scim-operator-") + ": " + span.Name
	if span.Parent == "" {
		return []string{step}
	}
	i := slices.IndexFunc(spans, func(other collector.Span) bool { return other.ID == span.Parent && other.Trace == span.Trace })
	if i < 0 {
		return nil
	}
	above := path(spans, spans[i])
	if above == nil {
		return nil
	}
	return append(above, step)
}

// leads waits until there is a span to which the way from the root is this. Of each step the beginning is given.
func leads(t *testing.T, c *collector.Collector, way ...string) collector.Span {
	t.Helper()
	var found collector.Span
	eventually(t, "the way "+strings.Join(way, " > "), func(context.Context) error {
		spans := c.Spans()
		var seen []string
		for _, span := range spans {
			found = span
			at := path(spans, span)
			if slices.EqualFunc(at, way, strings.HasPrefix) {
				return nil
			}
			seen = append(seen, strings.Join(at, " > ")+" ["+span.Name+"]")
		}
		return fmt.Errorf("there is none among\n%s", strings.Join(seen, "\n"))
	})
	return found
}

// TestOneTrace pushes somebody and a group, and later suspends the person. Each time the trace of the request leads to the binding and to the
// account in the app, and nothing that is personal or secret is sent.
func TestOneTrace(t *testing.T) {
	i, c := installed(t), startCollector(t)
	server := i.startServer(t, "--tracing-endpoint="+c.Endpoint(), "--tracing-sampling-ratio=1")
	controller := i.startController(t, "--tracing-endpoint="+c.Endpoint())
	i.connect(t, "postgres", groupName)()

	profile := `{"userName":"zuleika.quibble@example.com","displayName":"Thaumaturge","emails":[{"value":"z@home.example"}],"password":"Canary-pass-9"}`
	id := server.create("/Users", profile, forged)
	i.known(t, id)
	group := server.create("/Groups", `{"displayName":"`+groupName+`","members":[{"value":"`+id+`"}]}`)
	// The controller may hear of the role before it hears of the claim by which it counts, or have both at once.
	commit := []string{"server: POST /Groups", "server: create "}
	role := leads(t, c, "server: POST /Groups", "server: create ScimRole")
	binding := leads(t, c, append(commit, "controller: access.grant", "controller: access.binding")...)
	account := leads(t, c, append(commit, "controller: app.account", "controller: connector.Ensure")...)
	if binding.Trace != role.Trace || account.Trace != role.Trace {
		t.Errorf("the traces of role, binding and account are %s, %s and %s, want one", role.Trace, binding.Trace, account.Trace)
	}
	if diff := cmp.Diff(map[string]string{
		"scim_operator.app": appNamespace + "/postgres", "scim_operator.operation": "Ensure", "scim_operator.result": "OK",
	}, account.Attributes); diff != "" {
		t.Errorf("attributes of the connector's call (-want +got):\n%s", diff)
	}
	made := &v1alpha1.AppAccount{}
	check(t, "read the AppAccount", i.kube.Get(t.Context(), client.ObjectKey{Namespace: appNamespace, Name: v1alpha1.AccountObjectName("postgres", id)}, made))
	if text := made.Annotations[v1alpha1.AnnotationTraceparent]; !strings.Contains(text, role.Trace) {
		t.Errorf("the AppAccount names the trace %q, want %s", text, role.Trace)
	}

	before := i.user(t, id)
	server.push(http.StatusOK, http.MethodPut, "/Users/"+id, profile)
	if after := i.user(t, id); after.Annotations[v1alpha1.AnnotationTraceparent] != before.Annotations[v1alpha1.AnnotationTraceparent] ||
		after.Annotations[v1alpha1.AnnotationLastModified] != before.Annotations[v1alpha1.AnnotationLastModified] {
		t.Error("a push that changes nothing has written the user")
	}

	server.push(http.StatusOK, http.MethodPatch, "/Users/"+id, fmt.Sprintf(patch, suspend))
	gone := []string{"server: PATCH /Users/{id}", "server: update ScimUser"}
	binding = leads(t, c, append(gone, "controller: access.grant", "controller: access.binding")...)
	account = leads(t, c, append(gone, "controller: app.account", "controller: connector.Suspend")...)
	if binding.Trace == role.Trace || account.Trace != binding.Trace {
		t.Errorf("the suspension is in the traces %s and %s, want one that is not %s", binding.Trace, account.Trace, role.Trace)
	}

	server.end()
	controller.end()
	for _, secret := range []string{i.token, "quibble@", "Thaumaturge", "home.example", "Canary-pass-9", appPassword, groupName, "Quibblers"} {
		if strings.Contains(string(c.Sent()), secret) {
			t.Errorf("%q was sent to the collector", secret)
		}
	}
	if !strings.Contains(string(c.Sent()), group) {
		t.Errorf("the id %s was not sent, so that nothing was shown", group)
	}
}

// TestRestart: an app cannot be used when somebody is to have an account, and the controller ends meanwhile. The next one makes the account in
// the trace of the request, which the AppAccount says.
func TestRestart(t *testing.T) {
	i, c := installed(t), startCollector(t)
	server := i.startServer(t, "--tracing-endpoint="+c.Endpoint(), "--tracing-sampling-ratio=1")
	first := i.startController(t, "--tracing-endpoint="+c.Endpoint())
	confirm := i.connect(t, "later", "Patient")
	id := server.create("/Users", `{"userName":"patient@example.com"}`)
	i.known(t, id)
	server.create("/Groups", `{"displayName":"Patient","members":[{"value":"`+id+`"}]}`)
	eventually(t, "the AppAccount is there", func(ctx context.Context) error {
		return i.kube.Get(ctx, client.ObjectKey{Namespace: appNamespace, Name: v1alpha1.AccountObjectName("later", id)}, &v1alpha1.AppAccount{})
	})
	first.end()
	confirm()
	second := i.startController(t, "--tracing-endpoint="+c.Endpoint())
	leads(t, c, "server: POST /Groups", "server: create ", "controller: app.account", "controller: app.account", "controller: connector.Ensure")
	second.end()
	server.end()
}

// TestOff: without an endpoint nothing is traced, and no object says anything of a trace, whatever the client asks for.
func TestOff(t *testing.T) {
	i := installed(t)
	server := i.startServer(t)
	id := server.create("/Users", `{"userName":"off@example.com"}`, forged)
	server.push(http.StatusOK, http.MethodPatch, "/Users/"+id, fmt.Sprintf(patch, suspend), forged)
	if text, ok := i.user(t, id).Annotations[v1alpha1.AnnotationTraceparent]; ok {
		t.Errorf("the user names the trace %q", text)
	}
	server.end()
}

// TestHostileClient: a client cannot have its requests traced, and what it sends in the place of a context of a trace is no error.
func TestHostileClient(t *testing.T) {
	i, c := installed(t), startCollector(t)
	server := i.startServer(t, "--tracing-endpoint="+c.Endpoint(), "--tracing-sampling-ratio=0")
	for n, header := range []string{
		forged, "Traceparent: \x80", "Traceparent: 00--" + strings.Repeat("-", 52), "Traceparent: " + strings.Repeat("f", 10<<10),
		"Traceparent: cc-00f067aa0ba902b7a3ce929d0e0e4736-00f067aa0ba902b7-01-" + strings.Repeat("a", 10<<10),
	} {
		id := server.create("/Users", fmt.Sprintf(`{"userName":"hostile%d@example.com"}`, n), header, "Tracestate: a=b", "Baggage: sampled=true")
		if text, ok := i.user(t, id).Annotations[v1alpha1.AnnotationTraceparent]; ok {
			t.Errorf("after %.60s the user names the trace %q", header, text)
		}
	}
	server.end()
	if spans := c.Spans(); len(spans) > 0 {
		t.Errorf("a client has had itself traced: %+v", spans)
	}
}

// TestUnreachableCollector: requests are answered, and the process ends in order, when all of them are traced and nobody is there to be told.
func TestUnreachableCollector(t *testing.T) {
	i, c := installed(t), startCollector(t)
	c.Stop()
	server := i.startServer(t, "--tracing-endpoint="+c.Endpoint(), "--tracing-sampling-ratio=1")
	for n := range 20 {
		id := server.create("/Users", fmt.Sprintf(`{"userName":"lost%d@example.com"}`, n))
		if i.user(t, id).Annotations[v1alpha1.AnnotationTraceparent] == "" {
			t.Fatal("the request was not traced, so that nothing was shown")
		}
	}
	server.end()
	if log := server.LogTail(100_000); !strings.Contains(log, "Traces do not reach the collector") && !strings.Contains(log, "The last traces were not sent") {
		t.Errorf("the log says nothing of the traces that were lost: %s", log)
	}
}
