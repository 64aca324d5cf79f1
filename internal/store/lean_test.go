package store_test

import (
	"fmt"
	"runtime"
	"testing"
	"unique"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/store"
)

// decoded is a user as it comes from the API server, with strings and maps of its own.
func decoded(i int) *v1alpha1.ScimUser {
	user := &v1alpha1.ScimUser{}
	user.Name, user.Kind = fmt.Sprintf("user-%d", i), string([]byte("ScimUser"))
	user.Labels = map[string]string{v1alpha1.LabelDirectory: "okta"}
	user.Annotations = map[string]string{v1alpha1.AnnotationUncommitted: "1"}
	user.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "somebody"}}
	user.Spec.Directory, user.Spec.UserName, user.Spec.Title = string([]byte("okta")), user.Name, string([]byte("Engineer"))
	user.Spec.Emails = []v1alpha1.MultiValue{{Value: string([]byte(user.Name)), Type: string([]byte("work"))}, {Value: "other"}}
	user.Spec.Enterprise = &v1alpha1.EnterpriseUser{Department: string([]byte("Research"))}
	user.Status.State = v1alpha1.UserActive
	return user
}

func transformed(t *testing.T, transform toolscache.TransformFunc, obj any) metav1.Object {
	t.Helper()
	out, err := transform(obj)
	must(t, err)
	return out.(metav1.Object)
}

func TestLeanSharesAndSaysTheSame(t *testing.T) {
	id := unique.Make("user-1") // or it would be forgotten with the next garbage collection
	defer runtime.KeepAlive(id)
	lean := store.Lean()
	first, second := transformed(t, lean, decoded(1)).(*v1alpha1.ScimUser), transformed(t, lean, decoded(2)).(*v1alpha1.ScimUser)
	want := decoded(2)
	want.ManagedFields = nil
	if diff := cmp.Diff(want, second); diff != "" {
		t.Errorf("a cached user is another than the one that came:\n%s", diff)
	}
	if unsafe.StringData(first.Spec.Directory) != unsafe.StringData(second.Spec.Directory) || unsafe.StringData(first.Kind) != unsafe.StringData(second.Kind) {
		t.Error("each user has its own copy of what all have in common")
	}
	role := transformed(t, lean, &v1alpha1.ScimRole{Spec: v1alpha1.ScimRoleSpec{Members: []string{"x", string([]byte(first.Name))}}}).(*v1alpha1.ScimRole)
	for what, pair := range map[string][2]string{
		"title": {first.Spec.Title, second.Spec.Title}, "department": {first.Spec.Enterprise.Department, second.Spec.Enterprise.Department},
		"type of an address": {first.Spec.Emails[0].Type, second.Spec.Emails[0].Type},
		"address":            {first.Spec.Emails[0].Value, first.Spec.UserName},
		"member":             {role.Spec.Members[1], first.Name},
	} {
		if pair[0] != pair[1] || unsafe.StringData(pair[0]) != unsafe.StringData(pair[1]) {
			t.Errorf("%s: %q and %q are not one", what, pair[0], pair[1])
		}
	}
	first.Labels["probe"] = "x"
	if second.Labels["probe"] != "x" {
		t.Error("each user has its own map of the one label that all have in common")
	}
}

// TestLeanKeepsApartWhatDiffers holds that maps are shared by their whole content, and that those of more than one entry are left alone.
func TestLeanKeepsApartWhatDiffers(t *testing.T) {
	lean := store.Lean()
	for i, labels := range []map[string]string{
		{v1alpha1.LabelDirectory: "okta"}, {v1alpha1.LabelDirectory: "entra"}, {v1alpha1.LabelDirectory: "okta", "team": "a"}, {"team": "b"}, {"team": "c"}, {}, nil,
	} {
		user := decoded(i)
		user.Labels = labels
		want := user.DeepCopy().Labels
		if diff := cmp.Diff(want, transformed(t, lean, user).GetLabels()); diff != "" {
			t.Errorf("%v became another map:\n%s", want, diff)
		}
	}
}

func TestServerCacheOptions(t *testing.T) {
	for object, options := range store.ServerCacheOptions() {
		switch object.(type) {
		case *v1alpha1.ScimUser:
			want := decoded(1)
			want.ManagedFields, want.Status = nil, v1alpha1.ScimUserStatus{}
			if diff := cmp.Diff(want, transformed(t, options.Transform, decoded(1)).(*v1alpha1.ScimUser)); diff != "" {
				t.Errorf("a user without its status:\n%s", diff)
			}
		case *v1alpha1.ScimClaim:
			claim := &v1alpha1.ScimClaim{ObjectMeta: metav1.ObjectMeta{Name: "username-x", ResourceVersion: "7", UID: "u", Labels: map[string]string{"a": "b"}}}
			claim.Spec = v1alpha1.ScimClaimSpec{Attribute: v1alpha1.ClaimUserName, Value: "ada", Owner: "user-1"}
			held := transformed(t, options.Transform, claim)
			if got := transformed(t, options.Transform, held); got != held {
				t.Errorf("what is held already became %v", got)
			}
			key, err := toolscache.MetaNamespaceKeyFunc(held)
			if err != nil || key != "username-x" || held.GetResourceVersion() != "7" || len(held.GetLabels()) > 0 {
				t.Errorf("a claim: key %q (%v), version %s, labels %v", key, err, held.GetResourceVersion(), held.GetLabels())
			}
		default:
			t.Errorf("%T has a transform that no test looks at", object)
		}
		gone := toolscache.DeletedFinalStateUnknown{Key: "x", Obj: decoded(1)}
		if out, err := options.Transform(gone); err != nil || !cmp.Equal(out, any(gone)) {
			t.Errorf("%T: what is not an object became %v, %v", object, out, err)
		}
	}
}
