package chaos_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/install"
)

// corruption is what another hand does to one object of the operator.
type corruption struct {
	name string
	// by is the account that does it; empty for an administrator, whom the policies do not let write everything.
	by string
	// app says that it is about the team's accounts in the app, and bobLeft that Bob has lost his access, which the guard has noted.
	app, bobLeft bool
	// of is the object whose status is changed, where it is none of those that a projection has.
	of func(*scene) client.Object
	do func(context.Context, *scene, client.Client) error
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
	return append(append(accountCorruptions(), statusCorruptions()...), []corruption{
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

// statusCorruptions overwrite the statuses that tell people what the operator makes of what they wrote.
func statusCorruptions() (all []corruption) {
	directory := func(s *scene) client.Object {
		return &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: s.tag}}
	}
	connection := func(s *scene) client.Object { return &v1alpha1.AppConnection{ObjectMeta: s.appMeta()} }
	plan := func(s *scene) client.Object {
		return &v1alpha1.AccessPlan{ObjectMeta: metav1.ObjectMeta{Name: s.tag + "-users"}}
	}
	for _, c := range []struct {
		name, patch string
		app         bool
		of          func(*scene) client.Object
	}{
		{"a directory is said to be elsewhere", `{"status":{"url":"https://mallory.example.com","users":9,"conditions":[]}}`, false, directory},
		{"a connection is said to have nobody", `{"status":{"accounts":0,"conditions":[]}}`, true, connection},
	} {
		all = append(all, corruption{name: c.name, by: install.ControllerAccount, app: c.app, of: c.of,
			do: func(ctx context.Context, s *scene, hand client.Client) error {
				return hand.Status().Patch(ctx, c.of(s), client.RawPatch("application/merge-patch+json", []byte(c.patch)))
			}})
	}
	return append(all, corruption{name: "a guard is said to hold seven", by: install.ControllerAccount, bobLeft: true, of: plan,
		do: func(ctx context.Context, s *scene, hand client.Client) error {
			p, held := plan(s).(*v1alpha1.AccessPlan), int32(7)
			if err := s.kube.Get(ctx, client.ObjectKeyFromObject(p), p); err != nil {
				return err
			}
			p.Status.Held, p.Status.State, p.Status.Conditions = &held, v1alpha1.PlanHeld, nil
			return hand.Status().Update(ctx, p)
		}})
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
	if err := s.prepare(ctx, c); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	before, err := s.project(ctx)
	if err != nil {
		return err
	}
	told, version, err := s.told(ctx, c)
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
	_, corrupted, err := s.told(ctx, c)
	if err != nil {
		return err
	}
	if before.versions == after.versions && version == corrupted {
		return errors.New("nothing was changed")
	}
	if err := s.awaitTold(ctx, c, told); err != nil {
		return err
	}
	if err := s.assertSame(ctx, &reference{objects: before.objects, plans: true}); err != nil {
		return err
	}
	return s.close(ctx)
}

// prepare makes what is then corrupted, and waits until nothing more happens to it.
func (s *scene) prepare(ctx context.Context, c corruption) error {
	begin, left := team, []string{"ada", "bob"}
	if c.app {
		begin = appTeam(nil)
	}
	if c.bobLeft {
		left = left[:1]
		begin = func(ctx context.Context, s *scene) error {
			return all(func() error { return team(ctx, s) }, func() error { return s.DeactivateUser(ctx, s.ids["bob"]) })
		}
	}
	return all(
		func() error { return begin(ctx, s) },
		func() error { return s.await(ctx, map[string][]string{"view": left}) },
		func() error { return s.rest(ctx, certain) },
	)
}

// told is the status of the object that a corruption is of, without times, and the object's version.
func (s *scene) told(ctx context.Context, c corruption) (status, version string, err error) {
	if c.of == nil {
		return "", "", nil
	}
	object := c.of(s)
	if err := s.kube.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return "", "", err
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return "", "", err
	}
	text, err := json.MarshalIndent(timeless(content["status"]), "", " ")
	return string(text), object.GetResourceVersion(), err
}

// awaitTold waits until the status is as it was.
func (s *scene) awaitTold(ctx context.Context, c corruption, want string) error {
	var got string
	err := wait.PollUntilContextTimeout(ctx, 250*time.Millisecond, patience, true, func(ctx context.Context) (done bool, err error) {
		got, _, err = s.told(ctx, c)
		return got == want, err
	})
	if err != nil {
		return fmt.Errorf("the status does not come back: %w\n%s", err, cmp.Diff(want, got))
	}
	return nil
}
