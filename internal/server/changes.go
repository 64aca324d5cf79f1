package server

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/translate"
)

// maxChanges is the number of attribute names in one line of the audit log.
const maxChanges = 100

// changes says what a request changed, for the audit log: names of attributes, and numbers of members. It is empty for a request that
// changed nothing.
type changes struct {
	attributes []string
	members    scim.MemberChange
}

type changesKey struct{}

// withChanges returns a context under which a recordingStore writes down what it changes.
func withChanges(ctx context.Context, into *changes) context.Context {
	return context.WithValue(ctx, changesKey{}, into)
}

func changesOf(ctx context.Context) *changes {
	into, _ := ctx.Value(changesKey{}).(*changes)
	return into
}

// recordingStore writes down what its writes have changed, by comparing what was read with what was written: what a client asked for
// and what is there already is no change.
type recordingStore struct{ Store }

// CreateUser implements Store.
func (s recordingStore) CreateUser(ctx context.Context, directory string, spec *v1alpha1.ScimUserSpec) (*v1alpha1.ScimUser, error) {
	user, err := s.Store.CreateUser(ctx, directory, spec)
	if into := changesOf(ctx); into != nil && err == nil {
		into.attributes = changedNames(nil, translate.UserResource(user, nil, ""))
	}
	return user, err
}

// UpdateUser implements Store.
func (s recordingStore) UpdateUser(ctx context.Context, directory, id string, change func(*v1alpha1.ScimUser) error) (*v1alpha1.ScimUser, error) {
	into := changesOf(ctx)
	if into == nil {
		return s.Store.UpdateUser(ctx, directory, id, change)
	}
	var before *v1alpha1.ScimUser
	user, err := s.Store.UpdateUser(ctx, directory, id, func(user *v1alpha1.ScimUser) error {
		before = user.DeepCopy()
		return change(user)
	})
	if err == nil && before != nil && before.ResourceVersion != user.ResourceVersion {
		into.attributes = changedNames(translate.UserResource(before, nil, ""), translate.UserResource(user, nil, ""))
	}
	return user, err
}

// CreateRole implements Store.
func (s recordingStore) CreateRole(ctx context.Context, directory string, spec *v1alpha1.ScimRoleSpec, members []scim.MemberOp) (*v1alpha1.ScimRole, error) {
	role, err := s.Store.CreateRole(ctx, directory, spec, members)
	if into := changesOf(ctx); into != nil && err == nil {
		into.attributes = changedNames(nil, translate.GroupResource(role, nil, ""))
		into.members.Added = different(members)
	}
	return role, err
}

// different counts the ids that operations leave of a group that was empty.
func different(ops []scim.MemberOp) int {
	ids := map[string]bool{}
	for _, op := range ops {
		if op.Kind == scim.ReplaceMembers {
			clear(ids)
		}
		for _, id := range op.IDs {
			if op.Kind == scim.RemoveMembers {
				delete(ids, id)
			} else {
				ids[id] = true
			}
		}
	}
	return len(ids)
}

// UpdateRole implements Store.
func (s recordingStore) UpdateRole(ctx context.Context, directory, id string, change func(*v1alpha1.ScimRole) error, members []scim.MemberOp) (*v1alpha1.ScimRole, error) {
	into := changesOf(ctx)
	if into == nil {
		return s.Store.UpdateRole(ctx, directory, id, change, members)
	}
	var before *v1alpha1.ScimRole
	var moved scim.MemberChange
	role, err := s.Store.UpdateRole(scim.TraceMembers(ctx, &moved), directory, id, func(role *v1alpha1.ScimRole) error {
		before = role.DeepCopy()
		if change == nil {
			return nil
		}
		return change(role)
	}, members)
	if err == nil && before != nil && before.ResourceVersion != role.ResourceVersion {
		into.attributes = changedNames(translate.GroupResource(before, nil, ""), translate.GroupResource(role, nil, ""))
		into.members = moved
	}
	return role, err
}

// changedNames are the names of the attributes in which two resources differ, sorted: those of sub-attributes after a dot, those of
// extensions after a colon (RFC 7644 section 3.10). An attribute with several values is one.
func changedNames(before, after scim.Resource) []string {
	var names []string
	for _, name := range keysOf(before, after) {
		if name == "schemas" || name == "id" || name == "meta" {
			continue
		}
		names = appendChanged(names, name, before[name], after[name])
	}
	slices.Sort(names)
	return names[:min(len(names), maxChanges)]
}

func appendChanged(names []string, name string, before, after any) []string {
	if reflect.DeepEqual(before, after) {
		return names
	}
	was, _ := before.(map[string]any)
	is, _ := after.(map[string]any)
	if was == nil && is == nil {
		return append(names, shorten(name))
	}
	separator := "."
	if strings.HasPrefix(strings.ToLower(name), "urn:") {
		separator = ":"
	}
	for _, part := range keysOf(was, is) {
		if !reflect.DeepEqual(was[part], is[part]) {
			names = append(names, shorten(name+separator+part))
		}
	}
	return names
}

// keysOf are the names that one of two objects has.
func keysOf[M ~map[string]any](a, b M) []string {
	names := make([]string, 0, len(a)+len(b))
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	return names
}
