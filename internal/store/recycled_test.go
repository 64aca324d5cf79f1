package store_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// newcomers are the ways in which a push gives a user another externalId.
func newcomers(r *replica, dir string) map[string]func(context.Context, *v1alpha1.ScimUser, string) error {
	setID := func(ctx context.Context, u *v1alpha1.ScimUser, id string) error {
		_, err := r.UpdateUser(ctx, dir, u.Name, func(u *v1alpha1.ScimUser) error { u.Spec.ExternalID = id; return nil })
		return err
	}
	return map[string]func(context.Context, *v1alpha1.ScimUser, string) error{
		"update": setID,
		"cleared first": func(ctx context.Context, u *v1alpha1.ScimUser, id string) error {
			if err := setID(ctx, u, ""); err != nil {
				return err
			}
			return setID(ctx, u, id)
		},
		"post": func(ctx context.Context, u *v1alpha1.ScimUser, id string) error {
			_, err := r.CreateUser(ctx, dir, &v1alpha1.ScimUserSpec{UserName: strings.ToUpper(u.Spec.UserName), ExternalID: id})
			return err
		},
	}
}

// TestRecycledNames pushes another externalId at a user who left, under each rule, by each way.
func TestRecycledNames(t *testing.T) {
	for _, tc := range []struct {
		policy v1alpha1.MatchPolicy
		want   int
		reason string
	}{
		{v1alpha1.MatchLink, 0, "Link lets it through"},
		{v1alpha1.MatchReject, http.StatusConflict, "Reject never does"},
		{v1alpha1.MatchReview, http.StatusConflict, "Review waits for a person"},
		{"", http.StatusConflict, "the default is Review"},
	} {
		r, ctx := ruled(t, v1alpha1.Matching{RecycledUsers: tc.policy}), t.Context()
		dir := directoryOf(t) + strings.ToLower(string(tc.policy))
		for name, push := range newcomers(r, dir) {
			left := false
			spec := &v1alpha1.ScimUserSpec{UserName: "recycled-" + string(tc.policy) + name, ExternalID: "00u-old", Active: &left}
			user, err := r.CreateUser(ctx, dir, spec)
			must(t, err)
			if got := statusOf(push(ctx, user, "00u-new")); got != tc.want {
				t.Fatalf("%s %s: status %d, want %d: %s", tc.policy, name, got, tc.want, tc.reason)
			}
			r.writes.take()
			if got := statusOf(push(ctx, user, "00u-new")); tc.want != 0 && got != tc.want {
				t.Fatalf("%s %s: status %d, want %d, however often", tc.policy, name, got, tc.want)
			}
			if tc.want != 0 {
				same(t, map[string]int{}, r.writes.take(), "the same request again writes nothing: "+name)
			}
			now := r.freshUser(t, user.Name)
			if took := now.Spec.ExternalID == "00u-new"; took != (tc.want == 0) {
				t.Fatalf("%s %s: externalId is %q: %s", tc.policy, name, now.Spec.ExternalID, tc.reason)
			}
			if tc.want != 0 && now.IsActive() {
				t.Fatalf("%s %s: a refused newcomer reactivated who left", tc.policy, name)
			}
			must(t, r.DeleteUser(ctx, dir, user.Name, nil))
		}
	}
}

func TestApprovedNewcomer(t *testing.T) {
	r, dir, ctx := ruled(t, v1alpha1.Matching{}), directoryOf(t), t.Context()
	for name, push := range newcomers(r, dir) {
		user, err := r.CreateUser(ctx, dir, &v1alpha1.ScimUserSpec{UserName: "approved-" + name, ExternalID: "00u-old"})
		must(t, err)
		err = push(ctx, user, "00u-new")
		wantStatus(t, err, http.StatusConflict)
		if want := "kubectl scim adopt user " + user.Name + " --directory " + dir + " --external-id 00u-new`"; !strings.Contains(detailOf(err), want) {
			t.Fatalf("the detail must say %q: %s", want, detailOf(err))
		}
		same(t, dir+" 00u-new", r.freshUser(t, user.Name).Annotations[v1alpha1.AnnotationReviewRequested], "the request is on the object")
		r.approve(t, user, v1alpha1.AnnotationApprovedExternalID, "00u-third")
		wantStatus(t, push(ctx, user, "00u-new"), http.StatusConflict)
		r.approve(t, user, v1alpha1.AnnotationApprovedExternalID, "00u-new")
		must(t, push(ctx, user, "00u-new"))
		now := r.freshUser(t, user.Name)
		same(t, "00u-new", now.Spec.ExternalID, "the approved newcomer has the user, with its id: "+name)
		for key := range now.Annotations {
			if key != v1alpha1.AnnotationLastModified {
				t.Errorf("%s: %s is left over", name, key)
			}
		}
		wantStatus(t, push(ctx, user, "00u-old"), http.StatusConflict)
	}
}

func TestSameIDIsNoNewcomer(t *testing.T) {
	r, dir, ctx := ruled(t, everything(v1alpha1.MatchReject)), directoryOf(t), t.Context()
	user, err := r.CreateUser(ctx, dir, userSpec("no-newcomer"))
	must(t, err)
	for _, id := range []string{"00u-first", "", "00u-first"} {
		_, err = r.UpdateUser(ctx, dir, user.Name, func(u *v1alpha1.ScimUser) error { u.Spec.ExternalID = id; return nil })
		must(t, err)
	}
	now := r.freshUser(t, user.Name)
	if _, ok := now.Annotations[v1alpha1.AnnotationFormerExternalID]; ok || now.Spec.ExternalID != "00u-first" {
		t.Errorf("the same externalId came back, and there is nothing to remember: %v", now.Annotations)
	}
	_, err = r.CreateUser(ctx, dir, &v1alpha1.ScimUserSpec{UserName: "no-newcomer", ExternalID: "00u-first"})
	wantStatus(t, err, http.StatusConflict)
}

// TestDetachedUserKeepsItsPast takes a user out of its directory, as `kubectl scim detach` does, and lets the directory push the
// name again: to be local does not launder the name.
func TestDetachedUserKeepsItsPast(t *testing.T) {
	r, dir, ctx := ruled(t, v1alpha1.Matching{ExistingUsers: v1alpha1.MatchLink}), directoryOf(t), t.Context()
	user, err := r.CreateUser(ctx, dir, &v1alpha1.ScimUserSpec{UserName: "detached", ExternalID: "00u-old"})
	must(t, err)
	user.Spec.Directory = ""
	must(t, r.client.Update(ctx, user))
	_, err = r.CreateUser(ctx, dir, &v1alpha1.ScimUserSpec{UserName: "detached", ExternalID: "00u-new"})
	wantStatus(t, err, http.StatusConflict)
	if want := "kubectl patch scimuser " + user.Name; !strings.Contains(detailOf(err), want) {
		t.Errorf("the detail must say %q: %s", want, detailOf(err))
	}
	same(t, "", r.freshUser(t, user.Name).Spec.Directory, "a refused takeover changes nothing")
	_, err = r.CreateUser(ctx, dir, &v1alpha1.ScimUserSpec{UserName: "detached", ExternalID: "00u-old"})
	must(t, err)
	must(t, r.client.Get(ctx, client.ObjectKeyFromObject(user), user))
	same(t, dir, user.Spec.Directory, "the same person comes back")
	user.Spec.Directory, user.Spec.ExternalID = "", ""
	must(t, r.client.Update(ctx, user))
	_, err = r.CreateUser(ctx, dir, &v1alpha1.ScimUserSpec{UserName: "detached", ExternalID: "00u-new"})
	must(t, err)
	same(t, "00u-new", r.freshUser(t, user.Name).Spec.ExternalID, "whoever takes the old externalId off lets the newcomer in")
}
