package e2e_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

const (
	canaries     = 1000
	canaryMarker = "pw-canary-8c6976e5b5410415"
	// canaryBearer is in the userName of everybody in the test: where it is, the search for the marker would have found that, too.
	canaryBearer = "canarybearer"
)

// TestCanaryPasswords sends a thousand people with passwords, and changes every password by PATCH, as Okta does with Sync Password. Each
// password is another, and all have a marker in common, which is then looked for where anything can be kept: in all that etcd ever
// stored, in the logs and audit logs of all processes, and in the metrics of all processes.
func TestCanaryPasswords(t *testing.T) {
	o := sharedOperator(t)
	const name = "canary"
	pushing := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: name}}
	pushing.Spec.Provider = v1alpha1.ProviderOkta
	pushing.Spec.Credentials = []v1alpha1.Credential{{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: "okta-token"}}}
	check(t, "make a directory", o.kube.Create(t.Context(), pushing))
	o.readableMetrics(t)
	base := "/scim/" + name + "/v2"
	for _, server := range o.servers {
		eventually(t, "the server knows the directory", func(context.Context) error {
			if answer := o.raw(t, server, rawRequest{method: http.MethodGet, path: base + "/Users?count=0"}); answer.status != http.StatusOK {
				return fmt.Errorf("status %d", answer.status)
			}
			return nil
		})
	}
	pusher := o.httpClient()
	defer pusher.CloseIdleConnections()
	var group errgroup.Group
	group.SetLimit(8)
	for i := range canaries {
		group.Go(func() error { return o.pushCanary(t.Context(), pusher, o.servers[i%len(o.servers)], base, i) })
	}
	check(t, "push", group.Wait())
	eventually(t, "the controller has seen everybody", func(ctx context.Context) error {
		if err := o.kube.Get(ctx, client.ObjectKeyFromObject(pushing), pushing); err != nil {
			return err
		}
		if users := pushing.Status.Users; users == nil || *users != canaries {
			return fmt.Errorf("status.users is not %d", canaries)
		}
		return nil
	})
	o.assertNowhere(t, canaryMarker)
	if found := filesWith(t, apiserver.EtcdDir(), canaryBearer); len(found) == 0 {
		t.Error("the users are not in the files of etcd, so the search for their passwords there shows nothing")
	}
	for _, path := range filesWith(t, apiserver.EtcdDir(), canaryMarker) {
		t.Errorf("a password is in etcd: %s", filepath.Base(path))
	}
	if found := filesWith(t, o.dir, canaryBearer); len(found) < len(o.servers) {
		t.Errorf("the ids of the users are in %d files of the operator, want an audit log of each server", len(found))
	}
	for _, p := range append([]*process{o.controller}, o.servers...) {
		metrics := o.readMetrics(t, p)
		if !bytes.Contains(metrics, []byte("go_goroutines")) || bytes.Contains(metrics, []byte(canaryMarker)) {
			t.Errorf("the metrics are not metrics, or have a password: %d bytes", len(metrics))
		}
	}
}

// pushCanary creates a user with a password, and gives him another.
func (o *operator) pushCanary(ctx context.Context, pusher *http.Client, server *process, base string, i int) error {
	password := func(n int) string { return fmt.Sprintf("%s-%d-%d", canaryMarker, i, n) }
	user := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"%s%d@example.com","password":%q}`, canaryBearer, i, password(0))
	body, err := o.send(ctx, pusher, http.MethodPost, server, base+"/Users", user, http.StatusCreated)
	if err != nil {
		return err
	}
	var created struct{ ID string }
	if err := json.Unmarshal(body, &created); err != nil {
		return err
	}
	for n, operation := range []string{
		`{"op":"replace","value":{"password":%q}}`, `{"op":"replace","path":"password","value":%q}`,
	} {
		patched := patchHead + "[" + fmt.Sprintf(operation, password(n+1)) + "]}"
		if body, err = o.send(ctx, pusher, http.MethodPatch, server, base+"/Users/"+created.ID, patched, http.StatusOK); err != nil {
			return err
		}
		if bytes.Contains(body, []byte(canaryMarker)) {
			return errors.New("an answer has a password")
		}
	}
	return nil
}

// send expects a status. Its errors have no body, which could have what was sent.
func (o *operator) send(ctx context.Context, pusher *http.Client, method string, server *process, path, body string, want int) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "https://"+server.address+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+o.token)
	request.Header.Set("Content-Type", "application/scim+json")
	response, err := pusher.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != want {
		err = fmt.Errorf("%s %s: status %d, want %d", method, path, response.StatusCode, want)
	}
	return answer, err
}

// filesWith are the files below a directory that have a text in them. A file that is gone by the time it is read holds nothing.
func filesWith(t *testing.T, dir, text string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil && bytes.Contains(content, []byte(text)) {
			found = append(found, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}

// readableMetrics lets the controller's account read metrics, as one binds the account that scrapes.
func (o *operator) readableMetrics(t *testing.T) {
	t.Helper()
	check(t, "let an account read metrics", o.kube.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "canary-metrics"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "scim-operator-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: controllerAccount}},
	}))
}

func (o *operator) readMetrics(t *testing.T, p *process) (content []byte) {
	t.Helper()
	config, err := accountConfig(t.Context(), o.kube, controllerAccount)
	check(t, "make a token", err)
	// The certificate of the metrics is made at the start, so that nobody can know its authority.
	reader := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer reader.CloseIdleConnections()
	eventually(t, "the metrics can be read", func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+p.metrics+"/metrics", http.NoBody)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+config.BearerToken)
		response, err := reader.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", response.StatusCode)
		}
		content, err = io.ReadAll(response.Body)
		return err
	})
	return content
}
