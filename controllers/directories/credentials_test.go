package directories

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) *metav1.Time { return &metav1.Time{Time: noon.Add(d)} }

// noReader fails the test when a Secret is read.
type noReader struct {
	client.Reader
	t *testing.T
}

func (r noReader) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	r.t.Error("a Secret was read")
	return errors.New("read")
}

func TestCredentialsOutsideTheirValidity(t *testing.T) {
	const hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	tests := []struct {
		reason     string
		credential v1alpha1.Credential
		message    string
		expired    int
		next       time.Duration
	}{
		{"a hash needs no Secret and never ends by itself", v1alpha1.Credential{TokenSHA256: hash}, "", 0, 0},
		{"it is looked at again when it ends", v1alpha1.Credential{TokenSHA256: hash, ExpiresAt: at(time.Hour)}, "", 0, time.Hour},
		{"and before that, when its end is to be warned of", v1alpha1.Credential{TokenSHA256: hash, ExpiresAt: at(30 * 24 * time.Hour)}, "", 0, 16 * 24 * time.Hour},
		{"it has ended at the moment that expiresAt names", v1alpha1.Credential{TokenSHA256: hash, ExpiresAt: at(0)}, "expired at 2026-06-01T12:00:00Z", 1, 0},
		{"an expired one is not read any more", v1alpha1.Credential{TokenSecretRef: v1alpha1.SecretKeyRef{Name: "gone"}, ExpiresAt: at(-time.Hour)},
			"expired at 2026-06-01T11:00:00Z", 1, 0},
		{"one that has not begun is looked at again when it does", v1alpha1.Credential{TokenSHA256: hash, NotBefore: at(time.Hour), ExpiresAt: at(2 * time.Hour)},
			"not valid before 2026-06-01T13:00:00Z", 0, time.Hour},
		{"it has begun at the moment that notBefore names", v1alpha1.Credential{TokenSHA256: hash, NotBefore: at(0)}, "", 0, 0},
	}
	for _, test := range tests {
		r := &reconciler{live: noReader{t: t}, clock: testclock.NewFakePassiveClock(noon)}
		directory := &v1alpha1.ScimDirectory{Spec: v1alpha1.ScimDirectorySpec{Credentials: []v1alpha1.Credential{test.credential}}}
		var f facts
		r.gatherCredentials(t.Context(), directory, &f)
		got := []any{f.expired, nextCheck(directory, f, noon), len(f.credentialErrs) == 0, f.recheck}
		want := []any{test.expired, test.next, test.message == "", false}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", test.reason, diff)
		}
		if message := strings.Join(f.credentialErrs, ""); !strings.Contains(message, test.message) {
			t.Errorf("%s: message %q, want it to name %q", test.reason, message, test.message)
		}
	}
}

func TestCheckContent(t *testing.T) {
	const long = "0123456789-0123456789-0123456789"
	token := v1alpha1.Credential{TokenSecretRef: v1alpha1.SecretKeyRef{Name: "s"}}
	basic := v1alpha1.Credential{BasicSecretRef: v1alpha1.BasicSecretRef{Name: "s"}}
	named := v1alpha1.Credential{BasicSecretRef: v1alpha1.BasicSecretRef{Name: "s", UsernameKey: "user", PasswordKey: "pass"}}
	tests := []struct {
		reason     string
		credential v1alpha1.Credential
		data       map[string]string
		message    string
	}{
		{"a token of 32 characters will do", token, map[string]string{"token": long}, ""},
		{"white space does not make a token longer", token, map[string]string{"token": long[1:] + "\n"}, `key "token" of Secret ns/s is absent or shorter`},
		{"characters count and not bytes", token, map[string]string{"token": strings.Repeat("é", 31)}, "shorter than 32"},
		{"a user name and a long password will do", basic, map[string]string{"username": "okta", "password": long}, ""},
		{"other keys may be named", named, map[string]string{"user": "okta", "pass": long}, ""},
		{"a user name is required", basic, map[string]string{"password": long}, `key "username"`},
		{"a user name with a colon cannot be sent (RFC 7617 section 2)", basic, map[string]string{"username": "a:b", "password": long}, "has a colon"},
		{"a short password can be guessed", basic, map[string]string{"username": "okta", "password": "secret"}, `key "password"`},
	}
	for _, test := range tests {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s"}, Data: map[string][]byte{}}
		for key, value := range test.data {
			secret.Data[key] = []byte(value)
		}
		err := checkContent(&test.credential, secret)
		switch {
		case (err == nil) != (test.message == ""):
			t.Errorf("%s: error %v, want %q", test.reason, err, test.message)
		case err != nil && !strings.Contains(err.Error(), test.message):
			t.Errorf("%s: error %v, want it to name %q", test.reason, err, test.message)
		case err != nil && strings.Contains(err.Error(), long[1:]):
			t.Errorf("%s: the error quotes the secret: %v", test.reason, err)
		}
	}
}
