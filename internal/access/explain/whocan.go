package explain

import (
	"cmp"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// WhoCan finds everybody to whom RBAC allows a request, people by name.
func (e *Engine) WhoCan(request Request) Holders {
	found := Holders{Request: request, People: []Holder{}, Others: []Holder{}}
	people, others := map[string]*Holder{}, map[rbacv1.Subject]*Holder{}
	for i := range e.bindings {
		b := e.open(&e.bindings[i], &request)
		if b == nil {
			continue
		}
		for nth, subject := range b.subjects {
			if !e.expand(people, b, nth) {
				key := rbacv1.Subject{Kind: subject.Kind, Name: subject.Name}
				if subject.Kind == rbacv1.ServiceAccountKind {
					key.Namespace = cmp.Or(subject.Namespace, b.meta.Namespace)
				}
				holder := others[key]
				if holder == nil {
					holder = &Holder{Subject: &key}
					others[key] = holder
				}
				holder.Paths = append(holder.Paths, b.path(nth, nil))
			}
		}
	}
	for _, holder := range people {
		found.People = append(found.People, *holder)
	}
	for _, holder := range others {
		found.Others = append(found.Others, *holder)
	}
	slices.SortFunc(found.People, func(a, b Holder) int { return strings.Compare(a.KubernetesUser, b.KubernetesUser) })
	slices.SortFunc(found.Others, func(a, b Holder) int {
		return cmp.Or(strings.Compare(a.Subject.Kind, b.Subject.Kind), strings.Compare(a.Subject.Namespace, b.Subject.Namespace),
			strings.Compare(a.Subject.Name, b.Subject.Name))
	})
	return found
}

// expand adds the path through a subject to the people whom it means, and says whether it knows any.
func (e *Engine) expand(people map[string]*Holder, b *opened, nth int) bool {
	subject := b.subjects[nth]
	switch {
	case subject.Kind == rbacv1.GroupKind:
		return e.expandGroup(people, b, nth)
	case subject.Kind != rbacv1.UserKind || len(e.named[subject.Name]) == 0:
		return false
	}
	var members []Member
	if role := e.labelled[b.meta.Labels[v1alpha1.LabelRole]]; role != nil && isOurs(b.meta.Labels) {
		members = b.membersBehind(nth, e.membersByName(role)[subject.Name])
	}
	e.give(people, subject.Name, b.path(nth, members))
	return true
}

// expandGroup adds the path to everybody whom a directory pushed into a group. Whether they are suspended is not asked: the token says who is
// in a group, until it expires.
func (e *Engine) expandGroup(people map[string]*Holder, b *opened, nth int) bool {
	roles := e.groups[b.subjects[nth].Name]
	for _, role := range roles {
		for name, all := range e.membersByName(role) {
			if members := b.membersBehind(nth, all); len(members) > 0 {
				e.give(people, name, b.path(nth, members))
			}
		}
	}
	return len(roles) > 0
}

func (e *Engine) give(people map[string]*Holder, name string, path Path) {
	holder := people[name]
	if holder == nil {
		holder = &Holder{KubernetesUser: name}
		for _, user := range e.named[name] {
			holder.People = append(holder.People, e.person(user))
		}
		slices.SortFunc(holder.People, func(a, b Person) int { return strings.Compare(a.ScimUser, b.ScimUser) })
		people[name] = holder
	}
	holder.Paths = append(holder.Paths, path)
}

// membersByName are the memberships of a role by the Kubernetes names of the members, without those of strangers. They are worked out once
// for all bindings of the role.
func (e *Engine) membersByName(role *v1alpha1.ScimRole) map[string][]Member {
	if done, ok := e.memberships[role.Name]; ok {
		return done
	}
	all := map[string][]Member{}
	for _, m := range e.world.Members(role) {
		user := e.world.User(m.User)
		if user == nil || m.Stranger {
			continue
		}
		if name, _ := e.world.NameOf(user); name != "" {
			all[name] = append(all[name], e.member(role, m))
		}
	}
	e.memberships[role.Name] = all
	return all
}
