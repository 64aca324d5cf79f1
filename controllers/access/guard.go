package access

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// Gate says which removals take effect. It is called by several workers at once.
type Gate interface {
	// Admit takes the removals of one grant, all of them, and gives the names that must stay with their marks, by plan. Whoever is not
	// among them counts as passed in the API server before Admit returns, by name or by a place set aside. On an error nobody may lose access.
	Admit(ctx context.Context, grant access.GrantKey, removals []access.Removal) (map[access.PlanKey]map[string]access.Mark, error)
	// Forget says that a grant is gone, and with it what it would take away.
	Forget(grant access.GrantKey)
	// OnRelease says what to do with grants some of whose held removals may take effect now.
	OnRelease(wake func(grants []access.GrantKey))
}

// openGate lets everybody through.
type openGate struct{}

func (openGate) Admit(context.Context, access.GrantKey, []access.Removal) (map[access.PlanKey]map[string]access.Mark, error) {
	return nil, nil
}
func (openGate) Forget(access.GrantKey)            {}
func (openGate) OnRelease(func([]access.GrantKey)) {}

// guard asks the gate which removals take effect, and leaves the others in the desired bindings.
func (r *Reconciler) guard(ctx context.Context, s *scope, g *gatherer) error {
	grant := s.state.Grants[0]
	removals := s.state.Memory.Removals(grant, s.outcome(), s.existing, s.desired)
	if len(removals) > 0 {
		identities, err := g.identities(ctx, removals)
		if err != nil {
			return err
		}
		removals = access.Attribute(grant, s.outcome(), removals, identities)
	}
	if len(removals) == 0 {
		_, err := r.gate.Admit(ctx, s.key, nil)
		return err
	}
	breakGlass, err := g.breakGlass(ctx)
	if err != nil {
		return err
	}
	stay, err := r.staying(ctx, s, g, removals, breakGlass)
	if err != nil {
		return err
	}
	s.held = map[string]bool{}
	for _, removal := range stay {
		s.held[removal.Name] = true
	}
	s.stay, s.desired = stay, access.Hold(s.existing, s.desired, stay)
	s.changes = access.Diff(s.existing, s.desired)
	return nil
}

// staying are the removals that do not take effect, each with the mark that the binding should bear. Whether a name has been recycled
// costs a look at all users, so it is asked only once somebody stays.
func (r *Reconciler) staying(
	ctx context.Context, s *scope, g *gatherer, removals []access.Removal, breakGlass map[string]bool,
) ([]access.Removal, error) {
	stays := func(removal access.Removal) bool {
		return removal.Person.Mark != (access.Mark{}) || breakGlass[removal.Person.Print] || s.spec().Protection != ""
	}
	lost := make(map[string]bool, len(removals))
	for _, removal := range removals {
		lost[removal.Name] = true
	}
	checked := slices.ContainsFunc(removals, stays)
	for {
		candidates := removals
		if checked {
			bearers, err := g.bearers(ctx, lost)
			if err != nil {
				return nil, err
			}
			candidates = access.WithoutRecycled(removals, bearers)
		}
		kept, others := access.Exempt(s.state.Grants[0], s.desired, candidates, breakGlass)
		for i := range kept {
			kept[i].Person.Mark = access.Mark{Kind: access.MarkKept}
		}
		held, err := r.gate.Admit(ctx, s.key, others)
		if err != nil {
			// Nobody whose passing is not recorded may lose access. Everything else goes on.
			s.transient = errors.Join(s.transient, fmt.Errorf("asking the guard: %w", err))
			return slices.Concat(kept, others), nil
		}
		stay := slices.Concat(kept, marked(others, held))
		if checked || len(stay) == 0 {
			return stay, nil
		}
		checked = true
	}
}

// marked are the removals that are held, with their marks and the directory whose plan holds them.
func marked(removals []access.Removal, held map[access.PlanKey]map[string]access.Mark) []access.Removal {
	var all []access.Removal
	for _, removal := range removals {
		mark, ok := held[removal.Plan][removal.Name]
		if !ok {
			continue
		}
		removal.Person.Mark = mark
		if mark.Kind == access.MarkUsers {
			removal.Person.Directory = removal.Plan.Directory
		}
		all = append(all, removal)
	}
	return all
}

// identities are the users who stand behind removals, as far as they exist.
func (g *gatherer) identities(ctx context.Context, removals []access.Removal) (map[string]access.Identity, error) {
	identities, asked := map[string]access.Identity{}, map[string]bool{"": true}
	for _, removal := range removals {
		behind := removal.Person.Print
		if asked[behind] {
			continue
		}
		asked[behind] = true
		var users v1alpha1.ScimUserList
		if err := g.cache.List(ctx, &users, client.MatchingFields{indexUserPrint: behind}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("listing users by print: %w", err)
		}
		for i := range users.Items {
			user, err := g.user(ctx, &users.Items[i], true)
			if err != nil {
				return nil, err
			}
			name, _ := user.Subject()
			identities[behind] = access.Identity{
				ID: users.Items[i].Name, Directory: users.Items[i].Spec.Directory, Name: name, UserName: users.Items[i].Spec.UserName,
			}
		}
	}
	return identities, nil
}

// breakGlass are the prints of all identities that never lose a binding to a push.
func (g *gatherer) breakGlass(ctx context.Context) (map[string]bool, error) {
	var directories v1alpha1.ScimDirectoryList
	if err := g.cache.List(ctx, &directories, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing directories: %w", err)
	}
	prints := map[string]bool{}
	for i := range directories.Items {
		for _, id := range directories.Items[i].Spec.Guard.BreakGlass {
			prints[access.Print(id)] = true
		}
	}
	return prints, nil
}
