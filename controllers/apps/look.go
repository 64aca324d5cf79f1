package apps

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/memberships"
	"github.com/scim-operator/scim-operator/internal/accounts"
	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/store"
)

// subject is one person and what is to be done about their account.
type subject struct {
	id string
	// account is the AppAccount; nil when there is none.
	account  *v1alpha1.AppAccount
	user     *v1alpha1.ScimUser
	person   accounts.Person
	decision accounts.Decision
	// trouble is why nothing can be decided: an expression that fails.
	trouble error
	// held says that the guard holds back what would be taken.
	held bool
}

// owner is the mark of the person's account in the app.
func (e *engine) owner(id string) connector.Owner {
	return connector.Owner{App: e.app.Mark(), Person: id}
}

// look finds out what is to be done, from the cache. Where that would take something from somebody because the cache lacks something, it looks
// at the API server instead: a cache that is behind must lock nobody out.
func (e *engine) look(ctx context.Context, id string) (*subject, error) {
	s, err := e.read(ctx, id, e.host.cache)
	if err != nil {
		return nil, err
	}
	e.decide(s)
	lacking := s.user == nil || s.user.IsActive() && s.user.DeletionTimestamp == nil
	if s.account == nil || s.trouble != nil || len(s.decision.Wanted.Through) > 0 || !lacking || e.leaving {
		return s, nil
	}
	if s.decision.Input == s.account.Status.Input {
		return s, nil // it was looked at when it was done
	}
	live, err := e.read(ctx, id, e.host.live)
	if err != nil {
		return nil, err
	}
	e.decide(live)
	return live, nil
}

// read gathers what is known of a person. from is the cache or the API server; which roles somebody is in is known to the cache alone, so
// those by which the account was given are read one by one.
func (e *engine) read(ctx context.Context, id string, from client.Reader) (*subject, error) {
	s := &subject{id: id, person: accounts.Person{ID: id}}
	var account v1alpha1.AppAccount
	err := e.host.cache.Get(ctx, client.ObjectKey{Namespace: e.app.Namespace, Name: v1alpha1.AccountObjectName(e.app.Name, id)}, &account)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("read AppAccount: %w", err)
	}
	if err == nil {
		s.account = &account
	}
	s.account = e.memory.newest(id, s.account)

	user := &v1alpha1.ScimUser{}
	err = from.Get(ctx, client.ObjectKey{Name: id}, user)
	if apierrors.IsNotFound(err) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read user: %w", err)
	}
	s.user, s.person.Spec = user, &user.Spec
	return s, e.describe(ctx, s, from)
}

func (e *engine) describe(ctx context.Context, s *subject, from client.Reader) error {
	counts, err := owns(ctx, from, s.user)
	if err != nil {
		return err
	}
	s.person.Active = counts && s.user.IsActive() && s.user.DeletionTimestamp == nil
	var directory *v1alpha1.ScimDirectory
	if name := s.user.Spec.Directory; name != "" {
		directory = &v1alpha1.ScimDirectory{}
		err := from.Get(ctx, client.ObjectKey{Name: name}, directory)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("read directory: %w", err)
		}
		if err != nil {
			directory = nil
		}
	}
	s.person.Visible = e.host.options.sees(e.app.Namespace, s.user, directory)
	roles, err := memberships.Of(ctx, e.host.cache, s.user, directory)
	if err != nil {
		return err
	}
	if from == e.host.live && s.account != nil {
		if err := e.addLive(ctx, s, roles); err != nil {
			return err
		}
	}
	return e.addRoles(ctx, s, roles, from)
}

// owns says whether the claim of an object's name names the object.
func owns(ctx context.Context, from client.Reader, o client.Object) (bool, error) {
	var claim v1alpha1.ScimClaim
	err := from.Get(ctx, client.ObjectKey{Name: store.ClaimNameOf(o)}, &claim)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("read claim: %w", err)
	}
	return err == nil && claim.Spec.Owner == o.GetName(), nil
}

// addRoles keeps those that count, and that the person's own directory pushed or people wrote.
func (e *engine) addRoles(ctx context.Context, s *subject, roles map[string]*v1alpha1.ScimRole, from client.Reader) error {
	for _, role := range roles {
		if role.DeletionTimestamp != nil || isStranger(s.user, role) {
			continue
		}
		counts, err := owns(ctx, from, role)
		if err != nil {
			return err
		}
		if counts {
			s.person.Roles = append(s.person.Roles, accounts.Role{
				ID: role.Name, DisplayName: role.Spec.DisplayName, Directory: role.Spec.Directory, Labels: role.Labels,
			})
		}
	}
	slices.SortFunc(s.person.Roles, func(a, b accounts.Role) int { return strings.Compare(a.ID, b.ID) })
	return nil
}

// isStranger says that another directory than the person's pushed the membership. What people list has no directory.
func isStranger(user *v1alpha1.ScimUser, role *v1alpha1.ScimRole) bool {
	pushedBy := role.Spec.Directory
	return pushedBy != "" && user.Spec.Directory != "" && pushedBy != user.Spec.Directory && !slices.Contains(role.Spec.LocalMembers, user.Name)
}

// addLive reads the roles by which the account was given at the API server, with their slices, and puts them right in what the cache says.
func (e *engine) addLive(ctx context.Context, s *subject, roles map[string]*v1alpha1.ScimRole) error {
	for _, name := range s.account.Status.Through {
		role := &v1alpha1.ScimRole{}
		err := e.host.live.Get(ctx, client.ObjectKey{Name: name}, role)
		if apierrors.IsNotFound(err) {
			delete(roles, name)
			continue
		}
		if err != nil {
			return fmt.Errorf("read role: %w", err)
		}
		in, err := e.isIn(ctx, s.id, role)
		if err != nil {
			return err
		}
		if _, cached := roles[name]; in || cached {
			roles[name] = role
		}
	}
	return nil
}

// isIn says whether a role lists the person. A slice that is missing says nothing, so the person is taken to be in it.
func (e *engine) isIn(ctx context.Context, id string, role *v1alpha1.ScimRole) (bool, error) {
	if slices.Contains(role.Spec.Members, id) || slices.Contains(role.Spec.LocalMembers, id) {
		return true, nil
	}
	for _, name := range role.Spec.Slices {
		var part v1alpha1.ScimRoleSlice
		err := e.host.live.Get(ctx, client.ObjectKey{Name: name}, &part)
		if client.IgnoreNotFound(err) != nil {
			return false, fmt.Errorf("read slice: %w", err)
		}
		if err != nil || slices.Contains(part.Spec.Members, id) {
			return true, nil
		}
	}
	return false, nil
}

func (e *engine) decide(s *subject) {
	facts := accounts.Facts{Person: s.person, Owner: e.owner(s.id), Leaving: e.leaving, Now: e.host.options.Now()}
	if s.account != nil {
		facts.Known = &s.account.Status
	}
	s.decision, s.trouble = e.rules.Decide(facts)
}
