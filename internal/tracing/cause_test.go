package tracing_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/tracing"
	"github.com/scim-operator/scim-operator/test/collector"
)

// begun is the context of a request that is traced.
func begun(t *testing.T, tracer *tracing.Tracer) context.Context {
	t.Helper()
	ctx, span := tracer.Request(t.Context(), http.Header{}, time.Now())
	t.Cleanup(func() { span.EndRequest(http.MethodPost, "/Users", http.StatusCreated, "") })
	return ctx
}

// written is an object as a traced write leaves it.
func written(t *testing.T, tracer *tracing.Tracer) *metav1.ObjectMeta {
	t.Helper()
	object := &metav1.ObjectMeta{}
	tracing.Mark(begun(t, tracer), object)
	return object
}

// TestMark: an object says of which trace its last write is a part, and of none if that is recorded nowhere.
func TestMark(t *testing.T) {
	c := newCollector(t)
	recorded, passed := newTracer(t, c.Endpoint(), 1), newTracer(t, c.Endpoint(), 0)
	shared := map[string]string{"kept": "x"}
	object := &metav1.ObjectMeta{Annotations: shared}
	tracing.Mark(begun(t, passed), object)
	if diff := cmp.Diff(shared, object.Annotations); diff != "" {
		t.Errorf("a write that is not recorded leaves a mark (-want +got):\n%s", diff)
	}
	tracing.Mark(begun(t, recorded), object)
	if len(object.Annotations) != 2 || len(object.Annotations[v1alpha1.AnnotationTraceparent]) != 55 {
		t.Errorf("a recorded write leaves %v, want the context of its trace besides what was there", object.Annotations)
	}
	if len(shared) != 1 {
		t.Error("the map, which others may have, was changed")
	}
	tracing.Mark(t.Context(), object)
	if diff := cmp.Diff(map[string]string{"kept": "x"}, object.Annotations); diff != "" {
		t.Errorf("a later write is told to the trace of an earlier one (-want +got):\n%s", diff)
	}
	tracing.Mark(t.Context(), &metav1.ObjectMeta{})
}

// TestFollow: work that several traces have caused is a span in each, and what it calls is below the first.
func TestFollow(t *testing.T) {
	c := newCollector(t)
	tracer := newTracer(t, c.Endpoint(), 0)
	requests := newTracer(t, c.Endpoint(), 1)
	causes := tracing.NewCauses[string](tracer)
	first, second := written(t, requests), written(t, requests)
	for _, object := range []*metav1.ObjectMeta{first, first, second, {}, {Annotations: map[string]string{v1alpha1.AnnotationTraceparent: "forged"}}} {
		causes.Note(tracing.CauseOf(t.Context(), nil, object), "key")
	}
	causes.Note(tracing.CauseOf(t.Context(), first, first), "other")
	if got := causes.Take("other"); len(got) > 0 {
		t.Error("a write by others, which leaves the annotation as it was, is taken for one of its trace")
	}
	ctx, span := tracer.Follow(t.Context(), causes.Take("key"), "work", time.Now())
	_, call := tracing.Call(ctx, "call")
	call.End("Conflict")
	span.End(tracing.OK)
	if _, none := tracer.Follow(t.Context(), causes.Take("key"), "work", time.Now()); none != nil {
		t.Error("what was taken is there still")
	}
	must(t, tracer.Shutdown(t.Context()))

	traces := func(name string) (found []string) {
		for _, one := range c.Spans() {
			if one.Name == name {
				found = append(found, one.Trace)
			}
		}
		slices.Sort(found)
		return found
	}
	traceOf := func(object *metav1.ObjectMeta) string {
		return object.Annotations[v1alpha1.AnnotationTraceparent][3:35]
	}
	want := []string{traceOf(first), traceOf(second)}
	slices.Sort(want)
	if diff := cmp.Diff(want, traces("work")); diff != "" {
		t.Errorf("traces of the work (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{traceOf(first)}, traces("call")); diff != "" {
		t.Errorf("traces of the call (-want +got):\n%s", diff)
	}
	i := slices.IndexFunc(c.Spans(), func(s collector.Span) bool { return s.Name == "work" && s.Trace == traceOf(second) })
	if len(c.Spans()[i].Links) != 1 || c.Spans()[i].Links[0].Trace != traceOf(first) {
		t.Errorf("the span of the second trace is %+v, want a link to where the calls are", c.Spans()[i])
	}
}

// TestCausesAreBounded: neither a group of very many people nor something that never succeeds makes traces, or the memory for them, grow.
func TestCausesAreBounded(t *testing.T) {
	c := newCollector(t)
	tracer := newTracer(t, c.Endpoint(), 1)
	causes := tracing.NewCauses[string](tracer)
	for range 20 {
		causes.Note(tracing.CauseOf(t.Context(), nil, written(t, tracer)), "busy")
	}
	if got := len(causes.Take("busy")); got != 8 {
		t.Errorf("%d traces hear of one piece of work, want 8", got)
	}
	one := tracing.CauseOf(t.Context(), nil, written(t, tracer))
	tries := 0
	for causes.Note(one, "failing"); ; tries++ {
		taken := causes.Take("failing")
		if len(taken) == 0 {
			break
		}
		causes.Again("failing", taken)
	}
	if tries != 10 {
		t.Errorf("a trace hears of %d attempts at what fails, want 10", tries)
	}
	known := 0
	for i := range 20_000 {
		causes.Note(one, fmt.Sprint(i))
	}
	for i := range 20_000 {
		known += len(causes.Take(fmt.Sprint(i)))
	}
	if known != 10_000 {
		t.Errorf("%d pieces of work are remembered, want 10000", known)
	}
}
