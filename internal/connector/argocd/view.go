package argocd

import (
	"slices"
	"strings"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Roles that Argo CD has without anybody's rows.
const (
	roleAdmin    = "role:admin"
	roleReadOnly = "role:readonly"
)

// view is what the objects say of accounts and roles.
type view struct {
	options  Options
	own      policy
	settings settings
	projects projects
	// marks are everybody's.
	marks []mark
	// others are the names that have something which the connector did not give, and the roles among it.
	others map[string]map[string]bool
	// projectGrants are who has which role of a project, whoever gave it.
	projectGrants map[grant]bool
	// roles are those that exist, and what each leads to.
	roles map[string][]string
	// groups are names to which a row gives other names, and the one that everybody has.
	groups map[string]bool
}

func (s *snapshot) view(options Options) *view {
	v := &view{
		options: options, own: s.own(), settings: s.settings(), projects: s.projects, projectGrants: s.projects.grants(),
		others: map[string]map[string]bool{}, groups: map[string]bool{},
		roles: map[string][]string{roleAdmin: {roleReadOnly}, roleReadOnly: nil},
	}
	v.other(adminName, roleAdmin)
	ours := map[grant]bool{}
	for _, l := range v.own {
		if l.mark != nil {
			v.marks = append(v.marks, *l.mark)
			for _, g := range l.mark.grants() {
				ours[g] = true
			}
		}
	}
	for _, key := range sortedKeys(s.policy.Data) {
		if !strings.HasPrefix(key, policyPrefix) || !strings.HasSuffix(key, policySuffix) {
			continue
		}
		for _, l := range parsePolicy(s.policy.Data[key]) {
			v.add(l, key == policyKey, ours)
		}
	}
	if name := s.policy.Data[defaultRole]; name != "" {
		v.groups[name] = true
	}
	for g := range v.projectGrants {
		if !ours[g] {
			v.other(g.Name, g.Role)
		}
	}
	return v
}

// add takes a row of policy in.
func (v *view) add(l line, own bool, ours map[grant]bool) {
	switch {
	case l.isGrant():
		name, role := l.row[1], l.row[2]
		if strings.HasPrefix(name, rolePrefix) {
			v.roles[name] = append(v.roles[name], role)
		}
		v.groups[role] = true
		if own && strings.HasPrefix(role, rolePrefix) && ours[grant{name, role}] {
			return
		}
		v.other(name, role)
	case l.isPermission():
		if strings.HasPrefix(l.row[1], rolePrefix) {
			v.roles[l.row[1]] = append(v.roles[l.row[1]], "")
		}
		v.other(l.row[1], "")
	}
}

func (v *view) other(name, role string) {
	if v.others[name] == nil {
		v.others[name] = map[string]bool{}
	}
	if role != "" {
		v.others[name][role] = true
	}
}

// leadsToAdmin says that who has the role has role:admin.
func (v *view) leadsToAdmin(role string) bool {
	seen := map[string]bool{}
	next := []string{role}
	for len(next) > 0 {
		role, next = next[0], next[1:]
		if role == roleAdmin {
			return true
		}
		if !seen[role] {
			seen[role] = true
			next = append(next, v.roles[role]...)
		}
	}
	return false
}

// isAccount says that a name which others use may be somebody's, and is not a role's.
func (v *view) isAccount(name string) bool { return !isRoleName(name) && !v.groups[name] }

func (v *view) exists(name string) bool {
	_, used := v.others[name]
	return used && v.isAccount(name) || v.markOf(name) != nil || v.settings != nil && v.settings.has(name)
}

// has says that the name has the role by what the connector writes.
func (v *view) has(name, role string) bool {
	return v.own.gives(name, role) || v.projectGrants[grant{name, role}]
}

func (v *view) markOf(name string) *mark {
	i := slices.IndexFunc(v.marks, func(m mark) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return &v.marks[i]
}

// mine are the owner's accounts. A local account whose mark in the policy was lost is still the owner's.
func (v *view) mine(owner connector.Owner) []mark {
	found := v.own.marks(owner)
	if len(found) > 0 {
		return found
	}
	for _, name := range v.settings.owned(owner) {
		if v.settings.has(name) {
			found = append(found, mark{App: owner.App, Person: owner.Person, Name: name, Active: v.settings.isEnabled(name)})
		}
	}
	return found
}

// account is the account of that name as the contract describes it. The mark is nil when it has none.
func (v *view) account(name string, m *mark) connector.Observed {
	found := connector.Observed{ID: "name-" + name, Name: name, Active: true, Protected: v.options.protection(name) != ""}
	roles := map[string]bool{}
	for role := range v.others[name] {
		roles[role] = true
	}
	if m == nil && v.settings != nil {
		found.Owner = v.settings.owner(name)
	}
	if m != nil {
		found.Owner, found.Active = m.owner(), m.Active
		for _, role := range m.Roles {
			has := v.has(name, role)
			found.Active = found.Active || has
			if has || !m.Active {
				roles[role] = true
			}
		}
	}
	if !found.Owner.IsZero() {
		found.ID = ownerID(found.Owner)
	}
	if v.settings != nil {
		found.Active = v.settings.has(name) && v.settings.isEnabled(name)
	}
	found.Roles = sortedKeys(roles)
	return found
}

// accounts are all, in the order of their ids.
func (v *view) accounts() []connector.Observed {
	var all []connector.Observed
	listed := map[string]bool{}
	for i := range v.marks {
		all = append(all, v.account(v.marks[i].Name, &v.marks[i]))
		listed[v.marks[i].Name] = true
	}
	for _, name := range append(sortedKeys(v.others), v.settings.names()...) {
		if !listed[name] && v.exists(name) {
			all = append(all, v.account(name, nil))
			listed[name] = true
		}
	}
	slices.SortFunc(all, func(a, b connector.Observed) int { return strings.Compare(a.ID, b.ID) })
	return all
}
