package apps_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// lie is what an app answers that is not so, and what the AppConnection says then.
type lie struct {
	name         string
	answer       func(w http.ResponseWriter, r *http.Request) bool
	reason, says string
}

func lies() []lie {
	lists := func(r *http.Request) bool {
		return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/Users")
	}
	always := func(header, value string, status int, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set(header, value)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		}
	}
	const scimType = "application/scim+json"
	list := func(total int, resources string) func(http.ResponseWriter, *http.Request) bool {
		return always("Content-Type", scimType, http.StatusOK, fmt.Sprintf(
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":%d,"startIndex":1,"Resources":[%s]}`, total, resources))
	}
	var asked atomic.Int64
	return []lie{
		{"an empty list", func(w http.ResponseWriter, r *http.Request) bool {
			return lists(r) && list(0, "")(w, r)
		}, v1alpha1.ReasonAccountsFailed, "accounts are not as they should be"},
		{"a truncated list", func(w http.ResponseWriter, r *http.Request) bool {
			one := `{"id":"1","userName":"somebody"}`
			if r.URL.Query().Get("startIndex") != "1" {
				one = ""
			}
			return lists(r) && !r.URL.Query().Has("filter") && list(50, one)(w, r)
		}, v1alpha1.ReasonListingIncomplete, "nothing was concluded from what is missing"},
		{"HTML", always("Content-Type", "text/html", http.StatusOK, "<html>Sign in</html>"), v1alpha1.ReasonUnreachable, "HTML"},
		{"302", always("Location", "https://127.0.0.1:1/login", http.StatusFound, ""), v1alpha1.ReasonCredentialRefused, "302 Found"},
		{"401 in the middle", func(w http.ResponseWriter, r *http.Request) bool {
			return asked.Add(1) > 3 && always("Content-Type", scimType, http.StatusUnauthorized, `{"status":"401"}`)(w, r)
		}, v1alpha1.ReasonCredentialRefused, "401"},
		{"a 200 without effect", func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method != http.MethodGet && always("Content-Type", scimType, http.StatusOK, `{"id":"1"}`)(w, r)
		}, v1alpha1.ReasonAccountsFailed, "accounts are not as they should be"},
	}
}

// TestLyingApp: while an app answers what is not so, nobody loses anything there and the AppConnection says what happened; and who left
// meanwhile is suspended as soon as it tells the truth again.
func TestLyingApp(t *testing.T) {
	c := newCompany(t, "lies", []string{"scim"}, nil)
	all := lies()
	c.hire(upTo(len(all)+2), func(i int) []int { return []int{i % 3} })
	c.see("hired", "scim")
	for i, l := range all {
		t.Run(l.name, func(t *testing.T) {
			c.t = t
			before := c.inScimmy()
			c.scim.lie.Store(&l.answer)
			c.suspend([]int{i})
			c.retry("scim", "lie "+l.name)
			eventually(t, "the AppConnection says so", func(ctx context.Context) error { return c.saysOf(ctx, "scim", l.reason, l.says) })
			delete(before, c.people[i].name)
			after := c.inScimmy()
			delete(after, c.people[i].name)
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("people who did not leave (-before +after):\n%s", diff)
			}
			c.scim.lie.Store(nil)
			c.retry("scim", "truth "+l.name)
			c.see("after "+l.name, "scim")
			eventually(t, "all is well", func(ctx context.Context) error { return c.saysOf(ctx, "scim", v1alpha1.ReasonSynced, "") })
		})
	}
	c.t = t
	c.assertNoOrphan("scim")
}

// retry has an app asked again at once, and compared.
func (c *company) retry(app, why string) {
	c.t.Helper()
	a := &v1alpha1.AppConnection{}
	check(c.t, "read the AppConnection", c.o.kube.Get(c.t.Context(), client.ObjectKey{Namespace: c.name, Name: app}, a))
	asked := a.DeepCopy()
	metav1.SetMetaDataAnnotation(&asked.ObjectMeta, v1alpha1.AnnotationRetry, why)
	check(c.t, "ask for a retry", c.o.kube.Patch(c.t.Context(), asked, client.MergeFrom(a)))
}

// saysOf wants the condition Ready of an AppConnection to have a reason and a text in its message.
func (c *company) saysOf(ctx context.Context, app, reason, text string) error {
	a := &v1alpha1.AppConnection{}
	if err := c.o.kube.Get(ctx, client.ObjectKey{Namespace: c.name, Name: app}, a); err != nil {
		return err
	}
	ready := apimeta.FindStatusCondition(a.Status.Conditions, v1alpha1.AppReady)
	if ready == nil || ready.Reason != reason || !strings.Contains(ready.Message, text) {
		return fmt.Errorf("it says %+v, want %s and %q", ready, reason, text)
	}
	return nil
}
