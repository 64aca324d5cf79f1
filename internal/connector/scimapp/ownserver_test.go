package scimapp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/connectortest"
	"github.com/scim-operator/scim-operator/internal/connector/scimapp"
	// The server is built by the go command while the tests run. This import lets the go command see that a result which it has in its
	// cache no longer holds.
	_ "github.com/scim-operator/scim-operator/internal/server"
	"github.com/scim-operator/scim-operator/internal/store"
	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
)

const (
	namespace = "scim-operator-system"
	directory = "target"
	ownToken  = "token-of-the-directory-that-is-a-target-0123456789"
	// patience is how long anything that must happen may take on a busy machine.
	patience = 2 * time.Minute
)

// own is the operator's own server as a target: a process as it ships, and a real API server behind it.
type own struct {
	testing.TB
	kube     client.Client
	base     string
	roots    *x509.CertPool
	client   *http.Client
	groupIDs map[string]string
}

// TestContractOfOwnServer runs the contract against the operator's own SCIM server.
func TestContractOfOwnServer(t *testing.T) {
	o := startOwn(t)
	o.foreign("break glass")
	connectortest.Run(t, connectortest.Target{
		New:            func(testing.TB) connector.Connector { return o.connector() },
		Truth:          o.truth,
		Foreign:        func(_ testing.TB, name string, roles ...string) { o.foreign(name, roles...) },
		Grant:          func(_ testing.TB, name, role string) { o.setMember(name, role, true) },
		Take:           func(_ testing.TB, name, role string) { o.setMember(name, role, false) },
		Roles:          groups,
		Protected:      []string{"break glass", "not here yet"},
		Attributes:     attributeSets,
		NoTransactions: true,
		Unreachable: func(t testing.TB) connector.Connector {
			base := "https://127.0.0.1:" + closedPort(t)
			return o.connector(func(o *scimapp.Options) { o.BaseURL = base })
		},
		Cut: func(_ testing.TB, exchange int64, answered bool) (connector.Connector, func() bool) {
			return cut(o.connector(), exchange, answered)
		},
	})
}

func (o *own) connector(change ...func(*scimapp.Options)) *scimapp.Connector {
	o.Helper()
	profile, err := scimapp.ProfileNamed("scim-operator")
	o.must(err)
	options := scimapp.Options{
		BaseURL: o.base, Auth: scimapp.Auth{Header: &scimapp.Header{Name: "Authorization", Value: "Bearer " + ownToken}}, Profile: profile,
		RootCAs: o.roots, Protected: []string{"break glass", "not here yet"},
	}
	for _, change := range change {
		change(&options)
	}
	c, err := scimapp.New(options)
	o.must(err)
	return c
}

func (o *own) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// startOwn starts a control plane and a server, and makes a directory and its groups. The server runs with an administrator's rights.
func startOwn(t testing.TB) *own {
	t.Helper()
	log.SetLogger(logr.Discard())
	config := apiserver.Start(t)
	o := &own{TB: t, roots: x509.NewCertPool(), groupIDs: map[string]string{}}
	scheme := runtime.NewScheme()
	o.must(errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)))
	var err error
	o.kube, err = client.New(config, client.Options{Scheme: scheme})
	o.must(err)
	o.must(o.kube.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))
	o.must(o.kube.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: directory}, StringData: map[string]string{"token": ownToken},
	}))
	made := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: directory}}
	made.Spec.Credentials = []v1alpha1.Credential{{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: directory, Key: "token"}}}
	o.must(o.kube.Create(t.Context(), made))
	o.startServer(config)
	for _, name := range groups {
		body := object{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": name}
		o.groupIDs[name], _ = o.do(http.MethodPost, "/Groups", body)["id"].(string)
	}
	return o
}

func (o *own) startServer(config *rest.Config) {
	dir := o.TempDir()
	binary := filepath.Join(dir, "scim-operator")
	build := exec.CommandContext(o.Context(), "go", "build", "-o", binary, "github.com/scim-operator/scim-operator/cmd/scim-operator")
	if output, err := build.CombinedOutput(); err != nil {
		o.Fatalf("build the operator: %v\n%s", err, output)
	}
	authority, err := controlplane.NewAuthority("scimapp")
	o.must(err)
	pair, err := authority.Loopback("server")
	o.must(err)
	certificate, key, err := pair.Write(dir, "tls")
	o.must(err)
	o.roots.AppendCertsFromPEM(authority.PEM)
	o.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: o.roots, MinVersion: tls.VersionTLS12}}}
	ports, err := controlplane.FreePorts(2)
	o.must(err)
	address := fmt.Sprintf("127.0.0.1:%d", ports[0])
	o.base = "https://" + address + "/scim/" + directory + "/v2"
	process, err := controlplane.StartProcess(controlplane.Command{
		Name: "server", Path: binary, LogDir: dir, Env: []string{"KUBECONFIG=" + apiserver.Kubeconfig(o, config)},
		Args: []string{
			"server", "--listen-address=" + address, "--tls-cert-file=" + certificate, "--tls-key-file=" + key, "--external-url=https://" + address,
			"--namespace=" + namespace, fmt.Sprintf("--health-address=127.0.0.1:%d", ports[1]), "--metrics-address=0",
		},
	})
	o.must(err)
	o.Cleanup(func() { process.Stop(0) })
	o.must(controlplane.Await(o.Context(), patience, process, func(ctx context.Context) error {
		_, status, err := o.send(ctx, http.MethodGet, "/Users?count=1", nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("the server answers %d", status)
		}
		return err
	}))
}

// send sends a request as somebody else than the connector.
func (o *own) send(ctx context.Context, method, path string, body any) (object, int, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, 0, err
	}
	request, err := http.NewRequestWithContext(ctx, method, o.base+path, bytes.NewReader(text))
	if err != nil {
		return nil, 0, err
	}
	if body == nil {
		request.Body = http.NoBody
	}
	request.Header.Set("Content-Type", "application/scim+json")
	request.Header.Set("Authorization", "Bearer "+ownToken)
	response, err := o.client.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	got := object{}
	if len(answer) > 0 {
		err = errors.Join(err, json.Unmarshal(answer, &got))
	}
	return got, response.StatusCode, err
}

func (o *own) do(method, path string, body any) object {
	o.Helper()
	got, status, err := o.send(o.Context(), method, path, body)
	o.must(err)
	if status/100 != 2 {
		o.Fatalf("%s %s: %d: %v", method, path, status, got)
	}
	return got
}

func (o *own) foreign(name string, roles ...string) {
	o.Helper()
	o.do(http.MethodPost, "/Users", object{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": name, "active": true})
	for _, role := range roles {
		o.setMember(name, role, true)
	}
}

// setMember changes a membership in somebody else's name, a while ago: the server lists a user's groups from its cache, so that it returns
// when they are right.
func (o *own) setMember(name, role string, in bool) {
	o.Helper()
	var id string
	for _, user := range o.users() {
		if user.Spec.UserName == name {
			id = user.Name
		}
	}
	operation := object{"op": "add", "path": "members", "value": []object{{"value": id}}}
	if !in {
		operation = object{"op": "remove", "path": `members[value eq "` + id + `"]`}
	}
	o.do(http.MethodPatch, "/Groups/"+o.groupIDs[role], object{"schemas": []string{patchMessage}, "Operations": []object{operation}})
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for o.shows(id, role) != in {
		select {
		case <-o.Context().Done():
			o.Fatal(o.Context().Err())
		case <-ticker.C:
		}
	}
}

func (o *own) shows(id, role string) bool {
	list, _ := o.do(http.MethodGet, "/Users/"+url.PathEscape(id), nil)["groups"].([]any)
	return slices.ContainsFunc(list, func(item any) bool {
		group, _ := item.(object)
		return group["value"] == o.groupIDs[role]
	})
}

// users are those that count: a user of which the server did not say that it is made has no claim.
func (o *own) users() []v1alpha1.ScimUser {
	o.Helper()
	all, claims := &v1alpha1.ScimUserList{}, &v1alpha1.ScimClaimList{}
	o.must(o.kube.List(o.Context(), all))
	o.must(o.kube.List(o.Context(), claims))
	byName := map[string]*v1alpha1.ScimClaim{}
	for i := range claims.Items {
		byName[claims.Items[i].Name] = &claims.Items[i]
	}
	return slices.DeleteFunc(all.Items, func(user v1alpha1.ScimUser) bool { return !store.Counts(&user, byName[store.ClaimNameOf(&user)]) })
}

// truth reads the objects, with the version of each.
func (o *own) truth(t testing.TB) map[string]connectortest.Seen {
	t.Helper()
	roles, parts := &v1alpha1.ScimRoleList{}, &v1alpha1.ScimRoleSliceList{}
	o.must(o.kube.List(t.Context(), roles))
	o.must(o.kube.List(t.Context(), parts))
	members := map[string][]string{}
	for _, part := range parts.Items {
		members[part.Name] = part.Spec.Members
	}
	of := map[string][]string{}
	for _, role := range roles.Items {
		all := role.Spec.Members
		for _, part := range role.Spec.Slices {
			all = slices.Concat(all, members[part])
		}
		for _, member := range all {
			of[member] = append(of[member], role.Spec.DisplayName)
		}
	}
	all := map[string]connectortest.Seen{}
	for _, user := range o.users() {
		have := of[user.Name]
		slices.Sort(have)
		all[user.Spec.UserName] = connectortest.Seen{
			Active: user.Spec.Active == nil || *user.Spec.Active, Roles: have, State: string(user.UID) + " " + user.ResourceVersion,
		}
	}
	return all
}
