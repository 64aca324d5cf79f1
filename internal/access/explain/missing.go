package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

// candidate is a grant, and what the planner says it matches.
type candidate struct {
	Grant

	spec       *v1alpha1.ClusterAccessGrantSpec
	conditions []metav1.Condition
	outcome    access.Outcome
}

// missing are the grants that could allow a request, and why they do not allow it to somebody: first those whose roles the person is in.
func (e *Engine) missing(identity *Identity, request *Request) []Missing {
	var all []Missing
	for _, c := range e.candidates() {
		target, ok := e.reachable(&c, request)
		if !ok {
			continue
		}
		m := Missing{Grant: c.Grant, Target: target, Roles: c.outcome.Roles}
		m.Reason, m.Message = e.whyNot(&c, identity)
		all = append(all, m)
	}
	slices.SortStableFunc(all, func(a, b Missing) int {
		return cmp.Or(rank(a.Reason)-rank(b.Reason), strings.Compare(a.Grant.Namespace, b.Grant.Namespace), strings.Compare(a.Grant.Name, b.Grant.Name))
	})
	return all
}

func rank(reason Reason) int {
	if reason == ReasonNotAMember {
		return 1
	}
	return 0
}

// candidates are all grants. The planner says which roles and namespaces they match; for that it need not know any user.
func (e *Engine) candidates() []candidate {
	objects := e.world.Objects()
	var limits world.Limits
	state := e.world.State(e.now, limits, e.world.Grants()...)
	state.Users, state.Existing = nil, nil
	outcomes := map[access.GrantKey]access.Outcome{}
	for _, outcome := range access.Plan(state).Outcomes {
		outcomes[outcome.Grant] = outcome
	}
	var all []candidate
	for i := range objects.ClusterAccessGrants {
		grant := &objects.ClusterAccessGrants[i]
		key := access.GrantKey{Name: grant.Name}
		all = append(all, candidate{e.grants[key], &grant.Spec, grant.Status.Conditions, outcomes[key]})
	}
	for i := range objects.AccessGrants {
		grant := &objects.AccessGrants[i]
		key, spec := access.GrantKey{Namespace: grant.Namespace, Name: grant.Name}, grant.ClusterSpec()
		all = append(all, candidate{e.grants[key], &spec, grant.Status.Conditions, outcomes[key]})
	}
	return all
}

// reachable says whether the target of a grant would allow the request in some place to which the grant belongs. For a Role it is that of
// one of these namespaces.
func (e *Engine) reachable(c *candidate, request *Request) (Target, bool) {
	places := c.outcome.Namespaces
	if c.spec.Scope == v1alpha1.ScopeCluster {
		places = []string{""}
	}
	for _, namespace := range places {
		if !request.reaches(namespace) {
			continue
		}
		key := targetKey{name: c.spec.To.Name}
		if c.spec.To.Kind == v1alpha1.KindRole {
			key.namespace = namespace
		}
		if found := e.rules[key]; found != nil {
			allowing := *found
			allowing.Rules = slices.DeleteFunc(slices.Clone(found.Rules), func(rule Rule) bool { return !request.allows(rule.PolicyRule) })
			if len(allowing.Rules) > 0 {
				return allowing, true
			}
		}
	}
	return Target{}, false
}

// whyNot says why a grant gives somebody nothing. The grant's own word comes last, because it is about everybody.
func (e *Engine) whyNot(c *candidate, identity *Identity) (Reason, string) {
	var members []Member
	for _, member := range identity.Roles {
		if slices.Contains(c.outcome.Roles, member.Role) {
			members = append(members, member)
		}
	}
	names := directlyNamed(c.spec, identity)
	if len(members) == 0 && !names {
		return ReasonNotAMember, "not a member of " + e.roleNames(c) + ", whose members the grant gives it"
	}
	if c.NotBefore != nil && e.now.Before(c.NotBefore.Time) {
		return ReasonNotYetValid, "the grant starts at " + c.NotBefore.UTC().Format(time.RFC3339)
	}
	if c.ExpiresAt != nil && !e.now.Before(c.ExpiresAt.Time) {
		return ReasonExpired, "the grant ended at " + c.ExpiresAt.UTC().Format(time.RFC3339)
	}
	if why := withoutEffect(members); why != "" && !names {
		return ReasonNoEffect, why
	}
	if names {
		for _, person := range identity.People {
			if why := personWithoutEffect(person); why != "" {
				return ReasonNoEffect, why
			}
		}
	}
	if ready := apimeta.FindStatusCondition(c.conditions, v1alpha1.GrantReady); ready != nil && ready.Status != metav1.ConditionTrue {
		return ReasonGrantNotReady, "the grant is not in effect as a whole (" + ready.Reason + "): " + ready.Message
	}
	if c.spec.Condition != "" {
		return ReasonNotWritten, "the grant has a condition, which the person may not fulfil: " + c.spec.Condition
	}
	return ReasonNotWritten, "a member, but no binding says so yet: the operator may be about to write it, or not be running"
}

// withoutEffect says why none of the memberships has an effect; empty when one has.
func withoutEffect(members []Member) string {
	why := ""
	for _, member := range members {
		if member.NoEffect == "" {
			return ""
		}
		why = cmp.Or(why, fmt.Sprintf("a member of role %s (%s) without effect: %s", member.Role, member.DisplayName, member.NoEffect))
	}
	return why
}

func personWithoutEffect(person Person) string {
	switch {
	case person.Gone:
		return "ScimUser " + person.ScimUser + " is being deleted"
	case person.Suspended:
		return "ScimUser " + person.ScimUser + " is suspended"
	case person.Conflict:
		return "another ScimUser holds the userName of ScimUser " + person.ScimUser
	}
	return person.Refused
}

// directlyNamed says whether a grant names one of the people itself.
func directlyNamed(spec *v1alpha1.ClusterAccessGrantSpec, identity *Identity) bool {
	for _, user := range spec.Users {
		for _, person := range identity.People {
			if user.Name == person.ScimUser || user.UserName != "" && v1alpha1.Fold(user.UserName) == v1alpha1.Fold(person.UserName) &&
				(user.Directory == "" || user.Directory == person.Directory) {
				return true
			}
		}
	}
	return false
}

// roleNames names the roles of a grant.
func (e *Engine) roleNames(c *candidate) string {
	var names []string
	for _, id := range c.outcome.Roles {
		if role := e.world.Role(id); role != nil {
			names = append(names, fmt.Sprintf("%s (%s)", id, role.Spec.DisplayName))
		}
	}
	if len(names) == 0 {
		return "any role that exists"
	}
	return strings.Join(names, " or ")
}
