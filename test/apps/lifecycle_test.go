package apps_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/install"
)

// TestAppsLifeCycle: Okta hires, moves, renames, suspends, reinstates and removes people in ten groups, and after each of that all four apps
// hold exactly what they should, strangers' accounts among it. Then the credentials are looked for wherever they must not be.
func TestAppsLifeCycle(t *testing.T) {
	n := numberOf(t, "PEOPLE", 40)
	c := newCompany(t, "life", connections, nil)
	c.life(n, func(what string) { c.see(what, connections...) })
	c.assertNoCredential()
}

// assertNoCredential looks for the values of the Secrets in the logs, in metrics, and in all objects but the Secrets. People's names are
// where the credentials are looked for, or looking there would show nothing.
func (c *company) assertNoCredential() {
	c.t.Helper()
	bearer := c.people[0].name
	logs, err := filepath.Glob(filepath.Join(c.o.dir, "*.log"))
	check(c.t, "find the logs", err)
	var all []byte
	for _, name := range logs {
		text, err := os.ReadFile(name)
		check(c.t, "read a log", err)
		all = append(all, text...)
	}
	c.assertClean("logs", all, c.people[0].id)
	objects := c.objects()
	c.assertClean("objects", objects, bearer)
	c.assertClean("events", events(objects), `"reason":"AccountActive"`)
	c.assertClean("metrics of the controller", c.metrics(c.o.controller), "scim_operator_")
	c.assertClean("metrics of the server", c.metrics(c.o.server), "go_goroutines")
	var secrets unstructured.UnstructuredList
	secrets.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "SecretList"})
	check(c.t, "list the Secrets", c.o.kube.List(c.t.Context(), &secrets, client.InNamespace(c.name)))
	if len(secrets.Items) != len(canaries()) {
		c.t.Errorf("%d Secrets, want one for each credential", len(secrets.Items))
	}
}

func (c *company) assertClean(where string, text []byte, control string) {
	c.t.Helper()
	if !bytes.Contains(text, []byte(control)) {
		c.t.Errorf("%s: %q is not there, so looking for credentials there shows nothing", where, control)
	}
	for i, secret := range canaries() {
		if bytes.Contains(text, []byte(secret)) {
			c.t.Errorf("%s: credential %d is there", where, i)
		}
	}
}

// objects is every object that the API server has but Secrets, as JSON, one on a line.
func (c *company) objects() []byte {
	c.t.Helper()
	finder, err := discovery.NewDiscoveryClientForConfig(apiserver.Config())
	check(c.t, "make a client", err)
	_, lists, err := finder.ServerGroupsAndResources()
	check(c.t, "find the kinds", err)
	var text bytes.Buffer
	for _, list := range lists {
		for _, kind := range list.APIResources {
			version, err := schema.ParseGroupVersion(list.GroupVersion)
			check(c.t, "read a version", err)
			if kind.Kind == "Secret" || strings.Contains(kind.Name, "/") || !strings.Contains(kind.Verbs.String(), "list") {
				continue
			}
			found := &unstructured.UnstructuredList{}
			found.SetGroupVersionKind(version.WithKind(kind.Kind + "List"))
			if err := c.o.kube.List(c.t.Context(), found); err != nil && !apierrors.IsMethodNotSupported(err) && !apierrors.IsNotFound(err) {
				c.t.Fatalf("list %s: %v", kind.Kind, err)
			}
			for i := range found.Items {
				line, err := json.Marshal(found.Items[i].Object)
				check(c.t, "write an object", err)
				text.Write(append(line, '\n'))
			}
		}
	}
	return text.Bytes()
}

// events are the lines of Events.
func events(objects []byte) []byte {
	var lines [][]byte
	for line := range bytes.SplitSeq(objects, []byte("\n")) {
		if bytes.Contains(line, []byte(`"kind":"Event"`)) {
			lines = append(lines, line)
		}
	}
	return bytes.Join(lines, []byte("\n"))
}

// metrics reads those of a process as an account that may.
func (c *company) metrics(p *process) (content []byte) {
	c.t.Helper()
	err := c.o.kube.Create(c.t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "apps-metrics"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "scim-operator-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: install.Namespace, Name: install.ControllerAccount}},
	})
	check(c.t, "let an account read metrics", client.IgnoreAlreadyExists(err))
	config, err := install.TokenConfig(c.t.Context(), c.o.kube, install.Namespace, install.ControllerAccount)
	check(c.t, "make a token", err)
	// The certificate of the metrics is made at the start, so that nobody can know its authority.
	reader := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer reader.CloseIdleConnections()
	eventually(c.t, "the metrics can be read", func(ctx context.Context) error {
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
			return errors.New(response.Status)
		}
		content, err = io.ReadAll(response.Body)
		if err == nil && len(content) == 0 {
			return fmt.Errorf("%s has no metrics", p.Name)
		}
		return err
	})
	return content
}
