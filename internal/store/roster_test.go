package store

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// truth is what a roster was told, kept in the plainest way.
type truth struct {
	users  map[string]*v1alpha1.ScimUser
	claims map[string]*v1alpha1.ScimClaim
}

// list is the law of a list: those of the directory that count, and those local ones that its rule lets it take over, by creation
// time and id.
func (w truth) list(directory string, local v1alpha1.MatchPolicy) []*v1alpha1.ScimUser {
	found := []*v1alpha1.ScimUser{}
	for _, user := range w.users {
		mine := belongs(user, directory) || directory != "" && isLocal(user) && allows(local, directory, user)
		if mine && Counts(user, w.claims[ClaimNameOf(user)]) {
			found = append(found, user)
		}
	}
	slices.SortFunc(found, byCreation[*v1alpha1.ScimUser])
	return found
}

// bearersOf are those who need the claim, whether they count or not, by name.
func (w truth) bearersOf(claim string) []*v1alpha1.ScimUser {
	found := []*v1alpha1.ScimUser{}
	for _, user := range w.users {
		if ClaimNameOf(user) == claim {
			found = append(found, user)
		}
	}
	sortByName(found)
	return found
}

// number draws one of few numbers, so that names, times and directories repeat.
func number(t *rapid.T, of int) int { return rapid.IntRange(0, of-1).Draw(t, "n") }

// someUser draws a user whose name, userName, creation time and directory collide with those of others.
func someUser(t *rapid.T) *v1alpha1.ScimUser {
	user := &v1alpha1.ScimUser{}
	user.Name = "user-" + strconv.Itoa(number(t, 12))
	user.CreationTimestamp = metav1.Unix(int64(number(t, 3)), 0)
	user.Spec.UserName = []string{"ada", "ADA", "grace", "edsger", "tony"}[number(t, 5)]
	user.Spec.Directory = []string{"", "okta", "entra"}[number(t, 3)]
	if number(t, 2) == 0 {
		user.Annotations = map[string]string{v1alpha1.AnnotationApprovedTakeover: []string{"okta", "entra"}[number(t, 2)]}
	}
	if number(t, 6) == 0 {
		user.DeletionTimestamp = &metav1.Time{Time: time.Unix(9, 0)}
	}
	return user
}

func TestRosterIsTheNaiveList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := truth{users: map[string]*v1alpha1.ScimUser{}, claims: map[string]*v1alpha1.ScimClaim{}}
		lists := rosters{users: newRoster[*v1alpha1.ScimUser](), roles: newRoster[*v1alpha1.ScimRole]()}
		t.Repeat(map[string]func(*rapid.T){
			"a user appears or changes": func(t *rapid.T) {
				user := someUser(t)
				w.users[user.Name] = user
				lists.users.put(user)
			},
			"a user is gone": func(t *rapid.T) {
				name := someUser(t).Name
				delete(w.users, name)
				lists.users.drop(name)
			},
			"a claim appears or changes": func(t *rapid.T) {
				bearer, owner := someUser(t), someUser(t).Name
				claim := &v1alpha1.ScimClaim{ObjectMeta: metav1.ObjectMeta{Name: ClaimNameOf(bearer), ResourceVersion: strconv.Itoa(number(t, 3))}}
				claim.Spec.Owner = owner
				w.claims[claim.Name] = claim
				lists.claimed(shown(claim))
				if got := lists.users.claim(claim.Name); *got.claimShown != *shown(claim) || got.at != lists.users.told() {
					t.Fatalf("the last news of %s is %+v", claim.Name, got)
				}
			},
			"a claim is gone": func(t *rapid.T) {
				name := ClaimNameOf(someUser(t))
				delete(w.claims, name)
				lists.claimed(&claimShown{name: name})
				if got := lists.users.claim(name); got != (claimSeen{claimShown: noClaim}) {
					t.Fatalf("a claim that is gone is known: %+v", got)
				}
			},
			"": func(t *rapid.T) {
				for _, userName := range []string{"ada", "grace", "edsger", "tony", "nobody"} {
					claim := v1alpha1.ClaimName(v1alpha1.ClaimUserName, userName)
					want, got := names(w.bearersOf(claim)), names(lists.users.bearersOf(claim))
					slices.Sort(got)
					if !slices.Equal(got, want) {
						t.Fatalf("who needs the claim of %s: %v, want %v", userName, got, want)
					}
				}
				for _, directory := range []string{"", "okta", "entra", "nobody's"} {
					for _, local := range []v1alpha1.MatchPolicy{v1alpha1.MatchReject, v1alpha1.MatchReview, v1alpha1.MatchLink} {
						want := w.list(directory, local)
						got, total := lists.users.part(directory, local, 0, -1)
						if total != len(want) || !slices.Equal(got, want) {
							t.Fatalf("the list of %q with %s has %d users, not those %d that count, in order: %s", directory, local, total, len(want), cmp.Diff(names(want), names(got)))
						}
						from, count := number(t, 6), number(t, 6)
						low := min(from, len(want))
						if part, _ := lists.users.part(directory, local, from, count); !slices.Equal(part, want[low:min(low+count, len(want))]) {
							t.Fatalf("%d from %d of %q with %s: %v of %v", count, from, directory, local, names(part), names(want))
						}
					}
				}
			},
		})
	})
}

func names(users []*v1alpha1.ScimUser) []string {
	out := make([]string, 0, len(users))
	for _, user := range users {
		out = append(out, user.Name)
	}
	return out
}

func TestOrderedIsASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list ordered[*v1alpha1.ScimUser]
		plain := map[int]*v1alpha1.ScimUser{}
		user := func(n int) *v1alpha1.ScimUser {
			u := &v1alpha1.ScimUser{}
			u.Name, u.CreationTimestamp = strconv.Itoa(n), metav1.Unix(int64(n/7), 0)
			return u
		}
		many := rapid.SliceOfN(rapid.IntRange(0, 4*maxRun), 0, 3*maxRun)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				for _, n := range many.Draw(t, "put") {
					plain[n] = user(n)
					list.put(plain[n])
				}
			},
			"remove": func(t *rapid.T) {
				for _, n := range many.Draw(t, "remove") {
					delete(plain, n)
					list.remove(user(n))
				}
			},
			"": func(t *rapid.T) {
				want := []*v1alpha1.ScimUser{}
				for _, u := range plain {
					want = append(want, u)
				}
				slices.SortFunc(want, byCreation[*v1alpha1.ScimUser])
				from, count := rapid.IntRange(-1, 4*maxRun).Draw(t, "from"), rapid.IntRange(-1, 4*maxRun).Draw(t, "count")
				low := min(max(from, 0), len(want))
				part := want[low : low+min(max(count, 0), len(want)-low)]
				if got := list.part(from, count); list.size != len(want) || !slices.Equal(got, part) {
					t.Fatalf("%d from %d of %d: %s", count, from, list.size, cmp.Diff(names(part), names(got)))
				}
			},
		})
	})
}
