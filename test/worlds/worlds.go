// Package worlds reads what a cluster could have from a file of YAML, for tests of what is worked out from it without a cluster.
package worlds

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

// Read reads the documents of a file. Users and roles hold the names that they bear, the first of several,
// unless the file has claims that say otherwise.
func Read(t testing.TB, path string) world.Objects {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var objects world.Objects
	documents := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(raw)))
	defer func() { _ = documents.Close() }()
	for {
		document := make([]byte, len(raw))
		n, err := documents.Read(document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = add(&objects, document[:n])
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	addClaims(&objects)
	return objects
}

func add(objects *world.Objects, document []byte) error {
	var kind metav1.TypeMeta
	if err := strict.Unmarshal(document, &kind); err != nil {
		return err
	}
	switch kind.Kind {
	case "ScimUser":
		return decode(&objects.Users, document)
	case "ScimRole":
		return decode(&objects.Roles, document)
	case "ScimRoleSlice":
		return decode(&objects.Slices, document)
	case "ScimClaim":
		return decode(&objects.Claims, document)
	case "ScimDirectory":
		return decode(&objects.Directories, document)
	case "ClusterAccessGrant":
		return decode(&objects.ClusterAccessGrants, document)
	case "AccessGrant":
		return decode(&objects.AccessGrants, document)
	case "Namespace":
		return decode(&objects.Namespaces, document)
	case "ClusterRole":
		return decode(&objects.ClusterRoles, document)
	case "Role":
		return decode(&objects.RBACRoles, document)
	case "ClusterRoleBinding":
		return decode(&objects.ClusterRoleBindings, document)
	case "RoleBinding":
		return decode(&objects.RoleBindings, document)
	case "":
		return nil
	}
	return fmt.Errorf("no world has the kind %q", kind.Kind)
}

func decode[T any](into *[]T, document []byte) error {
	var object T
	if err := strict.UnmarshalStrict(document, &object); err != nil {
		return err
	}
	*into = append(*into, object)
	return nil
}

func addClaims(objects *world.Objects) {
	held := map[string]bool{}
	for i := range objects.Claims {
		objects.Claims[i].Name = v1alpha1.ClaimName(objects.Claims[i].Spec.Attribute, objects.Claims[i].Spec.Value)
		held[objects.Claims[i].Name] = true
	}
	claim := func(attribute v1alpha1.ClaimAttribute, value, owner string) {
		name := v1alpha1.ClaimName(attribute, value)
		if held[name] {
			return
		}
		held[name] = true
		objects.Claims = append(objects.Claims, v1alpha1.ScimClaim{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       v1alpha1.ScimClaimSpec{Attribute: attribute, Value: v1alpha1.Fold(value), Owner: owner},
		})
	}
	for i := range objects.Users {
		claim(v1alpha1.ClaimUserName, objects.Users[i].Spec.UserName, objects.Users[i].Name)
	}
	for i := range objects.Roles {
		claim(v1alpha1.ClaimDisplayName, objects.Roles[i].Spec.DisplayName, objects.Roles[i].Name)
	}
}
