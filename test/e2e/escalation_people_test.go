package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/okta"
)

// The namespaces of the people who try to give more than they have, and the people, who are ServiceAccounts so that they have tokens.
const (
	team, otherTeam = "escalation-team", "escalation-other"
	// teamOwner may write AccessGrants in team, and holds bind on the ClusterRole view there.
	teamOwner = "owner"
	// grantWriter may write grants of both kinds everywhere, and holds bind on nothing.
	grantWriter = "writer"
	// roleWriter may write ClusterRoles, and nothing else.
	roleWriter = "builder"
)

// TestPeopleGiveWhatTheyHold: the owner of a namespace shares what an administrator let them share, and by no grant, edit or ClusterRole
// gets more for themselves or for others.
func TestPeopleGiveWhatTheyHold(t *testing.T) {
	o := sharedOperator(t)
	o.settleTeam(t)
	owner, writer, builder := o.person(t, teamOwner), o.person(t, grantWriter), o.person(t, roleWriter)
	c := o.client(t, o.servers[0], okta.AIW)
	member := must[okta.Resource](t)(c.CreateUser(t.Context(), okta.DefaultProfile("escalation.guest@example.com")))
	must[string](t)(c.PushGroup(t.Context(), "Escalation Guests", okta.Members(member.ID())))

	shared := accessGrant(team, "shared", "view")
	check(t, "share view in one's own namespace", owner.Create(t.Context(), shared))
	o.awaitBinding(t, shared, "escalation.guest@example.com")
	for _, object := range []client.Object{accessGrant(team, "approved", "edit"), clusterGrant("escalation-approved", "view", team)} {
		check(t, "approve "+object.GetName(), o.kube.Create(t.Context(), object))
		t.Cleanup(func() { _ = o.kube.Delete(context.WithoutCancel(t.Context()), object) })
		o.awaitBinding(t, object, "escalation.guest@example.com")
	}
	before := bindingVersions(t, o)
	for name, b := range ownersBreaches() {
		t.Run("owner/"+name, func(t *testing.T) { b.mustFail(t, owner) })
	}
	for name, b := range writersBreaches() {
		t.Run("writer/"+name, func(t *testing.T) { b.mustFail(t, writer) })
	}
	for name, b := range buildersBreaches() {
		t.Run("builder/"+name, func(t *testing.T) { b.mustFail(t, builder) })
	}
	if after := bindingVersions(t, o); !maps.Equal(before, after) {
		t.Errorf("bindings have changed: %v", changedKeys(before, after))
	}
	check(t, "take back what one shared", owner.Delete(t.Context(), shared))
	o.awaitBinding(t, shared)
}

func (b breach) mustFail(t *testing.T, c client.Client) {
	t.Helper()
	err := b.try(t.Context(), c)
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), b.want) {
		t.Errorf("%s: got %v, want a refusal with %q", b.reason, err, b.want)
	}
}

func accessGrant(namespace, name, role string) *v1alpha1.AccessGrant {
	return &v1alpha1.AccessGrant{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.AccessGrantSpec{
		Roles: []v1alpha1.RoleSelector{{DisplayName: "Escalation Guests"}}, To: v1alpha1.GrantTarget{Name: role},
	}}
}

func clusterGrant(name, role string, namespaces ...string) *v1alpha1.ClusterAccessGrant {
	spec := v1alpha1.ClusterAccessGrantSpec{
		Roles: []v1alpha1.RoleSelector{{DisplayName: "Escalation Guests"}}, To: v1alpha1.GrantTarget{Name: role}, Scope: v1alpha1.ScopeCluster,
	}
	if len(namespaces) > 0 {
		spec.Scope, spec.Namespaces = v1alpha1.ScopeNamespaces, &v1alpha1.NamespaceSelection{Names: namespaces}
	}
	return &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
}

// What the policies for grants say.
const (
	byGrants = "ValidatingAdmissionPolicy 'scim-operator-grants' with binding 'scim-operator-grants' denied request: " +
		"an AccessGrant takes the verb bind on its role in its namespace, and you lack it on "
	byClusterGrants = "ValidatingAdmissionPolicy 'scim-operator-cluster-grants' with binding 'scim-operator-cluster-grants' denied request: "
)

// ownersBreaches are what the owner of a namespace tries.
func ownersBreaches() map[string]breach {
	const widen = `{"spec":{"to":{"name":"edit"}}}`
	const join = `{"spec":{"roles":[{"displayName":"Escalation Guests"},{"displayName":"Mine"}]}}`
	const longer = `{"spec":{"validity":{"expiresAt":"2099-01-01T00:00:00Z"}}}`
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: "breach"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}, Subjects: []rbacv1.Subject{userSubject("mallory")},
	}
	deployer := accessGrant(team, "breach", "view")
	deployer.Spec.To.Kind = v1alpha1.KindRole
	return map[string]breach{
		"more than bind allows":   {"edit was not shared", creates(accessGrant(team, "breach", "edit")), byGrants + "ClusterRole edit in " + team},
		"administrator":           {"cluster-admin was not shared", creates(accessGrant(team, "breach", "cluster-admin")), byGrants + "ClusterRole cluster-admin in " + team},
		"a Role of the same name": {"bind is for the ClusterRole", creates(deployer), byGrants + "Role view in " + team},
		"another namespace":       {"one namespace is theirs", creates(accessGrant(otherTeam, "breach", "view")), byRBAC + "create resource \"accessgrants\""},
		"the whole cluster":       {"one namespace is theirs", creates(clusterGrant("breach", "view")), byRBAC + "create resource \"clusteraccessgrants\""},
		"a wider role":            {"what was approved is what it said", patches(accessGrant(team, "shared", ""), widen), byGrants + "ClusterRole edit in " + team},
		"more people":             {"what was approved is for whom it said", patches(accessGrant(team, "approved", ""), join), byGrants + "ClusterRole edit in " + team},
		"more time":               {"what was approved ends when it said", patches(accessGrant(team, "approved", ""), longer), byGrants + "ClusterRole edit in " + team},
		"a binding past grants":   {"nobody let them write bindings", creates(binding), byRBAC + "create resource \"rolebindings\""},
		"a ClusterRole":           {"view is made of ClusterRoles with a label", creates(growing("breach")), byRBAC + "create resource \"clusterroles\""},
	}
}

// writersBreaches are what somebody tries who may write every grant, and holds bind on nothing.
func writersBreaches() map[string]breach {
	return map[string]breach{
		"view everywhere":     {"the verb bind is missing", creates(clusterGrant("breach", "view")), byClusterGrants + "a grant for the whole cluster"},
		"view in a namespace": {"the verb bind is missing", creates(clusterGrant("breach", "view", team)), byClusterGrants + "a grant takes the verb bind on its role in every namespace that it lists, and you lack it on ClusterRole view in at least one of " + team + ":"},
		"view locally":        {"the verb bind is missing", creates(accessGrant(otherTeam, "breach", "view")), byGrants + "ClusterRole view in " + otherTeam},
		"one namespace more": {
			"what was approved is where it said", patches(clusterGrant("escalation-approved", ""), `{"spec":{"namespaces":{"names":["`+team+`","kube-system"]}}}`),
			"and you lack it on ClusterRole view in at least one of " + team + ", kube-system:",
		},
		"all namespaces": {
			"what was approved is where it said", patches(clusterGrant("escalation-approved", ""), `{"spec":{"namespaces":{"selector":{}}}}`),
			byClusterGrants + "a grant for the whole cluster, or for namespaces by selector",
		},
		"another role": {
			"what was approved is what it said", patches(clusterGrant("escalation-approved", ""), `{"spec":{"to":{"name":"edit"}}}`),
			"and you lack it on ClusterRole edit in at least one of " + team,
		},
	}
}

// growing is a ClusterRole that would become a part of view, and let everybody with view read Secrets.
func growing(name string) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}}},
	}
}

// buildersBreaches are what somebody tries who may write ClusterRoles: to make a role grow that grants give.
func buildersBreaches() map[string]breach {
	rules := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "system:aggregate-to-view"}}
	return map[string]breach{
		"a part of view": {"nobody adds to view what they do not have", creates(growing("breach")), byCheck},
		"a label":        {"nobody adds to view what they do not have", patches(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "escalation-secrets"}}, `{"metadata":{"labels":{"rbac.authorization.k8s.io/aggregate-to-view":"true"}}}`), byCheck},
		"a rule":         {"nobody adds to view what they do not have", patches(rules, `{"rules":[{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}]}`), byCheck},
	}
}

// settleTeam makes the namespaces, the people and their rights.
func (o *operator) settleTeam(t *testing.T) {
	t.Helper()
	grants := func(resources ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{
			APIGroups: []string{v1alpha1.GroupName}, Resources: resources, Verbs: []string{"get", "create", "update", "patch", "delete"},
		}
	}
	account := func(name string) rbacv1.Subject {
		return rbacv1.Subject{Kind: "ServiceAccount", Namespace: team, Name: name}
	}
	secrets := growing("escalation-secrets")
	secrets.Labels = nil
	objects := []client.Object{secrets}
	for _, name := range []string{team, otherTeam} {
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	for _, name := range []string{teamOwner, grantWriter, roleWriter} {
		objects = append(objects, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: name}})
	}
	objects = append(objects,
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: "share-view"}, Rules: []rbacv1.PolicyRule{
			grants("accessgrants"),
			{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterroles"}, ResourceNames: []string{"view"}, Verbs: []string{"bind"}},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: "share-view"}, Subjects: []rbacv1.Subject{account(teamOwner)},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "share-view"},
		},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "escalation-writer"}, Rules: []rbacv1.PolicyRule{grants("accessgrants", "clusteraccessgrants")}},
		clusterBinding("escalation-writer", "escalation-writer", nil, account(grantWriter)),
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "escalation-builder"}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterroles"}, Verbs: []string{"get", "create", "update", "patch"}},
		}},
		clusterBinding("escalation-builder", "escalation-builder", nil, account(roleWriter)),
	)
	for _, object := range objects {
		check(t, "create "+object.GetName(), o.kube.Create(t.Context(), object))
		if object.GetNamespace() == "" && !strings.HasPrefix(object.GetName(), team) && object.GetName() != otherTeam {
			t.Cleanup(func() { _ = o.kube.Delete(context.WithoutCancel(t.Context()), object) })
		}
	}
}

// person is a client with the token of somebody in team.
func (o *operator) person(t *testing.T, name string) client.Client {
	t.Helper()
	return must[client.Client](t)(newKubeOf(must[*rest.Config](t)(tokenConfig(t.Context(), o.kube, team, name))))
}

// awaitBinding waits until the bindings that a grant has in team give these users something, and nobody else.
func (o *operator) awaitBinding(t *testing.T, grant client.Object, want ...string) {
	t.Helper()
	eventually(t, "the bindings of "+grant.GetName(), func(ctx context.Context) error {
		list := &rbacv1.RoleBindingList{}
		if err := o.kube.List(ctx, list, client.InNamespace(team), client.MatchingLabels{v1alpha1.LabelGrant: grant.GetName()}); err != nil {
			return err
		}
		var got []string
		for i := range list.Items {
			for _, subject := range list.Items[i].Subjects {
				got = append(got, subject.Name)
			}
		}
		if !slices.Equal(want, got) {
			return fmt.Errorf("they name %v, want %v", got, want)
		}
		return nil
	})
}
