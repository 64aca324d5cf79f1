package access

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// gatherer makes the planner's snapshot for one grant.
type gatherer struct {
	reader
	usernames *usernames
	grant     access.Grant
	// generation is that of the grant's spec.
	generation int64
	// bindable and bindableRoles are what the installer allows.
	bindable, bindableRoles []string
	// existing are the grant's bindings. They say who would lose access when the cache lacks somebody.
	existing []access.Binding
	// doubtful says, by binding name, for which parts of roles absences must be looked at live, because a binding is about to lose
	// somebody. It is nil in the first pass, in which nothing is looked at live but slices.
	doubtful map[string]bool
	// doubtfulNamespaces are namespaces in which bindings are about to lose somebody.
	doubtfulNamespaces []string

	state access.State
	// memory and past are what is known of earlier passes; without a memory everything is read anew.
	memory *memory
	past   *past
	// number is that of the last change before this pass read anything.
	number uint64
	// used are the shards of this pass, and origins says, by role, where the members of its shards are written.
	used    map[access.PartKey]*knownShard
	origins map[string][]origin
	// lacking are the users of whom the cache lacked something.
	lacking map[string]bool

	names map[string]nameOf
}

// nameOf gives the Kubernetes user name of a user of one directory, or why there is none.
type nameOf func(*v1alpha1.ScimUserSpec) (name, refusal string)

func (g *gatherer) lookLive() bool { return g.doubtful != nil }

// gather reads everything that the plan of the grant depends on.
func (g *gatherer) gather(ctx context.Context, now time.Time) (access.State, error) {
	g.names, g.lacking = map[string]nameOf{}, map[string]bool{}
	g.state = access.State{
		Now: now, Bindable: g.bindable, BindableRoles: g.bindableRoles, Users: map[string]access.User{}, Existing: g.existing,
	}
	g.begin()
	g.state.Grants = []access.Grant{g.grant}
	for _, step := range []func(context.Context) error{g.target, g.roles, g.boundRoles, g.namedUsers, g.boundUsers, g.namespaces, g.targetRoles} {
		if err := step(ctx); err != nil {
			return access.State{}, err
		}
	}
	return g.state, nil
}

// target finds out whether the ClusterRole exists.
func (g *gatherer) target(ctx context.Context) error {
	if g.grant.Spec.To.Kind == v1alpha1.KindRole {
		return nil
	}
	found, err := g.get(ctx, g.grant.Spec.To.Name, metadata("ClusterRole", rbacGroup), g.lookLive())
	if found {
		g.state.ClusterRoles = []string{g.grant.Spec.To.Name}
	}
	return err
}

// metadata is an object of which only the metadata is read and cached.
func metadata(kind, group string) *metav1.PartialObjectMetadata {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(schema.GroupVersionKind{Group: group, Version: "v1", Kind: kind})
	return object
}

// namespaces lists all namespaces, which the plan needs for their labels; a grant for the whole cluster needs none, and an AccessGrant its
// own only.
func (g *gatherer) namespaces(ctx context.Context) error {
	if g.grant.Namespace != "" {
		return g.ownNamespace(ctx)
	}
	if g.grant.Spec.Scope != v1alpha1.ScopeNamespaces {
		return nil
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "NamespaceList"})
	if err := g.cache.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing namespaces: %w", err)
	}
	known := map[string]bool{}
	for i := range list.Items {
		known[list.Items[i].Name] = true
		g.addNamespace(&list.Items[i])
	}
	for _, name := range g.doubtfulNamespaces {
		if known[name] {
			continue
		}
		known[name] = true
		namespace := metadata("Namespace", "")
		found, err := g.getLive(ctx, name, namespace)
		if err != nil {
			return err
		}
		if found {
			g.addNamespace(namespace)
		}
	}
	return nil
}

func (g *gatherer) addNamespace(namespace *metav1.PartialObjectMetadata) {
	g.state.Namespaces = append(g.state.Namespaces, access.Namespace{
		Name: namespace.Name, Labels: namespace.Labels, Terminating: namespace.DeletionTimestamp != nil,
	})
}

// roles finds the roles that the grant names, and their members.
func (g *gatherer) roles(ctx context.Context) error {
	done := map[string]bool{}
	for _, selector := range g.grant.Spec.Roles {
		found, err := g.selected(ctx, selector)
		if err != nil {
			return err
		}
		for _, role := range found {
			if done[role.Name] {
				continue
			}
			done[role.Name] = true
			counts, err := g.roleCounts(ctx, role)
			if err != nil {
				return err
			}
			if err := g.addRole(ctx, role, counts); err != nil {
				return err
			}
		}
	}
	return g.reconsider(ctx)
}

// selected finds the roles of a selector.
func (g *gatherer) selected(ctx context.Context, selector v1alpha1.RoleSelector) ([]*v1alpha1.ScimRole, error) {
	if selector.Selector != nil {
		return g.labelledRoles(ctx, selector)
	}
	role, err := g.role(ctx, selector)
	if err != nil || role == nil {
		return nil, err
	}
	return []*v1alpha1.ScimRole{role}, nil
}

// role finds the role of a selector by its name or by the claim of its displayName.
func (g *gatherer) role(ctx context.Context, selector v1alpha1.RoleSelector) (*v1alpha1.ScimRole, error) {
	name := selector.Name
	if name == "" {
		owner, err := g.claimOwner(ctx, v1alpha1.ClaimDisplayName, selector.DisplayName, g.lookLive())
		if err != nil || owner == "" {
			return nil, err
		}
		name = owner
	}
	role := &v1alpha1.ScimRole{}
	found, err := g.get(ctx, name, role, g.lookLive())
	if err != nil || !found {
		return nil, err
	}
	return role, nil
}

func (g *gatherer) roleCounts(ctx context.Context, role *v1alpha1.ScimRole) (bool, error) {
	owner, err := g.claimOwner(ctx, v1alpha1.ClaimDisplayName, role.Spec.DisplayName, g.lookLive())
	return owner == role.Name && role.DeletionTimestamp == nil, err
}

// claimOwner says who holds a value; empty for nobody.
func (g *gatherer) claimOwner(ctx context.Context, attribute v1alpha1.ClaimAttribute, value string, live bool) (string, error) {
	claim := &v1alpha1.ScimClaim{}
	found, err := g.get(ctx, v1alpha1.ClaimName(attribute, value), claim, live)
	if err != nil || !found || claim.DeletionTimestamp != nil {
		return "", err
	}
	return claim.Spec.Owner, nil
}

func (g *gatherer) addRole(ctx context.Context, role *v1alpha1.ScimRole, counts bool) error {
	shards, rules, listed := []access.Shard{}, []access.Rule(nil), role
	if counts {
		var err error
		if role, shards, err = g.shards(ctx, role); err != nil || role == nil {
			return err
		}
		if rules, err = g.rules(ctx, role); err != nil {
			return err
		}
	}
	group, refusal, err := g.groupOf(ctx, role)
	if err != nil {
		return err
	}
	g.state.Roles = append(g.state.Roles, access.Role{
		ID: role.Name, DisplayName: role.Spec.DisplayName, Directory: role.Spec.Directory, Labels: role.Labels,
		Group: group, GroupRefusal: refusal, Counts: counts, Shards: shards, Local: role.Spec.LocalMembers, Rules: rules,
	})
	if !counts {
		return nil
	}
	unlisted := role != listed
	for i, shard := range shards {
		from := g.origins[role.Name][i]
		from.unlisted = from.unlisted || unlisted
		if err := g.addMembers(ctx, role.Name, strconv.Itoa(i), shard.Members, from); err != nil {
			return err
		}
	}
	from := origin{inRole: role.Spec.LocalMembers, unlisted: unlisted}
	return g.addMembers(ctx, role.Name, access.LocalShard, role.Spec.LocalMembers, from)
}

func (g *gatherer) isDoubtful(role, shard string) bool {
	if g.doubtful[access.BindingName(g.grant.Key(), role, shard, g.grant.Spec.To)] {
		return true
	}
	// The bindings of a frozen grant may give what its spec names no more, and anybody who is in the role stays in them.
	return g.lookLive() && isFrozen(g.grant) && slices.ContainsFunc(g.existing, func(binding access.Binding) bool {
		return binding.Labels[v1alpha1.LabelRole] == access.RoleLabel(role) && g.doubtful[binding.Name]
	})
}

// shards gives the pushed members of a role. When a slice is missing, the cached role may be older than the slices are: a writer
// deletes the slices that it replaced. So the role is read again, once. The role is nil when it is gone by then.
func (g *gatherer) shards(ctx context.Context, role *v1alpha1.ScimRole) (*v1alpha1.ScimRole, []access.Shard, error) {
	shards, err := g.readShards(ctx, role)
	if err != nil || !slices.ContainsFunc(shards, isMissing) {
		return role, shards, err
	}
	fresh := &v1alpha1.ScimRole{}
	found, err := g.getLive(ctx, role.Name, fresh)
	if err != nil || !found {
		return nil, nil, err
	}
	if fresh.UID != role.UID || fresh.Spec.DisplayName != role.Spec.DisplayName {
		return nil, nil, fmt.Errorf("ScimRole %s is newer than the cache", role.Name)
	}
	shards, err = g.readShards(ctx, fresh)
	return fresh, shards, err
}

func isMissing(shard access.Shard) bool { return shard.Missing }

func (g *gatherer) readShards(ctx context.Context, role *v1alpha1.ScimRole) ([]access.Shard, error) {
	shards, sizes := make([]access.Shard, len(role.Spec.Slices)), make([]int, len(role.Spec.Slices))
	origins := make([]origin, len(shards), len(shards)+1)
	for i, name := range role.Spec.Slices {
		slice := &v1alpha1.ScimRoleSlice{}
		found, unlisted, err := g.find(ctx, name, slice)
		if err != nil {
			return nil, err
		}
		if !found || slice.Spec.Role != role.Name {
			// Nobody knows how much room it has, so it is taken to be full.
			shards[i].Missing, sizes[i] = true, v1alpha1.MaxMembers
			continue
		}
		shards[i].Members, sizes[i] = slice.Spec.Members, len(slice.Spec.Members)
		origins[i] = origin{directory: role.Spec.Directory, slice: name, ofSlice: slice.Spec.Members, unlisted: unlisted}
	}
	switch k := access.TailShard(sizes, len(role.Spec.Members)); {
	case len(role.Spec.Members) == 0:
	case k == len(shards):
		shards = append(shards, access.Shard{Members: role.Spec.Members})
		origins = append(origins, origin{directory: role.Spec.Directory, inRole: role.Spec.Members})
	default:
		shards[k].Members = slices.Concat(shards[k].Members, role.Spec.Members)
		origins[k].inRole = role.Spec.Members
	}
	g.origins[role.Name] = origins
	return shards, nil
}

func (g *gatherer) addUsers(ctx context.Context, ids []string, lookLive bool) error {
	for _, id := range ids {
		if _, done := g.state.Users[id]; done && !lookLive {
			if g.lacking[id] {
				g.absent++ // Each shard that somebody is in lacks what there is to know of them, not only the first.
			}
			continue
		}
		before := g.absent
		user := &v1alpha1.ScimUser{}
		found, err := g.get(ctx, id, user, lookLive)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if g.state.Users[id], err = g.user(ctx, user, lookLive); err != nil {
			return err
		}
		g.lacking[id] = g.absent > before
	}
	return nil
}

// user is what the planner must know of a user. The claim of a suspended user is not looked at: it would change nothing.
func (g *gatherer) user(ctx context.Context, user *v1alpha1.ScimUser, lookLive bool) (access.User, error) {
	if !user.IsActive() || user.DeletionTimestamp != nil {
		return access.User{}, nil
	}
	owner, err := g.claimOwner(ctx, v1alpha1.ClaimUserName, user.Spec.UserName, lookLive)
	if err != nil || owner != user.Name {
		return access.User{Active: true}, err
	}
	nameOf, err := g.nameOf(ctx, user.Spec.Directory)
	if err != nil {
		return access.User{}, err
	}
	planned := access.User{Active: true, Counts: true, Directory: user.Spec.Directory}
	planned.Name, planned.Refusal = nameOf(&user.Spec)
	if g.grant.Spec.Condition != "" {
		planned.Spec = &user.Spec
	}
	return planned, nil
}

// nameOf gives the name rule of a directory. Local users have the default. When the directory is gone, its users' names are unknown:
// the default would make alice of oidc:alice, who may be another person, so its users are refused. The directory is looked at live
// before.
func (g *gatherer) nameOf(ctx context.Context, directory string) (nameOf, error) {
	if rule, ok := g.names[directory]; ok {
		return rule, nil
	}
	expression := access.DefaultUsername
	if directory != "" {
		object := &v1alpha1.ScimDirectory{}
		found, err := g.get(ctx, directory, object, true)
		if err != nil {
			return nil, err
		}
		if !found {
			rule := refuse(fmt.Sprintf("ScimDirectory %q does not exist", directory))
			g.names[directory] = rule
			return rule, nil
		}
		expression = object.Spec.Identity.Username
	}
	g.names[directory] = ruleOf(g.usernames, expression)
	return g.names[directory], nil
}

func refuse(why string) nameOf {
	return func(*v1alpha1.ScimUserSpec) (string, string) { return "", why }
}

func ruleOf(usernames *usernames, expression string) nameOf {
	username, err := usernames.get(expression)
	if err != nil {
		return refuse(err.Error())
	}
	return func(spec *v1alpha1.ScimUserSpec) (string, string) {
		name, err := username.Of(spec)
		if err != nil {
			return "", err.Error()
		}
		return name, ""
	}
}
