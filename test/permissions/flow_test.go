package permissions_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/okta"
	"github.com/scim-operator/scim-operator/test/release"
)

// crowd is how many people are in the large group: too many for a role without slices, and enough to trip the guard.
const crowd = 130

// flow is one pass through everything. Its names begin with the tag, so that there can be several.
type flow struct {
	*world
	tag       string
	directory *release.Directory
	aiw, oin  *okta.Client
	people    []string
	group     string
}

// flow runs everything that the operator does, and waits until it is done.
func (w *world) flow(ctx context.Context, tag string) error {
	f := &flow{world: w, tag: tag}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"make a directory", f.connect},
		{"look at the metrics", f.metrics},
		{"take people and groups through their lives", f.lives},
		{"push a large group", f.pushCrowd},
		{"grant", f.grants},
		{"keep accounts in apps", f.apps},
		{"repair", f.repair},
		{"hold removals, and approve them", f.guard},
		{"end grants", f.expire},
		{"fail over", f.failOver},
	} {
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

func (f *flow) connect(ctx context.Context) error {
	var err error
	f.directory, err = f.MakeDirectory(ctx, f.tag, v1alpha1.ScimDirectorySpec{Apps: v1alpha1.AppConsent{Namespaces: []string{shop}}})
	if err != nil {
		return err
	}
	for dialect, to := range map[okta.Dialect]**okta.Client{okta.AIW: &f.aiw, okta.OIN: &f.oin} {
		if *to, err = okta.New(f.directory.Config(f.service.Address, dialect)); err != nil {
			return err
		}
	}
	return until(ctx, "the server knows the directory", func(ctx context.Context) error { return f.aiw.TestConnector(ctx, true) })
}

func (f *flow) name(local string) string { return f.tag + "." + local + "@example.com" }

// lives does to one person and one group in each dialect what Okta does, and then claims the person's name for somebody else, twice.
func (f *flow) lives(ctx context.Context) error {
	for i, c := range []*okta.Client{f.aiw, f.oin} {
		p := okta.DefaultProfile(f.name(fmt.Sprintf("life%d", i)))
		created, err := c.AssignUser(ctx, p)
		if err != nil {
			return err
		}
		id, group := created.ID(), fmt.Sprintf("%s life %d", f.tag, i)
		role, err := c.PushGroup(ctx, group, okta.Members(id))
		if err != nil {
			return err
		}
		renamed := p
		renamed.UserName, renamed.Title = f.name(fmt.Sprintf("renamed%d", i)), "Engineer"
		_, err = c.UpdateUser(ctx, id, renamed)
		err = errors.Join(err,
			c.DeactivateUser(ctx, id), c.ActivateUser(ctx, id), c.RenameGroup(ctx, role, group+" renamed"),
			c.ChangeMembers(ctx, role, group+" renamed", nil, []string{id}), c.UnlinkGroup(ctx, role, true))
		if err != nil {
			return err
		}
		for stranger := range 4 {
			other := renamed
			other.ExternalID = fmt.Sprintf("00u-stranger-%d", stranger)
			if _, err := c.CreateUser(ctx, other); okta.StatusOf(err) != http.StatusConflict {
				return fmt.Errorf("somebody else's name was given away: %w", err)
			}
		}
	}
	return f.remove(ctx)
}

// remove deletes a user, which Okta never does and others do.
func (f *flow) remove(ctx context.Context) error {
	created, err := f.aiw.CreateUser(ctx, okta.DefaultProfile(f.name("leaver")))
	if err != nil {
		return err
	}
	return f.send(ctx, http.MethodDelete, "https://"+f.service.Address+"/scim/"+f.tag+"/v2/Users/"+created.ID(), f.directory.Token, http.StatusNoContent)
}

func (f *flow) pushCrowd(ctx context.Context) error {
	for i := range crowd {
		created, err := f.oin.CreateUser(ctx, okta.DefaultProfile(f.name(fmt.Sprintf("crowd%d", i))))
		if err != nil {
			return err
		}
		f.people = append(f.people, created.ID())
	}
	var err error
	if f.group, err = f.oin.PushGroup(ctx, f.tag+" crowd", okta.Members(f.people...)); err != nil {
		return err
	}
	role := &v1alpha1.ScimRole{}
	if err := f.Kube.Get(ctx, client.ObjectKey{Name: f.group}, role); err != nil {
		return err
	}
	if len(role.Spec.Slices) == 0 {
		return fmt.Errorf("a role of %d has no slices", crowd)
	}
	return f.aiw.PushNow(ctx, f.group, f.tag+" crowd", okta.Members(f.people[:crowd-1]...))
}

// grants gives the crowd a ClusterRole everywhere, another in one namespace, and a Role, and changes who they are.
func (f *flow) grants(ctx context.Context) error {
	crowd := []v1alpha1.RoleSelector{{DisplayName: f.tag + " crowd"}}
	for _, grant := range []client.Object{
		&v1alpha1.ClusterAccessGrant{ObjectMeta: meta(f.tag + "-wide"), Spec: v1alpha1.ClusterAccessGrantSpec{
			Roles: crowd, To: v1alpha1.GrantTarget{Name: "view"}, Scope: v1alpha1.ScopeCluster,
		}},
		&v1alpha1.ClusterAccessGrant{ObjectMeta: meta(f.tag + "-narrow"), Spec: v1alpha1.ClusterAccessGrantSpec{
			Roles: crowd, To: v1alpha1.GrantTarget{Name: "edit"}, Scope: v1alpha1.ScopeNamespaces,
			Namespaces: &v1alpha1.NamespaceSelection{Names: []string{shop}},
		}},
		&v1alpha1.AccessGrant{ObjectMeta: metav1.ObjectMeta{Namespace: shop, Name: f.tag + "-own"}, Spec: v1alpha1.AccessGrantSpec{
			Roles: crowd, To: v1alpha1.GrantTarget{Kind: "Role", Name: deployer},
		}},
	} {
		if err := f.Kube.Create(ctx, grant); err != nil {
			return err
		}
	}
	if err := f.targets(ctx, crowd); err != nil {
		return err
	}
	for _, want := range []int{len(f.people) - 1, len(f.people)} {
		if err := f.subjects(ctx, want); err != nil {
			return err
		}
		if err := f.oin.ChangeMembers(ctx, f.group, f.tag+" crowd", okta.Members(f.people[len(f.people)-1]), nil); err != nil {
			return err
		}
	}
	return nil
}

// targets grants what is not there yet: a ClusterRole that is made later, and a Role in a namespace without it and in one that does not exist.
func (f *flow) targets(ctx context.Context, crowd []v1alpha1.RoleSelector) error {
	for _, grant := range []*v1alpha1.ClusterAccessGrant{
		{ObjectMeta: meta(f.tag + "-later"), Spec: v1alpha1.ClusterAccessGrantSpec{Roles: crowd, To: v1alpha1.GrantTarget{Name: later}, Scope: v1alpha1.ScopeCluster}},
		{ObjectMeta: meta(f.tag + "-nowhere"), Spec: v1alpha1.ClusterAccessGrantSpec{
			Roles: crowd, To: v1alpha1.GrantTarget{Kind: "Role", Name: deployer}, Scope: v1alpha1.ScopeNamespaces,
			Namespaces: &v1alpha1.NamespaceSelection{Names: []string{"default", "nowhere"}},
		}},
	} {
		if err := f.Kube.Create(ctx, grant); err != nil {
			return err
		}
		err := until(ctx, "grant "+grant.Name+" says that its target is missing", func(ctx context.Context) error {
			if err := f.Kube.Get(ctx, client.ObjectKeyFromObject(grant), grant); err != nil {
				return err
			}
			for _, condition := range grant.Status.Conditions {
				if condition.Type == v1alpha1.GrantReady && condition.Status == metav1.ConditionFalse {
					return nil
				}
			}
			return errors.New("it does not")
		})
		if err != nil {
			return err
		}
	}
	if err := f.Kube.Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta(later)}); err != nil {
		return err
	}
	return until(ctx, "the ClusterRole is given once it is there", func(ctx context.Context) error {
		if _, err := f.bindings(ctx); err != nil {
			return err
		}
		if !slices.Contains(f.refs, "ClusterRole "+later) {
			return errors.New("it is not")
		}
		return nil
	})
}

// bindings are those of the flow's grants.
func (f *flow) bindings(ctx context.Context) (map[string][]rbacv1.Subject, error) {
	found := map[string][]rbacv1.Subject{}
	wide, narrow := &rbacv1.ClusterRoleBindingList{}, &rbacv1.RoleBindingList{}
	if err := errors.Join(f.Kube.List(ctx, wide), f.Kube.List(ctx, narrow, client.InNamespace(shop))); err != nil {
		return nil, err
	}
	visit := func(object client.Object, ref rbacv1.RoleRef, subjects []rbacv1.Subject) {
		grant, ours := strings.CutPrefix(object.GetLabels()[v1alpha1.LabelGrant], f.tag+"-")
		if ours {
			f.refs = append(f.refs, ref.Kind+" "+ref.Name)
		}
		if slices.Contains([]string{"wide", "narrow", "own"}, grant) {
			found[object.GetName()] = subjects
		}
	}
	for i := range wide.Items {
		visit(&wide.Items[i], wide.Items[i].RoleRef, wide.Items[i].Subjects)
	}
	for i := range narrow.Items {
		visit(&narrow.Items[i], narrow.Items[i].RoleRef, narrow.Items[i].Subjects)
	}
	slices.Sort(f.refs)
	f.refs = slices.Compact(f.refs)
	return found, nil
}

// subjects waits until each of the three bindings has that many.
func (f *flow) subjects(ctx context.Context, want int) error {
	return until(ctx, fmt.Sprintf("the bindings have %d subjects", want), func(ctx context.Context) error {
		found, err := f.bindings(ctx)
		if err != nil {
			return err
		}
		if len(found) != 3 {
			return fmt.Errorf("%d bindings, want 3", len(found))
		}
		for name, subjects := range found {
			if len(subjects) != want {
				return fmt.Errorf("%s has %d", name, len(subjects))
			}
		}
		return nil
	})
}

// guard suspends more people than the guard lets pass, and approves.
func (f *flow) guard(ctx context.Context) error {
	const leaving = 30
	for _, id := range f.people[:leaving] {
		if err := f.oin.DeactivateUser(ctx, id); err != nil {
			return err
		}
	}
	plan := &v1alpha1.AccessPlan{}
	err := until(ctx, "the guard holds removals", func(ctx context.Context) error {
		if err := f.Kube.Get(ctx, client.ObjectKey{Name: f.tag + "-users"}, plan); err != nil {
			return err
		}
		if s := plan.Status; s.State != v1alpha1.PlanHeld || *s.Held+*s.Passed != leaving {
			return fmt.Errorf("state %s", s.State)
		}
		return nil
	})
	if err != nil {
		return err
	}
	plan.Spec.Decision = v1alpha1.Decision{Digest: plan.Status.Digest, Verdict: v1alpha1.DecisionApprove, Reason: "a test"}
	if err := f.Kube.Update(ctx, plan); err != nil {
		return err
	}
	return f.subjects(ctx, len(f.people)-leaving)
}

// expire ends one grant by the clock and deletes the others, and then the directory, so that nothing is left to count for the guard.
func (f *flow) expire(ctx context.Context) error {
	grant := &v1alpha1.ClusterAccessGrant{}
	if err := f.Kube.Get(ctx, client.ObjectKey{Name: f.tag + "-wide"}, grant); err != nil {
		return err
	}
	grant.Spec.Validity = &v1alpha1.Validity{ExpiresAt: &metav1.Time{Time: time.Now().Add(3 * time.Second)}}
	err := errors.Join(f.Kube.Update(ctx, grant),
		f.Kube.Delete(ctx, &v1alpha1.ClusterAccessGrant{ObjectMeta: meta(f.tag + "-narrow")}),
		f.Kube.Delete(ctx, &v1alpha1.AccessGrant{ObjectMeta: metav1.ObjectMeta{Namespace: shop, Name: f.tag + "-own"}}))
	if err != nil {
		return err
	}
	err = until(ctx, "the bindings are gone", func(ctx context.Context) error {
		if found, err := f.bindings(ctx); err != nil || len(found) > 0 {
			return fmt.Errorf("%d are left: %w", len(found), err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := f.Kube.Delete(ctx, &v1alpha1.ScimDirectory{ObjectMeta: meta(f.tag)}); err != nil {
		return err
	}
	return until(ctx, "the plan goes with the directory", func(ctx context.Context) error {
		if err := f.Kube.Get(ctx, client.ObjectKey{Name: f.tag + "-users"}, &v1alpha1.AccessPlan{}); client.IgnoreNotFound(err) != nil || err == nil {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	})
}
