package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/test/apiserver"
)

// The accounts of the two parts, as config/rbac names them.
const (
	serverAccount     = "scim-operator-server"
	controllerAccount = "scim-operator-controller"
)

// installAccounts applies what an installation applies: the namespace, the accounts and their rights. So a right that the operator
// needs and config/rbac lacks fails the tests.
func installAccounts(ctx context.Context, kube client.Client) error {
	names, err := filepath.Glob(filepath.Join("..", "..", "config", "rbac", "*.yaml"))
	if err != nil {
		return fmt.Errorf("find config/rbac: %w", err)
	}
	var namespaces, others []client.Object
	for _, name := range names {
		objects, err := readObjects(name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		for _, object := range objects {
			if object.GetObjectKind().GroupVersionKind().Kind == "Namespace" {
				namespaces = append(namespaces, object)
				continue
			}
			others = append(others, object)
		}
	}
	for _, object := range append(namespaces, others...) {
		if err := kube.Create(ctx, object); err != nil {
			return fmt.Errorf("create %s %s: %w", object.GetObjectKind().GroupVersionKind().Kind, object.GetName(), err)
		}
	}
	return nil
}

// readObjects reads a file of several documents, and passes over what is only for kustomize.
func readObjects(name string) ([]client.Object, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096)
	var objects []client.Object
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

// accountConfig is how a part of the operator reaches the API server: with a token of its own account and nothing else.
func accountConfig(ctx context.Context, kube client.Client, account string) (*rest.Config, error) {
	owner := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account}}
	request := &authenticationv1.TokenRequest{}
	if err := kube.SubResource("token").Create(ctx, owner, request); err != nil {
		return nil, fmt.Errorf("make a token for %s: %w", account, err)
	}
	config := rest.AnonymousClientConfig(apiserver.Config())
	config.BearerToken = request.Status.Token
	return config, nil
}
