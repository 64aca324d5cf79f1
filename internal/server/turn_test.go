package server_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scim-operator/scim-operator/internal/server"
)

// TestLargeBodiesTakeTurns: two large bodies are worked on at a time. A third waits, and is told to come again when its time is up; what
// is small never waits.
func TestLargeBodiesTakeTurns(t *testing.T) {
	s := newSCIM(t, func(cfg *server.Config) { cfg.RequestTimeout = 3 * time.Second })
	large := `{"displayName":"takes turns","members":[` + strings.Repeat(" ", 2<<20)
	var holding sync.WaitGroup
	var release []func()
	for range 2 {
		body, rest := io.Pipe()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.address+s.base()+"/Groups", body)
		must(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		holding.Go(func() {
			response, err := http.DefaultClient.Do(request)
			if err == nil {
				response.Body.Close()
			}
		})
		// So much does not fit into the buffers between client and server, so that the server has read enough to hold a turn.
		_, err = io.WriteString(rest, large+strings.Repeat(" ", 12<<20))
		must(t, err)
		release = append(release, func() { _ = rest.Close() })
	}
	refusal := s.do(http.MethodPost, s.base()+"/Groups", large+"]}", "Authorization: Bearer "+token)
	contains(t, refused(t, refusal, http.StatusTooManyRequests, ""), "large", "again")
	if refusal.header.Get("Retry-After") == "" {
		t.Error("a 429 has a Retry-After, without which Okta does not send the request again")
	}
	s.call(http.StatusCreated, http.MethodPost, "/Groups", `{"displayName":"small"}`)
	for _, end := range release {
		end()
	}
	holding.Wait()
	s.call(http.StatusCreated, http.MethodPost, "/Groups", large+"]}")
}
