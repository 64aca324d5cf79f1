package cli

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// FindDirectory reads a directory, or says how to find it.
func FindDirectory(ctx context.Context, kube client.Client, name string) (*v1alpha1.ScimDirectory, error) {
	directory := &v1alpha1.ScimDirectory{}
	found, err := get(ctx, kube, name, directory)
	if err == nil && !found {
		err = fmt.Errorf("there is no ScimDirectory %q: `kubectl get scimdirectories` lists them", name)
	}
	return directory, err
}

// FindDirectories reads the directory that the arguments name, or all of them when there are none.
func FindDirectories(ctx context.Context, kube client.Client, args []string) ([]v1alpha1.ScimDirectory, error) {
	if len(args) == 1 {
		directory, err := FindDirectory(ctx, kube, args[0])
		if err != nil {
			return nil, err
		}
		return []v1alpha1.ScimDirectory{*directory}, nil
	}
	var list v1alpha1.ScimDirectoryList
	err := kube.List(ctx, &list)
	return list.Items, err
}

// FindPlan reads an access plan, or says how to find it.
func FindPlan(ctx context.Context, kube client.Client, name string) (*v1alpha1.AccessPlan, error) {
	plan := &v1alpha1.AccessPlan{}
	found, err := get(ctx, kube, name, plan)
	if err == nil && !found {
		err = fmt.Errorf("there is no AccessPlan %q: `kubectl scim plan list` lists them", name)
	}
	return plan, err
}

// FindUser finds a user by the name of the object, or by userName without regard to case.
func FindUser(ctx context.Context, kube client.Client, name string) (*v1alpha1.ScimUser, error) {
	user := &v1alpha1.ScimUser{}
	err := find(ctx, kube, search{
		name: name, kind: "ScimUser", plural: "scimusers", attribute: v1alpha1.ClaimUserName, object: user, list: &v1alpha1.ScimUserList{},
	})
	return user, err
}

// FindRole finds a role by the name of the object, or by displayName without regard to case.
func FindRole(ctx context.Context, kube client.Client, name string) (*v1alpha1.ScimRole, error) {
	role := &v1alpha1.ScimRole{}
	err := find(ctx, kube, search{
		name: name, kind: "ScimRole", plural: "scimroles", attribute: v1alpha1.ClaimDisplayName, object: role, list: &v1alpha1.ScimRoleList{},
	})
	return role, err
}

// search is what find looks for, and where it puts what it finds.
type search struct {
	name, kind, plural string
	// attribute is the name that people know the object by.
	attribute v1alpha1.ClaimAttribute
	object    client.Object
	list      client.ObjectList
}

// find looks by the name of the object, then by the attribute exactly, which also finds those whose claim is not written yet, then by
// the claim, which knows no case.
func find(ctx context.Context, kube client.Client, s search) error {
	if found, err := get(ctx, kube, s.name, s.object); found || err != nil {
		return err
	}
	selector := fields.OneTermEqualSelector("spec."+string(s.attribute), s.name)
	if err := kube.List(ctx, s.list, client.MatchingFieldsSelector{Selector: selector}); err != nil {
		return err
	}
	names, err := namesOf(s.list)
	if err != nil {
		return err
	}
	if len(names) > 1 {
		return fmt.Errorf("%d objects of the kind %s have the %s %q: name one by its object, such as %s", len(names), s.kind, s.attribute, s.name, names[0])
	}
	claim := &v1alpha1.ScimClaim{}
	if len(names) == 0 {
		found, err := get(ctx, kube, v1alpha1.ClaimName(s.attribute, s.name), claim)
		if err != nil {
			return err
		}
		if found {
			names = append(names, claim.Spec.Owner)
		}
	}
	if len(names) == 1 {
		if found, err := get(ctx, kube, names[0], s.object); found || err != nil {
			return err
		}
	}
	return fmt.Errorf("there is no %s of the name or %s %q: `kubectl get %s` lists them", s.kind, s.attribute, s.name, s.plural)
}

// get says whether an object exists. A name that no object can have is one that does not exist.
func get(ctx context.Context, kube client.Client, name string, object client.Object) (bool, error) {
	return getAt(ctx, kube, client.ObjectKey{Name: name}, object)
}

func getAt(ctx context.Context, kube client.Client, key client.ObjectKey, object client.Object) (bool, error) {
	if key.Name == "" || len(content.IsPathSegmentName(key.Name)) > 0 {
		return false, nil
	}
	err := kube.Get(ctx, key, object)
	if apierrors.IsNotFound(err) && !isMissingKind(err) {
		return false, nil
	}
	return err == nil, err
}

func namesOf(list runtime.Object) ([]string, error) {
	var names []string
	err := apimeta.EachListItem(list, func(item runtime.Object) error {
		accessor, err := apimeta.Accessor(item)
		if err == nil {
			names = append(names, accessor.GetName())
		}
		return err
	})
	return names, err
}
