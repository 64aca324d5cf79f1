package explain

import (
	"cmp"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

// Engine answers questions about a World at an instant. It is not for several goroutines at once.
type Engine struct {
	world *world.World
	now   time.Time
	// bindings are all of the cluster, sorted: cluster-wide first, then by namespace and name.
	bindings []binding
	// named are the ScimUsers by their Kubernetes user names, whether or not they count.
	named map[string][]*v1alpha1.ScimUser
	// labelled are the ScimRoles by the label that bindings have for them.
	labelled map[string]*v1alpha1.ScimRole
	grants   map[access.GrantKey]Grant
	rules    map[targetKey]*Target
	// groups are the ScimRoles by their Kubernetes groups.
	groups map[string][]*v1alpha1.ScimRole
	plans  []*v1alpha1.AccessPlan
	// memberships remember what membersByName said, by role.
	memberships map[string]map[string][]Member
}

// binding is a ClusterRoleBinding or a RoleBinding.
type binding struct {
	meta     *metav1.ObjectMeta
	kind     string
	ref      rbacv1.RoleRef
	subjects []rbacv1.Subject
}

// targetKey names a ClusterRole, or with a namespace a Role.
type targetKey struct{ namespace, name string }

// New prepares the answers.
func New(w *world.World, now time.Time) *Engine {
	e := &Engine{
		world: w, now: now,
		named: map[string][]*v1alpha1.ScimUser{}, labelled: map[string]*v1alpha1.ScimRole{}, grants: map[access.GrantKey]Grant{},
		rules: map[targetKey]*Target{}, groups: map[string][]*v1alpha1.ScimRole{},
		memberships: map[string]map[string][]Member{},
	}
	objects := w.Objects()
	for i := range objects.Users {
		if name, _ := w.NameOf(&objects.Users[i]); name != "" {
			e.named[name] = append(e.named[name], &objects.Users[i])
		}
	}
	for i := range objects.Roles {
		role := &objects.Roles[i]
		e.labelled[access.RoleLabel(role.Name)] = role
		if name := w.GroupOf(role); name != "" {
			e.groups[name] = append(e.groups[name], role)
		}
	}
	for i := range objects.AccessPlans {
		e.plans = append(e.plans, &objects.AccessPlans[i])
	}
	e.addGrants(&objects)
	e.addBindings(&objects)
	e.addTargets(&objects)
	return e
}

func (e *Engine) addGrants(objects *world.Objects) {
	for i := range objects.ClusterAccessGrants {
		grant := &objects.ClusterAccessGrants[i]
		e.grants[access.GrantKey{Name: grant.Name}] = describeGrant(clusterGrantKind, &grant.ObjectMeta, grant.Spec.Validity)
	}
	for i := range objects.AccessGrants {
		grant := &objects.AccessGrants[i]
		e.grants[access.GrantKey{Namespace: grant.Namespace, Name: grant.Name}] = describeGrant(grantKind, &grant.ObjectMeta, grant.Spec.Validity)
	}
}

func describeGrant(kind string, meta *metav1.ObjectMeta, validity *v1alpha1.Validity) Grant {
	grant := Grant{Kind: kind, Namespace: meta.Namespace, Name: meta.Name, CreatedAt: meta.CreationTimestamp, Missing: meta.DeletionTimestamp != nil}
	grant.Writer, grant.ChangedAt = lastWriter(meta, "spec")
	if validity != nil {
		grant.NotBefore, grant.ExpiresAt = validity.NotBefore, validity.ExpiresAt
	}
	return grant
}

func (e *Engine) addBindings(objects *world.Objects) {
	for i := range objects.ClusterRoleBindings {
		b := &objects.ClusterRoleBindings[i]
		e.bindings = append(e.bindings, binding{&b.ObjectMeta, clusterRoleBind, b.RoleRef, b.Subjects})
	}
	for i := range objects.RoleBindings {
		b := &objects.RoleBindings[i]
		e.bindings = append(e.bindings, binding{&b.ObjectMeta, roleBind, b.RoleRef, b.Subjects})
	}
	slices.SortFunc(e.bindings, func(a, b binding) int {
		return cmp.Or(strings.Compare(a.meta.Namespace, b.meta.Namespace), strings.Compare(a.meta.Name, b.meta.Name))
	})
}

func (e *Engine) addTargets(objects *world.Objects) {
	for i := range objects.ClusterRoles {
		role := &objects.ClusterRoles[i]
		e.rules[targetKey{name: role.Name}] = &Target{
			Kind: v1alpha1.KindClusterRole, Name: role.Name, Aggregated: role.AggregationRule != nil, Rules: numbered(role.Rules),
		}
	}
	for i := range objects.RBACRoles {
		role := &objects.RBACRoles[i]
		e.rules[targetKey{role.Namespace, role.Name}] = &Target{
			Kind: v1alpha1.KindRole, Namespace: role.Namespace, Name: role.Name, Rules: numbered(role.Rules),
		}
	}
}

// target is what a reference from a namespace means, with those of its rules that allow the request; ok is false when none does. Without
// a request everything is of interest, even what does not exist.
func (e *Engine) target(ref rbacv1.RoleRef, namespace string, request *Request) (target Target, ok bool) {
	key := targetKey{name: ref.Name}
	if ref.Kind == v1alpha1.KindRole {
		key.namespace = namespace
	}
	found := e.rules[key]
	if found == nil {
		return Target{Kind: ref.Kind, Namespace: key.namespace, Name: ref.Name, Missing: true}, request == nil
	}
	target = *found
	if request != nil {
		target.Rules = nil
		for _, rule := range found.Rules {
			if request.allows(rule.PolicyRule) {
				target.Rules = append(target.Rules, rule)
			}
		}
	}
	return target, request == nil || len(target.Rules) > 0
}

// grantOf is the grant that a binding of ours was derived from.
func (e *Engine) grantOf(labels map[string]string) *Grant {
	key, ok := access.GrantOf(labels)
	if !ok {
		return nil
	}
	grant, known := e.grants[key]
	if !known {
		grant = Grant{Kind: clusterGrantKind, Namespace: key.Namespace, Name: key.Name, Missing: true}
		if key.Namespace != "" {
			grant.Kind = grantKind
		}
	}
	return &grant
}

// opened is a binding that gives what was asked for.
type opened struct {
	*binding

	engine *Engine
	target Target
	grant  *Grant
	people []access.Person
	writer string
}

// open looks at what a binding gives; it is nil when that is not what was asked for.
func (e *Engine) open(b *binding, request *Request) *opened {
	if !request.reaches(b.meta.Namespace) {
		return nil
	}
	target, ok := e.target(b.ref, b.meta.Namespace, request)
	if !ok {
		return nil
	}
	o := &opened{binding: b, engine: e, target: target, grant: e.grantOf(b.meta.Labels)}
	o.people = access.DecodePeople(b.meta.Annotations[v1alpha1.AnnotationPeople], len(b.subjects))
	o.writer, _ = lastWriter(b.meta, "subjects")
	return o
}

// path is the way through one of the subjects, or, with -1, through any.
func (o *opened) path(nth int, members []Member) Path {
	described := Binding{
		Kind: o.kind, Namespace: o.meta.Namespace, Name: o.meta.Name, Subjects: len(o.subjects), CreatedAt: o.meta.CreationTimestamp,
		Managed: isOurs(o.meta.Labels), Writer: o.writer,
	}
	if nth >= 0 {
		described.Subject, described.Held = &o.subjects[nth], o.held(nth)
	}
	shard, _, _ := strings.Cut(o.meta.Labels[v1alpha1.LabelShard], ".")
	return Path{Members: members, Direct: described.Managed && shard == access.DirectShard, Grant: o.grant, Binding: described, Target: o.target}
}

// held says whether the guard keeps a subject in the binding.
func (o *opened) held(nth int) *Held {
	if nth >= len(o.people) || !o.people[nth].Mark.Waits() {
		return nil
	}
	// access.Held looks at whole bindings; one of the one subject and its record says the same of that subject.
	record := map[string]string{v1alpha1.AnnotationPeople: access.EncodePeople(o.people[nth : nth+1])}
	for _, plan := range o.engine.plans {
		if held := access.Held(plan, o.meta.Labels, record, o.subjects[nth:nth+1]); len(held) > 0 {
			found := &Held{AccessPlan: plan.Name}
			if !held[0].Discarded {
				found.ReleaseTime = plan.Status.ReleaseTime
			}
			return found
		}
	}
	return nil
}

// membersBehind are those of some memberships because of which their holder is a subject of the binding. A member whom the guard holds may
// be in the role no more: then there are none.
func (o *opened) membersBehind(nth int, memberships []Member) []Member {
	subject, ours := o.subjects[nth], isOurs(o.meta.Labels)
	if !ours && subject.Kind == rbacv1.UserKind {
		return nil
	}
	var found []Member
	for _, member := range memberships {
		role := o.engine.world.Role(member.Role)
		if ours && (o.engine.labelled[o.meta.Labels[v1alpha1.LabelRole]] != role || !belongs(member, o.meta.Labels[v1alpha1.LabelShard])) {
			continue
		}
		if subject.Kind == rbacv1.GroupKind && (o.engine.world.GroupOf(role) != subject.Name || member.Via != world.ViaPushed) {
			continue
		}
		found = append(found, member)
	}
	return found
}

// belongs says whether the binding of a shard is where a membership leads to.
func belongs(member Member, shard string) bool {
	rule, _, _ := strings.Cut(shard, ".")
	switch rule {
	case access.DefaultShard:
		return member.Via == world.ViaDefault
	case access.AssignedShard:
		return member.Via == world.ViaAssigned
	case access.LocalShard:
		return member.Via == world.ViaLocal
	}
	return member.Via == world.ViaPushed || member.Via == world.ViaLocal && member.Directory == ""
}
