package server

import (
	"context"
	"net/http"
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// usersOnly says whether the directory is one without groups.
func (c *call) usersOnly() bool { return c.directory.Spec.Resources == v1alpha1.ResourcesUsers }

// has says whether resources of a type exist in the directory.
func (c *call) has(t *schema.ResourceType) bool {
	return t.Name != schema.Group().Name || !c.usersOnly()
}

// changesGroup makes what serves a change of a group refuse it in a directory without groups, and know which groups are accepted.
func changesGroup(serve func(*Handler, context.Context, *call) (*answer, error)) func(*Handler, context.Context, *call) (*answer, error) {
	return func(h *Handler, ctx context.Context, c *call) (*answer, error) {
		if c.usersOnly() {
			return nil, &scim.Error{Status: http.StatusForbidden, Detail: "This directory takes users only, so that no group is created, changed or " +
				"deleted here. In Okta, remove the group from Push Groups; or ask the platform team to set spec.resources of the ScimDirectory " +
				strconv.Quote(c.directory.Name) + " to UsersAndGroups."}
		}
		c.groups = h.acceptances.of(c.directory)
		return serve(h, ctx, c)
	}
}

// readsGroup makes what serves one group find none in a directory without groups.
func readsGroup(serve func(*Handler, context.Context, *call) (*answer, error)) func(*Handler, context.Context, *call) (*answer, error) {
	return func(h *Handler, ctx context.Context, c *call) (*answer, error) {
		if c.usersOnly() {
			return nil, scim.NotFound(schema.Group().Name, c.id)
		}
		return serve(h, ctx, c)
	}
}

// acceptances keeps the compiled patterns of each directory's spec.groups for as long as they are the present ones. It is safe for
// concurrent use.
type acceptances struct {
	mu    sync.Mutex
	known map[string]*acceptance
}

// acceptance says which groups a directory accepts, by displayName. It does not change.
type acceptance struct {
	uid              types.UID
	generation       int64
	include, exclude []glob
}

// of gives the acceptance of a directory, compiled once for each generation. Directories that are gone stay, which costs no more than
// there ever were.
func (a *acceptances) of(directory *v1alpha1.ScimDirectory) *acceptance {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found := a.known[directory.Name]; found != nil && found.uid == directory.UID && found.generation == directory.Generation {
		return found
	}
	made := newAcceptance(directory)
	if a.known == nil {
		a.known = map[string]*acceptance{}
	}
	a.known[directory.Name] = made
	return made
}

func newAcceptance(directory *v1alpha1.ScimDirectory) *acceptance {
	a := &acceptance{uid: directory.UID, generation: directory.Generation}
	for _, pattern := range directory.Spec.Groups.Include {
		a.include = append(a.include, newGlob(pattern))
	}
	for _, pattern := range directory.Spec.Groups.Exclude {
		a.exclude = append(a.exclude, newGlob(pattern))
	}
	return a
}

// check refuses a displayName that the directory does not accept.
func (a *acceptance) check(displayName string) error {
	folded := []rune(v1alpha1.Fold(displayName))
	for _, pattern := range a.exclude {
		if pattern.matches(folded) {
			return notAccepted(displayName, "it matches one of the patterns in spec.groups.exclude of the ScimDirectory")
		}
	}
	for _, pattern := range a.include {
		if pattern.matches(folded) {
			return nil
		}
	}
	if len(a.include) > 0 {
		return notAccepted(displayName, "it matches none of the patterns in spec.groups.include of the ScimDirectory")
	}
	return nil
}

// checkChange is check for a group that is there: one that was accepted earlier stays as long as it keeps its name. What is local was
// never accepted.
func (a *acceptance) checkChange(role *v1alpha1.ScimRole, displayName string) error {
	if role.Spec.Directory != "" && v1alpha1.Fold(role.Spec.DisplayName) == v1alpha1.Fold(displayName) {
		return nil
	}
	return a.check(displayName)
}

func notAccepted(displayName, why string) error {
	return &scim.Error{Status: http.StatusForbidden, Detail: "The group " + strconv.Quote(shorten(displayName)) + " is not accepted here: " + why +
		". Give the group another name, stop pushing it (in Okta, unlink it under Push Groups), or ask the platform team to change the patterns."}
}

// glob is a pattern in which * stands for any number of characters and ? for one, folded as names are.
type glob []rune

func newGlob(pattern string) glob { return glob(v1alpha1.Fold(pattern)) }

// matches compares with the whole name, in time that grows with the product of the lengths at most. When what follows a * does not
// match, it is enough to let the last * stand for one more character: an earlier one could not do better.
func (g glob) matches(name []rune) bool {
	at, star, resume := 0, -1, 0
	for i := 0; i < len(name); {
		switch {
		case at < len(g) && g[at] == '*':
			star, resume = at, i
			at++
		case at < len(g) && (g[at] == '?' || g[at] == name[i]):
			at++
			i++
		case star >= 0:
			resume++
			at, i = star+1, resume
		default:
			return false
		}
	}
	for at < len(g) && g[at] == '*' {
		at++
	}
	return at == len(g)
}
