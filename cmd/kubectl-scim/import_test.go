package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

// person makes a user who holds the userName.
func person(t *testing.T, kube client.Client, name, userName, directory string) {
	t.Helper()
	makeObject(t, kube, newUser(name, userName, directory))
	makeObject(t, kube, claim(v1alpha1.ClaimUserName, userName, name))
}

// team makes a role that holds the displayName.
func team(t *testing.T, kube client.Client, name, displayName, directory string, members ...string) {
	t.Helper()
	role := newRole(name, displayName, directory)
	role.Spec.Members = members
	makeObject(t, kube, role)
	makeObject(t, kube, claim(v1alpha1.ClaimDisplayName, displayName, name))
}

// placeOf makes a namespace that stays, as nobody finishes the deletion of one here.
func placeOf(t *testing.T, kube client.Client, name string) {
	t.Helper()
	must(t, client.IgnoreAlreadyExists(kube.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})))
}

func usersNamed(names ...string) []rbacv1.Subject {
	subjects := make([]rbacv1.Subject, len(names))
	for i, name := range names {
		subjects[i] = rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}
	}
	return subjects
}

func roleBinding(namespace, name, clusterRole string, subjects ...rbacv1.Subject) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: clusterRole},
		Subjects:   subjects,
	}
}

// makeBindings creates bindings that go at the end of the test.
func makeBindings(t *testing.T, kube client.Client, bindings ...client.Object) {
	t.Helper()
	for _, binding := range bindings {
		must(t, kube.Create(t.Context(), binding))
		t.Cleanup(func() { _ = kube.Delete(context.WithoutCancel(t.Context()), binding) })
	}
}

// TestImport lets the real kubectl and the real API server read what the command prints.
func TestImport(t *testing.T) {
	kube := newKube(t)
	placeOf(t, kube, "brown")
	makeObject(t, kube, newDirectory("brown", func(d *v1alpha1.ScimDirectory) {
		d.Spec.Identity = v1alpha1.Identity{Username: `"brown:" + user.userName`, Group: `"brown:" + role.displayName`}
	}))
	person(t, kube, "olga-1", "olga@example.com", "brown")
	person(t, kube, "pete-1", "pete: #'\"\\ - @example.com", "brown")
	person(t, kube, "quin-1", "quin@example.com", "")
	team(t, kube, "owners-1", "Owners # of *: {x}", "brown", "olga-1", "pete-1")
	makeBindings(t, kube,
		roleBinding("brown", "equal", "view", usersNamed("brown:olga@example.com", "brown:pete: #'\"\\ - @example.com")...),
		roleBinding("brown", "Other: #1", "edit", usersNamed("quin@example.com", "brown:pete: #'\"\\ - @example.com", "brown:mallory@example.com")...),
		roleBinding("brown", "group", "edit", rbacv1.Subject{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "brown:Owners # of *: {x}"}),
		roleBinding("brown", "machine", "edit", rbacv1.Subject{Kind: "ServiceAccount", Namespace: "brown", Name: "ci.v1"}),
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "brown-wide"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
			Subjects: usersNamed("quin@example.com"),
		},
	)
	for _, args := range [][]string{{"-n", "brown"}, {"-n", "brown", "--adopt"}, {"-A"}, {"--adopt"}} {
		got := scim(t, append([]string{"import", "bindings"}, args...)...).want(t, 0, "displayName: 'Owners # of *: {x}'", "name: machine", "mallory", "Passed over:")
		if wide := strings.Contains(got.stdout, "brown-wide"); wide == (args[0] == "-n") {
			t.Errorf("import bindings %v: ClusterRoleBindings are in the output: %t", args, wide)
		}
		if strings.Contains(got.stdout, "scim-operator-controller") {
			t.Errorf("import bindings %v: the operator's own bindings are in the output:\n%s", args, got.stdout)
		}
		file := filepath.Join(t.TempDir(), "grants.yaml")
		must(t, os.WriteFile(file, []byte(got.stdout), 0o600))
		command := exec.CommandContext(t.Context(), apiserver.Kubectl(t), "--kubeconfig="+kubeconfig(t), "apply", "--dry-run=server", "-f", file)
		command.Env = append(os.Environ(), "HOME="+t.TempDir(), "KUBECACHEDIR="+t.TempDir())
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("kubectl apply of import bindings %v: %v\n%s\n%s", args, err, out, got.stdout)
		}
	}
	scim(t, "import", "bindings", "-n", "nowhere").want(t, 0, "0 grants for 0 bindings of 0.")
	scim(t, "import", "bindings", "-n", "x", "-A").want(t, 2, "contradict each other")
	scim(t, "import", "bindings", "--as=nobody").want(t, 1, "scim-operator-auditor")
}
