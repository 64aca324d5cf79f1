package differential_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
	"github.com/scim-operator/scim-operator/test/clients"
)

const (
	namespace = "scim-operator-system"
	// patience is how long anything that must happen may take on a busy machine.
	patience = 2 * time.Minute
)

// What the installer of this test allows: the ClusterRoles that config names, and one Role.
var (
	bindableClusterRoles = []string{"view", "edit"}
	bindableRoles        = []string{"deployer"}
)

// operator is a server and a controller, each with the rights of its own account and nothing else.
type operator struct {
	kube      client.Client
	address   string
	token     string
	roots     *x509.CertPool
	processes []*controlplane.Process
}

// startOperator leaves what it managed to start to stop, also when it fails.
func startOperator(ctx context.Context) (*operator, error) {
	o := &operator{token: rand.Text() + rand.Text(), roots: x509.NewCertPool()}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return o, err
	}
	var err error
	if o.kube, err = client.New(apiserver.Config(), client.Options{Scheme: scheme}); err != nil {
		return o, err
	}
	if err := o.install(ctx); err != nil {
		return o, err
	}
	ports, err := controlplane.FreePorts(3)
	if err != nil {
		return o, err
	}
	at := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	o.address = at(0)
	certificate, key, err := o.certificate()
	if err != nil {
		return o, err
	}
	err = o.start(ctx, at(1), "scim-operator-server", "server", "--listen-address="+o.address, "--tls-cert-file="+certificate,
		"--tls-key-file="+key, "--external-url=https://"+o.address)
	if err != nil {
		return o, err
	}
	return o, o.start(ctx, at(2), "scim-operator-controller", "controller", "--external-url=https://"+o.address,
		"--bindable-cluster-roles="+strings.Join(bindableClusterRoles, ","), "--bindable-roles="+strings.Join(bindableRoles, ","))
}

func (o *operator) certificate() (certificate, key string, err error) {
	authority, err := controlplane.NewAuthority("differential")
	if err != nil {
		return "", "", err
	}
	pair, err := authority.Loopback("server")
	if err != nil {
		return "", "", err
	}
	o.roots.AppendCertsFromPEM(authority.PEM)
	return pair.Write(built, "tls")
}

// start starts one part under its account, and waits until it is ready or ends.
func (o *operator) start(ctx context.Context, health, account string, args ...string) error {
	owner, request := &corev1.ServiceAccount{}, &authenticationv1.TokenRequest{}
	owner.Namespace, owner.Name = namespace, account
	if err := o.kube.SubResource("token").Create(ctx, owner, request); err != nil {
		return fmt.Errorf("make a token for %s: %w", account, err)
	}
	config := rest.AnonymousClientConfig(apiserver.Config())
	config.BearerToken = request.Status.Token
	kubeconfig := filepath.Join(built, account+".kubeconfig")
	if err := controlplane.WriteKubeconfig(kubeconfig, config, namespace); err != nil {
		return err
	}
	p, err := controlplane.StartProcess(controlplane.Command{
		Name: account, Path: filepath.Join(built, "scim-operator"), LogDir: built, Env: []string{"KUBECONFIG=" + kubeconfig},
		Args: append(args, "--namespace="+namespace, "--health-address="+health, "--metrics-address=0"),
	})
	if err != nil {
		return err
	}
	o.processes = append(o.processes, p)
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		select {
		case <-p.Done():
			return false, fmt.Errorf("it ended: %w", p.Err())
		default:
		}
		return isReady(ctx, health)
	})
	if err != nil {
		return fmt.Errorf("%s is not ready: %w\n%s", account, err, p.LogTail(8000))
	}
	return nil
}

func isReady(ctx context.Context, health string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+health+"/readyz", http.NoBody)
	if err != nil {
		return false, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, nil // It does not listen yet.
	}
	return response.StatusCode == http.StatusOK, response.Body.Close()
}

func (o *operator) stop() {
	for _, p := range o.processes {
		p.Stop(0)
	}
}

// running fails when a process has ended, so that nobody waits for what it would have done.
func (o *operator) running() error {
	for _, p := range o.processes {
		select {
		case <-p.Done():
			return fmt.Errorf("%s has ended: %w", p.Name, p.Err())
		default:
		}
	}
	return nil
}

// logs are the ends of what the processes printed.
func (o *operator) logs() string {
	var all strings.Builder
	for _, p := range o.processes {
		fmt.Fprintf(&all, "--- %s\n%s\n", p.Name, p.LogTail(1000))
	}
	return all.String()
}

// install applies what an installation applies, with one Role more than the default in the lists of what may be given.
func (o *operator) install(ctx context.Context) error {
	var namespaces, others []*unstructured.Unstructured
	for _, folder := range []string{"rbac", "admission"} {
		names, err := filepath.Glob(filepath.Join("..", "..", "config", folder, "*.yaml"))
		if err != nil {
			return fmt.Errorf("find config/%s: %w", folder, err)
		}
		for _, name := range names {
			objects, err := readObjects(name)
			if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
			for _, object := range objects {
				if object.GetKind() == "Namespace" {
					namespaces = append(namespaces, object)
					continue
				}
				others = append(others, object)
			}
		}
	}
	for _, object := range append(namespaces, others...) {
		if err := allowRoles(object); err != nil {
			return fmt.Errorf("allow roles in %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		if err := o.kube.Create(ctx, object); err != nil {
			return fmt.Errorf("create %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	secret := &corev1.Secret{StringData: map[string]string{"token": o.token}}
	secret.Namespace, secret.Name = namespace, "token"
	return o.kube.Create(ctx, secret)
}

// allowRoles adds the Roles that the installer allows to the controller's rights and to the policy that fences it in.
func allowRoles(object *unstructured.Unstructured) error {
	var names []any
	for _, name := range bindableRoles {
		names = append(names, name)
	}
	switch object.GetKind() + "/" + object.GetName() {
	case "ClusterRole/scim-operator-controller":
		rules, _, err := unstructured.NestedSlice(object.Object, "rules")
		if err != nil {
			return err
		}
		group, roles := []any{"rbac.authorization.k8s.io"}, []any{"roles"}
		return unstructured.SetNestedSlice(object.Object, append(rules,
			map[string]any{"apiGroups": group, "resources": roles, "resourceNames": names, "verbs": []any{"bind"}},
			map[string]any{"apiGroups": group, "resources": roles, "verbs": []any{"get", "list", "watch"}},
		), "rules")
	case "ValidatingAdmissionPolicy/scim-operator-bindings":
		variables, _, err := unstructured.NestedSlice(object.Object, "spec", "variables")
		if err != nil {
			return err
		}
		for _, variable := range variables {
			if v, ok := variable.(map[string]any); ok && v["name"] == "bindableRoles" {
				v["expression"] = `["` + strings.Join(bindableRoles, `","`) + `"]`
			}
		}
		return unstructured.SetNestedSlice(object.Object, variables, "spec", "variables")
	}
	return nil
}

// readObjects reads a file of several documents, and passes over what is only for kustomize.
func readObjects(name string) ([]*unstructured.Unstructured, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096)
	var objects []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		if len(object.Object) > 0 && object.GetKind() != "Kustomization" {
			objects = append(objects, object)
		}
	}
}

// newDirectory makes a directory whose guard counts and lets everything pass, and says how to push to it.
func (o *operator) newDirectory(ctx context.Context, name string, provider v1alpha1.Provider, identity v1alpha1.Identity) (clients.Config, error) {
	err := o.kube.Create(ctx, &v1alpha1.ScimDirectory{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.ScimDirectorySpec{
			Provider: provider, Identity: identity,
			Credentials: []v1alpha1.Credential{{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: "token", Key: "token"}}},
			Guard:       v1alpha1.Guard{Users: v1alpha1.GuardLimit{Count: 100_000}, Members: v1alpha1.GuardLimit{Count: 100_000}},
		},
	})
	return clients.Config{
		BaseURLs: []string{"https://" + o.address + "/scim/" + name + "/v2"}, Token: o.token, RootCAs: o.roots,
	}, err
}
