package bench_test

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// inMemory is a cluster with n users and twenty groups that nobody changes, as a list for each kind.
func inMemory(n int) map[string]runtime.Object {
	const groups = 20
	users, claims, roles := &v1alpha1.ScimUserList{}, &v1alpha1.ScimClaimList{}, &v1alpha1.ScimRoleList{}
	claim := func(attribute v1alpha1.ClaimAttribute, value, owner string) {
		c := v1alpha1.ScimClaim{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.ClaimName(attribute, value), ResourceVersion: "1"}}
		c.Spec = v1alpha1.ScimClaimSpec{Attribute: attribute, Value: v1alpha1.Fold(value), Owner: owner}
		claims.Items = append(claims.Items, c)
	}
	for g := range groups {
		role := v1alpha1.ScimRole{ObjectMeta: object("team", g)}
		role.Spec = v1alpha1.ScimRoleSpec{Directory: directoryName, DisplayName: fmt.Sprintf("Team %d", g)}
		claim(v1alpha1.ClaimDisplayName, role.Spec.DisplayName, role.Name)
		roles.Items = append(roles.Items, role)
	}
	for i := range n {
		user := v1alpha1.ScimUser{ObjectMeta: object("user", i), Spec: spec(i)}
		claim(v1alpha1.ClaimUserName, user.Spec.UserName, user.Name)
		users.Items = append(users.Items, user)
		if team := &roles.Items[i%groups]; len(team.Spec.Members) < v1alpha1.MaxMembers {
			team.Spec.Members = append(team.Spec.Members, user.Name)
		}
	}
	return map[string]runtime.Object{
		"ScimUser": users, "ScimClaim": claims, "ScimRole": roles, "ScimRoleSlice": &v1alpha1.ScimRoleSliceList{},
		"ScimDirectory": &v1alpha1.ScimDirectoryList{Items: []v1alpha1.ScimDirectory{*directory()}},
	}
}

// object makes the creation times run against the names, so that the order of the cache's list is of no help.
func object(kind string, i int) metav1.ObjectMeta {
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i*7919%100_003) * time.Second)
	return metav1.ObjectMeta{
		Name: fmt.Sprintf("%s-%05d-abcdefghij", kind, i), ResourceVersion: "1", Generation: 1, CreationTimestamp: metav1.NewTime(created),
		Labels: map[string]string{v1alpha1.LabelDirectory: directoryName},
	}
}

// spec is a user as Okta pushes one.
func spec(i int) v1alpha1.ScimUserSpec {
	yes, name := true, fmt.Sprintf("user.%05d@example.com", i)
	return v1alpha1.ScimUserSpec{
		Directory: directoryName, UserName: name, ExternalID: fmt.Sprintf("00u%017d", i), Active: &yes, DisplayName: fmt.Sprintf("User %d", i),
		Name: &v1alpha1.Name{GivenName: "User", FamilyName: fmt.Sprint(i)}, Locale: "en-US", Title: "Engineer",
		Emails:     []v1alpha1.MultiValue{{Value: name, Type: "work", Primary: &yes}},
		Enterprise: &v1alpha1.EnterpriseUser{Department: "Engineering", EmployeeNumber: fmt.Sprint(i)},
	}
}

// source lists what is in memory, and then has no news.
type source struct{ list runtime.Object }

func (s source) List(metav1.ListOptions) (runtime.Object, error) { return s.list, nil }

func (s source) Watch(metav1.ListOptions) (watch.Interface, error) { return watch.NewFake(), nil }

// IsWatchListSemanticsUnSupported makes the reflector list first.
func (s source) IsWatchListSemanticsUnSupported() bool { return true }

// cached is a world with n users whose cache is filled from memory. Nothing can be read live in it.
func cached(b *testing.B, n int) *world {
	b.Helper()
	lists, scheme := inMemory(n), newScheme(b)
	for _, list := range lists {
		list.(metav1.ListInterface).SetResourceVersion("1")
	}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{v1alpha1.GroupVersion})
	for kind := range lists {
		mapper.Add(v1alpha1.GroupVersion.WithKind(kind), meta.RESTScopeRoot)
	}
	return newWorld(b, &rest.Config{Host: "http://127.0.0.1:1"}, cache.Options{
		Scheme: scheme, Mapper: mapper,
		NewInformer: func(_ toolscache.ListerWatcher, obj runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
			kind, err := apiutil.GVKForObject(obj, scheme)
			must(b, err)
			return toolscache.NewSharedIndexInformer(source{lists[kind.Kind]}, obj, resync, indexers)
		},
	})
}
