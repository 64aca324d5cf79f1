package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/scim-operator/scim-operator/internal/scim"
)

func TestToSCIM(t *testing.T) {
	users := schema.GroupResource{Group: "scim-operator.io", Resource: "scimusers"}
	policy := apierrors.NewInvalid(schema.GroupKind{Kind: "ScimUser"}, "x", nil)
	policy.ErrStatus.Message = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"
	noSuchKind := apierrors.NewGenericServerResponse(http.StatusNotFound, "get", users, "x", "404 page not found", 0, true)
	for _, test := range []struct {
		reason  string
		err     error
		status  int
		seconds time.Duration
	}{
		{"a conflict is passing", apierrors.NewConflict(users, "x", nil), http.StatusTooManyRequests, 0},
		{"a throttling server says how long", apierrors.NewTooManyRequests("busy", 7), http.StatusTooManyRequests, 7 * time.Second},
		{"but not for ever", apierrors.NewTooManyRequests("busy", 7000), http.StatusTooManyRequests, maxRetryAfter},
		{"a time-out leaves the outcome open", apierrors.NewTimeoutError("slow", 3), http.StatusTooManyRequests, 3 * time.Second},
		{"a server's time-out", apierrors.NewServerTimeout(users, "create", 2), http.StatusTooManyRequests, 2 * time.Second},
		{"a server that is down", apierrors.NewServiceUnavailable("down"), http.StatusTooManyRequests, 0},
		{"an internal error", apierrors.NewInternalError(errors.New("etcd")), http.StatusTooManyRequests, 0},
		{"the request's deadline", context.DeadlineExceeded, http.StatusTooManyRequests, 0},
		{"a broken connection", errors.New("connection reset by peer"), http.StatusTooManyRequests, 0},
		{"a missing kind is no missing user: a 404 makes identity providers give users up", noSuchKind, http.StatusTooManyRequests, 0},
		{"credentials of the operator are not the client's", apierrors.NewUnauthorized("expired"), http.StatusTooManyRequests, 0},
		{"a rule of the cluster", apierrors.NewForbidden(users, "x", errors.New("rbac")), http.StatusForbidden, 0},
		{"a right that we lack, as everybody does for a moment after the API server has started",
			apierrors.NewForbidden(users, "x", errors.New(`User "system:serviceaccount:a:b" cannot create resource "scimusers" in API group "g" at the cluster scope`)),
			http.StatusTooManyRequests, 0},
		{"admission that has not read its policies yet", apierrors.NewForbidden(users, "x", errors.New("not yet ready to handle request")), http.StatusTooManyRequests, 0},
		{"a policy of the cluster", policy, http.StatusForbidden, 0},
		{"too large for the API server", apierrors.NewRequestEntityTooLargeError("3 MiB"), http.StatusRequestEntityTooLarge, 0},
		{"too large for etcd", apierrors.NewInternalError(errors.New("etcdserver: request is too large")), http.StatusRequestEntityTooLarge, 0},
		{"an error of ours stays", scim.NotFound("User", "x"), http.StatusNotFound, 0},
	} {
		var got *scim.Error
		if !errors.As(toSCIM(test.err), &got) || got.Status != test.status {
			t.Errorf("%s: %v, want %d", test.reason, got, test.status)
			continue
		}
		if retry := got.Status == http.StatusTooManyRequests; retry != (got.RetryAfter >= time.Second && got.RetryAfter%time.Second == 0) {
			t.Errorf("%s: Retry-After %v, want whole seconds with a 429 and none otherwise", test.reason, got.RetryAfter)
		}
		if test.seconds != 0 && got.RetryAfter != test.seconds {
			t.Errorf("%s: Retry-After %v, want %v", test.reason, got.RetryAfter, test.seconds)
		}
		if test.status != http.StatusNotFound && !errors.Is(got, test.err) {
			t.Errorf("%s: the cause is lost to the log", test.reason)
		}
	}
	if toSCIM(nil) != nil {
		t.Error("no error is no error")
	}
}

func TestOnlyTheObjectItselfIsGone(t *testing.T) {
	if !isGone(apierrors.NewNotFound(schema.GroupResource{Resource: "scimusers"}, "x")) {
		t.Error("an object that does not exist is gone")
	}
	if isGone(&apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonNotFound}}) {
		t.Error("a 404 that names no object says nothing of the object")
	}
}

func TestIsAway(t *testing.T) {
	users := schema.GroupResource{Group: "scim-operator.io", Resource: "scimusers"}
	for _, test := range []struct {
		reason string
		err    error
		want   bool
	}{
		{"nothing is wrong", nil, false},
		{"nobody listens", fmt.Errorf("create x: %w", &url.Error{Op: "Post", Err: errors.New("connection refused")}), true},
		{"the answer breaks off", errors.New("unexpected error when reading response body. Please retry. Original error: unexpected EOF"), true},
		{"it says that it is not ready", apierrors.NewServiceUnavailable("starting"), true},
		{"it has not read who we are", apierrors.NewUnauthorized("no"), true},
		{"it has not read what we may", apierrors.NewForbidden(users, "x", errors.New(`User "a" cannot get resource "scimusers"`)), true},
		{"a policy refuses it, now and later", apierrors.NewForbidden(users, "x", errors.New("no")), false},
		{"it answers what will be answered again", apierrors.NewConflict(users, "x", nil), false},
		{"it is busy, and says when to come again", apierrors.NewTooManyRequests("busy", 7), false},
		{"an error of ours stays", scim.NotFound("User", "x"), false},
	} {
		if got := isAway(test.err); got != test.want {
			t.Errorf("%s: %v, want %v", test.reason, got, test.want)
		}
	}
}
