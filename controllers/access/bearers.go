package access

import (
	"context"
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/store"
)

// bearers are the users that count, are active and bear one of some Kubernetes user names, as prints by these names. It is needed only while
// a slice is missing, or a name stays in a binding that the plan has it in no more. Where the expression of a directory says which userName
// a name comes from, it is looked up; users of another directory are gone through one by one.
func (g *gatherer) bearers(ctx context.Context, names map[string]bool) (map[string][]string, error) {
	var directories v1alpha1.ScimDirectoryList
	// Live, because a directory that the cache lacks may have given one of the names to somebody.
	if err := g.live.List(ctx, &directories); err != nil {
		return nil, fmt.Errorf("listing directories: %w", err)
	}
	expressions := map[string]string{"": access.DefaultUsername}
	for i := range directories.Items {
		expressions[directories.Items[i].Name] = directories.Items[i].Spec.Identity.Username
	}
	bearing := map[string][]string{}
	for directory, expression := range expressions {
		users, err := g.mayBear(ctx, directory, expression, names)
		if err != nil {
			return nil, err
		}
		for i := range users {
			user, err := g.user(ctx, &users[i], true)
			if err != nil {
				return nil, err
			}
			if name, _ := user.Subject(); names[name] {
				bearing[name] = append(bearing[name], access.Print(users[i].Name))
			}
		}
	}
	return bearing, nil
}

// mayBear are the users of a directory of whom one may bear one of the names. They belong to the cache.
func (g *gatherer) mayBear(ctx context.Context, directory, expression string, names map[string]bool) ([]v1alpha1.ScimUser, error) {
	rule, err := g.usernames.get(expression)
	if err != nil {
		return nil, nil //nolint:nilerr // an expression that does not compile names nobody
	}
	prefix, plain := rule.Prefix()
	if !plain {
		var list v1alpha1.ScimUserList
		if err := g.cache.List(ctx, &list, client.MatchingFields{store.IndexDirectory: directory}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("listing the users of directory %s: %w", directory, err)
		}
		return list.Items, nil
	}
	var users []v1alpha1.ScimUser
	for name := range names {
		userName, ok := strings.CutPrefix(name, prefix)
		if !ok || userName == "" {
			continue
		}
		claim := v1alpha1.ClaimName(v1alpha1.ClaimUserName, userName)
		var list v1alpha1.ScimUserList
		if err := g.cache.List(ctx, &list, client.MatchingFields{store.IndexClaim: claim}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("listing the users of a name: %w", err)
		}
		for i := range list.Items {
			if list.Items[i].Spec.Directory == directory {
				users = append(users, list.Items[i])
			}
		}
	}
	return users, nil
}

// namesIn are the subjects of bindings.
func namesIn(existing []access.Binding, held []access.Key) map[string]bool {
	holding := make(map[access.Key]bool, len(held))
	for _, key := range held {
		holding[key] = true
	}
	names := map[string]bool{}
	for _, binding := range existing {
		if !holding[binding.Key] {
			continue
		}
		for _, subject := range binding.Subjects {
			names[subject.Name] = true
		}
	}
	return names
}
