package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// parts is what the operator consists of, by what becomes of it in a bundle.
type parts struct {
	definitions  []*apiextensionsv1.CustomResourceDefinition
	deployments  []*appsv1.Deployment
	roles        []*rbacv1.Role
	bindings     []*rbacv1.RoleBinding
	clusterRoles []*rbacv1.ClusterRole
	clusterBinds []*rbacv1.ClusterRoleBinding
	// plain are the objects that a bundle has as they are.
	plain []*unstructured.Unstructured
}

// sort puts every object where it belongs. An object of a kind that nobody thought of is an error, so that none is lost.
func sort(rendered io.Reader) (*parts, error) {
	p := &parts{}
	documents := yaml.NewYAMLReader(bufio.NewReader(rendered))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			return nil, err
		}
		if err := p.add(object); err != nil {
			return nil, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
}

func (p *parts) add(object *unstructured.Unstructured) error {
	switch object.GetKind() {
	case "CustomResourceDefinition":
		return keep(&p.definitions, object)
	case "Deployment":
		return keep(&p.deployments, object)
	case "Role":
		return keep(&p.roles, object)
	case "RoleBinding":
		return keep(&p.bindings, object)
	case "ClusterRole":
		return keep(&p.clusterRoles, object)
	case "ClusterRoleBinding":
		return keep(&p.clusterBinds, object)
	case "Service", "PodDisruptionBudget":
		// They go to the namespace of the operator, which is for whoever installs it to choose.
		unstructured.RemoveNestedField(object.Object, "metadata", "namespace")
		p.plain = append(p.plain, object)
		return nil
	case "Namespace", "ServiceAccount":
		// Whoever installs makes the first, and the Lifecycle Manager the second, from the permissions.
		return nil
	case "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "NetworkPolicy":
		// The Lifecycle Manager refuses a bundle with the first two, and its older versions one with the third. docs/install.md says so.
		return nil
	}
	return errors.New("nobody decided what becomes of this kind in a bundle")
}

// keep adds an object, as its type, to a list.
func keep[T any](list *[]*T, object *unstructured.Unstructured) error {
	typed := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true); err != nil {
		return err
	}
	*list = append(*list, typed)
	return nil
}
