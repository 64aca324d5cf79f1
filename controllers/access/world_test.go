package access

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/internal/access"
	snapshot "github.com/scim-operator/scim-operator/internal/access/world"
)

// TestWorldAgrees: what kubectl-scim works out from lists is what the controller works out from its caches.
func TestWorldAgrees(t *testing.T) {
	w := newWorld(t)
	w.needs("view", "edit")
	w.createAgreement()
	counted := map[string]int{"agree-wide": 109, "agree-rules": 3, "agree-place": 3, "agree-gap": 1, "agree-none": 0, "agree-direct": 109}
	for name, users := range counted {
		w.eventually("both say the same of grant "+name, func() (bool, string) {
			want, err := w.gathered(name)
			if err != nil {
				return false, err.Error()
			}
			got, err := w.fromLists(name)
			if err != nil {
				return false, err.Error()
			}
			diff := cmp.Diff(want, got)
			return diff == "" && got.Outcomes[0].Users == users, fmt.Sprintf("%d users\n%s", got.Outcomes[0].Users, diff)
		})
	}
	plan, err := w.fromLists("agree-gap")
	if err != nil || len(plan.Held) != 1 {
		t.Errorf("reason: a missing slice holds its binding in both; held %v, %v", plan.Held, err)
	}
	plan, err = w.fromLists("agree-wide")
	if err != nil || len(plan.Outcomes[0].Refused) != 2 || len(plan.Bindings) != 2 {
		t.Errorf("reason: names that may not be bound are refused in both; refused %v in %d bindings, %v", plan.Outcomes[0].Refused, len(plan.Bindings), err)
	}
}

// createAgreement makes one of everything that decides who counts.
func (w *world) createAgreement() {
	w.t.Helper()
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "agree-a"}}
	directory.Spec.Identity.Username = `"oidc:" + user.userName.lowerAscii()`
	directory.Spec.DefaultRoles = []string{"agree-staff", "agree-ops", "agree-nothing"}
	other := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "agree-b"}}
	other.Spec.RoleAssignment = v1alpha1.RoleAssignmentEnabled
	other.Spec.Identity.Username = `user.emails[0].value`
	w.create(directory, other, namespace("agree-1", map[string]string{"agree": "yes"}), namespace("agree-2", nil), namespace("agree-3", nil))

	w.pushed("agree-a", "agree-ann", "Ann@example.com")
	suspended := w.pushed("agree-a", "agree-bob", "bob@example.com")
	edit(w, suspended, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
	w.create(&v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "agree-ann2"}, Spec: v1alpha1.ScimUserSpec{UserName: "ANN@example.com", Directory: "agree-a"}})
	assigned := w.pushed("agree-b", "agree-cid", "cid@example.com")
	edit(w, assigned, func(u *v1alpha1.ScimUser) {
		u.Spec.Emails = []v1alpha1.MultiValue{{Value: "cid@mail.example.com"}}
		u.Spec.Roles = []v1alpha1.MultiValue{{Value: "agree-staff"}, {Value: "agree-ops"}, {Value: "agree-staff"}}
	})
	w.pushed("agree-b", "agree-nomail", "nomail@example.com")
	w.pushed("agree-lost", "agree-dan", "dan@example.com")
	w.user("agree-eve", "system:eve")
	w.user("agree-fay", "fay@example.com")
	var crowd []string
	for i := range 106 {
		id := fmt.Sprintf("agree-crowd-%03d", i)
		w.user(id, id+"@example.com")
		crowd = append(crowd, id)
	}
	w.createAgreedRoles(crowd)
}

func (w *world) createAgreedRoles(crowd []string) {
	w.t.Helper()
	slice := func(name, role string, members ...string) *v1alpha1.ScimRoleSlice {
		return &v1alpha1.ScimRoleSlice{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ScimRoleSliceSpec{Role: role, Members: members}}
	}
	// A slice with room takes the members that are in the role itself into its binding.
	w.create(slice("agree-ops-0", "agree-ops", crowd...), slice("agree-gap-0", "agree-gap", "agree-fay"), slice("agree-gap-2", "agree-ops", "agree-ann"))
	ops := &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "agree-ops", Labels: map[string]string{"agree": "yes"}}}
	ops.Spec = v1alpha1.ScimRoleSpec{
		DisplayName: "Agree Ops", Directory: "agree-a", Slices: []string{"agree-ops-0"},
		Members:      []string{"agree-ann", "agree-bob", "agree-ann2", "agree-cid", "agree-dan", "agree-unknown"},
		LocalMembers: []string{"agree-fay", "agree-eve", "agree-cid", "agree-nomail"},
	}
	gap := &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "agree-gap"}}
	gap.Spec = v1alpha1.ScimRoleSpec{DisplayName: "Agree Gap", Slices: []string{"agree-gap-0", "agree-gap-2"}}
	w.create(ops, claimOf(v1alpha1.ClaimDisplayName, "Agree Ops", "agree-ops"), gap, claimOf(v1alpha1.ClaimDisplayName, "agree gap", "agree-gap"))
	w.role("agree-staff", "Agree Staff", "agree-fay")
	unclaimed := &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "agree-unclaimed"}}
	unclaimed.Spec = v1alpha1.ScimRoleSpec{DisplayName: "Agree Unclaimed", Members: []string{"agree-fay"}}
	w.create(unclaimed)

	place := grantFor("agree-place", "AGREE STAFF", "edit")
	place.Spec.Roles[0] = v1alpha1.RoleSelector{Name: "agree-staff"}
	place.Spec.Scope = v1alpha1.ScopeNamespaces
	place.Spec.Namespaces = &v1alpha1.NamespaceSelection{
		Names: []string{"agree-2", "agree-none"}, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"agree": "yes"}},
	}
	place.Spec.Validity = &v1alpha1.Validity{ExpiresAt: new(metav1.NewTime(time.Now().Add(time.Hour)))}
	none := grantFor("agree-none", "Agree Unclaimed", "view")
	none.Spec.Roles = append(none.Spec.Roles, v1alpha1.RoleSelector{DisplayName: "Agree Ops", Directory: "agree-b"})
	direct := grantFor("agree-direct", "", "edit")
	direct.Spec.Roles = []v1alpha1.RoleSelector{{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"agree": "yes"}}, Directory: "agree-a"}}
	direct.Spec.Users = []v1alpha1.UserSelector{{UserName: "ann@EXAMPLE.com"}, {Name: "agree-bob"}, {Name: "agree-ann2"}, {UserName: "fay@example.com", Directory: "agree-a"}}
	direct.Spec.ServiceAccounts = []v1alpha1.ServiceAccountReference{{Namespace: "ci", Name: "deployer"}}
	w.create(direct, grantFor("agree-wide", "agree OPS", "view"), grantFor("agree-rules", "agree staff", "view"), place, none, grantFor("agree-gap", "Agree Gap", "edit"))
}

// newReconciler is one that is not started.
func (w *world) newReconciler() *Reconciler {
	w.t.Helper()
	r, err := NewReconciler(w.mgr, w.opts)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// gathered is the controller's plan of a grant.
func (w *world) gathered(name string) (access.Result, error) {
	r := w.newReconciler()
	s := &scope{key: access.GrantKey{Name: name}, now: time.Now()}
	for _, step := range []func() error{
		func() error { return r.readGrant(w.ctx, s) }, func() error { return r.readBindings(w.ctx, s) },
	} {
		if err := step(); err != nil {
			return access.Result{}, err
		}
	}
	if s.grant == nil {
		return access.Result{}, fmt.Errorf("no grant %s", name)
	}
	g := &gatherer{
		reader: reader{cache: r.cache, live: r.live}, usernames: r.usernames, grant: s.planned, bindable: r.bindable,
		bindableRoles: r.bindableRoles, existing: s.existing,
	}
	state, err := g.gather(w.ctx, s.now)
	return access.Plan(state), err
}

// fromLists is the plan of the same grant from lists of everything.
func (w *world) fromLists(name string) (access.Result, error) {
	objects, err := cli.ReadWorld(w.ctx, client.Reader(w.admin))
	if err != nil {
		return access.Result{}, err
	}
	all := snapshot.New(objects)
	for _, grant := range all.Grants() {
		if grant.Name == name {
			return access.Plan(all.State(time.Now(), snapshot.Limits{ClusterRoles: w.opts.BindableClusterRoles, Roles: w.opts.BindableRoles}, grant)), nil
		}
	}
	return access.Result{}, fmt.Errorf("no grant %s", name)
}
