package argocd

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// projectKind is read without a Go type of its own, so that fields of versions of Argo CD that nobody here knows stay as they are.
var projectKind = schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "AppProject"}

// projects are the AppProjects that were read, by name.
type projects map[string]*unstructured.Unstructured

// projectRoles are those of one project. They share memory with it.
func projectRoles(project *unstructured.Unstructured) []map[string]any {
	spec, _ := project.Object["spec"].(map[string]any)
	list, _ := spec["roles"].([]any)
	var roles []map[string]any
	for _, item := range list {
		if role, ok := item.(map[string]any); ok {
			roles = append(roles, role)
		}
	}
	return roles
}

func groupsOf(role map[string]any) []any {
	groups, _ := role["groups"].([]any)
	return groups
}

// roleOf is the name by which the policy knows a project's role.
func roleOf(project string, role map[string]any) string {
	name, _ := role["name"].(string)
	return projectPrefix + project + ":" + name
}

// grants are who has which role of a project. Argo CD copies groups into lines of policy as they are, and so they are read.
func (p projects) grants() map[grant]bool {
	found := map[grant]bool{}
	for name, project := range p {
		for _, role := range projectRoles(project) {
			title := roleOf(name, role)
			for _, group := range groupsOf(role) {
				text, _ := group.(string)
				if l := parseLine("g, " + text + ", " + title); l.isGrant() {
					found[grant{l.row[1], l.row[2]}] = true
				}
			}
		}
	}
	return found
}

// has says that the role exists.
func (p projects) has(project, role string) bool {
	found, ok := p[project]
	return ok && slices.ContainsFunc(projectRoles(found), func(r map[string]any) bool { return r["name"] == role })
}

// canBeGroup says that Argo CD reads the name as it is among the groups of a project's role. There it quotes nothing.
func canBeGroup(name string) bool { return !strings.ContainsAny(name, `",`) }

// edit returns a changed copy of each project in which somebody gains or loses a role. A project or role that is not there any more has no
// groups to lose, and gains none.
func (p projects) edit(give, take []grant) []*unstructured.Unstructured {
	var changed []*unstructured.Unstructured
	for _, name := range sortedKeys(p) {
		edited := p[name].DeepCopy()
		touched := false
		for _, role := range projectRoles(edited) {
			touched = editGroups(role, roleOf(name, role), give, take) || touched
		}
		if touched {
			changed = append(changed, edited)
		}
	}
	return changed
}

// editGroups says whether it had to change the groups of the role.
func editGroups(role map[string]any, title string, give, take []grant) bool {
	groups := groupsOf(role)
	next := slices.DeleteFunc(slices.Clone(groups), func(group any) bool {
		text, _ := group.(string)
		g := grant{text, title}
		return slices.Contains(take, g) && !slices.Contains(give, g)
	})
	touched := len(next) != len(groups)
	for _, g := range give {
		if g.Role == title && !slices.Contains(next, any(g.Name)) {
			next = append(next, g.Name)
			touched = true
		}
	}
	switch {
	case !touched:
	case len(next) == 0:
		delete(role, "groups")
	default:
		role["groups"] = next
	}
	return touched
}

func sortedKeys[V any](from map[string]V) []string { return slices.Sorted(maps.Keys(from)) }
