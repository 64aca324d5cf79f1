package server_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/server"
	"github.com/scim-operator/scim-operator/internal/tracing"
	"github.com/scim-operator/scim-operator/test/collector"
)

const clientTraceparent = "Traceparent: 00-00f067aa0ba902b7a3ce929d0e0e4736-00f067aa0ba902b7-01"

// newTraced starts a server that traces a part of the requests. The function gives what has arrived at the collector, once for all.
func newTraced(t *testing.T, ratio float64) (*scim, *collector.Collector, func() []collector.Span) {
	t.Helper()
	c, err := collector.Start(t.Context())
	must(t, err)
	t.Cleanup(c.Stop)
	tracer, err := tracing.New(t.Context(), tracing.Options{Endpoint: c.Endpoint(), Ratio: ratio, Service: "server", Log: logr.Discard()})
	must(t, err)
	s := newSCIM(t, func(cfg *server.Config) { cfg.Tracer = tracer })
	return s, c, func() []collector.Span {
		t.Helper()
		must(t, tracer.Shutdown(t.Context()))
		return c.Spans()
	}
}

// outline is the spans of the trace whose root has a name, as "parent > name result".
func outline(spans []collector.Span, root string) []string {
	names := map[string]string{}
	trace := ""
	for _, span := range spans {
		names[span.ID] = span.Name
		if span.Name == root && span.Parent == "" {
			trace = span.Trace
		}
	}
	found := []string{}
	for _, span := range spans {
		if span.Trace == trace {
			result := span.Attributes["scim_operator.result"] + span.Attributes["http.response.status_code"]
			found = append(found, strings.TrimSpace(names[span.Parent]+" > "+span.Name+" "+result))
		}
	}
	slices.Sort(found)
	return found
}

// TestTraces: a request is a span with the pattern of its path, and what it writes is below it. Nothing that the client sent is in any of them.
func TestTraces(t *testing.T) {
	s, c, arrived := newTraced(t, 1)
	created := s.call(http.StatusCreated, http.MethodPost, "/Users", `{"userName":"zuleika@quibble.example","displayName":"Quibble","password":"Thaumaturge-1"}`)
	var user struct{ ID string }
	must(t, json.Unmarshal(created.body, &user))
	s.call(http.StatusOK, http.MethodPut, "/Users/"+user.ID, `{"userName":"zuleika@quibble.example","displayName":"Quibble","title":"Thaumaturge"}`)
	s.call(http.StatusNotFound, http.MethodPatch, "/Users/zuleika.thaumaturge",
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`)
	s.call(http.StatusOK, http.MethodGet, "/Users?filter=userName+eq+%22zuleika@quibble.example%22", "")
	s.call(http.StatusOK, http.MethodPost, "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
		{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"Quibblers","members":[{"value":"`+user.ID+`"}]}},
		{"method":"DELETE","path":"/Users/quibble-thaumaturge"}]}`)
	spans := arrived()

	for root, want := range map[string][]string{
		"POST /Users":        {"> POST /Users 201", "POST /Users > create ScimClaim OK", "POST /Users > create ScimUser OK"},
		"PUT /Users/{id}":    {"> PUT /Users/{id} 200", "PUT /Users/{id} > update ScimUser OK"},
		"PATCH /Users/{id}":  {"> PATCH /Users/{id} 404"},
		"GET /Users":         {"> GET /Users 200"},
		"POST /Bulk":         {"> POST /Bulk 200", "POST /Bulk > DELETE /Users/{id} 404", "POST /Bulk > POST /Groups 201", "POST /Groups > create ScimClaim OK", "POST /Groups > create ScimRole OK"},
		"DELETE /Users/{id}": {},
	} {
		if diff := cmp.Diff(want, outline(spans, root)); diff != "" {
			t.Errorf("the trace of %s (-want +got):\n%s", root, diff)
		}
	}
	for _, personal := range []string{"zuleika@", "uibble.example", "Quibble", "quibble-t", "haumaturge", token, "eq "} {
		if strings.Contains(string(c.Sent()), personal) {
			t.Errorf("%q is in what was sent", personal)
		}
	}
	if !strings.Contains(string(c.Sent()), user.ID) {
		t.Errorf("the id %s is in no span, so that nothing was shown", user.ID)
	}
}

// TestStrangersLeaveNoSpan: who has no credential can take no room from the traces of others.
func TestStrangersLeaveNoSpan(t *testing.T) {
	s, _, arrived := newTraced(t, 1)
	for _, headers := range [][]string{{clientTraceparent}, {clientTraceparent, "Authorization: Bearer " + wrong}} {
		if got := s.do(http.MethodGet, s.base()+"/Users", "", headers...); got.status != http.StatusUnauthorized {
			t.Errorf("status %d, want 401", got.status)
		}
	}
	s.do(http.MethodGet, "/scim/nowhere/v2/Users", "", clientTraceparent)
	if spans := arrived(); len(spans) > 0 {
		t.Errorf("spans of strangers arrive: %+v", spans)
	}
}

// TestClientsDoNotDecide: neither the flag nor the ids of a client's own trace have a request traced, and what is malformed is no error.
func TestClientsDoNotDecide(t *testing.T) {
	s, _, arrived := newTraced(t, 0)
	for _, header := range []string{clientTraceparent, "Traceparent: \x80\x81", "Traceparent: 00-00-00-01", "Traceparent: " + strings.Repeat("0", 10<<10)} {
		s.call(http.StatusOK, http.MethodGet, "/Users", "", header, "Tracestate: a=b", "Baggage: sampled=true")
	}
	created := s.call(http.StatusCreated, http.MethodPost, "/Users", `{"userName":"decides@example.com"}`, clientTraceparent)
	user := &v1alpha1.ScimUser{}
	must(t, s.kube.Get(t.Context(), client.ObjectKey{Name: created.json(t)["id"].(string)}, user))
	if diff := cmp.Diff([]string{v1alpha1.AnnotationUncommitted}, slices.Collect(maps.Keys(user.Annotations))); diff != "" {
		t.Errorf("annotations of a user whose request is not traced (-want +got):\n%s", diff)
	}
	if spans := arrived(); len(spans) > 0 {
		t.Errorf("a client has had itself traced: %+v", spans)
	}
}
