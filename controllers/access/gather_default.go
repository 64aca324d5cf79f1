package access

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/store"
)

// livePage is the number of users in one page of a live list, of which only the metadata is read.
const livePage = 1000

// rules gives the members of a role that no list names.
func (g *gatherer) rules(ctx context.Context, role *v1alpha1.ScimRole) ([]access.Rule, error) {
	var rules []access.Rule
	for _, rule := range []struct {
		label   string
		members func(context.Context, *v1alpha1.ScimRole) ([]string, error)
	}{{access.DefaultShard, g.defaultMembers}, {access.AssignedShard, g.assignedMembers}} {
		members, err := rule.members(ctx, role)
		if err != nil {
			return nil, err
		}
		if len(members) > 0 {
			rules = append(rules, access.Rule{Label: rule.label, Members: members})
		}
	}
	return rules, nil
}

// defaultMembers are the active users of all directories that name the role among their default roles. A role that a directory manages
// has none, so that no push can widen what everybody gets.
func (g *gatherer) defaultMembers(ctx context.Context, role *v1alpha1.ScimRole) ([]string, error) {
	if role.Spec.Directory != "" {
		return nil, nil
	}
	bound, doubtful := g.boundBy(access.DefaultShard, role.Name)
	directories, err := g.directoriesThat(ctx, doubtful, func(d *v1alpha1.ScimDirectory) bool { return d.HasDefaultRole(role.Name) })
	if err != nil {
		return nil, err
	}
	everybody := []*v1alpha1.ScimUser{}
	for _, directory := range directories {
		users, err := g.usersOf(ctx, directory, doubtful)
		if err != nil {
			return nil, err
		}
		everybody = append(everybody, users...)
	}
	members, err := g.activeOf(ctx, everybody, doubtful)
	if err != nil || doubtful {
		return members, err
	}
	return members, g.missBound(ctx, bound, everybody)
}

// activeOf gives the ids of those users who are active, and makes the planner know them.
func (g *gatherer) activeOf(ctx context.Context, users []*v1alpha1.ScimUser, doubtful bool) (ids []string, err error) {
	for _, user := range users {
		if !user.IsActive() || user.DeletionTimestamp != nil {
			continue
		}
		if g.state.Users[user.Name], err = g.user(ctx, user, doubtful); err != nil {
			return nil, err
		}
		ids = append(ids, user.Name)
	}
	return ids, nil
}

// boundBy gives the names that the grant's bindings of a rule have at present, and says whether one of these bindings is about to
// lose somebody, so that absences must be looked at live.
func (g *gatherer) boundBy(label, role string) (names map[string]bool, doubtful bool) {
	names = map[string]bool{}
	for _, binding := range g.existing {
		rule, _, _ := strings.Cut(binding.Labels[v1alpha1.LabelShard], ".")
		if rule != label || binding.Labels[v1alpha1.LabelRole] != access.RoleLabel(role) {
			continue
		}
		doubtful = doubtful || g.doubtful[binding.Name]
		for _, subject := range binding.Subjects {
			names[subject.Name] = true
		}
	}
	return names, doubtful
}

// missBound counts as absent who is bound by the rule and is nobody whom the cache knows of: whom it knows to be suspended may lose
// access on its word, but not who has merely disappeared from it.
func (g *gatherer) missBound(ctx context.Context, bound map[string]bool, everybody []*v1alpha1.ScimUser) error {
	if len(bound) == 0 {
		return nil
	}
	for _, user := range everybody {
		nameOf, err := g.nameOf(ctx, user.Spec.Directory)
		if err != nil {
			return err
		}
		name, _ := nameOf(&user.Spec)
		delete(bound, name)
	}
	g.absent += len(bound)
	return nil
}

// directoriesThat gives the names of the directories for which something holds.
func (g *gatherer) directoriesThat(ctx context.Context, lookLive bool, holds func(*v1alpha1.ScimDirectory) bool) ([]string, error) {
	from := g.cache
	if lookLive {
		from = g.live
	}
	var list v1alpha1.ScimDirectoryList
	if err := from.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing directories: %w", err)
	}
	var names []string
	for i := range list.Items {
		if holds(&list.Items[i]) {
			names = append(names, list.Items[i].Name)
		}
	}
	return names, nil
}

// usersOf gives the users of a directory, from the cache; with lookLive also those that the cache lacks. They belong to the cache.
func (g *gatherer) usersOf(ctx context.Context, directory string, lookLive bool) ([]*v1alpha1.ScimUser, error) {
	var list v1alpha1.ScimUserList
	options := []client.ListOption{client.MatchingFields{store.IndexDirectory: directory}, client.UnsafeDisableDeepCopy}
	if err := g.cache.List(ctx, &list, options...); err != nil {
		return nil, fmt.Errorf("listing the users of directory %s: %w", directory, err)
	}
	users := make([]*v1alpha1.ScimUser, 0, len(list.Items))
	known := make(map[string]bool, len(list.Items))
	for i := range list.Items {
		users = append(users, &list.Items[i])
		known[list.Items[i].Name] = true
	}
	if !lookLive {
		return users, nil
	}
	unknown, err := g.liveUsersBut(ctx, directory, known)
	return append(users, unknown...), err
}

// liveUsersBut reads the users of a directory that are not known. It lists metadata only, and reads in full whom it misses.
func (g *gatherer) liveUsersBut(ctx context.Context, directory string, known map[string]bool) ([]*v1alpha1.ScimUser, error) {
	var users []*v1alpha1.ScimUser
	page := &metav1.PartialObjectMetadataList{}
	for first := true; first || page.Continue != ""; first = false {
		options := []client.ListOption{client.MatchingFields{"spec.directory": directory}, client.Limit(livePage), client.Continue(page.Continue)}
		page = &metav1.PartialObjectMetadataList{}
		page.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ScimUserList"))
		if err := g.live.List(ctx, page, options...); err != nil {
			return nil, fmt.Errorf("listing the users of directory %s live: %w", directory, err)
		}
		for i := range page.Items {
			if known[page.Items[i].Name] {
				continue
			}
			user := &v1alpha1.ScimUser{}
			found, err := g.getLive(ctx, page.Items[i].Name, user)
			if err != nil {
				return nil, err
			}
			if found && user.Spec.Directory == directory {
				users = append(users, user)
			}
		}
	}
	return users, nil
}
