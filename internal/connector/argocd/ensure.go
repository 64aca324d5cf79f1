package argocd

import (
	"context"
	"slices"
	"strings"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Ensure makes the account what it should be. What is planned is planned from what was read, and written only if that is still there.
func (c *Connector) Ensure(ctx context.Context, account connector.Account) (connector.Observed, bool, error) {
	const op = "ensure"
	if err := c.check(op, account); err != nil {
		return connector.Observed{}, false, err
	}
	var found connector.Observed
	changed, err := c.run(ctx, op, func() (changed bool, err error) {
		found, changed, err = c.ensure(ctx, op, account)
		return changed, err
	})
	if err != nil {
		return connector.Observed{}, false, err
	}
	return found, changed, nil
}

// check does what can be done without the server.
func (c *Connector) check(op string, account connector.Account) error {
	if err := checkOwner(op, account.Owner); err != nil {
		return err
	}
	for name := range account.Attributes {
		return connector.Errorf(connector.Rejected, op, "Argo CD keeps no attribute %q, and no other", name)
	}
	return c.options.checkName(op, account.Name)
}

func (c *Connector) ensure(ctx context.Context, op string, w connector.Account) (connector.Observed, bool, error) {
	s, err := c.read(ctx, true)
	if err != nil {
		return connector.Observed{}, false, err
	}
	v := s.view(c.options)
	mine := v.mine(w.Owner)
	if len(mine) == 0 && v.exists(w.Name) {
		// It may be what another call has begun to write, after the policy was read.
		if err := c.confirm(ctx, s); err != nil {
			return connector.Observed{}, false, err
		}
	}
	adopt, err := v.base(op, w, mine)
	switch {
	case err != nil:
		return connector.Observed{}, false, err
	case len(mine) == 0 && adopt && w.Existing == connector.Ignore:
		return v.account(w.Name, nil), false, nil
	case len(mine) == 0 && !adopt && !w.Active:
		return connector.Observed{}, false, nil
	}
	next := v.plan(w, mine)
	if err := v.checkRoles(op, w.Roles, next); err != nil {
		return connector.Observed{}, false, err
	}
	if !c.options.Projects {
		if err := c.readProjects(ctx, s, append(mine, next)); err != nil {
			return connector.Observed{}, false, err
		}
	}
	changed, err := c.apply(ctx, op, s, change{owner: w.Owner, mine: mine, next: &next, adopt: adopt, bounded: true})
	if err != nil {
		return connector.Observed{}, changed, err
	}
	settled := next.settled()
	return s.view(c.options).account(next.Name, &settled), changed, nil
}

// base decides whether the account may be the owner's, and says adopt when it is somebody's already. With connector.Ignore that means that
// it is left as it is.
func (v *view) base(op string, w connector.Account, mine []mark) (adopt bool, err error) {
	conflict := func(format string, args ...any) (bool, error) {
		return false, connector.Errorf(connector.Conflict, op, format, args...)
	}
	other := v.markOf(w.Name)
	theirs := other != nil && other.owner() != w.Owner
	if v.settings != nil && v.settings.has(w.Name) {
		owner := v.settings.owner(w.Name)
		theirs = theirs || !owner.IsZero() && owner != w.Owner
	}
	switch {
	case len(mine) > 1:
		return conflict("the accounts %q and %q bear the mark of the same person: remove one of them", mine[0].Name, mine[1].Name)
	case theirs:
		return conflict("the account %q is somebody else's", w.Name)
	case v.groups[w.Name]:
		return false, connector.Errorf(connector.Protected, op, "the name %q is not given to anybody: the policy uses it as a role", w.Name)
	case len(mine) == 1:
		return v.keep(op, w, mine[0])
	case v.own.broken() > 0:
		return conflict("line %d of %s begins like a mark and cannot be read, so that it may be this person's: correct or remove it", v.own.broken(), policyKey)
	case !v.exists(w.Name):
		return false, nil
	case w.Existing == connector.Ignore:
		return true, nil
	case w.Existing != connector.Adopt:
		return conflict("the name %q is in Argo CD's policy or accounts already: adopt or ignore it, or map the name to another one", w.Name)
	case v.settings != nil && v.settings.has(w.Name) && !v.settings.isEnabled(w.Name):
		return conflict("the account %q is not adopted, because somebody disabled it", w.Name)
	}
	return true, nil
}

// keep decides about an account that bears the owner's mark.
func (v *view) keep(op string, w connector.Account, is mark) (adopt bool, err error) {
	if why := v.options.protection(is.Name); why != "" {
		return false, connector.Errorf(connector.Protected, op, "the owner's account %q is not touched: %s", is.Name, why)
	}
	if is.Name != w.Name && v.exists(w.Name) {
		return false, connector.Errorf(connector.Conflict, op, "the account %q cannot be renamed to %q, which is there already", is.Name, w.Name)
	}
	if v.settings == nil || !v.settings.has(w.Name) || v.settings.owner(w.Name) == w.Owner {
		return false, nil
	}
	// Somebody made the local account behind the mark's back, or the call that adopts it was cut short.
	if w.Existing != connector.Adopt {
		return false, connector.Errorf(connector.Conflict, op, "the local account %q was made by somebody else: adopt or remove it", w.Name)
	}
	return true, nil
}

// plan returns the mark that the account should have.
func (v *view) plan(w connector.Account, mine []mark) mark {
	next := mark{App: w.Owner.App, Person: w.Owner.Person, Name: w.Name, Active: w.Active}
	wanted := sorted(w.Roles)
	for _, is := range mine {
		for _, role := range is.Roles {
			switch lost := is.Active && !v.has(is.Name, role); {
			case slices.Contains(wanted, role):
				next.Roles = append(next.Roles, role)
			case lost || slices.Contains(w.Revoke, role):
				// What somebody took away is not given again unasked.
			default:
				next.Roles = append(next.Roles, role)
			}
		}
	}
	for _, role := range wanted {
		if !v.others[w.Name][role] {
			next.Roles = append(next.Roles, role)
		}
	}
	next.Roles = sorted(next.Roles)
	return next
}

// checkRoles refuses roles that are not there or not to be given, and those that the account cannot have under its name.
func (v *view) checkRoles(op string, wanted []string, next mark) error {
	for _, role := range wanted {
		if err := v.checkRole(op, role); err != nil {
			return err
		}
	}
	for _, role := range next.Roles {
		switch {
		case strings.HasPrefix(role, projectPrefix) && !canBeGroup(next.Name):
			return connector.Errorf(connector.Rejected, op,
				"the account name has a comma or a quote in it, with which it cannot be a group of role %q: map the name to another one", role)
		case !isWritable(next.Name, role):
			return connector.Errorf(connector.Rejected, op, "Argo CD cannot read a row that gives role %q to the account: map the name to another one", role)
		}
	}
	return nil
}

func (v *view) checkRole(op, role string) error {
	project, part, inProject := splitProjectRole(role)
	_, known := v.roles[role]
	listed := slices.Contains(v.options.Roles, role)
	switch {
	case inProject && !v.options.Projects:
		return connector.Errorf(connector.Rejected, op, "role %q is a project's, and projects are not read: allow them, or correct the role mapping", role)
	case inProject && !v.projects.has(project, part):
		return connector.Errorf(connector.Rejected, op, "there is no AppProject with the role %q: correct the role mapping", role)
	case !inProject && !known:
		return connector.Errorf(connector.Rejected, op, "Argo CD's policy has no role %q, whose name begins with role: or proj:: correct the role mapping", role)
	case len(v.options.Roles) > 0 && !listed:
		return connector.Errorf(connector.Protected, op, "role %q is not in the list of roles that may be given", role)
	case !listed && v.leadsToAdmin(role):
		return connector.Errorf(connector.Protected, op, "role %q is or leads to %s: list it among the roles that may be given, or correct the role mapping", role, roleAdmin)
	}
	return nil
}

func sorted(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }
