package imports

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/subjects"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

// Options say which bindings are translated, and into what.
type Options struct {
	// Namespace restricts the translation to its RoleBindings; empty means all bindings.
	Namespace string
	// Adopt makes grants that may take the bindings over.
	Adopt bool
}

// Result is what bindings were translated into.
type Result struct {
	// Proposals are one for each binding that is translated, or could not be: ClusterRoleBindings first, then by namespace and name.
	Proposals []Proposal
	Skipped   Skipped
}

// Skipped counts what needs no grant.
type Skipped struct {
	// System are bindings of Kubernetes itself, those of which only subjects of Kubernetes stand, and those of the operator's installation.
	System int
	// Managed are bindings that the operator wrote or is about to take over.
	Managed int
	// SystemSubjects are users and groups of Kubernetes in bindings that are translated.
	SystemSubjects int
}

// Proposal is what one binding was translated into.
type Proposal struct {
	Binding subjects.Binding
	// Grants are ClusterAccessGrants or AccessGrants, none when nothing could be translated.
	Grants []client.Object
	// Notes are for whoever reviews the grants, Untranslated is what the grants lack, and why. Both are fit for a terminal.
	Notes, Untranslated []string
	// Handover is the command that lets the grant take the binding over. It is empty unless Options.Adopt asked for it, and when it
	// cannot be; then Obstacle says why.
	Handover, Obstacle string
}

// translation is the translation of a world.
type translation struct {
	world   *world.World
	book    *subjects.Book
	teams   teams
	options Options
	// taken are the names that grants have, by namespace and name.
	taken map[[2]string]bool
	// bindable says of kinds and names of roles what the installer listed; nil when that is not known.
	bindable map[string]bool
}

// Translate makes grants for all foreign bindings of a world. The same world gives the same grants.
func Translate(w *world.World, options Options) Result {
	t := &translation{
		world: w, book: subjects.NewBook(w), teams: newTeams(w), options: options, taken: takenNames(w), bindable: bindable(w),
	}
	var result Result
	for _, binding := range subjects.Bindings(w) {
		if options.Namespace != "" && binding.Namespace != options.Namespace {
			continue
		}
		switch binding.Origin() {
		case subjects.OfKubernetes, subjects.OfOperator:
			result.Skipped.System++
		case subjects.FromGrant, subjects.HandedOver:
			result.Skipped.Managed++
		case subjects.Foreign:
			t.add(&result, binding)
		}
	}
	return result
}

func bindable(w *world.World) map[string]bool {
	limits, known := cli.LimitsOf(w.Objects())
	if !known {
		return nil
	}
	all := map[string]bool{}
	for _, name := range limits.ClusterRoles {
		all[v1alpha1.KindClusterRole+"/"+name] = true
	}
	for _, name := range limits.Roles {
		all[v1alpha1.KindRole+"/"+name] = true
	}
	return all
}

func (t *translation) add(result *Result, binding subjects.Binding) {
	system := 0
	for _, subject := range binding.Subjects {
		if subjects.IsSystem(subject) {
			system++
		}
	}
	if system > 0 && system == len(binding.Subjects) {
		result.Skipped.System++
		return
	}
	result.Skipped.SystemSubjects += system
	result.Proposals = append(result.Proposals, t.translate(binding, system))
}

// party is whom a binding names, in the terms of grants.
type party struct {
	roles    []v1alpha1.RoleSelector
	users    []*v1alpha1.ScimUser
	accounts []v1alpha1.ServiceAccountReference
	// groups says that the binding names a group, whose members a grant names one by one.
	groups bool
}

func (t *translation) translate(binding subjects.Binding, system int) Proposal {
	p := Proposal{Binding: binding}
	if len(binding.Subjects) == 0 {
		p.Untranslated = []string{"the binding names nobody: delete it"}
		return p
	}
	if system > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("Left out: %s of Kubernetes.", cli.Plural(system, "subject")))
	}
	var who party
	for _, subject := range binding.Subjects {
		if !subjects.IsSystem(subject) {
			t.resolve(&p, &who, subject)
		}
	}
	users := t.nameUsers(&p, &who)
	if len(who.roles)+len(users)+len(who.accounts) == 0 {
		return p
	}
	if gives := binding.Gives(); t.bindable != nil && !t.bindable[gives] {
		p.Notes = append(p.Notes, fmt.Sprintf("The installer has not listed %s: the grant gives nothing until access.bindable%ss has it.",
			cli.Printable(gives), binding.RoleRef.Kind))
	}
	p.Grants = t.grants(binding, who.roles, users, who.accounts)
	if t.options.Adopt {
		t.handOver(&p, who, system)
	}
	return p
}

// resolve finds out who a subject is.
func (t *translation) resolve(p *Proposal, who *party, subject rbacv1.Subject) {
	switch subject.Kind {
	case rbacv1.UserKind:
		found := t.book.Users(subject.Name)
		switch len(found) {
		case 0:
			p.lack("%s: no ScimUser that a grant could bind has this Kubernetes user name", subjects.Describe(subject))
		case 1:
			who.users = append(who.users, found[0])
		default:
			p.lack("%s: several ScimUsers have this Kubernetes user name (%s, %s): correct spec.identity.username of their directory",
				subjects.Describe(subject), found[0].Name, found[1].Name)
		}
	case rbacv1.GroupKind:
		t.resolveGroup(p, who, subject)
	case rbacv1.ServiceAccountKind:
		if len(validation.IsDNS1123Label(subject.Namespace)) > 0 {
			p.lack("%s: there can be no namespace of this name", subjects.Describe(subject))
			return
		}
		who.accounts = append(who.accounts, v1alpha1.ServiceAccountReference{Namespace: subject.Namespace, Name: subject.Name})
	default:
		p.lack("%s: unknown kind of subject", subjects.Describe(subject))
	}
}

func (t *translation) resolveGroup(p *Proposal, who *party, subject rbacv1.Subject) {
	roles := t.book.Groups(subject.Name)
	if len(roles) == 0 {
		p.lack("%s: no pushed group has this Kubernetes group name", subjects.Describe(subject))
		return
	}
	for _, role := range roles {
		who.roles, who.groups = append(who.roles, selectorOf(role)), true
		p.note("%s is ScimRole %s (%s), %s. The grant binds them one by one, so that a revocation takes effect at once; whom the "+
			"identity provider did not push gets nothing.", subjects.Describe(subject), role.Name, cli.Printable(role.Spec.DisplayName),
			cli.Plural(len(t.teams.members[role.Name]), "member"))
	}
}

// nameUsers decides between a role and its members: exactly the members of one role of two or more are the role, and anybody else is
// named one by one.
func (t *translation) nameUsers(p *Proposal, who *party) []v1alpha1.UserSelector {
	slices.SortFunc(who.users, func(a, b *v1alpha1.ScimUser) int { return strings.Compare(a.Name, b.Name) })
	who.users = slices.Compact(who.users)
	if equal := t.teams.equal(who.users); len(equal) > 0 && len(p.Untranslated) == 0 {
		role := equal[0]
		who.roles = append(who.roles, selectorOf(role))
		p.note("The %d users are exactly the members of ScimRole %s (%s): the grant names the role, so whoever joins it gets access, too.",
			len(who.users), role.Name, cli.Printable(role.Spec.DisplayName))
		for _, other := range equal[1:min(len(equal), 1+maxHints)] {
			p.note("They are the members of ScimRole %s (%s), too.", other.Name, cli.Printable(other.Spec.DisplayName))
		}
		return nil
	}
	for _, role := range t.teams.within(who.users) {
		p.note("All %d members of ScimRole %s (%s) are among the users: consider naming the role.",
			len(t.teams.members[role.Name]), role.Name, cli.Printable(role.Spec.DisplayName))
	}
	users := make([]v1alpha1.UserSelector, 0, len(who.users))
	for _, user := range who.users {
		users = append(users, userSelector(user))
		if !user.IsActive() {
			p.note("%s is suspended: the grant gives nothing until the identity provider says otherwise.", cli.Printable(user.Spec.UserName))
		}
	}
	return users
}

func (p *Proposal) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

func (p *Proposal) lack(format string, args ...any) {
	p.Untranslated = append(p.Untranslated, fmt.Sprintf(format, args...))
}

// selectorOf names a role as people know it. A name that a terminal would not show as it is must not be in what people review, so the
// object is named then.
func selectorOf(role *v1alpha1.ScimRole) v1alpha1.RoleSelector {
	if !cli.IsPrintable(role.Spec.DisplayName) {
		return v1alpha1.RoleSelector{Name: role.Name}
	}
	return v1alpha1.RoleSelector{DisplayName: role.Spec.DisplayName, Directory: role.Spec.Directory}
}

func userSelector(user *v1alpha1.ScimUser) v1alpha1.UserSelector {
	if !cli.IsPrintable(user.Spec.UserName) {
		return v1alpha1.UserSelector{Name: user.Name}
	}
	return v1alpha1.UserSelector{UserName: user.Spec.UserName, Directory: user.Spec.Directory}
}
