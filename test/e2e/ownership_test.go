package e2e_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/okta"
)

// ownership is two directories side by side, with the people whom platform engineers keep by hand. linker takes local objects over;
// cautious has the defaults, so that it waits for a person.
type ownership struct {
	o                *operator
	linker, cautious *okta.Client
	// role is a local role with access, and user its local member.
	role *v1alpha1.ScimRole
	user *v1alpha1.ScimUser
}

const (
	linkerName   = "ownership-linker"
	cautiousName = "ownership-cautious"
)

// TestOwnership: S44, S45, S53, S59, S60, S64 to S70, and what RELIABILITY says of takeovers: two directories and local people, none of
// whom gets at what is another's.
func TestOwnership(t *testing.T) {
	w := &ownership{o: sharedOperator(t)}
	link := v1alpha1.Matching{ExistingUsers: v1alpha1.MatchLink, ExistingRoles: v1alpha1.MatchLink}
	w.linker = w.newDirectory(t, linkerName, w.o.servers[0], link)
	w.cautious = w.newDirectory(t, cautiousName, w.o.servers[1], v1alpha1.Matching{})
	w.localPeople(t)
	for _, step := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"review", w.review},
		{"takeover of a user", w.takeOverUser},
		{"link to a role of another name", w.linkRole},
		{"strangers", w.strangers},
		{"squatting", w.squatting},
		{"foreign members", w.foreignMembers},
		{"recycled name", w.recycledName},
		{"roles without groups", w.assignedRole},
	} {
		if !t.Run(step.name, step.run) {
			return
		}
	}
}

func (w *ownership) newDirectory(t *testing.T, name string, server *process, matching v1alpha1.Matching) *okta.Client {
	t.Helper()
	token := rand.Text() + rand.Text()
	check(t, "create the Secret", w.o.kube.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name + "-token"}, StringData: map[string]string{"token": token},
	}))
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ScimDirectorySpec{
		Provider: v1alpha1.ProviderOkta, Matching: matching, RoleAssignment: v1alpha1.RoleAssignmentEnabled,
		Credentials: []v1alpha1.Credential{{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: name + "-token", Key: "token"}}},
	}}
	check(t, "create the directory", w.o.kube.Create(t.Context(), directory))
	c := must[*okta.Client](t)(okta.New(okta.Config{
		BaseURL: "https://" + server.address + "/scim/" + name + "/v2", Token: token, RootCAs: w.o.certificate.roots, Dialect: okta.AIW,
	}))
	t.Cleanup(c.Close)
	served(t, c)
	return c
}

// localPeople makes a user and a role by hand, and gives the role access.
func (w *ownership) localPeople(t *testing.T) {
	w.user = &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "ownership-local"}}
	w.user.Spec = v1alpha1.ScimUserSpec{UserName: "ownership.local@example.com", Title: "By hand"}
	w.role = &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "ownership-role"}}
	w.role.Spec = v1alpha1.ScimRoleSpec{DisplayName: "Ownership Local Role", LocalMembers: []string{w.user.Name}}
	for _, object := range []client.Object{w.user, w.role} {
		check(t, "create "+object.GetName(), w.o.kube.Create(t.Context(), object))
	}
	w.grantByName(t, "ownership", w.role.Name)
	w.o.may(t, w.user.Spec.UserName, true)
}

func (w *ownership) grantByName(t *testing.T, name, role string) {
	t.Helper()
	grant := &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ClusterAccessGrantSpec{
		Roles: []v1alpha1.RoleSelector{{Name: role}}, To: v1alpha1.GrantTarget{Name: "view"}, Scope: v1alpha1.ScopeCluster,
	}}
	check(t, "create the grant", w.o.kube.Create(t.Context(), grant))
	t.Cleanup(func() { _ = w.o.kube.Delete(context.WithoutCancel(t.Context()), grant) })
}

// detailOf is what Okta's administrator reads.
func detailOf(err error) string {
	if e, ok := errors.AsType[*okta.Error](err); ok {
		return e.Detail
	}
	return ""
}

func wantRefusal(t *testing.T, err error, status int, parts ...string) {
	t.Helper()
	if okta.StatusOf(err) != status {
		t.Fatalf("got %v, want a %d", err, status)
	}
	for _, part := range parts {
		if !strings.Contains(detailOf(err), part) {
			t.Errorf("the detail lacks %q: %s", part, detailOf(err))
		}
	}
}

// mark sets an annotation as `kubectl scim adopt` does.
func (w *ownership) mark(t *testing.T, user *v1alpha1.ScimUser, annotation, value string) {
	t.Helper()
	base := w.read(t, user.Name)
	marked := base.DeepCopy()
	if marked.Annotations == nil {
		marked.Annotations = map[string]string{}
	}
	marked.Annotations[annotation] = value
	check(t, "annotate", w.o.kube.Patch(t.Context(), marked, client.MergeFrom(base)))
}

func (w *ownership) read(t *testing.T, id string) *v1alpha1.ScimUser {
	t.Helper()
	user := &v1alpha1.ScimUser{}
	check(t, "read "+id, w.o.kube.Get(t.Context(), client.ObjectKey{Name: id}, user))
	return user
}

// hasEvent waits for an Event about an object.
func (w *ownership) hasEvent(t *testing.T, name, reason, part string) {
	t.Helper()
	eventually(t, "the event "+reason+" of "+name, func(ctx context.Context) error {
		list := &eventsv1.EventList{}
		if err := w.o.kube.List(ctx, list); err != nil {
			return err
		}
		if !slices.ContainsFunc(list.Items, func(e eventsv1.Event) bool {
			return e.Regarding.Name == name && e.Reason == reason && strings.Contains(e.Note, part)
		}) {
			return fmt.Errorf("not among %d events", len(list.Items))
		}
		return nil
	})
}

// review: the cautious directory sees no local people, and gets one when somebody agrees.
func (w *ownership) review(t *testing.T) {
	user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "ownership-reviewed"}}
	user.Spec.UserName = "ownership.reviewed@example.com"
	check(t, "create a local user", w.o.kube.Create(t.Context(), user))
	eventually(t, "the local user counts", func(ctx context.Context) error {
		return w.o.kube.Get(ctx, client.ObjectKey{Name: v1alpha1.ClaimName(v1alpha1.ClaimUserName, user.Spec.UserName)}, &v1alpha1.ScimClaim{})
	})
	p := okta.DefaultProfile(user.Spec.UserName)
	for range 2 {
		_, err := w.cautious.AssignUser(t.Context(), p)
		wantRefusal(t, err, 409, "kubectl scim adopt user "+user.Name+" --directory "+cautiousName)
	}
	if got := w.read(t, user.Name).Annotations[v1alpha1.AnnotationReviewRequested]; got != cautiousName {
		t.Errorf("the request on the object is %q", got)
	}
	w.hasEvent(t, user.Name, "ReviewRequested", cautiousName)
	w.mark(t, user, v1alpha1.AnnotationApprovedTakeover, cautiousName)
	got := must[okta.Resource](t)(w.cautious.AssignUser(t.Context(), p))
	if now := w.read(t, user.Name); got.ID() != user.Name || now.Spec.Directory != cautiousName || now.Annotations[v1alpha1.AnnotationApprovedTakeover] != "" {
		t.Errorf("Okta has %s, and the user is %q's with %v", got.ID(), now.Spec.Directory, now.Annotations)
	}
}

// takeOverUser: Okta finds the local user, links to it and overwrites its profile; id and access stay.
func (w *ownership) takeOverUser(t *testing.T) {
	p := okta.DefaultProfile(w.user.Spec.UserName)
	p.Title = "By Okta"
	got := must[okta.Resource](t)(w.linker.AssignUser(t.Context(), p))
	now := w.read(t, w.user.Name)
	if got.ID() != w.user.Name || now.Spec.Directory != linkerName || now.Spec.Title != "By Okta" || now.Labels[v1alpha1.LabelDirectory] != linkerName {
		t.Errorf("Okta has %s, and the user is %+v", got.ID(), now)
	}
	if !strings.HasPrefix(now.Annotations[v1alpha1.AnnotationPreviousOwner], v1alpha1.PreviousOwnerLocal+" ") {
		t.Errorf("the previous owner is not on record: %v", now.Annotations)
	}
	w.hasEvent(t, w.user.Name, "TakenOver", linkerName)
	w.o.may(t, w.user.Spec.UserName, true)
}

// linkRole: S59, Okta's Refresh App Groups shows the local role, and Link Group gives it another name and members.
func (w *ownership) linkRole(t *testing.T) {
	found := must[okta.Resource](t)(w.linker.FindGroup(t.Context(), w.role.Spec.DisplayName))
	if found.ID() != w.role.Name {
		t.Fatalf("Okta finds %s, want the local role", found.ID())
	}
	pushed := must[okta.Resource](t)(w.linker.AssignUser(t.Context(), okta.DefaultProfile("ownership.pushed@example.com")))
	check(t, "rename", w.linker.RenameGroup(t.Context(), w.role.Name, "Ownership Okta Group"))
	check(t, "push", w.linker.PushNow(t.Context(), w.role.Name, "Ownership Okta Group", []okta.Member{okta.MemberOf(pushed)}))
	now := &v1alpha1.ScimRole{}
	check(t, "read the role", w.o.kube.Get(t.Context(), client.ObjectKey{Name: w.role.Name}, now))
	if now.Spec.Directory != linkerName || now.Spec.DisplayName != "Ownership Okta Group" || !slices.Equal(now.Spec.LocalMembers, w.role.Spec.LocalMembers) {
		t.Errorf("the linked role is %+v", now.Spec)
	}
	w.o.may(t, "ownership.pushed@example.com", true)
	w.o.may(t, w.user.Spec.UserName, true)
	_, err := w.cautious.CreateGroup(t.Context(), "ownership okta GROUP", nil)
	wantRefusal(t, err, 409, "Refresh App Groups", "Link Group")
	eventually(t, "the role says when it was last seen", func(ctx context.Context) error {
		if err := w.o.kube.Get(ctx, client.ObjectKey{Name: w.role.Name}, now); err != nil || now.Status.LastSeenTime == nil {
			return fmt.Errorf("lastSeenTime %v: %w", now.Status.LastSeenTime, err)
		}
		return nil
	})
}

// strangers: whoever guesses the id of another directory's user, or of a local one, is told that there is no such user.
func (w *ownership) strangers(t *testing.T) {
	local := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "ownership-stays-local"}}
	local.Spec.UserName = "ownership.stays.local@example.com"
	check(t, "create a local user", w.o.kube.Create(t.Context(), local))
	for _, id := range []string{w.user.Name, local.Name} {
		before := w.read(t, id)
		_, err := w.cautious.User(t.Context(), id)
		wantRefusal(t, err, 404)
		_, err = w.cautious.UpdateUser(t.Context(), id, okta.DefaultProfile("ownership.thief@example.com"))
		wantRefusal(t, err, 404)
		wantRefusal(t, w.cautious.DeactivateUser(t.Context(), id), 404)
		if after := w.read(t, id); after.Generation != before.Generation {
			t.Errorf("a stranger changed %s", id)
		}
	}
}

// squatting: a name that one directory has taken first gives the other nothing, and says nothing about who has it.
func (w *ownership) squatting(t *testing.T) {
	p := okta.DefaultProfile("ownership.squatted@example.com")
	squatter := must[okta.Resource](t)(w.cautious.AssignUser(t.Context(), p))
	_, err := w.linker.AssignUser(t.Context(), p)
	wantRefusal(t, err, 409, p.UserName)
	for _, secret := range []string{squatter.ID(), cautiousName, "adopt"} {
		if strings.Contains(detailOf(err), secret) {
			t.Errorf("the detail leaks %q: %s", secret, detailOf(err))
		}
	}
	if got := w.read(t, squatter.ID()).Spec.Directory; got != cautiousName {
		t.Errorf("the user is %q's", got)
	}
}

// foreignMembers: a directory that puts the ids of another's people into a group gives them nothing, and does not learn their names.
func (w *ownership) foreignMembers(t *testing.T) {
	own := must[okta.Resource](t)(w.cautious.AssignUser(t.Context(), okta.DefaultProfile("ownership.own@example.com")))
	foreign := must[okta.Resource](t)(w.linker.AssignUser(t.Context(), okta.DefaultProfile("ownership.foreign@example.com")))
	group := must[string](t)(w.cautious.PushGroup(t.Context(), "Ownership Trap", []okta.Member{okta.MemberOf(own), {Value: foreign.ID()}}))
	w.grantByName(t, "ownership-trap", group)
	w.o.may(t, "ownership.own@example.com", true)
	w.o.may(t, "ownership.foreign@example.com", false)
	answer := must[okta.Resource](t)(w.cautious.Group(t.Context(), group))
	if strings.Contains(fmt.Sprint(answer), "ownership.foreign@") {
		t.Errorf("the group tells the name of a foreign user: %v", answer)
	}
}

// recycledName: a name that comes back with another externalId waits until somebody has looked.
func (w *ownership) recycledName(t *testing.T) {
	p := okta.DefaultProfile("ownership.leaver@example.com")
	left := must[okta.Resource](t)(w.linker.AssignUser(t.Context(), p))
	check(t, "deactivate", w.linker.DeactivateUser(t.Context(), left.ID()))
	p.ExternalID = "00u-somebody-else"
	_, err := w.linker.CreateUser(t.Context(), p)
	wantRefusal(t, err, 409, "another externalId", "kubectl scim adopt user "+left.ID(), p.ExternalID)
	_, err = w.linker.UpdateUser(t.Context(), left.ID(), p)
	wantRefusal(t, err, 409, "another externalId")
	if now := w.read(t, left.ID()); now.IsActive() || now.Spec.ExternalID == p.ExternalID {
		t.Errorf("the newcomer got the user: %+v", now.Spec)
	}
	w.hasEvent(t, left.ID(), "ReviewRequested", "externalId")
	w.mark(t, w.read(t, left.ID()), v1alpha1.AnnotationApprovedExternalID, p.ExternalID)
	got := must[okta.Resource](t)(w.linker.CreateUser(t.Context(), p))
	if now := w.read(t, left.ID()); got.ID() != left.ID() || !now.IsActive() || now.Spec.ExternalID != p.ExternalID {
		t.Errorf("after the approval Okta has %s, and the user is %+v", got.ID(), now.Spec)
	}
}

// assignedRole: Okta Governance gives a local role to a user without a group, takes it away again, and cannot give what is another
// directory's.
func (w *ownership) assignedRole(t *testing.T) {
	role := &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "ownership-assigned"}}
	role.Spec.DisplayName = "Ownership Assigned"
	p := okta.DefaultProfile("ownership.governed@example.com")
	p.Custom = map[string]any{"roles": []any{map[string]any{"value": role.Name, "display": role.Spec.DisplayName}, map[string]any{"value": w.role.Name}}}
	user := must[okta.Resource](t)(w.cautious.AssignUser(t.Context(), p))
	check(t, "create a local role", w.o.kube.Create(t.Context(), role))
	w.counts(t, user.ID(), 1)
	w.grantByName(t, "ownership-assigned", role.Name)
	w.o.may(t, p.UserName, true)
	p.Custom["roles"] = []any{map[string]any{"value": w.role.Name}}
	_, err := w.cautious.UpdateUser(t.Context(), user.ID(), p)
	check(t, "take the role away", err)
	w.o.may(t, p.UserName, false)
	w.counts(t, user.ID(), 0)
}

// counts waits until the user's status says how many roles it has.
func (w *ownership) counts(t *testing.T, id string, roles int32) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s has %d roles", id, roles), func(ctx context.Context) error {
		user := &v1alpha1.ScimUser{}
		if err := w.o.kube.Get(ctx, client.ObjectKey{Name: id}, user); err != nil {
			return err
		}
		if user.Status.Roles == nil || *user.Status.Roles != roles {
			return errors.New("status.roles says something else")
		}
		return nil
	})
}
