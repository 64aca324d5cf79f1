package differential_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// world is everything that the answer depends on, as the API has it: what was pushed, what was granted, and what roles allow. There is
// no binding in it.
type world struct {
	now           time.Time
	users         v1alpha1.ScimUserList
	roles         v1alpha1.ScimRoleList
	slices        v1alpha1.ScimRoleSliceList
	claims        v1alpha1.ScimClaimList
	clusterGrants v1alpha1.ClusterAccessGrantList
	grants        v1alpha1.AccessGrantList
	namespaces    corev1.NamespaceList
	clusterRoles  rbacv1.ClusterRoleList
	namespaced    rbacv1.RoleList
	// names are those that users sign in with, by their ids; counting are the ids of the roles that count. They are worked out once,
	// because every question needs them.
	names    map[string]string
	counting map[string]bool
}

func (o *operator) read(ctx context.Context) (*world, error) {
	w := &world{}
	var all error
	for _, list := range []client.ObjectList{
		&w.users, &w.roles, &w.slices, &w.claims, &w.clusterGrants, &w.grants, &w.namespaces, &w.clusterRoles, &w.namespaced,
	} {
		all = errors.Join(all, o.kube.List(ctx, list))
	}
	w.now = time.Now()
	w.names, w.counting = map[string]string{}, map[string]bool{}
	for _, user := range w.users.Items {
		w.names[user.Name] = w.kubernetesName(user)
	}
	for _, role := range w.roles.Items {
		w.counting[role.Name] = role.DeletionTimestamp == nil && w.owns(v1alpha1.ClaimDisplayName, role.Spec.DisplayName, role.Name)
	}
	return w, all
}

// question is one that one puts to an authorizer.
type question struct {
	user   string
	groups []string
	verb   string
	group  string
	kind   string
	// namespace is empty for all namespaces at once.
	namespace string
}

// grant is either kind, as far as they are the same.
type grant struct {
	// own is the namespace of an AccessGrant.
	own   string
	title string
	v1alpha1.AccessGrantSpec
	cluster *v1alpha1.ClusterAccessGrantSpec
}

func (w *world) allGrants() []grant {
	var all []grant
	for _, g := range w.clusterGrants.Items {
		s := g.Spec
		all = append(all, grant{title: g.Name, cluster: &s, AccessGrantSpec: v1alpha1.AccessGrantSpec{
			Roles: s.Roles, Users: s.Users, ServiceAccounts: s.ServiceAccounts, To: s.To, Validity: s.Validity,
		}})
	}
	for _, g := range w.grants.Items {
		all = append(all, grant{own: g.Namespace, title: g.Namespace + "/" + g.Name, AccessGrantSpec: g.Spec})
	}
	return all
}

// allows names the first grant that answers a question with yes; it is empty when the answer is no.
func (w *world) allows(q question) string {
	for _, g := range w.allGrants() {
		if w.isValid(g) && w.isFor(g, q) && w.isIn(g, q.namespace) && w.permits(g, q) {
			return g.title
		}
	}
	return ""
}

func (w *world) isValid(g grant) bool {
	v := g.Validity
	return v == nil || (v.NotBefore == nil || !w.now.Before(v.NotBefore.Time)) && (v.ExpiresAt == nil || w.now.Before(v.ExpiresAt.Time))
}

// isIn says whether a grant takes effect in a namespace. What is asked about all namespaces, only a grant for the whole cluster allows.
func (w *world) isIn(g grant, name string) bool {
	if g.cluster != nil && g.cluster.Scope == v1alpha1.ScopeCluster {
		return true
	}
	for _, ns := range w.namespaces.Items {
		if ns.Name != name || ns.DeletionTimestamp != nil {
			continue
		}
		if g.cluster == nil {
			return g.own == name
		}
		where := g.cluster.Namespaces
		return !slices.Contains(where.ExcludeNames, name) &&
			(slices.Contains(where.Names, name) || where.Selector != nil && matches(where.Selector, ns.Labels))
	}
	return false
}

func matches(selector *metav1.LabelSelector, have map[string]string) bool {
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && compiled.Matches(labels.Set(have))
}

// permits says whether what the grant gives includes what is asked, as far as the installer lets it be given.
func (w *world) permits(g grant, q question) bool {
	var rules []rbacv1.PolicyRule
	if g.To.Kind == v1alpha1.KindRole {
		for _, role := range w.namespaced.Items {
			if role.Name == g.To.Name && role.Namespace == q.namespace && slices.Contains(bindableRoles, role.Name) {
				rules = role.Rules
			}
		}
	} else {
		for _, role := range w.clusterRoles.Items {
			if role.Name == g.To.Name && slices.Contains(bindableClusterRoles, role.Name) {
				rules = role.Rules
			}
		}
	}
	has := func(values []string, value string) bool {
		return slices.Contains(values, value) || slices.Contains(values, "*")
	}
	return slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool {
		return has(r.Verbs, q.verb) && has(r.APIGroups, q.group) && has(r.Resources, q.kind) && len(r.ResourceNames) == 0
	})
}

// isFor says whether the grant means whoever asks: by a role, by name, or as a machine.
func (w *world) isFor(g grant, q question) bool {
	for _, machine := range g.ServiceAccounts {
		in := machine.Namespace
		if in == "" {
			in = g.own
		}
		if q.user == "system:serviceaccount:"+in+":"+machine.Name {
			return true
		}
	}
	for _, user := range w.users.Items {
		if w.names[user.Name] != q.user {
			continue
		}
		for _, role := range w.roles.Items {
			if w.selectsRole(g, role) && w.isMember(user, role) {
				return true
			}
		}
		for _, by := range g.Users {
			if by.Name == user.Name {
				return true
			}
			if by.UserName != "" && equal(by.UserName, user.Spec.UserName) && (by.Directory == "" || by.Directory == user.Spec.Directory) {
				return true
			}
		}
	}
	return false
}

// kubernetesName is the name that a user signs in with; it is empty for whoever may not.
func (w *world) kubernetesName(user v1alpha1.ScimUser) string {
	if user.Spec.Active != nil && !*user.Spec.Active || user.DeletionTimestamp != nil || !w.owns(v1alpha1.ClaimUserName, user.Spec.UserName, user.Name) {
		return ""
	}
	name := user.Spec.UserName
	if user.Spec.Directory == prefixed {
		name = prefix + name
	}
	if strings.HasPrefix(v1alpha1.Fold(name), "system:") {
		return ""
	}
	return name
}

// owns says whether the claim of a name is somebody's.
func (w *world) owns(attribute v1alpha1.ClaimAttribute, value, owner string) bool {
	return slices.ContainsFunc(w.claims.Items, func(c v1alpha1.ScimClaim) bool {
		return c.Spec.Attribute == attribute && c.Spec.Owner == owner && equal(c.Spec.Value, value) && c.DeletionTimestamp == nil
	})
}

// equal compares names as the API says that they are compared.
func equal(a, b string) bool { return v1alpha1.Fold(a) == v1alpha1.Fold(b) }

func (w *world) selectsRole(g grant, role v1alpha1.ScimRole) bool {
	if !w.counting[role.Name] {
		return false
	}
	return slices.ContainsFunc(g.Roles, func(by v1alpha1.RoleSelector) bool {
		switch {
		case by.Name != "":
			return by.Name == role.Name
		case by.Directory != "" && by.Directory != role.Spec.Directory:
			return false
		case by.Selector != nil:
			return matches(by.Selector, role.Labels)
		default:
			return equal(by.DisplayName, role.Spec.DisplayName)
		}
	})
}

// isMember says whether somebody is in a role: because people say so, or because a directory says so of its own or of local users.
func (w *world) isMember(user v1alpha1.ScimUser, role v1alpha1.ScimRole) bool {
	if slices.Contains(role.Spec.LocalMembers, user.Name) {
		return true
	}
	if role.Spec.Directory != "" && user.Spec.Directory != "" && role.Spec.Directory != user.Spec.Directory {
		return false
	}
	return slices.Contains(w.pushed(role), user.Name)
}

// pushed are the members that the role's own list and its slices name.
func (w *world) pushed(role v1alpha1.ScimRole) []string {
	all := slices.Clone(role.Spec.Members)
	for _, slice := range w.slices.Items {
		if slice.Spec.Role == role.Name && slices.Contains(role.Spec.Slices, slice.Name) {
			all = append(all, slice.Spec.Members...)
		}
	}
	return all
}
