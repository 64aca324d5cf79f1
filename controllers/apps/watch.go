package apps

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/accounts"
	"github.com/scim-operator/scim-operator/internal/store"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

// begin has everybody looked at whom an engine that was just started may concern: members of the roles that it names, and people who have an
// AppAccount.
func (h *engines) begin(ctx context.Context, e *engine) error {
	known, err := h.accountsOf(ctx, e.app)
	if err != nil {
		return err
	}
	e.resume(ctx, known)
	ids := map[string]bool{}
	for id := range known {
		ids[id] = true
	}
	var roles v1alpha1.ScimRoleList
	if err := h.cache.List(ctx, &roles, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list roles: %w", err)
	}
	for i := range roles.Items {
		role := &roles.Items[i]
		if !e.rules.Selects(roleOf(role)) {
			continue
		}
		for _, id := range h.members(ctx, role, nil) {
			ids[id] = true
		}
		for _, id := range h.byRule(ctx, role) {
			ids[id] = true
		}
	}
	for id := range ids {
		e.add(e.leaving, id)
	}
	return nil
}

func roleOf(role *v1alpha1.ScimRole) accounts.Role {
	return accounts.Role{ID: role.Name, DisplayName: role.Spec.DisplayName, Directory: role.Spec.Directory, Labels: role.Labels}
}

// members are the people whom a role lists, but for those in slices that are in unchanged.
func (h *engines) members(ctx context.Context, role *v1alpha1.ScimRole, unchanged []string) []string {
	ids := slices.Concat(role.Spec.Members, role.Spec.LocalMembers)
	for _, name := range role.Spec.Slices {
		if slices.Contains(unchanged, name) {
			continue
		}
		var part v1alpha1.ScimRoleSlice
		// The cache answers. A slice that is gone tells of itself when it goes, and one that is not there yet when it comes.
		if err := h.cache.Get(ctx, client.ObjectKey{Name: name}, &part, client.UnsafeDisableDeepCopy); err == nil {
			ids = append(ids, part.Spec.Members...)
		}
	}
	return ids
}

// byRule are the people whom no list names: users of directories that have the role as a default, and those whose attribute names it.
func (h *engines) byRule(ctx context.Context, role *v1alpha1.ScimRole) []string {
	var directories v1alpha1.ScimDirectoryList
	if err := h.cache.List(ctx, &directories, client.UnsafeDisableDeepCopy); err != nil {
		return nil // the cache is stopping
	}
	var ids []string
	for i := range directories.Items {
		d := &directories.Items[i]
		if d.HasDefaultRole(role.Name) || d.Spec.RoleAssignment == v1alpha1.RoleAssignmentEnabled {
			ids = append(ids, h.usersBy(ctx, store.IndexDirectory, d.Name)...)
		}
	}
	return ids
}

func (h *engines) usersBy(ctx context.Context, index, value string) []string {
	var users v1alpha1.ScimUserList
	if err := h.cache.List(ctx, &users, client.MatchingFields{index: value}, client.UnsafeDisableDeepCopy); err != nil {
		return nil // the cache is stopping
	}
	ids := make([]string, 0, len(users.Items))
	for i := range users.Items {
		ids = append(ids, users.Items[i].Name)
	}
	return ids
}

// everywhere has people looked at by all engines.
func (h *engines) everywhere(cause tracing.Cause, urgent bool, ids ...string) {
	if len(ids) > 0 {
		h.each(func(e *engine) { e.addFor(cause, urgent, ids...) })
	}
}

// untraced is the cause of what no request wrote, or what says of none.
var untraced tracing.Cause

// userChanged: whoever is deactivated, renamed or moved may lose an account.
func (h *engines) userChanged(cause tracing.Cause, before, after *v1alpha1.ScimUser) {
	if before != nil && before.Generation == after.Generation && before.DeletionTimestamp.Equal(after.DeletionTimestamp) {
		return // status or annotations
	}
	h.everywhere(cause, before != nil && before.IsActive() && !after.IsActive() || after.DeletionTimestamp != nil, after.Name)
}

// roleChanged: whoever a role lists no longer may lose an account, and everybody in it if it is another role than before.
func (h *engines) roleChanged(ctx context.Context, cause tracing.Cause, before, after *v1alpha1.ScimRole) {
	var was, is []string
	other := before == nil || after == nil
	if before != nil && after != nil {
		other = before.Spec.DisplayName != after.Spec.DisplayName || before.Spec.Directory != after.Spec.Directory ||
			!equalLabels(before.Labels, after.Labels) || (before.DeletionTimestamp == nil) != (after.DeletionTimestamp == nil)
		if !other && before.Generation == after.Generation {
			return
		}
	}
	if before != nil {
		was = h.members(ctx, before, unlessOther(other, after))
	}
	if after != nil {
		is = h.members(ctx, after, unlessOther(other, before))
	}
	if other {
		role := after
		if role == nil {
			role = before
		}
		is = append(is, h.byRule(ctx, role)...)
	}
	lost, gained := difference(was, is, other)
	h.each(func(e *engine) {
		if !e.rules.UsesRoles() && (before == nil || !e.rules.Selects(roleOf(before))) && (after == nil || !e.rules.Selects(roleOf(after))) {
			return
		}
		e.addFor(cause, true, lost...)
		e.addFor(cause, false, gained...)
	})
}

// unlessOther are the slices that both versions of a role have; all count when it is another role than before.
func unlessOther(other bool, role *v1alpha1.ScimRole) []string {
	if other || role == nil {
		return nil
	}
	return role.Spec.Slices
}

func equalLabels(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if b[key] != value {
			return false
		}
	}
	return true
}

// difference says who is in the first list only, and who in the second only; with all set, whoever was in the first may have lost.
func difference(was, is []string, all bool) (lost, gained []string) {
	in := make(map[string]int, len(was)+len(is))
	for _, id := range was {
		in[id] |= 1
	}
	for _, id := range is {
		in[id] |= 2
	}
	for id, lists := range in {
		switch {
		case lists == 1 || all && lists == 3:
			lost = append(lost, id)
		case lists == 2:
			gained = append(gained, id)
		}
	}
	return lost, gained
}

// sliceGone looks at those whom no other slice lists: a change of one member replaces the slice of a thousand.
func (h *engines) sliceGone(ctx context.Context, part *v1alpha1.ScimRoleSlice) {
	var lost []string
	for _, id := range part.Spec.Members {
		var others v1alpha1.ScimRoleSliceList
		err := h.cache.List(ctx, &others, client.MatchingFields{store.IndexMember: id}, client.UnsafeDisableDeepCopy)
		if err != nil || !slices.ContainsFunc(others.Items, func(o v1alpha1.ScimRoleSlice) bool { return o.Spec.Role == part.Spec.Role && o.Name != part.Name }) {
			lost = append(lost, id)
		}
	}
	h.everywhere(untraced, true, lost...)
}

// claimChanged concerns all who bear the name: who gains it, and who loses it. Those who lose nothing are passed on to the other lane.
func (h *engines) claimChanged(ctx context.Context, cause tracing.Cause, claim *v1alpha1.ScimClaim) {
	h.everywhere(cause, true, h.usersBy(ctx, store.IndexClaim, claim.Name)...)
	var roles v1alpha1.ScimRoleList
	if err := h.cache.List(ctx, &roles, client.MatchingFields{store.IndexClaim: claim.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return // the cache is stopping
	}
	for i := range roles.Items {
		h.everywhere(cause, true, h.members(ctx, &roles.Items[i], nil)...)
	}
}

// directoryChanged concerns everybody in it: what it consents to, and whom its rules give which roles.
func (h *engines) directoryChanged(ctx context.Context, directory *v1alpha1.ScimDirectory) {
	h.everywhere(untraced, true, h.usersBy(ctx, store.IndexDirectory, directory.Name)...)
}

// accountChanged hears of AppAccounts that somebody deletes, wants to be tried again, or whose status somebody else has written.
func (h *engines) accountChanged(before, account *v1alpha1.AppAccount, gone bool) {
	e := h.get(client.ObjectKey{Namespace: account.Namespace, Name: account.Spec.App})
	if e == nil {
		return
	}
	id := account.Spec.User
	_, retry := account.Annotations[v1alpha1.AnnotationRetry]
	if gone {
		e.memory.written(id, nil)
	} else {
		e.memory.newest(id, account) // what was written is not kept once the cache has it
	}
	foreign := before != nil && e.memory.foreign(id, &before.Status, &account.Status)
	if foreign {
		e.memory.force(id)
	}
	if gone || retry || foreign || account.DeletionTimestamp != nil {
		e.add(false, id)
	}
}
