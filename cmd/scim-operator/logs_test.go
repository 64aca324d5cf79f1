package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// person is somebody of whom the log must not know more than the id, which the server makes. What is in it is nowhere else.
const person = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"zuleika.quibble@example.com","externalId":"00uquibble",
"displayName":"Zuleika Quibble","name":{"givenName":"Zuleika","familyName":"Quibble"},"title":"Thaumaturge",
"emails":[{"value":"z.quibble@home.example","type":"home"}],"phoneNumbers":[{"value":"+49-555-0199","type":"mobile"}]}`

// personal are the values in it that are personal. The id may begin with what is before the @.
var personal = []string{"quibble@", "Quibble", "Zuleika", "Thaumaturge", "00uquibble", "home.example", "555-0199"}

// TestLogs has somebody pushed, refused and deactivated, and wants the log of the server at the default level to have an object of JSON
// for each event, on a line of its own, and nothing of the person but the id.
func TestLogs(t *testing.T) {
	kube := newKube(t)
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "logged"}}
	directory.Spec.Credentials = []v1alpha1.Credential{{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: "logged-token"}}}
	must(t, kube.Create(t.Context(), directory))
	must(t, kube.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "logged-token"}, StringData: map[string]string{"token": testToken},
	}))
	certFile, keyFile, authorities := certificate(t)
	address := freeAddress(t)
	// Without the audit log, the log has every request.
	serverLog, endServer := started(t, freeAddress(t), "server", "--listen-address="+address, "--tls-cert-file="+certFile, "--tls-key-file="+keyFile, "--audit-log=off")

	push := func(want int, method, path, body string) []byte {
		t.Helper()
		got := pushed(t, authorities, method, "https://"+address+"/scim/logged/v2"+path, body)
		if got.status != want {
			t.Fatalf("%s %s: status %d, want %d: %s", method, path, got.status, want, got.body)
		}
		return got.body
	}
	var user struct{ ID string }
	must(t, json.Unmarshal(push(http.StatusCreated, http.MethodPost, "/Users", person), &user))
	push(http.StatusConflict, http.MethodPost, "/Users", person)
	push(http.StatusBadRequest, http.MethodPost, "/Users", strings.Replace(person, `"userName"`, `"userName":["Quibble"],"x"`, 1))
	push(http.StatusBadRequest, http.MethodPost, "/Users", person[:len(person)-3])
	push(http.StatusOK, http.MethodGet, "/Users?filter=userName+eq+%22zuleika.quibble@example.com%22", "")

	push(http.StatusOK, http.MethodPatch, "/Users/"+user.ID,
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`)
	endServer()

	assertLog(t, serverLog.String(), `"id":"`+user.ID)
}

// assertLog wants a log of objects of JSON, one a line, that has what is looked for and nothing personal.
func assertLog(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("the log lacks %s, so it shows nothing:\n%s", want, text)
	}
	for line := range strings.Lines(text) {
		var event struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &event); err != nil || event.Time == "" || event.Level == "" || event.Msg == "" {
			t.Errorf("the log has a line that is no event (%v): %s", err, line)
		}
		for _, value := range personal {
			if strings.Contains(line, value) {
				t.Errorf("the log has %q: %s", value, line)
			}
		}
	}
}

// pushed sends one request with the right token.
func pushed(t *testing.T, authorities *x509.CertPool, method, url, body string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader([]byte(body)))
	must(t, err)
	request.Header.Set("Authorization", "Bearer "+testToken)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	must(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	return answer{response.StatusCode, response.ProtoMajor, text}
}
