package differential_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/clients"
	"github.com/scim-operator/scim-operator/test/okta"
)

const (
	// prefixed is the directory whose users bear a prefix in Kubernetes; those of the other, and local ones, bear their userNames.
	prefixed, plain = "okta", "entra"
	prefix          = "oidc:"
	// outside is a namespace that no grant names and no selector finds.
	outside = "outside"
)

// history makes up what happens, and does it.
type history struct {
	*rand.Rand

	kube    client.Client
	sources []source
	people  []*person
	groups  []*group
	// names are all that anybody ever had in Kubernetes.
	names  []string
	serial int
	// did counts what was done, by its name.
	did map[string]int
}

// source is an identity provider and the name of its directory.
type source struct {
	directory string
	clients.Client
}

// person is somebody as an identity provider knows them, or, without one, as a local user.
type person struct {
	source *source
	id     string
	is     clients.Person
}

// group is one as an identity provider knows it, or, without one, a local role.
type group struct {
	source  *source
	id      string
	is      clients.Group
	members []string
}

// step is one kind of thing that happens, and how often.
type step struct {
	name   string
	weight int
	do     func(context.Context) error
}

func (h *history) steps() []step {
	return []step{
		{"create a user", 16, h.createUser}, {"deactivate or activate a user", 12, h.toggleUser}, {"rename a user", 6, h.renameUser},
		{"change a department", 4, h.changeDepartment}, {"delete a user", 4, h.deleteUser}, {"claim somebody's name", 3, h.clash},
		{"push a group", 8, h.createGroup}, {"change members", 24, h.changeMembers}, {"rename a group", 4, h.renameGroup},
		{"delete a group", 3, h.deleteGroup}, {"push a large group", 2, h.largeGroup},
		{"add a local member", 5, h.localMember}, {"label a role", 5, h.labelRole},
		{"label a namespace", 5, h.labelNamespace}, {"add or delete a Role", 4, h.toggleRole}, {"end a namespace", 1, h.endNamespace},
		{"create a grant", 12, h.createGrant}, {"change a grant", 8, h.changeGrant}, {"delete a grant", 4, h.deleteGrant},
	}
}

// happen does a number of random things, one after the other. A push that the server refuses because a name is taken is a push all the
// same.
func (h *history) happen(ctx context.Context, n int) error {
	var bag []step
	for _, s := range h.steps() {
		bag = append(bag, slices.Repeat([]step{s}, s.weight)...)
	}
	for range n {
		s := pick(h, bag)
		if err := s.do(ctx); err != nil && okta.StatusOf(err) != 409 {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		h.did[s.name]++
	}
	return nil
}

// pick chooses one; the zero value when there is none.
func pick[T any](h *history, from []T) (chosen T) {
	if len(from) > 0 {
		chosen = from[h.IntN(len(from))]
	}
	return chosen
}

// once is true once in n times.
func (h *history) once(n int) bool { return h.IntN(n) == 0 }

func (h *history) next() int {
	h.serial++
	return h.serial
}

// newName makes a userName that nobody has; now and then one that must never be bound as it is.
func (h *history) newName() string {
	n := h.next()
	if h.once(6) {
		return fmt.Sprintf(pick(h, []string{"system:masters%d", "System:Admin%d", "ｓｙｓｔｅｍ:node%d", "system:serviceaccount:ci:bot%d"}), n)
	}
	return fmt.Sprintf("user%d@example.com", n)
}

// bear remembers the name that a userName becomes, so that questions are asked about it, and the same without or with the prefix.
func (h *history) bear(userName string) { h.names = append(h.names, userName, prefix+userName) }

func (h *history) createUser(ctx context.Context) error {
	p := &person{is: clients.Person{UserName: h.newName(), GivenName: "A", FamilyName: "B", Active: true}}
	p.is.ExternalID = "ext-" + p.is.UserName
	if h.once(2) {
		p.is.Department = pick(h, []string{"payments", "shop"})
	}
	h.bear(p.is.UserName)
	if h.once(8) {
		return h.createLocalUser(ctx, p)
	}
	p.source = &h.sources[h.IntN(len(h.sources))]
	var err error
	if p.id, err = p.source.CreateUser(ctx, p.is); err != nil {
		return err
	}
	h.people = append(h.people, p)
	// A newcomer usually comes with a group.
	if g := pick(h, h.groups); g != nil && g.source == p.source && h.once(2) {
		return h.setMembers(ctx, g, append(slices.Clone(g.members), p.id))
	}
	return nil
}

func (h *history) createLocalUser(ctx context.Context, p *person) error {
	p.id = fmt.Sprintf("local-%d", h.next())
	h.people = append(h.people, p)
	return h.kube.Create(ctx, &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Name: p.id}, Spec: v1alpha1.ScimUserSpec{UserName: p.is.UserName},
	})
}

// update pushes a person's new state, or writes it, if nobody pushes that person.
func (h *history) update(ctx context.Context, p *person, change func(*clients.Person)) error {
	after := p.is
	change(&after)
	before := p.is
	p.is = after
	if p.source != nil {
		return p.source.UpdateUser(ctx, p.id, before, after)
	}
	return changeObject(ctx, h.kube, p.id, func(user *v1alpha1.ScimUser) {
		user.Spec.UserName, user.Spec.Active = after.UserName, &after.Active
	})
}

func (h *history) toggleUser(ctx context.Context) error {
	p := pick(h, h.people)
	if p == nil {
		return nil
	}
	return h.update(ctx, p, func(is *clients.Person) { is.Active = !is.Active })
}

func (h *history) renameUser(ctx context.Context) error {
	p := pick(h, h.people)
	if p == nil || !p.is.Active { // Nobody who is deactivated gets a push of the profile.
		return nil
	}
	name := h.newName()
	h.bear(name)
	return h.update(ctx, p, func(is *clients.Person) { is.UserName = name })
}

func (h *history) changeDepartment(ctx context.Context) error {
	p := pick(h, h.people)
	if p == nil || p.source == nil || !p.is.Active {
		return nil
	}
	return h.update(ctx, p, func(is *clients.Person) { is.Department = pick(h, []string{"payments", "shop", "ops"}) })
}

func (h *history) deleteUser(ctx context.Context) error {
	i := slices.IndexFunc(h.people, func(p *person) bool { return p.source == nil || p.source.directory == plain })
	if i < 0 {
		return nil
	}
	p := h.people[i]
	h.people = slices.Delete(h.people, i, i+1)
	if p.source != nil {
		return p.source.RemoveUser(ctx, p.id)
	}
	return client.IgnoreNotFound(h.kube.Delete(ctx, &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: p.id}}))
}

// clash pushes a user under a name that somebody else has. The server says that it is taken.
func (h *history) clash(ctx context.Context) error {
	p := pick(h, h.people)
	if p == nil || p.source == nil {
		return nil
	}
	for i := range h.sources {
		if other := &h.sources[i]; other.directory != p.source.directory {
			_, err := other.CreateUser(ctx, clients.Person{UserName: p.is.UserName, ExternalID: fmt.Sprintf("thief-%d", h.next()), Active: true})
			return err
		}
	}
	return nil
}

// anybody gives ids to put into groups: mostly people of the same directory, and also those of the other, local ones, and nobody's.
func (h *history) anybody(n int) []string {
	var ids []string
	for range n {
		if p := pick(h, h.people); p != nil {
			ids = append(ids, p.id)
		}
	}
	if h.once(4) {
		ids = append(ids, fmt.Sprintf("nobody-%d", h.next()))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (h *history) createGroup(ctx context.Context) error {
	g := &group{source: &h.sources[h.IntN(len(h.sources))], members: h.anybody(6)}
	g.is = clients.Group{Name: fmt.Sprintf("Group %d", h.next()), ExternalID: fmt.Sprintf("group-%d", h.serial)}
	if h.once(6) {
		return h.createLocalRole(ctx, g)
	}
	var err error
	if g.id, err = g.source.CreateGroup(ctx, g.is, g.members); err == nil {
		h.groups = append(h.groups, g)
	}
	return err
}

func (h *history) createLocalRole(ctx context.Context, g *group) error {
	g.source, g.id = nil, fmt.Sprintf("role-%d", h.next())
	h.groups = append(h.groups, g)
	return h.kube.Create(ctx, &v1alpha1.ScimRole{
		ObjectMeta: metav1.ObjectMeta{Name: g.id}, Spec: v1alpha1.ScimRoleSpec{DisplayName: g.is.Name, LocalMembers: g.members},
	})
}

func (h *history) setMembers(ctx context.Context, g *group, after []string) error {
	before := g.members
	g.members = after
	if g.source != nil {
		return g.source.ChangeMembers(ctx, g.id, g.is, before, after)
	}
	return changeObject(ctx, h.kube, g.id, func(role *v1alpha1.ScimRole) { role.Spec.LocalMembers = after })
}

func (h *history) changeMembers(ctx context.Context) error {
	g := pick(h, h.groups)
	if g == nil {
		return nil
	}
	after := slices.DeleteFunc(slices.Clone(g.members), func(string) bool { return h.once(3) })
	after = append(after, h.anybody(h.IntN(4))...)
	slices.Sort(after)
	return h.setMembers(ctx, g, slices.Compact(after))
}

// largeGroup pushes more members than a role holds itself, most of whom nobody knows.
func (h *history) largeGroup(ctx context.Context) error {
	g := pick(h, h.groups)
	if g == nil || g.source == nil {
		return nil
	}
	after := h.anybody(10)
	for i := range pick(h, []int{90, 150, 1100}) {
		after = append(after, fmt.Sprintf("nobody-%06d", i))
	}
	slices.Sort(after)
	return h.setMembers(ctx, g, slices.Compact(after))
}

func (h *history) renameGroup(ctx context.Context) error {
	g := pick(h, h.groups)
	if g == nil || g.source == nil {
		return nil
	}
	g.is.Name = fmt.Sprintf("Group %d", h.next())
	return g.source.RenameGroup(ctx, g.id, g.is)
}

func (h *history) deleteGroup(ctx context.Context) error {
	if len(h.groups) == 0 {
		return nil
	}
	i := h.IntN(len(h.groups))
	g := h.groups[i]
	h.groups = slices.Delete(h.groups, i, i+1)
	if g.source != nil {
		return g.source.RemoveGroup(ctx, g.id)
	}
	return h.kube.Delete(ctx, &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: g.id}})
}

// localMember is what a person does to a role that an identity provider pushes.
func (h *history) localMember(ctx context.Context) error {
	g := pick(h, h.groups)
	if g == nil || g.source == nil {
		return nil
	}
	return changeObject(ctx, h.kube, g.id, func(role *v1alpha1.ScimRole) { role.Spec.LocalMembers = h.anybody(2) })
}

func (h *history) labelRole(ctx context.Context) error {
	g := pick(h, h.groups)
	if g == nil {
		return nil
	}
	return changeObject(ctx, h.kube, g.id, func(role *v1alpha1.ScimRole) { setLabel(role, "team", pick(h, []string{"", "x", "y"})) })
}

func setLabel(object client.Object, key, value string) {
	have := object.GetLabels()
	if have == nil {
		have = map[string]string{}
	}
	have[key] = value
	if value == "" {
		delete(have, key)
	}
	object.SetLabels(have)
}

// teams are the namespaces that grants may be about.
func teams() []string { return []string{"team-a", "team-b", "team-c", "team-d", "team-e"} }

func (h *history) labelNamespace(ctx context.Context) error {
	return changeObject(ctx, h.kube, pick(h, teams()), func(ns *corev1.Namespace) { setLabel(ns, "team", pick(h, []string{"", "x", "y"})) })
}

// endNamespace begins the end of the last namespace. As nothing here finishes it, it stays as one that is being deleted.
func (h *history) endNamespace(ctx context.Context) error {
	return h.kube.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: teams()[len(teams())-1]}})
}

// toggleRole makes a Role of a name that may be given, or of one that may not, or deletes it.
func (h *history) toggleRole(ctx context.Context) error {
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: pick(h, teams()[:4]), Name: pick(h, []string{"deployer", "hidden"})},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"*"}}},
	}
	if h.once(3) {
		return client.IgnoreNotFound(h.kube.Delete(ctx, role))
	}
	return client.IgnoreAlreadyExists(h.kube.Create(ctx, role))
}
