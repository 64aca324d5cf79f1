package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/store"
)

func TestUserLife(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	made, err := r.CreateUser(ctx, dir, &v1alpha1.ScimUserSpec{UserName: "Ada.Lovelace@Example.com", ExternalID: "00u-life"})
	must(t, err)
	same(t, map[string]int{"create ScimUser": 1, "create ScimClaim": 1}, r.writes.take(), "a create is two writes")
	if !strings.HasPrefix(made.Name, "ada-lovelace-example-com-") || len(validation.IsDNS1123Subdomain(made.Name)) > 0 {
		t.Fatalf("the id %q is not a slug and a random part", made.Name)
	}
	same(t, map[string]string{v1alpha1.LabelDirectory: dir}, made.Labels, "the directory is a label too")
	if made.Spec.Directory != dir || !made.IsActive() {
		t.Fatalf("directory and active are set by the store: %+v", made.Spec)
	}
	for name, find := range map[string]func() (*v1alpha1.ScimUser, error){
		"by id":                       func() (*v1alpha1.ScimUser, error) { return r.User(ctx, dir, made.Name) },
		"by userName in another case": func() (*v1alpha1.ScimUser, error) { return r.UserByUserName(ctx, dir, "ADA.lovelace@example.COM") },
	} {
		found, err := find()
		must(t, err)
		same(t, made, found, "a create can be read at once "+name)
	}
	byExternal, err := r.UsersByExternalID(ctx, dir, "00u-life")
	must(t, err)
	if len(byExternal) != 1 || byExternal[0].Name != made.Name {
		t.Fatalf("externalId finds %v, want the one user", byExternal)
	}

	r.seen(t, made.Name, &v1alpha1.ScimUser{}, func() bool { return true })
	eventually(t, "the one user is listed", func(context.Context) (bool, error) {
		listed, err := r.Users(ctx, dir)
		return len(listed) == 1 && listed[0].Name == made.Name, err
	})
	same(t, map[string]string{made.Name: "Ada.Lovelace@Example.com"}, r.UserNames(ctx, dir, []string{made.Name, "nobody", "../x"}), "only known ids have names")
	same(t, map[string]string{}, r.UserNames(ctx, "other", []string{made.Name}), "who guesses an id learns no name")

	must(t, r.DeleteUser(ctx, dir, made.Name, nil))
	same(t, map[string]int{"delete ScimUser": 1, "delete ScimClaim": 1}, r.writes.take(), "a delete drops the claim too")
	wantStatus(t, r.DeleteUser(ctx, dir, made.Name, nil), http.StatusNotFound)
	_, err = r.User(ctx, dir, made.Name)
	wantStatus(t, err, http.StatusNotFound)
	_, err = r.UserByUserName(ctx, dir, "ada.lovelace@example.com")
	wantStatus(t, err, http.StatusNotFound)
	second, err := r.CreateUser(ctx, dir, userSpec("ada.lovelace@example.com"))
	must(t, err)
	if second.Name == made.Name {
		t.Fatal("an id was used twice")
	}
}

func TestOtherDirectoriesDoNotExist(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	made, err := r.CreateUser(ctx, dir, &v1alpha1.ScimUserSpec{UserName: "foreign", ExternalID: "00u-foreign"})
	must(t, err)
	local := &v1alpha1.ScimUser{Spec: *userSpec("foreign-local")}
	local.Name = "foreign-local"
	must(t, r.client.Create(ctx, local))
	for _, other := range []string{"other", ""} {
		for _, id := range []string{made.Name, local.Name, "no-such-id", "Not/A..Name", ""} {
			_, err := r.User(ctx, other, id)
			wantStatus(t, err, http.StatusNotFound)
			same(t, scim.NotFound("User", id).Detail, detailOf(err), "foreign, local and missing ids have one text")
			_, err = r.UpdateUser(ctx, other, id, func(u *v1alpha1.ScimUser) error { u.Spec.Title = "stolen"; return nil })
			wantStatus(t, err, http.StatusNotFound)
			wantStatus(t, r.DeleteUser(ctx, other, id, nil), http.StatusNotFound)
		}
		_, err := r.UserByUserName(ctx, other, "foreign")
		wantStatus(t, err, http.StatusNotFound)
		found, err := r.UsersByExternalID(ctx, other, "00u-foreign")
		must(t, err)
		same(t, 0, len(found), "externalId finds nothing of another directory")
	}
	_, err = r.CreateUser(ctx, "other", userSpec("FOREIGN"))
	wantStatus(t, err, http.StatusConflict)
	if text := detailOf(err); strings.Contains(text, made.Name) || strings.Contains(text, dir) || !strings.Contains(text, `"FOREIGN"`) {
		t.Fatalf("a 409 names the value and nothing of the other directory: %s", text)
	}
}

func detailOf(err error) string {
	var e *scim.Error
	if errors.As(err, &e) {
		return e.Detail
	}
	return ""
}

func TestUpdateUser(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	spec := userSpec("update")
	spec.Extensions = map[string]apiextensionsv1.JSON{"urn:x": {Raw: []byte(`{"b": 1.50,  "a":[1, 2]}`)}}
	made, err := r.CreateUser(ctx, dir, spec)
	must(t, err)
	r.writes.take()

	_, err = r.UpdateUser(ctx, dir, made.Name, func(u *v1alpha1.ScimUser) error {
		u.Spec.Directory, u.Labels, u.Spec.Active = "elsewhere", nil, nil
		u.Spec.Emails = []v1alpha1.MultiValue{}
		u.Spec.Extensions["urn:x"] = apiextensionsv1.JSON{Raw: []byte(`{"a":[1,2],"b":1.50}`)}
		return nil
	})
	must(t, err)
	same(t, map[string]int{}, r.writes.take(), "an equal spec writes nothing")

	changed, err := r.UpdateUser(ctx, dir, made.Name, func(u *v1alpha1.ScimUser) error { u.Spec.Title = "Countess"; return nil })
	must(t, err)
	same(t, map[string]int{"update ScimUser": 1}, r.writes.take(), "a change is one write")
	same(t, r.clock.Now().UTC().Format("2006-01-02T15:04:05.000Z"), changed.Annotations[v1alpha1.AnnotationLastModified], "lastModified goes with the write")
	same(t, made.Generation+1, changed.Generation, "the version moves with the spec")

	renamed, err := r.UpdateUser(ctx, dir, made.Name, func(u *v1alpha1.ScimUser) error { u.Spec.UserName = "UPDATE"; return nil })
	must(t, err)
	same(t, map[string]int{"update ScimUser": 1}, r.writes.take(), "a change of case keeps the claim")
	same(t, made.Name, renamed.Name, "a rename keeps the id")

	_, err = r.UpdateUser(ctx, dir, made.Name, func(u *v1alpha1.ScimUser) error { u.Spec.UserName = "updated"; return nil })
	must(t, err)
	same(t, map[string]int{"update ScimUser": 1, "create ScimClaim": 1}, r.writes.take(), "a rename claims the name first")
	found, err := r.UserByUserName(ctx, dir, "updated")
	must(t, err)
	same(t, made.Name, found.Name, "the new name finds the user")
	_, err = r.UserByUserName(ctx, dir, "update")
	wantStatus(t, err, http.StatusNotFound)

	sentinel := errors.New("refused by the caller")
	_, err = r.UpdateUser(ctx, dir, made.Name, func(*v1alpha1.ScimUser) error { return sentinel })
	if err != sentinel { //nolint:errorlint // The contract is the very same error.
		t.Fatalf("error of change %v, want it as it is", err)
	}
	wantStatus(t, r.DeleteUser(ctx, dir, made.Name, func(*v1alpha1.ScimUser) error { return scim.BadRequest(scim.TypeInvalidVers, "stale") }), http.StatusBadRequest)
	if !exists(t, r.client, made.Name, &v1alpha1.ScimUser{}) {
		t.Fatal("a refused delete deleted")
	}
}

func TestTakenNames(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	first, err := r.CreateUser(ctx, dir, userSpec("straße"))
	must(t, err)
	second, err := r.CreateUser(ctx, dir, userSpec("taken-two"))
	must(t, err)
	eventually(t, "both users are listed", func(ctx context.Context) (bool, error) {
		_, total, err := r.UsersPage(ctx, dir, 0, 10)
		return total == 2, err
	})
	r.writes.take()
	_, err = r.CreateUser(ctx, dir, userSpec("STRASSE"))
	wantStatus(t, err, http.StatusConflict)
	_, err = r.UpdateUser(ctx, dir, second.Name, func(u *v1alpha1.ScimUser) error { u.Spec.UserName = "Strasse"; return nil })
	wantStatus(t, err, http.StatusConflict)
	same(t, map[string]int{}, r.writes.take(), "a name that is taken costs no write")

	_, err = r.UpdateUser(ctx, dir, first.Name, func(u *v1alpha1.ScimUser) error { u.Spec.UserName = "moved-on"; return nil })
	must(t, err)
	third, err := r.CreateUser(ctx, dir, userSpec("Strasse"))
	must(t, err)
	found, err := r.UserByUserName(ctx, dir, "straße")
	must(t, err)
	same(t, third.Name, found.Name, "a name is free as soon as its bearer is renamed, before repair")
}

// TestNamesThatAreTakenUnseen has a server whose cache stands still create what somebody else has created meanwhile.
func TestNamesThatAreTakenUnseen(t *testing.T) {
	r, blind, dir, ctx := newReplica(t), newReplica(t), directoryOf(t), t.Context()
	blind.stop()
	user, err := r.CreateUser(ctx, dir, userSpec("unseen"))
	must(t, err)
	role, err := r.CreateRole(ctx, dir, roleSpec("Unseen"), nil)
	must(t, err)
	_, err = blind.CreateUser(ctx, dir, userSpec("Unseen"))
	wantStatus(t, err, http.StatusConflict)
	_, err = blind.CreateRole(ctx, dir, roleSpec("unseen"), nil)
	wantStatus(t, err, http.StatusConflict)
	want := map[string]int{"create ScimClaim": 2} // both refused
	for _, kind := range []string{"ScimUser", "ScimRole"} {
		want["create "+kind], want["patch "+kind], want["delete "+kind] = 1, 1, 1
	}
	same(t, want, blind.writes.take(), "what was created in vain is marked, so that nobody finds it, and deleted")
	left := func(list client.ObjectList) int {
		must(t, r.client.List(ctx, list, client.MatchingLabels{v1alpha1.LabelDirectory: dir}))
		return meta.LenList(list)
	}
	if users, roles := left(&v1alpha1.ScimUserList{}), left(&v1alpha1.ScimRoleList{}); users != 1 || roles != 1 {
		t.Errorf("%d users and %d roles are there, want one of each", users, roles)
	}
	found, err := blind.UserByUserName(ctx, dir, "unseen")
	must(t, err)
	same(t, user.Name, found.Name, "the name is its first bearer's")

	// A claim whose owner is gone is in the way of nobody, although the cache does not show it.
	must(t, client.IgnoreNotFound(r.client.Delete(ctx, user)))
	_, err = blind.CreateUser(ctx, dir, userSpec("unseen"))
	must(t, err)
	must(t, r.client.Delete(ctx, role))
}

func TestInvalidNamesTheAttribute(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	secret := strings.Repeat("s", 600)
	for _, test := range []struct {
		reason string
		spec   *v1alpha1.ScimUserSpec
		want   string
	}{
		{"a limit of a string is named", userSpec(secret), "userName is too long: at most 512 characters are kept"},
		{"an empty name is named", userSpec(""), "userName must not be empty"},
		{"a rule of ours is passed on", userSpec("  "), "userName must not be blank: give the name that the user signs in with."},
		{"an inner attribute is named", &v1alpha1.ScimUserSpec{UserName: "inv", Name: &v1alpha1.Name{GivenName: strings.Repeat("n", 1025)}}, "name.givenName is too long: at most 1024 characters are kept"},
		{"an attribute of the extension has its URN", &v1alpha1.ScimUserSpec{UserName: "inv", Enterprise: &v1alpha1.EnterpriseUser{Department: strings.Repeat("d", 1025)}}, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department is too long"},
		{"a limit of a list is named", &v1alpha1.ScimUserSpec{UserName: "inv", X509Certificates: make([]v1alpha1.MultiValue, 17)}, "x509Certificates has too many values: at most 16 are kept"},
	} {
		_, err := r.CreateUser(ctx, dir, test.spec)
		wantStatus(t, err, http.StatusBadRequest)
		if text := detailOf(err); !strings.HasPrefix(text, test.want) || strings.Contains(text, secret) {
			t.Errorf("%s: %q, want %q (%v)", test.reason, text, test.want, err)
		}
	}
	big := userSpec("big")
	for range 64 {
		big.Photos = append(big.Photos, v1alpha1.MultiValue{Value: strings.Repeat("p", 16384)})
		big.Ims = append(big.Ims, v1alpha1.MultiValue{Value: strings.Repeat("i", 16384)})
	}
	_, err := r.CreateUser(ctx, dir, big)
	wantStatus(t, err, http.StatusRequestEntityTooLarge)
}

func TestConcurrentCreatesOfOneName(t *testing.T) {
	replicas, dir, ctx := []*replica{newReplica(t), newReplica(t)}, directoryOf(t), t.Context()
	const n = 200
	name := func(i int) string {
		letters := []byte("concurrent@example.com")
		for bit := range 10 {
			if i>>bit&1 == 1 {
				letters[bit] -= 'a' - 'A'
			}
		}
		return string(letters)
	}
	results := make([]*v1alpha1.ScimUser, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			user, err := again(t, func() (*v1alpha1.ScimUser, error) { return replicas[i%2].CreateUser(ctx, dir, userSpec(name(i))) })
			if err == nil {
				results[i] = user
			} else if statusOf(err) != http.StatusConflict {
				t.Errorf("create %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	var winner *v1alpha1.ScimUser
	for _, user := range results {
		if user == nil {
			continue
		}
		if winner != nil {
			t.Fatalf("both %s and %s were acknowledged", winner.Name, user.Name)
		}
		winner = user
	}
	found, err := replicas[0].UserByUserName(ctx, dir, "concurrent@example.com")
	must(t, err)
	// A create that was told 429 may have succeeded behind the answer; its retry is a 409. There is one user either way.
	if winner != nil && winner.Name != found.Name {
		t.Fatalf("%s was acknowledged, %s counts", winner.Name, found.Name)
	}
	if winner == nil {
		t.Fatal("no create was acknowledged")
	}
	left := &v1alpha1.ScimUserList{}
	must(t, replicas[0].client.List(ctx, left, client.MatchingFields{"spec.directory": dir}))
	same(t, 1, len(left.Items), "the losers have deleted their users")
}

func TestRenameRaces(t *testing.T) {
	replicas, dir, ctx := []*replica{newReplica(t), newReplica(t)}, directoryOf(t), t.Context()
	const n = 16
	users := make([]string, n)
	for i := range users {
		user, err := replicas[i%2].CreateUser(ctx, dir, userSpec(fmt.Sprintf("race-%d", i)))
		must(t, err)
		users[i] = user.Name
	}
	won := make([]bool, n)
	var wg sync.WaitGroup
	for i, id := range users {
		wg.Go(func() {
			_, err := again(t, func() (*v1alpha1.ScimUser, error) {
				return replicas[i%2].UpdateUser(ctx, dir, id, func(u *v1alpha1.ScimUser) error { u.Spec.UserName = "race-goal"; return nil })
			})
			won[i] = err == nil
			if err != nil && statusOf(err) != http.StatusConflict {
				t.Errorf("rename: %v", err)
			}
		})
	}
	wg.Wait()
	var goal []string
	for i, id := range users {
		user, err := replicas[0].User(ctx, dir, id)
		must(t, err)
		same(t, won[i], user.Spec.UserName == "race-goal", "who was told 200 bears the name, and nobody else")
		found, err := replicas[1].UserByUserName(ctx, dir, user.Spec.UserName)
		must(t, err)
		same(t, id, found.Name, "every user is found by the name that it bears")
		if won[i] {
			goal = append(goal, id)
		}
	}
	same(t, 1, len(goal), "one rename wins")
	left := &v1alpha1.ScimUserList{}
	must(t, replicas[0].client.List(ctx, left, client.MatchingFields{"spec.directory": dir}))
	same(t, n, len(left.Items), "nobody is lost")
}

func TestNothingPartialBeforeTheCacheIsSynced(t *testing.T) {
	r, dir, ctx := newReplica(t), directoryOf(t), t.Context()
	made, err := r.CreateUser(ctx, dir, userSpec("unsynced"))
	must(t, err)
	r.writes.take()
	fresh, err := store.New(store.Config{Client: r.client, Cache: r.cache, Synced: func() bool { return false }})
	must(t, err)
	must(t, fresh.Watch(ctx, r.cache))
	for name, read := range map[string]func() error{
		"users":    func() error { _, err := fresh.Users(ctx, dir); return err },
		"roles":    func() error { _, err := fresh.Roles(ctx, dir); return err },
		"roles of": func() error { _, err := fresh.RolesOf(ctx, dir, made.Name); return err },
		"create":   func() error { _, err := fresh.CreateUser(ctx, dir, userSpec("unsynced-two")); return err },
	} {
		var e *scim.Error
		if err := read(); !errors.As(err, &e) || e.Status != http.StatusTooManyRequests || e.RetryAfter <= 0 {
			t.Errorf("%s before the cache is synced: %v, want 429 with Retry-After", name, err)
		}
	}
	same(t, map[string]int{}, r.writes.take(), "what is refused leaves nothing behind")
	found, err := fresh.UserByUserName(ctx, dir, "unsynced")
	must(t, err)
	same(t, made.Name, found.Name, "live reads need no cache")
}

// TestSearchAhead searches by what the lists knew of a claim before it changed hands.
func TestSearchAhead(t *testing.T) {
	r, other, dir, ctx := newReplica(t), newReplica(t), directoryOf(t), t.Context()
	made, err := r.CreateUser(ctx, dir, &v1alpha1.ScimUserSpec{UserName: "ahead", ExternalID: "00u-ahead"})
	must(t, err)
	known := func(id string) {
		eventually(t, "the lists know who bears the name", func(context.Context) (bool, error) {
			listed, err := r.Users(ctx, dir)
			return len(listed) == 1 && listed[0].Name == id, err
		})
	}
	search := func(reason, want string) {
		t.Helper()
		found, err := r.UserByUserName(ctx, dir, "AHEAD")
		must(t, err)
		same(t, want, found.Name, reason)
		byExternal, err := r.UsersByExternalID(ctx, dir, "00u-ahead")
		must(t, err)
		if len(byExternal) != 1 || byExternal[0].Name != want {
			t.Fatalf("%s: externalId finds %v", reason, byExternal)
		}
	}
	known(made.Name)
	search("a claim that is as it was known", made.Name)
	must(t, other.DeleteUser(ctx, dir, made.Name, nil))
	_, err = r.UserByUserName(ctx, dir, "ahead")
	wantStatus(t, err, http.StatusNotFound)
	second, err := other.CreateUser(ctx, dir, &v1alpha1.ScimUserSpec{UserName: "Ahead", ExternalID: "00u-ahead"})
	must(t, err)
	search("another user has the name since, whatever the lists know", second.Name)
	known(second.Name)
	_, err = other.UpdateUser(ctx, dir, second.Name, func(u *v1alpha1.ScimUser) error { u.Spec.UserName = "went-ahead"; return nil })
	must(t, err)
	_, err = r.UserByUserName(ctx, dir, "ahead")
	wantStatus(t, err, http.StatusNotFound)
}
