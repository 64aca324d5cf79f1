package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/server"
)

const (
	hashedToken = "scimk8s_hashed_0123456789abcdef0123456789"
	password    = "scimk8s_password_0123456789abcdef01234567"
)

func bearer(token string) string { return "Authorization: Bearer " + token }

func basic(user, secret string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+secret))
}

// setCredentials replaces the directory's credentials and waits until the server knows.
func (s *scim) setCredentials(credentials ...v1alpha1.Credential) {
	s.t.Helper()
	s.setSpec(func(spec *v1alpha1.ScimDirectorySpec) { spec.Credentials = credentials })
}

// setSpec changes the directory and waits until the server knows.
func (s *scim) setSpec(change func(*v1alpha1.ScimDirectorySpec)) {
	s.t.Helper()
	directory := &v1alpha1.ScimDirectory{}
	key := client.ObjectKey{Name: s.directory}
	must(s.t, s.kube.Get(s.t.Context(), key, directory))
	before := directory.DeepCopy()
	change(&directory.Spec)
	// A patch, because the server may be writing the time of its last request into the status.
	must(s.t, s.kube.Patch(s.t.Context(), directory, client.MergeFrom(before)))
	poll(s.t, "the directory is in the cache", func() bool {
		cached := &v1alpha1.ScimDirectory{}
		return s.cache.Get(s.t.Context(), key, cached) == nil && cached.Generation == directory.Generation
	})
}

func (s *scim) addSecret(name string, data map[string]string) {
	s.t.Helper()
	must(s.t, s.kube.Create(s.t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, StringData: data}))
}

// status is that of a read with a header.
func (s *scim) status(header string) int {
	s.t.Helper()
	return s.do(http.MethodGet, s.base()+"/ServiceProviderConfig", "", header).status
}

func sum(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

func hexSum(token string) string { h := sum(token); return hex.EncodeToString(h[:]) }

func ofSecret(name, secret string) v1alpha1.Credential {
	return v1alpha1.Credential{Name: name, TokenSecretRef: v1alpha1.SecretKeyRef{Name: secret}}
}

func (s *scim) at(d time.Duration) *metav1.Time { return &metav1.Time{Time: s.clock.Now().Add(d)} }

func TestR1ExpiredCredentialsAreRefused(t *testing.T) {
	s := newSCIM(t)
	plain := func(change func(*v1alpha1.Credential)) v1alpha1.Credential {
		c := ofSecret("plain", s.directory)
		change(&c)
		return c
	}
	cases := []struct {
		reason     string
		credential v1alpha1.Credential
		want       int
	}{
		{"no bounds", plain(func(*v1alpha1.Credential) {}), 200},
		{"within both bounds", plain(func(c *v1alpha1.Credential) { c.NotBefore, c.ExpiresAt = s.at(-time.Hour), s.at(time.Hour) }), 200},
		{"not yet", plain(func(c *v1alpha1.Credential) { c.NotBefore = s.at(time.Hour) }), 401},
		{"no longer", plain(func(c *v1alpha1.Credential) { c.ExpiresAt = s.at(-time.Hour) }), 401},
	}
	wrongDetail := refused(t, s.do(http.MethodGet, s.base()+"/Users", "", bearer(wrong)), http.StatusUnauthorized, "")
	for _, tc := range cases {
		s.setCredentials(tc.credential)
		got := s.do(http.MethodGet, s.base()+"/Users", "", bearer(token))
		if got.status != tc.want {
			t.Errorf("%s: status %d, want %d", tc.reason, got.status, tc.want)
		}
		if tc.want == http.StatusUnauthorized {
			if detail := refused(t, got, http.StatusUnauthorized, ""); detail != wrongDetail {
				t.Errorf("%s: the text %q tells that the token was known once; want %q", tc.reason, detail, wrongDetail)
			}
		}
	}
	contains(t, s.log.all(), `"credential":"plain","method":"GET","route":"","id":"","status":401`)
	end := s.at(time.Hour)
	s.setCredentials(plain(func(c *v1alpha1.Credential) { c.ExpiresAt = end }))
	if got := s.status(bearer(token)); got != http.StatusOK {
		t.Errorf("before its end a token is valid: %d", got)
	}
	s.clock.SetTime(end.Time)
	if got := s.status(bearer(token)); got != http.StatusUnauthorized {
		t.Errorf("at its end a token is no longer valid, without any change of the directory: %d", got)
	}
}

func TestR2KindsOfCredentials(t *testing.T) {
	s := newSCIM(t)
	s.addSecret("basic-of-kinds", map[string]string{"username": "okta", "password": password})
	s.addSecret("keys-of-kinds", map[string]string{"key": "client", "secret": password, "password": token})
	s.addSecret("short-of-kinds", map[string]string{"username": "okta", "password": "hunter2"})
	h := sum(hashedToken)
	s.setCredentials(
		ofSecret("plain", s.directory),
		v1alpha1.Credential{Name: "hex", TokenSHA256: strings.ToUpper(hexSum(hashedToken))},
		v1alpha1.Credential{Name: "base64", TokenSHA256: base64.StdEncoding.EncodeToString(h[:])},
		v1alpha1.Credential{Name: "basic", BasicSecretRef: v1alpha1.BasicSecretRef{Name: "basic-of-kinds"}},
		v1alpha1.Credential{Name: "keys", BasicSecretRef: v1alpha1.BasicSecretRef{Name: "keys-of-kinds", UsernameKey: "key", PasswordKey: "secret"}},
		v1alpha1.Credential{Name: "short", BasicSecretRef: v1alpha1.BasicSecretRef{Name: "short-of-kinds"}},
		v1alpha1.Credential{Name: "guessable", TokenSHA256: hexSum("hunter2")},
	)
	cases := []struct {
		reason, header string
		want           int
	}{
		{"a token out of a Secret", bearer(token), 200},
		{"a token of which only the hash is stored", bearer(hashedToken), 200},
		{"a user name and its password", basic("okta", password), 200},
		{"a user name and its password under other keys", basic("client", password), 200},
		{"the hash is not the token", bearer(hexSum(hashedToken)), 401},
		{"a password without its user name", bearer(password), 401},
		{"the pair as a bearer token", bearer("okta:" + password), 401},
		{"another user's name", basic("Okta", password), 401},
		{"no user name", basic("", password), 401},
		{"a wrong password", basic("okta", token), 401},
		{"a token as a password", basic("token", token), 401},
		{"a password that can be guessed does not count", basic("okta", "hunter2"), 401},
		{"a token that can be guessed does not count, even if its hash is stored", bearer("hunter2"), 401},
		{"Basic without a pair", "Authorization: Basic " + token, 401},
	}
	for _, tc := range cases {
		if got := s.status(tc.header); got != tc.want {
			t.Errorf("%s: status %d, want %d", tc.reason, got, tc.want)
		}
	}
	for _, name := range []string{"plain", "hex", "basic", "keys"} {
		contains(t, s.log.all(), `"credential":"`+name+`"`)
	}
	for _, secret := range []string{token, hashedToken, password, "hunter2", base64.StdEncoding.EncodeToString([]byte("okta:" + password))} {
		if strings.Contains(s.log.all(), secret) || strings.Contains(s.dump(), secret) {
			t.Errorf("R2: a secret that begins with %.12q is in the log or in an object", secret)
		}
	}
}

func TestR2RotationRefusesNothing(t *testing.T) {
	s := newSCIM(t)
	s.addSecret("next-of-rotation", map[string]string{"token": wrong})
	old, next := ofSecret("old", s.directory), ofSecret("next", "next-of-rotation")
	steps := []struct {
		reason      string
		credentials []v1alpha1.Credential
		headers     []string
	}{
		{"before", []v1alpha1.Credential{old}, []string{bearer(token)}},
		{"both are live", []v1alpha1.Credential{old, next}, []string{bearer(token), bearer(wrong)}},
		{"after", []v1alpha1.Credential{next}, []string{bearer(wrong)}},
	}
	for _, step := range steps {
		s.setCredentials(step.credentials...)
		for _, header := range step.headers {
			if got := s.status(header); got != http.StatusOK {
				t.Errorf("%s: status %d, want 200", step.reason, got)
			}
		}
	}
	if got := s.status(bearer(token)); got != http.StatusUnauthorized {
		t.Errorf("a credential that was removed is dead at once: %d, want 401", got)
	}
}

func TestChallengesNameTheSchemes(t *testing.T) {
	s := newSCIM(t)
	s.addSecret("basic-of-challenges", map[string]string{"username": "okta", "password": password})
	token, pair := ofSecret("token", s.directory), v1alpha1.Credential{Name: "basic", BasicSecretRef: v1alpha1.BasicSecretRef{Name: "basic-of-challenges"}}
	const bearerScheme, basicScheme = `Bearer realm="scim"`, `Basic realm="scim", charset="UTF-8"`
	cases := []struct {
		reason      string
		credentials []v1alpha1.Credential
		want        []string
	}{
		{"tokens", []v1alpha1.Credential{token}, []string{bearerScheme}},
		{"pairs", []v1alpha1.Credential{pair}, []string{basicScheme}},
		{"both", []v1alpha1.Credential{pair, token}, []string{bearerScheme, basicScheme}},
		{"a 401 must name a scheme, also when nothing is configured", nil, []string{bearerScheme}},
	}
	for _, tc := range cases {
		s.setCredentials(tc.credentials...)
		got := s.do(http.MethodGet, s.base()+"/Users", "")
		refused(t, got, http.StatusUnauthorized, "")
		if diff := cmp.Diff(tc.want, got.header.Values("WWW-Authenticate")); diff != "" {
			t.Errorf("%s: WWW-Authenticate (-want +got):\n%s", tc.reason, diff)
		}
	}
}

func TestReadOnlyCredential(t *testing.T) {
	s := newSCIM(t)
	id := s.call(http.StatusCreated, http.MethodPost, "/Users", `{"userName":"read-only@example.com"}`).json(t)["id"].(string)
	s.setCredentials(ofSecret("writer", s.directory), v1alpha1.Credential{
		Name: "reader", TokenSHA256: hexSum(hashedToken), Access: v1alpha1.AccessReadOnly,
	})
	before := s.dump()
	for _, e := range server.Endpoints() {
		path := s.base() + strings.ReplaceAll(e.Path, "{id}", id)
		got := s.do(e.Method, path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}`, bearer(hashedToken))
		if e.Method == http.MethodGet || strings.HasSuffix(e.Path, "/.search") {
			if got.status == http.StatusForbidden || got.status == http.StatusUnauthorized {
				t.Errorf("%s %s only reads and is refused: %d %s", e.Method, e.Path, got.status, got.body)
			}
			continue
		}
		contains(t, refused(t, got, http.StatusForbidden, ""), "reader", "ReadWrite")
	}
	if diff := cmp.Diff(before, s.dump()); diff != "" {
		t.Errorf("a read-only credential changed something (-before +after):\n%s", diff)
	}
	s.call(http.StatusNoContent, http.MethodDelete, "/Users/"+id, "")
}

func TestR4WrongCredentialsLockNobodyOut(t *testing.T) {
	s := newSCIM(t, func(cfg *server.Config) { cfg.FailuresPerSource, cfg.Failures = 20, 100 })
	const attempts = 1_000
	counts := map[int]int{}
	for i := range attempts {
		got := s.do(http.MethodGet, s.base()+"/Users", "", bearer(wrong+strconv.Itoa(i)))
		counts[got.status]++
		if got.status == http.StatusTooManyRequests {
			if seconds, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || seconds < 1 {
				t.Fatalf("Retry-After is %q, want a whole number of seconds", got.header.Get("Retry-After"))
			}
		}
		if i%10 == 0 && s.status(bearer(token)) != http.StatusOK {
			t.Fatalf("after %d wrong tokens from the same address the right one is refused", i+1)
		}
	}
	if counts[http.StatusUnauthorized]+counts[http.StatusTooManyRequests] != attempts {
		t.Errorf("wrong tokens were answered %v, want 401 and 429 only", counts)
	}
	if counts[http.StatusUnauthorized] < 20 || counts[http.StatusTooManyRequests] == 0 {
		t.Errorf("wrong tokens were answered %v, want at least 20 times 401, then 429", counts)
	}
	refused(t, s.do(http.MethodGet, s.base()+"/Users", ""), http.StatusUnauthorized, "")
}

func TestR4ANewTokenPassesAmongWrongOnes(t *testing.T) {
	s := newSCIM(t, func(cfg *server.Config) { cfg.FailuresPerSource, cfg.Failures = 1, 1 })
	for range 5 {
		s.status(bearer(wrong))
	}
	const next = "scimk8s_next_0123456789abcdef0123456789"
	secret := &corev1.Secret{}
	must(t, s.kube.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: s.directory}, secret))
	secret.Data["token"] = []byte(next)
	must(t, s.kube.Update(t.Context(), secret))
	// While guessing goes on, a token that nobody has seen yet looks like a guess, and the client is told to come again.
	if got := s.status(bearer(next)); got != http.StatusOK && got != http.StatusTooManyRequests {
		t.Errorf("a new token among wrong ones: %d, want 200, or 429 to come again", got)
	}
	s.clock.SetTime(s.clock.Now().Add(10 * time.Second))
	if got := s.status(bearer(next)); got != http.StatusOK {
		t.Errorf("a new token among wrong ones, ten seconds later: %d, want 200", got)
	}
}

func TestR12NothingIsLookedUpBeforeTheCredential(t *testing.T) {
	s := newSCIM(t, func(cfg *server.Config) { cfg.Store = untouchable{} })
	s.addDirectory("r12-other", wrong+"-of-another-directory")
	for _, e := range server.Endpoints() {
		for _, id := range []string{"some-id", "another"} {
			got := s.do(e.Method, s.base()+strings.ReplaceAll(e.Path, "{id}", id), "{", bearer(wrong))
			if got.status != http.StatusUnauthorized && got.status != http.StatusTooManyRequests {
				t.Errorf("%s %s with a wrong token: %d, want 401 or 429", e.Method, e.Path, got.status)
			}
		}
	}
}

// untouchable is a store that must not be asked: every method panics, which is answered 500.
type untouchable struct{ server.Store }

func TestR12ForeignAndMissingIDsLookTheSame(t *testing.T) {
	s := newSCIM(t)
	const foreign = "scimk8s_of_r12_0123456789abcdef0123456789"
	s.addDirectory("r12-foreign", foreign)
	created := s.do(http.MethodPost, "/scim/r12-foreign/v2/Users", `{"userName":"r12@example.com"}`, bearer(foreign))
	id := created.json(t)["id"].(string)
	missing := strings.Repeat("0", len(id))
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"r12-new@example.com"}`
		if method == http.MethodPatch {
			body = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`
		}
		foreignText := refused(t, s.do(method, s.base()+"/Users/"+id, body, bearer(token)), http.StatusNotFound, "")
		missingText := refused(t, s.do(method, s.base()+"/Users/"+missing, body, bearer(token)), http.StatusNotFound, "")
		if strings.ReplaceAll(foreignText, id, "ID") != strings.ReplaceAll(missingText, missing, "ID") {
			t.Errorf("%s: a foreign id is answered %q and a missing one %q", method, foreignText, missingText)
		}
	}
}
