package company_test

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

const (
	directoryName = "okta"
	// smallRole is the number of members of every role but the large one.
	smallRole = 100
	// everybody and wide are the grants of the large role, and of a small one in many namespaces.
	everybody, wide = "everybody", "wide"
	usernamePrefix  = "oidc:"
	teamLabel       = "team"
	tierLabel       = "tier"
	wideTier        = "wide"
)

// world is a company of n users, as pure data. Half of them are in one role, everybody is in five roles of a hundred. A role in ten is
// named by a grant: a third of the grants give something in the whole cluster, a third in two namespaces by label, a third in two by
// name. The large role's grant is for the whole cluster, one more grant is for every tenth namespace. With 100,000 users that makes
// 5,000 roles, one of 50,000, 500 grants, 1,000 namespaces and about a thousand bindings.
type world struct {
	users, roles, grants, namespaces, wideNamespaces int
}

func newWorld(users int) world {
	w := world{users: users, roles: users / 20, grants: max(20, users/200), namespaces: max(60, users/100)}
	w.wideNamespaces = w.namespaces / 10
	return w
}

func (w world) large() int { return w.users / 2 }

func userName(i int) string { return fmt.Sprintf("user.%06d@example.com", i) }

func subject(i int) string { return usernamePrefix + userName(i) }

// objectName makes the name of an object as the store does, with ten characters that look random and are the same each time.
func objectName(slug string) string {
	sum := sha256.Sum256([]byte(slug))
	return slug + "-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:10])
}

func userID(i int) string { return objectName(fmt.Sprintf("user-%06d-example-com", i)) }

func roleDisplayName(r int) string { return fmt.Sprintf("Team %05d", r) }

const largeDisplayName = "Everybody"

// members are the users in a small role. Five passes over all users make five memberships each; every other pass takes people from
// all over the company, so that a role is not merely a run of neighbours.
func (w world) members(r int) []int {
	blocks := w.users / smallRole
	pass, block := r/blocks, r%blocks
	ids := make([]int, smallRole)
	for k := range ids {
		i := block*smallRole + k
		if pass%2 == 1 {
			i = k*blocks + block
		}
		ids[k] = (i + pass*13) % w.users
	}
	return ids
}

func (w world) user(i int) *v1alpha1.ScimUser {
	yes, name := true, userName(i)
	u := &v1alpha1.ScimUser{ObjectMeta: pushed(userID(i), "1")}
	u.Spec = v1alpha1.ScimUserSpec{
		Directory: directoryName, UserName: name, ExternalID: fmt.Sprintf("00u%017d", i), Active: &yes, DisplayName: fmt.Sprintf("User %d", i),
		Name: &v1alpha1.Name{GivenName: "User", FamilyName: fmt.Sprint(i)}, Locale: "en-US", Title: "Engineer",
		Emails:     []v1alpha1.MultiValue{{Value: name, Type: "work", Primary: &yes}},
		Enterprise: &v1alpha1.EnterpriseUser{Department: "Engineering", EmployeeNumber: fmt.Sprint(i)},
	}
	return u
}

// pushed is the metadata that the store gives what it creates.
func pushed(name, uncommitted string) metav1.ObjectMeta {
	meta := metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.LabelDirectory: directoryName}}
	if uncommitted != "" {
		meta.Annotations = map[string]string{v1alpha1.AnnotationUncommitted: uncommitted}
	}
	return meta
}

func claim(attribute v1alpha1.ClaimAttribute, value, owner string) *v1alpha1.ScimClaim {
	return &v1alpha1.ScimClaim{
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.ClaimName(attribute, value)},
		Spec:       v1alpha1.ScimClaimSpec{Attribute: attribute, Value: v1alpha1.Fold(value), Owner: owner},
	}
}

func (w world) role(r int) *v1alpha1.ScimRole {
	role := &v1alpha1.ScimRole{ObjectMeta: pushed(objectName(fmt.Sprintf("team-%05d", r)), "1")}
	role.Spec = v1alpha1.ScimRoleSpec{Directory: directoryName, DisplayName: roleDisplayName(r), ExternalID: fmt.Sprintf("00g%017d", r)}
	for _, i := range w.members(r) {
		role.Spec.Members = append(role.Spec.Members, userID(i))
	}
	slices.Sort(role.Spec.Members)
	return role
}

// largeRole is the role of half of the users, and its slices.
func (w world) largeRole() (*v1alpha1.ScimRole, []*v1alpha1.ScimRoleSlice) {
	role := &v1alpha1.ScimRole{ObjectMeta: pushed(objectName("everybody"), "")}
	role.Spec = v1alpha1.ScimRoleSpec{Directory: directoryName, DisplayName: largeDisplayName, ExternalID: "00g-everybody"}
	var parts []*v1alpha1.ScimRoleSlice
	for from := 0; from < w.large(); from += v1alpha1.MaxMembers {
		part := &v1alpha1.ScimRoleSlice{ObjectMeta: metav1.ObjectMeta{
			Name: objectName(fmt.Sprintf("%s-%03d", role.Name, from/v1alpha1.MaxMembers)), Labels: map[string]string{v1alpha1.LabelRole: role.Name},
		}}
		part.Spec.Role = role.Name
		for i := from; i < min(from+v1alpha1.MaxMembers, w.large()); i++ {
			part.Spec.Members = append(part.Spec.Members, userID(i))
		}
		slices.Sort(part.Spec.Members)
		parts, role.Spec.Slices = append(parts, part), append(role.Spec.Slices, part.Name)
	}
	return role, parts
}

func namespaceName(i int) string { return fmt.Sprintf("space-%04d", i) }

// teams is the number of values of the label team: each is on two namespaces.
func (w world) teams() int { return w.namespaces / 2 }

// namespaceLabels are those of a namespace: every tenth is in the tier that the wide grant selects.
func (w world) namespaceLabels(i int) map[string]string {
	labels := map[string]string{teamLabel: fmt.Sprint(i % w.teams())}
	if i%10 == 0 {
		labels[tierLabel] = wideTier
	}
	return labels
}

// grantedRole is the role that a small grant names.
func (w world) grantedRole(g int) int { return g * w.roles / w.grants }

// ungranted are the roles that no grant names.
func (w world) ungranted() []int {
	named := map[int]bool{}
	for g := range w.grants - 1 {
		named[w.grantedRole(g)] = true
	}
	var free []int
	for r := range w.roles {
		if !named[r] {
			free = append(free, r)
		}
	}
	return free
}

// allGrants are the grants: that of the large role, the wide one, and those of one small role each.
func (w world) allGrants() []*v1alpha1.ClusterAccessGrant {
	all := []*v1alpha1.ClusterAccessGrant{grant(everybody, largeDisplayName, "view", nil)}
	for g := range w.grants - 1 {
		name, places := fmt.Sprintf("team-%04d", g), (*v1alpha1.NamespaceSelection)(nil)
		switch team := g % w.teams(); {
		case g == 0:
			name, places = wide, byLabel(tierLabel, wideTier)
		case g%3 == 1:
			places = byLabel(teamLabel, fmt.Sprint(team))
		case g%3 == 2:
			places = &v1alpha1.NamespaceSelection{Names: []string{namespaceName(team), namespaceName(team + w.teams())}}
		}
		all = append(all, grant(name, roleDisplayName(w.grantedRole(g)), "edit", places))
	}
	return all
}

func byLabel(key, value string) *v1alpha1.NamespaceSelection {
	return &v1alpha1.NamespaceSelection{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}}
}

func grant(name, displayName, clusterRole string, places *v1alpha1.NamespaceSelection) *v1alpha1.ClusterAccessGrant {
	g := &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{Name: name}}
	g.Spec = v1alpha1.ClusterAccessGrantSpec{
		Roles: []v1alpha1.RoleSelector{{DisplayName: displayName}}, To: v1alpha1.GrantTarget{Name: clusterRole}, Scope: v1alpha1.ScopeCluster,
	}
	if places != nil {
		g.Spec.Scope, g.Spec.Namespaces = v1alpha1.ScopeNamespaces, places
	}
	return g
}
