package explain

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// Why says by which paths somebody has all their access, or what a request asks for; and, when it is not allowed, which grants could
// allow it and why they do not.
func (e *Engine) Why(identity Identity, request *Request) Answer {
	answer := Answer{Identity: &identity, Request: request, Paths: []Path{}}
	for i := range e.bindings {
		nth := slices.IndexFunc(e.bindings[i].subjects, func(s rbacv1.Subject) bool { return identity.is(s, e.bindings[i].meta.Namespace) })
		if nth < 0 {
			continue
		}
		o := e.open(&e.bindings[i], request)
		if o == nil {
			continue
		}
		for ; nth < len(o.subjects); nth++ {
			if identity.is(o.subjects[nth], o.meta.Namespace) {
				answer.Paths = append(answer.Paths, o.path(nth, o.membersBehind(nth, identity.Roles)))
			}
		}
	}
	answer.conclude()
	if answer.Allowed != nil && !*answer.Allowed {
		answer.Missing = e.missing(&identity, request)
	}
	if len(identity.People) > 1 {
		answer.Notes = append(answer.Notes, "Several ScimUsers have this Kubernetes user name: to Kubernetes they are one person.")
	}
	return answer
}

// WhyRole says the same of a role: what grants give its members, and what its group has in their tokens.
func (e *Engine) WhyRole(role *v1alpha1.ScimRole, request *Request) Answer {
	described := e.Role(role)
	answer := Answer{Role: &described, Request: request, Paths: []Path{}}
	for i := range e.bindings {
		b := &e.bindings[i]
		nth := -1
		if !isOurs(b.meta.Labels) || e.labelled[b.meta.Labels[v1alpha1.LabelRole]] != role {
			nth = slices.IndexFunc(b.subjects, func(s rbacv1.Subject) bool {
				return s.Kind == rbacv1.GroupKind && described.Group != "" && s.Name == described.Group
			})
			if nth < 0 {
				continue
			}
		}
		if o := e.open(b, request); o != nil && len(b.subjects) > 0 {
			answer.Paths = append(answer.Paths, o.path(nth, nil))
		}
	}
	answer.conclude()
	return answer
}

// Role describes a role.
func (e *Engine) Role(role *v1alpha1.ScimRole) Role {
	described := Role{
		Role: role.Name, DisplayName: role.Spec.DisplayName, Directory: role.Spec.Directory, Group: e.world.GroupOf(role),
		Counts: e.world.RoleCounts(role), MissingSlices: e.world.MissingSlices(role),
	}
	all, effective := map[string]bool{}, map[string]bool{}
	for _, member := range e.world.Members(role) {
		all[member.User] = true
		if e.noEffect(role, member) == "" {
			effective[member.User] = true
		}
	}
	described.Members, described.Effective = len(all), len(effective)
	return described
}

// conclude says whether the paths allow the request, and where.
func (a *Answer) conclude() {
	if a.Request == nil {
		return
	}
	allowed := len(a.Paths) > 0
	a.Allowed = &allowed
	for i := range a.Paths {
		namespace := a.Paths[i].Binding.Namespace
		if namespace == "" {
			a.ClusterWide = true
			continue
		}
		a.Namespaces = append(a.Namespaces, namespace)
	}
	slices.Sort(a.Namespaces)
	a.Namespaces = slices.Compact(a.Namespaces)
}
