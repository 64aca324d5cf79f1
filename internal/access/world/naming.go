package world

import (
	"fmt"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// naming gives Kubernetes user names, by directory; that of local users is under the empty name.
type naming map[string]rule

// rule is a compiled expression, or why there is none.
type rule struct {
	username access.Username
	refusal  string
}

func newNaming(directories map[string]*v1alpha1.ScimDirectory) naming {
	all := naming{"": newRule(access.DefaultUsername)}
	for name, directory := range directories {
		all[name] = newRule(directory.Spec.Identity.Username)
	}
	return all
}

func newRule(expression string) rule {
	username, err := access.CompileUsername(expression)
	if err != nil {
		return rule{refusal: err.Error()}
	}
	return rule{username: username}
}

// of gives the Kubernetes user name of a user, or why there is none. The default expression is not for the users of a directory that is
// gone: it would make alice of oidc:alice, who may be another person.
func (n naming) of(spec *v1alpha1.ScimUserSpec) (name, refusal string) {
	by, known := n[spec.Directory]
	if !known {
		return "", fmt.Sprintf("ScimDirectory %q does not exist", spec.Directory)
	}
	if by.refusal != "" {
		return "", by.refusal
	}
	name, err := by.username.Of(spec)
	if err != nil {
		return "", err.Error()
	}
	return name, ""
}

// NameOf gives the Kubernetes user name that bindings have, or would have, for a user, whether or not the user counts; or why there is
// none. A name that may not be bound is none.
func (w *World) NameOf(user *v1alpha1.ScimUser) (name, refusal string) {
	name, refusal = w.naming.of(&user.Spec)
	if refusal != "" {
		return "", refusal
	}
	if err := access.SubjectName(name); err != nil {
		return "", err.Error()
	}
	return name, ""
}

// UserCounts says whether a user is the one that holds its userName.
func (w *World) UserCounts(user *v1alpha1.ScimUser) bool {
	return w.ClaimOwner(v1alpha1.ClaimUserName, user.Spec.UserName) == user.Name
}

// plan is what the planner must know of a user.
func (w *World) plan(user *v1alpha1.ScimUser) access.User {
	planned := access.User{Directory: user.Spec.Directory, UserName: user.Spec.UserName, Spec: &user.Spec}
	if user.DeletionTimestamp != nil {
		return access.User{}
	}
	if planned.Active = user.IsActive(); !planned.Active || !w.UserCounts(user) {
		return planned
	}
	planned.Counts = true
	planned.Name, planned.Refusal = w.naming.of(&user.Spec)
	return planned
}

// groupNaming gives Kubernetes group names, by directory.
type groupNaming map[string]groupRule

// groupRule is a compiled expression, or why there is none.
type groupRule struct {
	groupname access.Groupname
	refusal   string
}

func newGroupNaming(directories map[string]*v1alpha1.ScimDirectory) groupNaming {
	all := groupNaming{}
	for name, directory := range directories {
		compiled, err := access.CompileGroupname(directory.Spec.Identity.Group)
		if err != nil {
			all[name] = groupRule{refusal: err.Error()}
			continue
		}
		all[name] = groupRule{groupname: compiled}
	}
	return all
}

// GroupOf gives the Kubernetes group that a grant with subjects Group binds for a role, which is the one in the tokens of those whom the
// role's directory pushed into it. It is empty for a local role, and where the name may not be bound.
func (w *World) GroupOf(role *v1alpha1.ScimRole) string {
	name, refusal := w.groupOf(role)
	if refusal != "" || access.SubjectName(name) != nil {
		return ""
	}
	return name
}

// groupOf gives the name of a pushed group, which is not checked, or why there is none.
func (w *World) groupOf(role *v1alpha1.ScimRole) (name, refusal string) {
	if role.Spec.Directory == "" {
		return "", ""
	}
	rule, known := w.groupNames[role.Spec.Directory]
	if !known {
		return "", fmt.Sprintf("ScimDirectory %q does not exist", role.Spec.Directory)
	}
	if rule.refusal != "" {
		return "", rule.refusal
	}
	name, err := rule.groupname.Of(role)
	if err != nil {
		return "", err.Error()
	}
	return name, ""
}
