package main

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func newUser(name, userName, directory string) *v1alpha1.ScimUser {
	u := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ScimUserSpec{UserName: userName, Directory: directory}}
	if directory != "" {
		u.Labels = map[string]string{v1alpha1.LabelDirectory: directory}
	}
	return u
}

func newRole(name, displayName, directory string) *v1alpha1.ScimRole {
	return &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ScimRoleSpec{DisplayName: displayName, Directory: directory}}
}

func claim(attribute v1alpha1.ClaimAttribute, value, owner string) *v1alpha1.ScimClaim {
	return &v1alpha1.ScimClaim{
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.ClaimName(attribute, value)},
		Spec:       v1alpha1.ScimClaimSpec{Attribute: attribute, Value: v1alpha1.Fold(value), Owner: owner},
	}
}

func TestDetach(t *testing.T) {
	kube := newKube(t)
	makeObject(t, kube, newUser("dora-1", "Dora@example.com", "okta"))
	makeObject(t, kube, claim(v1alpha1.ClaimUserName, "Dora@example.com", "dora-1"))
	scim(t, "detach", "user", "DORA@EXAMPLE.COM").want(t, 0, "ScimUser dora-1 (Dora@example.com) is local now")
	var user v1alpha1.ScimUser
	must(t, kube.Get(t.Context(), client.ObjectKey{Name: "dora-1"}, &user))
	if user.Spec.Directory != "" || len(user.Labels) > 0 {
		t.Errorf("the user still belongs to a directory: %q, labels %v", user.Spec.Directory, user.Labels)
	}
	before := user.ResourceVersion
	scim(t, "detach", "user", "dora-1").want(t, 0, "is local already")
	must(t, kube.Get(t.Context(), client.ObjectKey{Name: "dora-1"}, &user))
	if user.ResourceVersion != before {
		t.Error("detaching a local user writes something")
	}

	prefixed := newUser("eve-1", "eve@example.com", "okta")
	prefixed.Status.KubernetesUser = "oidc:eve@example.com"
	makeObject(t, kube, prefixed)
	scim(t, "detach", "user", "eve@example.com").want(t, 1, `bindings will name "eve@example.com" in the place of "oidc:eve@example.com"`, "--yes")
	scim(t, "detach", "user", "eve@example.com", "--yes").want(t, 0, "is local now")

	makeObject(t, kube, newRole("left-1", "Left Behind", "okta"))
	scim(t, "detach", "role", "Left Behind").want(t, 0, "ScimRole left-1 (Left Behind) is local now")
	scim(t, "detach", "role", "Nobody's").want(t, 1, "there is no ScimRole of the name or displayName", "kubectl get scimroles")
	scim(t, "detach", "user", "a/b").want(t, 1, "there is no ScimUser")
	makeObject(t, kube, newUser("twin-1", "twin@example.com", ""))
	makeObject(t, kube, newUser("twin-2", "twin@example.com", ""))
	scim(t, "detach", "user", "twin@example.com").want(t, 1, "2 objects of the kind ScimUser", "name one by its object")
}

func TestAdopt(t *testing.T) {
	kube := newKube(t)
	makeObject(t, kube, newDirectory("review", nil))
	makeObject(t, kube, newDirectory("link", func(d *v1alpha1.ScimDirectory) {
		d.Spec.Matching = v1alpha1.Matching{ExistingUsers: v1alpha1.MatchLink, RecycledUsers: v1alpha1.MatchLink}
	}))
	makeObject(t, kube, newDirectory("reject", func(d *v1alpha1.ScimDirectory) {
		d.Spec.Matching = v1alpha1.Matching{ExistingUsers: v1alpha1.MatchReject, ExistingRoles: v1alpha1.MatchReject, RecycledUsers: v1alpha1.MatchReject}
	}))
	recycled := newUser("recycled-1", "recycled@example.com", "review")
	recycled.Spec.ExternalID = "00u1"
	recycled.Annotations = map[string]string{v1alpha1.AnnotationReviewRequested: "review 00u2"}
	makeObject(t, kube, recycled)
	makeObject(t, kube, newUser("local-1", "local@example.com", ""))
	makeObject(t, kube, newUser("rejected-1", "rejected@example.com", "reject"))
	makeObject(t, kube, newUser("linked-1", "linked@example.com", "link"))
	makeObject(t, kube, newRole("role-1", "Local Role", ""))
	cases := []struct {
		reason string
		args   []string
		code   int
		want   string
	}{
		{"a directory must be named", []string{"user", "local-1"}, 2, "--directory"},
		{"a directory must exist", []string{"user", "local-1", "--directory=nowhere"}, 1, "there is no ScimDirectory"},
		{"a local user has no externalId to replace", []string{"user", "local-1", "--directory=review", "--external-id=x"}, 1, "leave --external-id out"},
		{"where pushes are rejected, an approval would do nothing", []string{"user", "local-1", "--directory=reject"}, 1, "existingUsers of directory reject is Reject"},
		{"roles have a rule of their own", []string{"role", "role-1", "--directory=reject"}, 1, "existingRoles of directory reject is Reject"},
		{"where pushes link, no approval is needed", []string{"user", "local-1", "--directory=link"}, 0, "without an approval"},
		{"another directory's user is never taken over", []string{"user", "recycled-1", "--directory=link"}, 1, "kubectl scim detach"},
		{"the person must name the externalId", []string{"user", "recycled-1", "--directory=review"}, 1, "add --external-id 00u2"},
		{"the externalId that is there needs no approval", []string{"user", "recycled-1", "--directory=review", "--external-id=00u1"}, 0, "already"},
		{"recycled names can be rejected, too", []string{"user", "rejected-1", "--directory=reject", "--external-id=x"}, 1, "recycledUsers of directory reject is Reject"},
		{"or linked", []string{"user", "linked-1", "--directory=link", "--external-id=x"}, 0, "without an approval"},
		{"without a push that waits there is nothing to approve", []string{"user", "linked-1", "--directory=link"}, 1, "no push waits"},
		{"approvals by userName", []string{"user", "local@example.com", "--directory=review"}, 0, "may take it over"},
		{"approvals by displayName", []string{"role", "Local Role", "--directory=review"}, 0, "may take it over"},
		{"approvals of an externalId", []string{"user", "recycled-1", "--directory=review", "--external-id=00u2"}, 0, `from "00u1" to "00u2"`},
	}
	for _, tc := range cases {
		got := scim(t, append([]string{"adopt"}, tc.args...)...)
		t.Log(tc.reason)
		got.want(t, tc.code, tc.want)
	}
	for name, want := range map[string]map[string]string{
		"local-1":    {v1alpha1.AnnotationApprovedTakeover: "review"},
		"recycled-1": {v1alpha1.AnnotationReviewRequested: "review 00u2", v1alpha1.AnnotationApprovedExternalID: "00u2"},
		"linked-1":   nil, "rejected-1": nil,
	} {
		var user v1alpha1.ScimUser
		must(t, kube.Get(t.Context(), client.ObjectKey{Name: name}, &user))
		if len(user.Annotations) != len(want) {
			t.Errorf("ScimUser %s has annotations %v, want %v", name, user.Annotations, want)
		}
		for key, value := range want {
			if user.Annotations[key] != value {
				t.Errorf("ScimUser %s has %s=%q, want %q", name, key, user.Annotations[key], value)
			}
		}
	}
}
