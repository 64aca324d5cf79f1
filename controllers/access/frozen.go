package access

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// frozenGrants knows for which roles a frozen grant has bindings: what is pushed about them concerns the grant although an edit of its spec
// may name them no more. A nil one knows nothing.
type frozenGrants struct {
	mu     sync.Mutex
	roles  map[access.GrantKey][]string
	grants map[string]map[access.GrantKey]bool
}

func newFrozenGrants() *frozenGrants {
	return &frozenGrants{roles: map[access.GrantKey][]string{}, grants: map[string]map[access.GrantKey]bool{}}
}

// set replaces the roles of a grant, by what stands for them in labels. It comes before the roles are read, so that no change of theirs
// falls between.
func (f *frozenGrants) set(grant access.GrantKey, roles []string) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, role := range f.roles[grant] {
		delete(f.grants[role], grant)
		if len(f.grants[role]) == 0 {
			delete(f.grants, role)
		}
	}
	delete(f.roles, grant)
	if len(roles) == 0 {
		return
	}
	f.roles[grant] = roles
	for _, role := range roles {
		if f.grants[role] == nil {
			f.grants[role] = map[access.GrantKey]bool{}
		}
		f.grants[role][grant] = true
	}
}

// of are the frozen grants with bindings for a role.
func (f *frozenGrants) of(role string) []access.GrantKey {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.SortedFunc(maps.Keys(f.grants[access.RoleLabel(role)]), access.GrantKey.Compare)
}

// isFrozen says whether nobody may gain by the grant.
func isFrozen(grant access.Grant) bool {
	return grant.Spec.Mode == v1alpha1.ModePlan || grant.Spec.Condition != "" && grant.Condition == nil
}

// boundRoleLabels are the roles of existing bindings, as their labels have them.
func boundRoleLabels(existing []access.Binding) []string {
	var labels []string
	for _, binding := range existing {
		if label := binding.Labels[v1alpha1.LabelRole]; label != "" {
			labels = append(labels, label)
		}
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}

// boundUsers finds the people in the binding of those whom a frozen grant names, or named before an edit that waits.
func (g *gatherer) boundUsers(ctx context.Context) error {
	if !isFrozen(g.grant) {
		return nil
	}
	for _, binding := range g.existing {
		if binding.Labels[v1alpha1.LabelRole] != "" {
			continue
		}
		for _, person := range binding.People {
			var users v1alpha1.ScimUserList
			options := []client.ListOption{client.MatchingFields{indexUserPrint: person.Print}, client.UnsafeDisableDeepCopy}
			if err := g.cache.List(ctx, &users, options...); err != nil {
				return fmt.Errorf("listing users by print: %w", err)
			}
			for i := range users.Items {
				if _, done := g.state.Users[users.Items[i].Name]; done {
					continue
				}
				user, err := g.user(ctx, &users.Items[i], g.lookLive())
				if err != nil {
					return err
				}
				g.state.Users[users.Items[i].Name] = user
			}
		}
	}
	return nil
}

// groupOf gives the name of a pushed group, or why there is none, where the grant may bind it or has bound it.
func (g *gatherer) groupOf(ctx context.Context, role *v1alpha1.ScimRole) (name, refusal string, err error) {
	subjects := g.grant.Spec.Subjects
	if role.Spec.Directory == "" || subjects != v1alpha1.SubjectsGroup && subjects != v1alpha1.SubjectsAuto && !isFrozen(g.grant) {
		return "", "", nil
	}
	directory := &v1alpha1.ScimDirectory{}
	found, err := g.get(ctx, role.Spec.Directory, directory, true)
	if err != nil {
		return "", "", err
	}
	if !found {
		return "", fmt.Sprintf("ScimDirectory %q does not exist", role.Spec.Directory), nil
	}
	expression, err := g.usernames.group(directory.Spec.Identity.Group)
	if err != nil {
		return "", err.Error(), nil
	}
	if name, err = expression.Of(role); err != nil {
		return "", err.Error(), nil
	}
	if required := g.usernames.required; !strings.HasPrefix(name, required) {
		return "", fmt.Sprintf("the Kubernetes group name does not begin with %q, which the installer requires of all (access.requiredSubjectPrefix)",
			required), nil
	}
	return name, "", nil
}
