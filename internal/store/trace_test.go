package store_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store"
	"github.com/scim-operator/scim-operator/internal/tracing"
	"github.com/scim-operator/scim-operator/test/collector"
)

// traced is a context of a request that is recorded.
func traced(t *testing.T) context.Context {
	t.Helper()
	c, err := collector.Start(t.Context())
	must(t, err)
	t.Cleanup(c.Stop)
	tracer, err := tracing.New(t.Context(), tracing.Options{Endpoint: c.Endpoint(), Ratio: 1, Service: "store", Log: logr.Discard()})
	must(t, err)
	ctx, span := tracer.Request(t.Context(), http.Header{}, time.Now())
	t.Cleanup(func() {
		span.EndRequest(http.MethodPost, "/Users", http.StatusOK, "")
		must(t, tracer.Shutdown(context.WithoutCancel(t.Context())))
	})
	return ctx
}

// traceOf is the trace that an object in the API server says its last write is a part of; empty for none.
func (r *replica) traceOf(t *testing.T, object client.Object, name string) string {
	t.Helper()
	must(t, r.client.Get(t.Context(), client.ObjectKey{Name: name}, object))
	text := object.GetAnnotations()[v1alpha1.AnnotationTraceparent]
	if text == "" {
		return ""
	}
	return text[3:35]
}

// TestTraceparentCostsNoWrite: the context of a trace is kept on what is written anyway, and never makes a write. Two requests of the same trace
// have other spans, so an annotation that is compared would be written again.
func TestTraceparentCostsNoWrite(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), traced(t)
	spec := &v1alpha1.ScimUserSpec{UserName: "traced@example.com"}
	user, err := r.CreateUser(ctx, dir, spec)
	must(t, err)
	role, err := r.CreateRole(ctx, dir, roleSpec("Traced"), ops(add(user.Name)))
	must(t, err)
	same(t, map[string]int{"create ScimUser": 1, "create ScimRole": 1, "create ScimClaim": 2}, r.writes.take(), "a create is two writes, as without a trace")

	echoUser := func(u *v1alpha1.ScimUser) error { u.Spec.UserName = spec.UserName; return nil }
	for name, ctx := range map[string]context.Context{"traced": ctx, "untraced": t.Context(), "of another trace": traced(t)} {
		_, err = r.UpdateUser(ctx, dir, user.Name, echoUser)
		must(t, err)
		_, err = r.UpdateRole(ctx, dir, role.Name, nil, ops(replace(user.Name)))
		must(t, err)
		same(t, map[string]int{}, r.writes.take(), "a push that changes nothing writes nothing: "+name)
	}
}

// TestTraceparentIsOfTheLastWrite: an object, and the claim by which it counts, name the trace of their last write, and none when that was not
// recorded.
func TestTraceparentIsOfTheLastWrite(t *testing.T) {
	r, dir := newReplica(t), directoryOf(t)
	user, err := r.CreateUser(traced(t), dir, userSpec("last@example.com"))
	must(t, err)
	claim := store.ClaimNameOf(user)
	first := r.traceOf(t, &v1alpha1.ScimUser{}, user.Name)
	if got := r.traceOf(t, &v1alpha1.ScimClaim{}, claim); first == "" || got != first {
		t.Errorf("the user names the trace %q and its claim %q, want the same one", first, got)
	}
	title := func(text string) func(*v1alpha1.ScimUser) error {
		return func(u *v1alpha1.ScimUser) error { u.Spec.Title = text; return nil }
	}
	_, err = r.UpdateUser(traced(t), dir, user.Name, title("one"))
	must(t, err)
	if got := r.traceOf(t, &v1alpha1.ScimUser{}, user.Name); got == "" || got == first {
		t.Errorf("after a second trace the user names %q; the first is %q", got, first)
	}
	_, err = r.UpdateUser(t.Context(), dir, user.Name, title("two"))
	must(t, err)
	if got := r.traceOf(t, &v1alpha1.ScimUser{}, user.Name); got != "" {
		t.Errorf("after a write that is not traced the user names the trace %q", got)
	}

	plain, err := r.CreateRole(t.Context(), dir, roleSpec("Last"), ops(add(ids(2500)...)))
	must(t, err)
	if got := r.traceOf(t, &v1alpha1.ScimRole{}, plain.Name); got != "" {
		t.Errorf("without a trace a role names %q", got)
	}
	changed, err := r.UpdateRole(traced(t), dir, plain.Name, nil, ops(replace(ids(1200)...)))
	must(t, err)
	if r.traceOf(t, &v1alpha1.ScimRole{}, plain.Name) == "" {
		t.Error("a large role names no trace")
	}
	if got := r.traceOf(t, &v1alpha1.ScimRoleSlice{}, changed.Spec.Slices[0]); got != "" {
		t.Errorf("a slice, of which nobody hears but through its role, names the trace %q", got)
	}
}
