package policies

import (
	"context"
	"fmt"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"
)

// BenchmarkFence writes a binding of 1,000 subjects with names of 40 bytes, and one of a single subject, as the controller, with the
// policy for bindings and without it. The difference is what the policy costs each write.
func BenchmarkFence(b *testing.B) {
	clients := accounts(b)
	for _, subjects := range []int{1000, 1} {
		object := binding(subjects)
		if err := clients[controller].Create(b.Context(), object); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("subjects=%d/policy=yes", subjects), func(b *testing.B) { rewrite(b, clients[controller], object) })
		restore := unfence(b, clients)
		b.Run(fmt.Sprintf("subjects=%d/policy=no", subjects), func(b *testing.B) { rewrite(b, clients[controller], object) })
		restore()
		if err := clients[controller].Delete(b.Context(), object); err != nil {
			b.Fatal(err)
		}
	}
}

func binding(subjects int) *rbacv1.ClusterRoleBinding {
	object := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "bench", Labels: map[string]string{"app.kubernetes.io/managed-by": "scim-operator"}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
	}
	for i := range subjects {
		object.Subjects = append(object.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: fmt.Sprintf("%028d@example.com", i)})
	}
	return object
}

// rewrite changes one subject at a time.
func rewrite(b *testing.B, c *client, object *rbacv1.ClusterRoleBinding) {
	b.Helper()
	for b.Loop() {
		object.Subjects[0].Name = "x" + object.Subjects[0].Name
		if len(object.Subjects[0].Name) > 60 {
			object.Subjects[0].Name = "x"
		}
		if err := c.Update(b.Context(), object); err != nil {
			b.Fatal(err)
		}
	}
}

// unfence takes the policy for bindings out of force, and returns what puts it back.
func unfence(b *testing.B, clients map[account]*client) (restore func()) {
	b.Helper()
	bound := &admissionv1.ValidatingAdmissionPolicyBinding{}
	if err := clients[admin].Get(b.Context(), ctrl.ObjectKey{Name: bindingsPolicy}, bound); err != nil {
		b.Fatal(err)
	}
	if err := clients[admin].Delete(b.Context(), bound); err != nil {
		b.Fatal(err)
	}
	awaitFence(b, clients[controller], false)
	return func() {
		bound.ResourceVersion, bound.UID = "", ""
		if err := clients[admin].Create(b.Context(), bound); err != nil {
			b.Fatal(err)
		}
		awaitFence(b, clients[controller], true)
	}
}

// awaitFence waits until the policy refuses, or no longer refuses, a binding without a label.
func awaitFence(b *testing.B, c *client, fenced bool) {
	b.Helper()
	unlabelled := binding(1)
	unlabelled.Name, unlabelled.Labels = "unlabelled", nil
	err := eventually(b.Context(), func(ctx context.Context) error {
		err := c.Create(ctx, unlabelled.DeepCopy(), ctrl.DryRunAll)
		if apierrors.IsForbidden(err) == fenced {
			return nil
		}
		return fmt.Errorf("want a refusal: %t, got %v", fenced, err) //nolint:errorlint // it may be nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
