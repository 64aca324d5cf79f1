package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/install"
)

// corruption is what another hand does to one object of the operator.
type corruption struct {
	name string
	// by is the account that does it; empty for an administrator, whom the policies do not let write everything.
	by string
	// app says that it is about the team's accounts in the app.
	app bool
	do  func(context.Context, *scene, client.Client) error
}

func corruptions() []corruption {
	binding := func(change func(*rbacv1.ClusterRoleBinding)) func(context.Context, *scene, client.Client) error {
		return func(ctx context.Context, s *scene, c client.Client) error {
			b, err := s.binding(ctx)
			if err != nil {
				return err
			}
			change(b)
			return c.Update(ctx, b)
		}
	}
	return append(accountCorruptions(), []corruption{
		{name: "somebody joins a binding", do: binding(func(b *rbacv1.ClusterRoleBinding) {
			b.Subjects = append(b.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: "User", Name: "mallory@example.com"})
		})},
		{name: "somebody leaves a binding", do: binding(func(b *rbacv1.ClusterRoleBinding) { b.Subjects = b.Subjects[1:] })},
		{name: "a binding loses its labels", do: binding(func(b *rbacv1.ClusterRoleBinding) { b.Labels = nil })},
		{name: "a binding is said to be of another grant", do: binding(func(b *rbacv1.ClusterRoleBinding) { b.Labels[v1alpha1.LabelGrant] = "nobody-s" })},
		{name: "a binding loses its owner", do: binding(func(b *rbacv1.ClusterRoleBinding) { b.OwnerReferences = nil })},
		{name: "a binding loses its people", do: binding(func(b *rbacv1.ClusterRoleBinding) { delete(b.Annotations, v1alpha1.AnnotationPeople) })},
		{name: "a binding is deleted", do: func(ctx context.Context, s *scene, c client.Client) error {
			b, err := s.binding(ctx)
			return errors.Join(err, c.Delete(ctx, b))
		}},
		{name: "a binding gives another role", do: func(ctx context.Context, s *scene, c client.Client) error {
			b, err := s.binding(ctx)
			if err := errors.Join(err, c.Delete(ctx, b)); err != nil {
				return err
			}
			b.ResourceVersion, b.UID, b.RoleRef.Name = "", "", "cluster-admin"
			return client.IgnoreAlreadyExists(c.Create(ctx, b))
		}},
		{name: "a claim is deleted", by: install.ServerAccount, do: func(ctx context.Context, s *scene, c client.Client) error {
			claim, err := s.claim(ctx, "ada")
			return errors.Join(err, c.Delete(ctx, claim))
		}},
		{name: "a claim is given to another user", by: install.ServerAccount, do: func(ctx context.Context, s *scene, c client.Client) error {
			claim, err := s.claim(ctx, "ada")
			if err != nil {
				return err
			}
			claim.Spec.Owner = s.ids["cy"]
			return c.Update(ctx, claim)
		}},
		{name: "a user is said to be nobody", by: install.ControllerAccount, do: func(ctx context.Context, s *scene, c client.Client) error {
			user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: s.ids["ada"]}}
			return c.Status().Patch(ctx, user, client.RawPatch("application/merge-patch+json", []byte(`{"status":{"kubernetesUser":"mallory@example.com","roles":9}}`)))
		}},
		{name: "a role is said to be empty", by: install.ControllerAccount, do: func(ctx context.Context, s *scene, c client.Client) error {
			role := &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: s.ids["team"]}}
			return c.Status().Patch(ctx, role, client.RawPatch("application/merge-patch+json", []byte(`{"status":{"members":0,"conditions":[]}}`)))
		}},
		{name: "a grant is said to be without effect", by: install.ControllerAccount, do: func(ctx context.Context, s *scene, c client.Client) error {
			grant := &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{Name: s.grantName("view")}}
			return c.Status().Patch(ctx, grant, client.RawPatch("application/merge-patch+json", []byte(`{"status":{"bindings":0,"conditions":[]}}`)))
		}},
	}...)
}

// accountCorruptions say of Ada's account what is not so.
func accountCorruptions() (all []corruption) {
	for _, c := range []struct{ name, patch string }{
		{"an account is said to be suspended", `{"status":{"state":"Suspended","conditions":[]}}`},
		{"an account is said to have nothing", `{"status":{"roles":[],"given":null}}`},
		{"an account is said to be somebody else's", `{"status":{"userName":"mallory@example.com","accountName":"mallory"}}`},
	} {
		all = append(all, corruption{name: c.name, by: install.ControllerAccount, app: true, do: func(ctx context.Context, s *scene, hand client.Client) error {
			account := &v1alpha1.AppAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.tag, Name: v1alpha1.AccountObjectName("app", s.ids["ada"])}}
			return hand.Status().Patch(ctx, account, client.RawPatch("application/merge-patch+json", []byte(c.patch)))
		}})
	}
	return all
}

// binding is the one of the grant named view.
func (s *scene) binding(ctx context.Context) (*rbacv1.ClusterRoleBinding, error) {
	var all rbacv1.ClusterRoleBindingList
	if err := s.kube.List(ctx, &all, client.MatchingLabels{v1alpha1.LabelGrant: s.grantName("view")}); err != nil {
		return nil, err
	}
	if len(all.Items) != 1 {
		return nil, fmt.Errorf("the grant has %d bindings, want one", len(all.Items))
	}
	return &all.Items[0], nil
}

func (s *scene) claim(ctx context.Context, who string) (*v1alpha1.ScimClaim, error) {
	claim := &v1alpha1.ScimClaim{}
	return claim, s.kube.Get(ctx, client.ObjectKey{Name: v1alpha1.ClaimName(v1alpha1.ClaimUserName, s.userName(who))}, claim)
}

// TestCorruption has another hand change what the operator keeps, and wants all as it was, and quiet.
func TestCorruption(t *testing.T) {
	o := startOperator(t)
	accounts := map[string]client.Client{"": o.kube}
	for _, name := range []string{install.ServerAccount, install.ControllerAccount} {
		config, err := install.TokenConfigAt(t.Context(), o.api, o.kube, namespace, name)
		must(t, err)
		accounts[name], err = client.New(config, client.Options{Scheme: o.kube.Scheme()})
		must(t, err)
	}
	for i, c := range corruptions() {
		t.Run(c.name, func(t *testing.T) {
			must(t, o.corrupt(t.Context(), c, accounts[c.by], fmt.Sprintf("corrupt%02dx", i)))
		})
	}
}

func (o *operator) corrupt(ctx context.Context, c corruption, by client.Client, tag string) error {
	s, err := o.newScene(ctx, flow{name: c.name, app: c.app}, tag)
	if err != nil {
		return err
	}
	prepare := team
	if c.app {
		prepare = appTeam(nil)
	}
	steps := all(
		func() error { return prepare(ctx, s) },
		func() error { return s.await(ctx, map[string][]string{"view": {"ada", "bob"}}) },
		func() error { return s.rest(ctx, certain) },
	)
	if steps != nil {
		return fmt.Errorf("set up: %w", steps)
	}
	before, err := s.project(ctx)
	if err != nil {
		return err
	}
	if err := c.do(ctx, s, by); err != nil {
		return fmt.Errorf("corrupt: %w", err)
	}
	after, err := s.project(ctx)
	if err != nil {
		return err
	}
	if cmp.Equal(before.versions, after.versions) {
		return errors.New("nothing was changed")
	}
	if err := s.assertSame(ctx, &reference{objects: before.objects, plans: true}); err != nil {
		return err
	}
	return s.close(ctx)
}
