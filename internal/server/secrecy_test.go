package server

import (
	"crypto/tls"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	testclock "k8s.io/utils/clock/testing"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func TestR3NoTokenIsKept(t *testing.T) {
	secrets := &scriptedSecrets{values: map[string]string{"s/token": tokenA, "b/username": "okta", "b/password": tokenB}}
	tokens := NewTokens(secrets, testclock.NewFakePassiveClock(time.Unix(0, 0)))
	credentials := []v1alpha1.Credential{
		credential("c", "s", "token"), {Name: "b", BasicSecretRef: v1alpha1.BasicSecretRef{Name: "b"}},
	}
	for _, shown := range []presented{{secret: tokenA}, {basic: true, secret: "okta:" + tokenB}} {
		if found, err := tokens.Match(t.Context(), credentials, shown); found == nil || err != nil {
			t.Fatalf("Match() = %v, %v, want a credential", found, err)
		}
	}
	if len(tokens.memos) != 2 {
		t.Fatalf("%d Secrets are remembered, want 2", len(tokens.memos))
	}
	for ref, memo := range tokens.memos {
		held := fmt.Sprintf("%+v %+v %s", ref, memo.state, memo.state.hash[:])
		if strings.Contains(held, tokenA) || strings.Contains(held, tokenB) {
			t.Errorf("what is remembered of %+v contains the token", ref)
		}
	}
}

// TestR3SecretsAreNotComparedWithEquals: the time that == takes tells how much of a secret was right.
func TestR3SecretsAreNotComparedWithEquals(t *testing.T) {
	secret := map[string]bool{"secret": true, "hash": true, "sum": true, "token": true, "value": true, "values": true}
	comparisons := 0
	for _, file := range []string{"auth.go", "tokens.go"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			comparison, ok := n.(*ast.BinaryExpr)
			if !ok || (comparison.Op != token.EQL && comparison.Op != token.NEQ) {
				return true
			}
			comparisons++
			if literal, ok := comparison.Y.(*ast.BasicLit); ok && literal.Value == `""` {
				return true
			}
			if name := lastName(comparison.X); secret[name] {
				t.Errorf("%s compares %s with %s", file, name, comparison.Op)
			}
			return true
		})
	}
	if comparisons < 5 {
		t.Errorf("the walk found %d comparisons, want at least 5: it misses some", comparisons)
	}
}

func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func TestR20CertificateSwapFailsNoRequest(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := writeCertificate(t, dir, 1)
	l, err := NewListener(ListenConfig{
		Address: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile, Log: logr.Discard(),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
	})
	if err != nil {
		t.Fatal(err)
	}
	address := startListener(t, l)
	// Every request has a connection of its own, so that it sees the certificate of the moment.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	client := http.Client{Transport: transport}
	serial := func() int64 {
		response, err := client.Get("https://" + address)
		if err != nil {
			t.Fatalf("a request failed while the certificate was replaced: %v", err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusNoContent || response.TLS.Version < tls.VersionTLS12 {
			t.Fatalf("status %d with TLS %x, want 204 with 1.2 or more", response.StatusCode, response.TLS.Version)
		}
		return response.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	for next := int64(2); next <= 4; next++ {
		if got := serial(); got != next-1 {
			t.Fatalf("certificate %d is served, want %d", got, next-1)
		}
		writeCertificate(t, dir, next)
		eventually(t, "the new certificate is served", func() bool { return serial() == next })
	}
}
