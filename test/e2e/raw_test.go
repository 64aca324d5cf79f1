package e2e_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// rawRequest is a request that no client of good sense would send.
type rawRequest struct {
	method string
	// path starts after the host.
	path string
	body string
	// authorization is the header as it is; nil means the right token.
	authorization *string
}

// rawAnswer is what came back.
type rawAnswer struct {
	status int
	header http.Header
	body   []byte
	// message is the body as a SCIM error.
	message struct {
		Schemas  []string `json:"schemas"`
		Status   string   `json:"status"`
		SCIMType string   `json:"scimType"`
		Detail   string   `json:"detail"`
	}
}

// raw sends a request without Okta's manners. It asks for no compression and retries nothing.
func (o *operator) raw(t *testing.T, server *process, r rawRequest) rawAnswer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), r.method, "https://"+server.address+r.path, strings.NewReader(r.body))
	check(t, "make a request", err)
	request.Header.Set("Authorization", "Bearer "+o.token)
	if r.authorization != nil {
		request.Header.Set("Authorization", *r.authorization)
	}
	request.Header.Set("Content-Type", "application/scim+json")
	client := o.httpClient()
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	check(t, "send a request", err)
	defer func() { _ = response.Body.Close() }()
	answer := rawAnswer{status: response.StatusCode, header: response.Header}
	answer.body, err = io.ReadAll(response.Body)
	check(t, "read an answer", err)
	if response.StatusCode >= 400 {
		check(t, "decode an error answer", json.Unmarshal(answer.body, &answer.message))
	}
	return answer
}

// httpClient trusts the servers' certificate and nothing else.
func (o *operator) httpClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: o.certificate.roots, MinVersion: tls.VersionTLS12}},
		Timeout:   time.Minute,
	}
}
