package e2e_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/okta"
)

// TestLocalMembers: people put a local user into a pushed role and a pushed user into a local role. Both have what the roles give, no
// push takes it from them, and the identity provider neither sees nor loses them.
func TestLocalMembers(t *testing.T) {
	for _, dialect := range []okta.Dialect{okta.AIW, okta.OIN} {
		t.Run(string(dialect), func(t *testing.T) {
			o := sharedOperator(t)
			tag := "local-" + strings.ToLower(string(dialect))
			l := &localMembers{o: o, c: o.client(t, o.servers[0], dialect), group: "Pushed " + tag, tag: tag}
			l.prepare(t)
			t.Run("LocalUserInPushedRole", l.localUserInPushedRole)
			t.Run("PushedUserInLocalRole", l.pushedUserInLocalRole)
		})
	}
}

type localMembers struct {
	o          *operator
	c          *okta.Client
	group, tag string
	// user and role are the ids of what was pushed.
	user, role string
}

func (l *localMembers) localName() string  { return "robot@" + l.tag + ".example.com" }
func (l *localMembers) pushedName() string { return "pat.doe@" + l.tag + ".example.com" }

func (l *localMembers) prepare(t *testing.T) {
	t.Helper()
	l.user = must[okta.Resource](t)(l.c.AssignUser(t.Context(), okta.DefaultProfile(l.pushedName()))).ID()
	l.role = must[string](t)(l.c.PushGroup(t.Context(), l.group, okta.Members(l.user)))
	for _, object := range []client.Object{
		&v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: l.tag}, Spec: v1alpha1.ScimUserSpec{UserName: l.localName()}},
		&v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: l.tag}, Spec: v1alpha1.ScimRoleSpec{DisplayName: "Local " + l.tag}},
	} {
		check(t, "create what is local", l.o.kube.Create(t.Context(), object))
		t.Cleanup(func() {
			check(t, "delete what is local", client.IgnoreNotFound(l.o.kube.Delete(context.WithoutCancel(t.Context()), object)))
		})
	}
}

// setLocalMembers does what `kubectl edit` does.
func (l *localMembers) setLocalMembers(t *testing.T, role string, ids ...string) {
	t.Helper()
	eventually(t, "the local members are written", func(ctx context.Context) error {
		object := &v1alpha1.ScimRole{}
		if err := l.o.kube.Get(ctx, client.ObjectKey{Name: role}, object); err != nil {
			return err
		}
		object.Spec.LocalMembers = ids
		return l.o.kube.Update(ctx, object)
	})
}

func (l *localMembers) localUserInPushedRole(t *testing.T) {
	l.o.grant(t, l.tag+"-pushed", l.group, "view")
	l.o.may(t, l.localName(), false)
	l.setLocalMembers(t, l.role, l.tag)
	l.o.may(t, l.localName(), true)
	l.assertUnseen(t)
	check(t, "push the whole group again", l.c.PushNow(t.Context(), l.role, l.group, okta.Members(l.user)))
	l.assertLocal(t)
	check(t, "push the group without members", l.c.PushNow(t.Context(), l.role, l.group, nil))
	l.o.may(t, l.pushedName(), false)
	l.assertLocal(t)
	l.o.may(t, l.localName(), true)
	l.setLocalMembers(t, l.role)
	l.o.may(t, l.localName(), false)
}

func (l *localMembers) pushedUserInLocalRole(t *testing.T) {
	l.o.grant(t, l.tag+"-local", "Local "+l.tag, "view")
	l.o.may(t, l.pushedName(), false)
	l.setLocalMembers(t, l.tag, l.user)
	l.o.may(t, l.pushedName(), true)
	_, err := l.c.EchoUser(t.Context(), l.user)
	check(t, "echo the user", err)
	check(t, "push the group", l.c.PushNow(t.Context(), l.role, l.group, okta.Members(l.user)))
	l.o.may(t, l.pushedName(), true)
	check(t, "deactivate", l.c.DeactivateUser(t.Context(), l.user))
	l.o.may(t, l.pushedName(), false)
	check(t, "activate", l.c.ActivateUser(t.Context(), l.user))
	l.o.may(t, l.pushedName(), true)
}

// assertLocal wants the local member to be in the role as people wrote it.
func (l *localMembers) assertLocal(t *testing.T) {
	t.Helper()
	role := &v1alpha1.ScimRole{}
	check(t, "read the role", l.o.kube.Get(t.Context(), client.ObjectKey{Name: l.role}, role))
	if !slices.Equal(role.Spec.LocalMembers, []string{l.tag}) {
		t.Errorf("local members are %q after a push, want %q", role.Spec.LocalMembers, l.tag)
	}
}

// assertUnseen wants Okta to see the members that it pushed, and no others.
func (l *localMembers) assertUnseen(t *testing.T) {
	t.Helper()
	group := must[okta.Resource](t)(l.c.Group(t.Context(), l.role))
	if got := group.Members(); !slices.Equal(got, []string{l.user}) {
		t.Errorf("Okta sees the members %q, want %q", got, l.user)
	}
}
