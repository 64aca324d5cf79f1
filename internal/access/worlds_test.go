package access

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// The worlds of the laws are small, so that whatever can meet does meet: few names, few roles, few namespaces, and among them everything
// that must have no effect.
var (
	worldNames = []string{
		"alice@example.com", "bob@example.com", "Bob@example.com", "oidc:carol", "dave", "erin", "frank", "grace", "heidi",
		"", "system:masters", "SYSTEM:node:a", "ｓｙｓｔｅｍ:anonymous", "tab\tname", " space", "zero\u200bwidth", "\xff\xfe", string(make([]byte, 300)),
	}
	worldUsers       = []string{"u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9", "unknown"}
	worldRoles       = []string{"ops", "Ops", "dev", "shop"}
	worldSpace       = []string{"a", "b", "c", "d"}
	worldTargets     = []string{"view", "edit", "cluster-admin", "gone"}
	worldDirectories = []string{"", "okta", "entra"}
	epoch            = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// oneIn is true about once in n times, and never in the simplest world.
func oneIn(t *rapid.T, n int, label string) bool { return rapid.IntRange(0, n-1).Draw(t, label) == n-1 }

func drawInstant(t *rapid.T, label string) *metav1.Time {
	hours := rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 0, 0, -2, -1, 1, 2, 3}).Draw(t, label)
	if hours == 0 {
		return nil
	}
	return new(metav1.NewTime(epoch.Add(time.Duration(hours) * time.Hour)))
}

func drawIDs(t *rapid.T, label string) []string {
	return rapid.SliceOfN(rapid.SampledFrom(worldUsers), 1, 5).Draw(t, label)
}

func drawUsers(t *rapid.T) map[string]User {
	users := map[string]User{}
	for _, id := range worldUsers[:len(worldUsers)-1] {
		user := User{
			UserName:  rapid.SampledFrom([]string{"Alice", "alice", "bob", ""}).Draw(t, "userName of "+id),
			Name:      rapid.SampledFrom(worldNames).Draw(t, "name of "+id),
			Active:    !oneIn(t, 5, "suspended"),
			Counts:    !oneIn(t, 5, "without claim"),
			Directory: rapid.SampledFrom(worldDirectories).Draw(t, "directory of "+id),
		}
		if oneIn(t, 10, "expression fails") {
			user.Refusal = "the expression fails"
		}
		users[id] = user
	}
	return users
}

func drawRole(t *rapid.T, index int) Role {
	role := Role{
		ID:          fmt.Sprintf("role-%d", index),
		DisplayName: rapid.SampledFrom(worldRoles).Draw(t, "displayName"),
		Directory:   rapid.SampledFrom(worldDirectories).Draw(t, "directory"),
		Counts:      !oneIn(t, 5, "role without claim"),
	}
	if rapid.Bool().Draw(t, "labelled") {
		role.Labels = map[string]string{"team": rapid.SampledFrom([]string{"x", "y"}).Draw(t, "team")}
	}
	for range rapid.IntRange(1, 3).Draw(t, "shards") {
		if oneIn(t, 10, "missing") {
			role.Shards = append(role.Shards, Shard{Missing: true})
			continue
		}
		role.Shards = append(role.Shards, Shard{Members: drawIDs(t, "members")})
	}
	if rapid.Bool().Draw(t, "local members") {
		role.Local = drawIDs(t, "local")
	}
	if rapid.Bool().Draw(t, "default role") {
		role.Rules = []Rule{{Label: DefaultShard, Members: drawIDs(t, "by default")}}
	}
	if oneIn(t, 3, "assigned role") {
		role.Rules = append(role.Rules, Rule{Label: AssignedShard, Members: drawIDs(t, "by assignment")})
	}
	return role
}

// drawGrant draws a ClusterAccessGrant, or an AccessGrant, as the API admits it and, now and then, as it does not.
func drawGrant(t *rapid.T, index int) Grant {
	grant := Grant{Name: fmt.Sprintf("grant-%d", index/2), UID: types.UID(fmt.Sprintf("uid-%d", index))}
	grant.Spec.Roles = rapid.SliceOfN(rapid.Custom(drawRoleSelector), 1, 4).Draw(t, "selectors")
	grant.Spec.Users = rapid.SliceOfN(rapid.Custom(drawUserSelector), 0, 2).Draw(t, "users")
	if oneIn(t, 3, "with a machine") {
		grant.Spec.ServiceAccounts = []v1alpha1.ServiceAccountReference{{Namespace: "ci", Name: "deployer"}, {Namespace: "a", Name: "bot"}}
	}
	grant.Spec.To.Name = rapid.SampledFrom(worldTargets).Draw(t, "to")
	grant.Spec.Validity = &v1alpha1.Validity{NotBefore: drawInstant(t, "notBefore"), ExpiresAt: drawInstant(t, "expiresAt")}
	grant.Spec.Scope = v1alpha1.ScopeCluster
	// Grants with odd indices are AccessGrants, so that the two kinds share names.
	switch {
	case index%2 == 1:
		grant.Namespace = rapid.SampledFrom(worldSpace).Draw(t, "namespace")
		object := &v1alpha1.AccessGrant{}
		object.Namespace = grant.Namespace
		spec := object.ClusterSpec()
		grant.Spec.Scope, grant.Spec.Namespaces = spec.Scope, spec.Namespaces
	case rapid.Bool().Draw(t, "in namespaces"):
		grant.Spec.Scope, grant.Spec.Namespaces = v1alpha1.ScopeNamespaces, drawNamespaceSelection(t)
	}
	if oneIn(t, 3, "to a Role") {
		grant.Spec.To.Kind = v1alpha1.KindRole
	}
	return grant
}

func drawRoleSelector(t *rapid.T) v1alpha1.RoleSelector {
	directory := rapid.SampledFrom([]string{"", "", "okta"}).Draw(t, "selector's directory")
	switch rapid.IntRange(0, 2).Draw(t, "by") {
	case 0:
		return v1alpha1.RoleSelector{DisplayName: rapid.SampledFrom(worldRoles).Draw(t, "displayName"), Directory: directory}
	case 1:
		return v1alpha1.RoleSelector{Name: fmt.Sprintf("role-%d", rapid.IntRange(0, 4).Draw(t, "name"))}
	default:
		return v1alpha1.RoleSelector{Selector: drawLabelSelector(t), Directory: directory}
	}
}

func drawUserSelector(t *rapid.T) v1alpha1.UserSelector {
	if rapid.Bool().Draw(t, "by id") {
		return v1alpha1.UserSelector{Name: rapid.SampledFrom(worldUsers).Draw(t, "id")}
	}
	return v1alpha1.UserSelector{
		UserName:  rapid.SampledFrom([]string{"ALICE", "bob", "nobody"}).Draw(t, "by userName"),
		Directory: rapid.SampledFrom([]string{"", "okta"}).Draw(t, "of directory"),
	}
}

// drawLabelSelector draws one that selects some, all, or, because it cannot be used, none.
func drawLabelSelector(t *rapid.T) *metav1.LabelSelector {
	switch rapid.IntRange(0, 4).Draw(t, "label selector") {
	case 0:
		return &metav1.LabelSelector{}
	case 1:
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "team", Operator: "Nonsense"}}}
	case 2:
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "team", Operator: metav1.LabelSelectorOpExists}}}
	default:
		return &metav1.LabelSelector{MatchLabels: map[string]string{"team": "x"}}
	}
}

func drawNamespaceSelection(t *rapid.T) *v1alpha1.NamespaceSelection {
	names := func(label string, n int) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(worldSpace), 0, n, rapid.ID).Draw(t, label)
	}
	selection := &v1alpha1.NamespaceSelection{Names: names("names", 3), ExcludeNames: names("excluded", 2)}
	if rapid.Bool().Draw(t, "by label") {
		selection.Selector = drawLabelSelector(t)
	}
	return selection
}

func drawState(t *rapid.T) State {
	targets := func(label string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(worldTargets), 3, 4, rapid.ID).Draw(t, label)
	}
	state := State{
		Now: epoch, Users: drawUsers(t),
		Bindable: targets("bindable"), BindableRoles: targets("bindable Roles"), ClusterRoles: []string{"view", "edit", "cluster-admin"},
	}
	for i := range rapid.IntRange(2, 4).Draw(t, "roles") {
		state.Roles = append(state.Roles, drawRole(t, i))
	}
	for i := range rapid.IntRange(2, 4).Draw(t, "grants") {
		state.Grants = append(state.Grants, drawGrant(t, i))
	}
	for _, name := range worldSpace[:3] {
		ns := Namespace{Name: name, Terminating: oneIn(t, 5, "terminating"), Roles: worldTargets[:rapid.IntRange(1, 4).Draw(t, "Roles")]}
		if rapid.Bool().Draw(t, "labelled") {
			ns.Labels = map[string]string{"team": rapid.SampledFrom([]string{"x", "y"}).Draw(t, "team")}
		}
		state.Namespaces = append(state.Namespaces, ns)
	}
	return state
}

// shuffled is the same state in another order, in everything in which order means nothing.
func shuffled(t *rapid.T, state State) State {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	state.Grants, state.Roles, state.Namespaces = shuffle(r, state.Grants), shuffle(r, state.Roles), shuffle(r, state.Namespaces)
	state.Bindable, state.BindableRoles = shuffle(r, state.Bindable), shuffle(r, state.BindableRoles)
	state.ClusterRoles, state.Existing = shuffle(r, state.ClusterRoles), shuffle(r, state.Existing)
	for i := range state.Roles {
		role := &state.Roles[i]
		role.Local, role.Shards, role.Rules = shuffle(r, role.Local), slices.Clone(role.Shards), slices.Clone(role.Rules)
		for k := range role.Shards {
			role.Shards[k].Members = shuffle(r, role.Shards[k].Members)
		}
		for k := range role.Rules {
			role.Rules[k].Members = shuffle(r, role.Rules[k].Members)
		}
	}
	for i := range state.Grants {
		spec := &state.Grants[i].Spec
		spec.ServiceAccounts = shuffle(r, spec.ServiceAccounts)
		if spec.Namespaces != nil {
			where := *spec.Namespaces
			where.Names, where.ExcludeNames = shuffle(r, where.Names), shuffle(r, where.ExcludeNames)
			spec.Namespaces = &where
		}
	}
	for i := range state.Namespaces {
		state.Namespaces[i].Roles = shuffle(r, state.Namespaces[i].Roles)
	}
	return state
}

// shuffle gives a copy in another order.
func shuffle[T any](r *rand.Rand, values []T) []T {
	values = slices.Clone(values)
	r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	return values
}
