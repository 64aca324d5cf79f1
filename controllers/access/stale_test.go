package access

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// forgetful is a cache that has fallen back in time: it lacks one object.
type forgetful struct {
	client.Reader
	kind, name string
}

func (f *forgetful) Get(ctx context.Context, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
	if fmt.Sprintf("%T", object) == f.kind && key.Name == f.name {
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	return f.Reader.Get(ctx, key, object, opts...)
}

func (f *forgetful) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if err := f.Reader.List(ctx, list, opts...); err != nil {
		return err
	}
	if all, ok := list.(*metav1.PartialObjectMetadataList); ok && f.kind == "namespace" {
		kept := all.Items[:0:0]
		for _, item := range all.Items {
			if item.Name != f.name {
				kept = append(kept, item)
			}
		}
		all.Items = kept
	}
	return nil
}

func TestAnAbsenceInTheCacheTakesNothingAway(t *testing.T) {
	w := newWorld(t)
	w.needs("view")
	w.create(namespace("stale", nil), &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "stale"}})
	user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "stale-1"}}
	user.Spec = v1alpha1.ScimUserSpec{UserName: "stale@example.com", Directory: "stale"}
	w.create(user, claimOf(v1alpha1.ClaimUserName, "stale@example.com", "stale-1"))
	w.role("stale-role-1", "Stale", "stale-1", "nobody", "not/a name")
	grant := grantFor("stale", "Stale", "view")
	grant.Spec.Scope = v1alpha1.ScopeNamespaces
	grant.Spec.Namespaces = &v1alpha1.NamespaceSelection{Names: []string{"stale"}}
	w.create(grant)
	w.eventuallyCan("stale@example.com", "stale", true, "the user has access")
	w.atRest("stale")

	tests := map[string]forgetful{
		"grant":           {kind: "*v1alpha1.ClusterAccessGrant", name: "stale"},
		"role":            {kind: "*v1alpha1.ScimRole", name: "stale-role-1"},
		"role's claim":    {kind: "*v1alpha1.ScimClaim", name: v1alpha1.ClaimName(v1alpha1.ClaimDisplayName, "Stale")},
		"user":            {kind: "*v1alpha1.ScimUser", name: "stale-1"},
		"user's claim":    {kind: "*v1alpha1.ScimClaim", name: v1alpha1.ClaimName(v1alpha1.ClaimUserName, "stale@example.com")},
		"directory":       {kind: "*v1alpha1.ScimDirectory", name: "stale"},
		"the ClusterRole": {kind: "*v1.PartialObjectMetadata", name: "view"},
		"namespace":       {kind: "namespace", name: "stale"},
	}
	for name, hidden := range tests {
		t.Run(name, func(t *testing.T) {
			w.atRest("stale")
			before := w.writes.of("stale")
			r := w.newReconciler()
			hidden.Reader = r.cache
			r.cache = &hidden
			if _, err := r.Reconcile(w.ctx, reconcile.Request{NamespacedName: types.NamespacedName{Name: "stale"}}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, w.writes.of("stale")); diff != "" {
				t.Errorf("reason: before access is taken away for want of the %s, it is looked for live\n%s", name, diff)
			}
		})
	}
	w.delete(user)
	w.eventuallyCan("stale@example.com", "stale", false, "an absence that is true does take access away")
}

func TestStillBound(t *testing.T) {
	w := newWorld(t)
	w.needs("view", "edit")
	user := w.user("bound-1", "bound@example.com")
	w.role("bound-role-1", "Bound", "bound-1")
	narrow := grantFor("bound", "Bound", "edit")
	narrow.Spec.Scope = v1alpha1.ScopeNamespaces
	narrow.Spec.Namespaces = &v1alpha1.NamespaceSelection{Names: []string{"default"}}
	w.create(narrow)
	stillBound := func(want bool) func() (bool, string) {
		return func() (bool, string) {
			got, err := StillBound(w.ctx, w.mgr.GetCache(), "bound@example.com")
			return got == Bound{Bound: want} && err == nil, fmt.Sprint(got, err)
		}
	}
	w.eventually("a RoleBinding of ours names the user", stillBound(true))
	w.create(grantFor("bound-wide", "Bound", "view"))
	w.delete(narrow)
	w.eventuallyCan("bound@example.com", "kube-system", true, "the other grant is in effect")
	w.eventually("a ClusterRoleBinding of ours names the user", stillBound(true))
	edit(w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
	w.eventually("none of ours does any more", stillBound(false))
	foreign := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "bound-foreign"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: "bound@example.com"}},
	}
	w.create(foreign)
	w.eventuallyCan("bound@example.com", "", true, "somebody else may give access")
	if ok, why := stillBound(false)(); !ok {
		t.Errorf("reason: other people's bindings are not ours to count; got %s", why)
	}
	if got, err := StillBound(w.ctx, w.mgr.GetCache(), ""); got.Bound || err != nil {
		t.Errorf("reason: nobody is called nothing; got %v, %v", got, err)
	}
}

// labelBlind lacks a role in lists, too.
type labelBlind struct{ *forgetful }

func (l *labelBlind) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	err := l.forgetful.List(ctx, list, opts...)
	if roles, ok := list.(*v1alpha1.ScimRoleList); ok {
		kept := roles.Items[:0:0]
		for _, role := range roles.Items {
			if role.Name != l.name {
				kept = append(kept, role)
			}
		}
		roles.Items = kept
	}
	return err
}
