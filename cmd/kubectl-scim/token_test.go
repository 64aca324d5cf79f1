package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

var tokenForm = regexp.MustCompile(`^scim_[0-9a-f]{64}\n$`)

func sha(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// credentials reads those of a directory, by name.
func credentials(t *testing.T, kube client.Client, directory string) map[string]v1alpha1.Credential {
	t.Helper()
	var d v1alpha1.ScimDirectory
	must(t, kube.Get(t.Context(), client.ObjectKey{Name: directory}, &d))
	all := map[string]v1alpha1.Credential{}
	for _, c := range d.Spec.Credentials {
		all[c.Name] = c
	}
	return all
}

func TestTokenCreate(t *testing.T) {
	kube := newKube(t)
	// A directory without any spec is one, too.
	makeObject(t, kube, &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "create"}})
	made := scim(t, "token", "create", "create", "--name=first", "--access=ReadOnly", "--expires-in=90d", "--not-before=2026-03-01T00:00:00Z").want(t, 0, "only time")
	if !tokenForm.MatchString(made.stdout) {
		t.Errorf("standard output is %q, want one token and nothing else", made.stdout)
	}
	token := strings.TrimSpace(made.stdout)
	if strings.Contains(made.stderr, token) {
		t.Error("the token is on standard error, which ends up in logs")
	}
	want := v1alpha1.Credential{
		Name: "first", Access: v1alpha1.AccessReadOnly, TokenSHA256: sha(token),
		NotBefore: &metav1.Time{Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}, ExpiresAt: &metav1.Time{Time: time.Date(2026, 5, 30, 0, 0, 0, 0, time.UTC)},
	}
	if diff := cmp.Diff(want, credentials(t, kube, "create")["first"]); diff != "" {
		t.Errorf("the credential (-want, +got):\n%s", diff)
	}
	other := scim(t, "token", "create", "create").want(t, 0, "2026-02-03")
	scim(t, "token", "create", "create").want(t, 0, "2026-02-03-2")
	if other.stdout == made.stdout {
		t.Error("two tokens are the same")
	}
	scim(t, "token", "create", "create", "--name=first").want(t, 1, "choose another --name")
	scim(t, "token", "create", "nowhere").want(t, 1, "there is no ScimDirectory \"nowhere\"", "kubectl get scimdirectories")
	scim(t, "token", "create", "create", "--name=UPPER").want(t, 1, "spec.credentials")
	if got := len(credentials(t, kube, "create")); got != 3 {
		t.Errorf("%d credentials, want 3: a refused command leaves none behind", got)
	}
	for i := range 5 {
		scim(t, "token", "create", "create", fmt.Sprintf("--name=more-%d", i)).want(t, 0)
	}
	scim(t, "token", "create", "create", "--name=ninth").want(t, 1, "8", "kubectl scim token revoke")
}

func TestTokenInSecret(t *testing.T) {
	kube := newKube(t)
	makeObject(t, kube, newDirectory("insecret", nil))
	made := scim(t, "token", "create", "insecret", "--name=a", "--secret=scim-token", "-n", "default").want(t, 0)
	var secret corev1.Secret
	key := client.ObjectKey{Namespace: "default", Name: "scim-token"}
	must(t, kube.Get(t.Context(), key, &secret))
	t.Cleanup(func() { _ = kube.Delete(context.WithoutCancel(t.Context()), &secret) })
	if got := string(secret.Data["token"]) + "\n"; got != made.stdout {
		t.Error("the Secret has another token than the one that was shown")
	}
	if got := credentials(t, kube, "insecret")["a"]; got.TokenSecretRef.Name != "scim-token" || got.TokenSHA256 != "" {
		t.Errorf("the credential does not refer to the Secret: %+v", got)
	}
	scim(t, "token", "create", "insecret", "--name=b", "--secret=scim-token", "-n", "default").want(t, 1, "already exists")
	scim(t, "token", "create", "insecret", "--name=a", "--secret=other-token", "-n", "default").want(t, 1, "choose another --name")
	if err := kube.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "other-token"}, &secret); !apierrors.IsNotFound(err) {
		t.Errorf("the Secret of a credential that was refused is left behind: %v", err)
	}
	scim(t, "token", "revoke", "insecret", "a", "--yes").want(t, 0, "Secret scim-token")
}

// TestTokenCreateTogether lets several people add a token at once: the optimistic lock must lose none of them.
func TestTokenCreateTogether(t *testing.T) {
	kube := newKube(t)
	makeObject(t, kube, newDirectory("together", nil))
	var group sync.WaitGroup
	for i := range 5 {
		group.Go(func() {
			if got := scim(t, "token", "create", "together", fmt.Sprintf("--name=t%d", i)); got.code != 0 {
				t.Errorf("exit code %d: %s", got.code, got.stderr)
			}
		})
	}
	group.Wait()
	if got := len(credentials(t, kube, "together")); got != 5 {
		t.Errorf("%d credentials, want 5", got)
	}
}

func TestTokenRotate(t *testing.T) {
	kube := newKube(t)
	makeObject(t, kube, newDirectory("rotate", func(d *v1alpha1.ScimDirectory) {
		d.Spec.Credentials = []v1alpha1.Credential{
			{Name: "gone", TokenSHA256: sha("gone"), ExpiresAt: at(-time.Hour)},
			{Name: "old", TokenSHA256: sha("old"), UserID: "scim-admin"},
			{Name: "auditor", TokenSHA256: sha("auditor"), Access: v1alpha1.AccessReadOnly},
			{Name: "soon", TokenSHA256: sha("soon"), ExpiresAt: at(time.Hour)},
		}
	}))
	made := scim(t, "token", "rotate", "rotate", "--name=new", "--overlap=24h").want(t, 0, "until 2026-02-04T04:05:06Z", "old, soon", "past their end: gone")
	got := credentials(t, kube, "rotate")
	want := map[string]v1alpha1.Credential{
		"old":     {Name: "old", TokenSHA256: sha("old"), UserID: "scim-admin", Access: v1alpha1.AccessReadWrite, ExpiresAt: at(24 * time.Hour)},
		"auditor": {Name: "auditor", TokenSHA256: sha("auditor"), Access: v1alpha1.AccessReadOnly},
		"soon":    {Name: "soon", TokenSHA256: sha("soon"), Access: v1alpha1.AccessReadWrite, ExpiresAt: at(time.Hour)},
		"new":     {Name: "new", TokenSHA256: sha(strings.TrimSpace(made.stdout)), UserID: "scim-admin", Access: v1alpha1.AccessReadWrite},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a rotation ends what has the same access, keeps earlier ends, /Me and the rest (-want, +got):\n%s", diff)
	}
	scim(t, "token", "rotate", "rotate", "--old=auditor", "--access=ReadOnly", "--overlap=1h", "--name=auditor-2").want(t, 0)
	if got := credentials(t, kube, "rotate")["auditor"].ExpiresAt; got == nil || !got.Equal(at(time.Hour)) {
		t.Errorf("the credential that --old names ends at %v, want in an hour", got)
	}
	scim(t, "token", "rotate", "rotate", "--old=nobody").want(t, 1, "there is no credential nobody")
	scim(t, "token", "rotate", "rotate", "--overlap=1h", "--not-before=2026-03-01T00:00:00Z").want(t, 2, "no token would be valid")
	makeObject(t, kube, newDirectory("empty", nil))
	scim(t, "token", "rotate", "empty").want(t, 1, "kubectl scim token create")
}

func TestTokenRevoke(t *testing.T) {
	kube := newKube(t)
	makeObject(t, kube, newDirectory("revoke", func(d *v1alpha1.ScimDirectory) {
		d.Spec.Credentials = []v1alpha1.Credential{
			{Name: "idle", TokenSHA256: sha("idle")}, {Name: "busy", TokenSHA256: sha("busy")}, {Name: "last", TokenSHA256: sha("last")},
			{Name: "gone", TokenSHA256: sha("gone"), ExpiresAt: at(-time.Hour)},
		}
		d.Status.Credentials = []v1alpha1.CredentialStatus{{Name: "busy", LastUsedTime: at(-10 * time.Minute)}, {Name: "idle", LastUsedTime: at(-48 * time.Hour)}}
	}))
	scim(t, "token", "revoke", "revoke", "idle").want(t, 0, "is revoked")
	scim(t, "token", "revoke", "revoke", "busy").want(t, 1, "was used 10m ago", "--yes")
	scimWith(t, "no\n", "token", "revoke", "revoke", "busy").want(t, 1, "nothing was changed")
	scimWith(t, "yes\n", "token", "revoke", "revoke", "busy").want(t, 0, "is revoked")
	scim(t, "token", "revoke", "revoke", "last").want(t, 1, "no other credential of directory revoke is valid")
	scim(t, "token", "revoke", "revoke", "gone").want(t, 0)
	scim(t, "token", "revoke", "revoke", "last", "--yes").want(t, 0, "Warning")
	scim(t, "token", "revoke", "revoke", "last", "--yes").want(t, 1, "has no credential \"last\"")
	if got := credentials(t, kube, "revoke"); len(got) != 0 {
		t.Errorf("credentials are left: %v", got)
	}
}

func TestTokenList(t *testing.T) {
	makeObject(t, newKube(t), newDirectory("list", func(d *v1alpha1.ScimDirectory) {
		raw := sha256.Sum256([]byte("base64"))
		d.Spec.Credentials = []v1alpha1.Credential{
			{Name: "2026-01", TokenSHA256: sha("x")},
			{Name: "basic", BasicSecretRef: v1alpha1.BasicSecretRef{Name: "okta-basic"}, Access: v1alpha1.AccessReadOnly},
			{Name: "ending", TokenSHA256: base64.StdEncoding.EncodeToString(raw[:]), ExpiresAt: at(3 * 24 * time.Hour)},
			{Name: "ended", TokenSecretRef: v1alpha1.SecretKeyRef{Name: "okta-token"}, ExpiresAt: at(-time.Hour)},
			{Name: "future", TokenSHA256: sha("y"), NotBefore: at(time.Hour), UserID: "scim-admin"},
		}
		d.Status.Credentials = []v1alpha1.CredentialStatus{{Name: "2026-01", LastUsedTime: at(-11 * time.Minute)}}
	}))
	for _, format := range []string{"", "wide", "json", "yaml", "name"} {
		args := []string{"token", "list", "list"}
		if format != "" {
			args = append(args, "-o", format)
		}
		got := scim(t, args...).want(t, 0)
		golden(t, "token-list"+format, got.stdout)
		if strings.Contains(got.stdout, sha("x")) {
			t.Errorf("-o %s shows a hash, which is of no use to anybody", format)
		}
	}
	var all []struct{ Directory string }
	must(t, json.Unmarshal([]byte(scim(t, "token", "list", "-o", "json").want(t, 0).stdout), &all))
	if len(all) < 5 {
		t.Errorf("%d credentials of all directories, want 5 at least", len(all))
	}
}
