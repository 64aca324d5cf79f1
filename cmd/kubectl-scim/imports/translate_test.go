package imports

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access/world"
	"github.com/scim-operator/scim-operator/test/worlds"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestTranslateGolden(t *testing.T) {
	objects := worlds.Read(t, "../testdata/brown-field.yaml")
	for name, options := range map[string]Options{"import": {}, "import-adopt": {Adopt: true}, "import-shop": {Namespace: "shop"}} {
		result := Translate(world.New(objects), options)
		got, err := Render(result)
		if err != nil {
			t.Fatal(err)
		}
		text := string(got) + "# " + summary(result) + "\n"
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%s: a terminal would obey %q", name, text[i:min(len(text), i+20)])
		}
		path := filepath.Join("..", "testdata", name+".golden")
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), text); diff != "" {
			t.Errorf("%s (-want, +got; -update rewrites it):\n%s", path, diff)
		}
	}
}

// crowd is a world with one RoleBinding for n users.
func crowd(n int) *world.World {
	objects := world.Objects{RoleBindings: []rbacv1.RoleBinding{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: strings.Repeat("long-", 20)}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "view"},
	}}}
	for i := range n {
		name := fmt.Sprintf("u%03d", i)
		objects.Users = append(objects.Users, v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ScimUserSpec{UserName: name}})
		objects.Claims = append(objects.Claims, v1alpha1.ScimClaim{
			ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.ClaimName(v1alpha1.ClaimUserName, name)},
			Spec:       v1alpha1.ScimClaimSpec{Attribute: v1alpha1.ClaimUserName, Value: name, Owner: name},
		})
		objects.RoleBindings[0].Subjects = append(objects.RoleBindings[0].Subjects, rbacv1.Subject{Kind: rbacv1.UserKind, Name: name})
	}
	return world.New(objects)
}

func TestTranslateSplits(t *testing.T) {
	for _, tc := range []struct {
		reason string
		users  int
		want   []int
	}{
		{"a grant names 64 people", 64, []int{64}},
		{"the next one goes into another grant", 65, []int{64, 1}},
		{"and so on", 200, []int{64, 64, 64, 8}},
	} {
		proposals := Translate(crowd(tc.users), Options{Adopt: true}).Proposals
		var got []int
		names, seen := map[string]bool{}, map[string]bool{}
		for _, object := range proposals[0].Grants {
			grant := object.(*v1alpha1.AccessGrant)
			got = append(got, len(grant.Spec.Users))
			names[grant.Name] = true
			if len(grant.Name) > 63 {
				t.Errorf("%s: the name %s is longer than 63 characters", tc.reason, grant.Name)
			}
			for _, user := range grant.Spec.Users {
				seen[user.UserName] = true
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || len(names) != len(tc.want) || len(seen) != tc.users {
			t.Errorf("%s (-want, +got), %d names, %d people:\n%s", tc.reason, len(names), len(seen), diff)
		}
		if handed := proposals[0].Handover != ""; handed != (len(tc.want) == 1) {
			t.Errorf("%s: one grant can take the binding over only when it gives everybody in it what that gave; handed over: %t", tc.reason, handed)
		}
	}
}

func TestNamesAreFree(t *testing.T) {
	objects := crowd(1).Objects()
	first := Translate(world.New(objects), Options{}).Proposals[0].Grants[0].GetName()
	objects.RoleBindings[0].Name = "plain"
	objects.AccessGrants = []v1alpha1.AccessGrant{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "plain"}}}
	got := Translate(world.New(objects), Options{}).Proposals[0].Grants[0].GetName()
	if got == "plain" || !strings.HasPrefix(got, "plain-") {
		t.Errorf("the grant is called %s: an applied proposal must not overwrite a grant that exists", got)
	}
	if again := Translate(crowd(1), Options{}).Proposals[0].Grants[0].GetName(); again != first {
		t.Errorf("the same binding became grant %s, and then %s", first, again)
	}
}
