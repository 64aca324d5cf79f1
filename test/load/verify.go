package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/okta"
)

// Verify compares everything that was acknowledged with what the server tells through a client, and with the objects: each user is there
// once, as it was left, and each group has exactly its members. Call it after Stop.
func (l *Load) Verify(ctx context.Context, kube client.Client) error {
	reader, err := l.client(okta.AIW, nil)
	if err != nil {
		return err
	}
	defer reader.Close()
	var wrong []error
	everybody := map[string]bool{}
	for _, p := range l.pushers {
		maps.Copy(everybody, p.inShared)
		for _, one := range p.people {
			wrong = append(wrong, one.verify(ctx, reader))
		}
		if p.group != "" {
			wrong = append(wrong, verifyMembers(ctx, reader, p.group, p.name, p.members))
		}
		p.client.Close()
	}
	return errors.Join(append(wrong, verifyMembers(ctx, reader, l.shared, sharedGroup, everybody), l.verifyOnce(ctx, kube))...)
}

func (one *person) verify(ctx context.Context, reader *okta.Client) error {
	user, err := reader.User(ctx, one.id)
	if err != nil {
		return fmt.Errorf("user %s, which was acknowledged: %w", one.userName, err)
	}
	title, _ := user["title"].(string)
	name, _ := user["userName"].(string)
	externalID, _ := user["externalId"].(string)
	got := person{id: user.ID(), externalID: externalID, userName: name, title: title, active: user.Active()}
	if diff := cmp.Diff(*one, got, cmp.AllowUnexported(person{})); diff != "" {
		return fmt.Errorf("user %s (-acknowledged +got):\n%s", one.userName, diff)
	}
	return nil
}

func verifyMembers(ctx context.Context, reader *okta.Client, id, name string, want map[string]bool) error {
	group, err := reader.Group(ctx, id)
	if err != nil {
		return fmt.Errorf("group %s, which was acknowledged: %w", name, err)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(slices.Values(group.Members()))); diff != "" {
		return fmt.Errorf("members of %s (-acknowledged +got):\n%s", name, diff)
	}
	return nil
}

// verifyOnce wants no user that nobody knows of, nor two of the same name, but for those that lost their name to the next try and that repair has
// not deleted yet: they have no claim and count for nothing.
func (l *Load) verifyOnce(ctx context.Context, kube client.Client) error {
	known := map[string]bool{}
	for _, p := range l.pushers {
		for _, one := range p.people {
			known[one.id] = true
		}
	}
	users, claims := &v1alpha1.ScimUserList{}, &v1alpha1.ScimClaimList{}
	if err := errors.Join(kube.List(ctx, users), kube.List(ctx, claims)); err != nil {
		return err
	}
	owners := map[string]bool{}
	for i := range claims.Items {
		owners[claims.Items[i].Spec.Owner] = true
	}
	var wrong []error
	for i := range users.Items {
		if user := &users.Items[i]; !known[user.Name] && owners[user.Name] {
			wrong = append(wrong, fmt.Errorf("user %s (%s) is one too many", user.Name, user.Spec.UserName))
		}
	}
	return errors.Join(wrong...)
}
