package fault

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"

	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
)

// TestWhatAKilledProcessHasMadeIsCounted closes the connection of a process while a create of its is under way.
func TestWhatAKilledProcessHasMadeIsCounted(t *testing.T) {
	begun, gone := make(chan struct{}), make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		select {
		case <-gone:
			w.WriteHeader(http.StatusCreated)
		case <-r.Context().Done():
			t.Error("the create was broken off as well")
		}
	}))
	defer upstream.Close()
	authority, err := controlplane.NewAuthority("fault")
	must(t, err)
	proxy, err := Start(&rest.Config{Host: upstream.URL}, authority)
	must(t, err)
	defer proxy.Stop()
	transport, err := rest.TransportFor(proxy.Config("token"))
	must(t, err)
	ctx, kill := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, proxy.config.Host+"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", http.NoBody)
	must(t, err)
	go func() {
		<-begun
		kill()
	}()
	if answer, err := transport.RoundTrip(request); err == nil {
		_ = answer.Body.Close()
		t.Fatalf("the process got an answer: %s", answer.Status)
	}
	// The proxy hears that the connection is closed, or that the stream is, a moment after the process knows.
	time.AfterFunc(100*time.Millisecond, func() { close(gone) })
	want := Write{Verb: http.MethodPost, Resource: "clusterrolebindings"}
	counted := func(context.Context) (bool, error) { return proxy.Done("")[want] == 1, nil }
	if err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, 30*time.Second, true, counted); err != nil {
		t.Errorf("what the process made is not counted: %v", proxy.Done(""))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
