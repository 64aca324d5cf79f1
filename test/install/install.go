// Package install puts what an installation applies into a test's API server: the operator's namespace, accounts, rights and admission
// policies. So a right that the operator needs and config/rbac lacks fails the tests, and so does a policy that is in its way.
package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

const (
	// Namespace is where the operator is installed.
	Namespace = "scim-operator-system"
	// ServerAccount is the ServiceAccount of the server, as config/rbac names it.
	ServerAccount = "scim-operator-server"
	// ControllerAccount is that of the controller.
	ControllerAccount = "scim-operator-controller"
	// patience is how long the API server may take to heed a policy on a busy machine.
	patience = 5 * time.Minute
)

// Operator applies what is in the folders rbac and admission of config, which is the path to that folder, and returns when it is in force.
func Operator(ctx context.Context, kube client.Client, config string) error {
	var namespaces, others []client.Object
	for _, folder := range []string{"rbac", "admission"} {
		names, err := filepath.Glob(filepath.Join(config, folder, "*.yaml"))
		if err != nil {
			return fmt.Errorf("find config/%s: %w", folder, err)
		}
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
	}
	for _, object := range append(namespaces, others...) {
		if err := kube.Create(ctx, object); err != nil {
			return fmt.Errorf("create %s %s: %w", object.GetObjectKind().GroupVersionKind().Kind, object.GetName(), err)
		}
	}
	return AwaitPolicies(ctx, kube)
}

// AwaitPolicies returns when the API server heeds the policies, which takes it a moment: it then refuses an administrator a slice.
func AwaitPolicies(ctx context.Context, kube client.Client) error {
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		err := kube.Create(ctx, &v1alpha1.ScimRoleSlice{
			ObjectMeta: metav1.ObjectMeta{Name: "refused"},
			Spec:       v1alpha1.ScimRoleSliceSpec{Role: "refused", Members: []string{"nobody"}},
		}, client.DryRunAll)
		return apierrors.IsForbidden(err), ignoreForbidden(err)
	})
}

func ignoreForbidden(err error) error {
	if apierrors.IsForbidden(err) {
		return nil
	}
	return err
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

// TokenConfig is how a ServiceAccount reaches the API server that apiserver.Main started: with a token of its own and nothing else.
func TokenConfig(ctx context.Context, kube client.Client, namespace, account string) (*rest.Config, error) {
	return TokenConfigAt(ctx, apiserver.Config(), kube, namespace, account)
}

// TokenConfigAt is TokenConfig for the API server that the client talks to.
func TokenConfigAt(ctx context.Context, cluster *rest.Config, kube client.Client, namespace, account string) (*rest.Config, error) {
	owner := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account}}
	// Nobody makes it anew, as a kubelet would, and the longest tests take more than the hour that a token is good for otherwise.
	day := int64(24 * 60 * 60)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &day}}
	if err := kube.SubResource("token").Create(ctx, owner, request); err != nil {
		return nil, fmt.Errorf("make a token for %s: %w", account, err)
	}
	config := rest.AnonymousClientConfig(cluster)
	config.BearerToken = request.Status.Token
	return config, nil
}
