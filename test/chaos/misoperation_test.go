package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// target is an object of a scene whose fields are mutated.
type target struct {
	kind, plural string
	key          func(*scene) client.ObjectKey
}

func targets() []target {
	return []target{
		{"ScimDirectory", "scimdirectories", func(s *scene) client.ObjectKey { return client.ObjectKey{Name: s.tag} }},
		{"ClusterAccessGrant", "clusteraccessgrants", func(s *scene) client.ObjectKey { return client.ObjectKey{Name: s.grantName("in")} }},
		{"AccessGrant", "accessgrants", func(s *scene) client.ObjectKey { return client.ObjectKey{Namespace: s.tag, Name: "own"} }},
		{"AppConnection", "appconnections", func(s *scene) client.ObjectKey { return client.ObjectKey{Namespace: s.tag, Name: "app"} }},
		{"ScimUser", "scimusers", func(s *scene) client.ObjectKey { return client.ObjectKey{Name: s.tag + "-lee"} }},
		{"ScimRole", "scimroles", func(s *scene) client.ObjectKey { return client.ObjectKey{Name: s.tag + "-crew"} }},
	}
}

// misoperated is a team with one object of each kind that people write, and as many of their fields as can be.
func misoperated(ctx context.Context, s *scene) error {
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: s.tag + "-" + name} }
	return all(
		func() error { return appTeam(nil)(ctx, s) },
		func() error { return s.label(ctx, s.tag) },
		func() error {
			return s.grant(ctx, "in", "team", "edit", func(g *v1alpha1.ClusterAccessGrantSpec) {
				g.Scope = v1alpha1.ScopeNamespaces
				g.Namespaces = &v1alpha1.NamespaceSelection{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": s.tag}}}
			})
		},
		func() error {
			return s.createAll(ctx, &v1alpha1.AccessGrant{
				ObjectMeta: metav1.ObjectMeta{Namespace: s.tag, Name: "own"}, Spec: v1alpha1.AccessGrantSpec{
					Roles: []v1alpha1.RoleSelector{{DisplayName: s.groupName("team")}}, To: v1alpha1.GrantTarget{Kind: "ClusterRole", Name: "view"},
				},
			}, &v1alpha1.ScimUser{
				ObjectMeta: meta("lee"), Spec: v1alpha1.ScimUserSpec{UserName: s.userName("lee"), DisplayName: "Lee", Title: "Engineer"},
			}, &v1alpha1.ScimRole{
				ObjectMeta: meta("crew"), Spec: v1alpha1.ScimRoleSpec{DisplayName: s.groupName("crew"), LocalMembers: []string{s.tag + "-lee"}},
			})
		},
		func() error { return s.rest(ctx, certain) },
	)
}

// misuse is one mutation of one object.
type misuse struct {
	target
	mutation
}

// TestMisoperation gives every field of every kind that people write values at its limits, beyond them and of other kinds, and the former one
// again. What is not refused must come to rest, must give nobody access who is not in the team, and must leave nothing behind.
func TestMisoperation(t *testing.T) {
	shards := startShards(t)
	flow := flow{name: "misoperation", app: true}
	var mu sync.Mutex
	scenes, next := map[*operator]*scene{}, 0
	fresh := func(o *operator) (*scene, error) {
		mu.Lock()
		tag := fmt.Sprintf("misuse%02dx", next)
		next++
		mu.Unlock()
		s, err := o.newScene(t.Context(), flow, tag)
		return s, errors.Join(err, misoperated(t.Context(), s))
	}
	for _, o := range shards {
		s, err := fresh(o)
		must(t, err)
		scenes[o] = s
	}
	all, err := misuses(t.Context(), scenes[shards[0]])
	must(t, err)
	some := every(all, misuseStep(t))
	accepted := 0
	shards.each(len(some), func(o *operator, i int) {
		mu.Lock()
		s := scenes[o]
		mu.Unlock()
		taken, err := s.misuse(t.Context(), some[i])
		if err != nil {
			t.Errorf("%s, %s: %v", some[i].kind, some[i].mutation, err)
			if s, err = fresh(o); err != nil {
				t.Errorf("start over: %v", err)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		scenes[o] = s
		if taken {
			accepted++
		}
		if done := i + 1; done%reported == 0 {
			t.Logf("%d of %d mutations", done, len(some))
		}
	})
	t.Logf("%d of %d mutations: %d were accepted, and undone, the others refused", len(some), len(all), accepted)
}

// misuseStep is that of the plans; with all other tests few have to do.
func misuseStep(t *testing.T) int {
	if !asked() {
		return 10 * defaultStep
	}
	return step(t)
}

func misuses(ctx context.Context, s *scene) (all []misuse, err error) {
	for _, each := range targets() {
		schema, err := schemaOf(each.plural)
		if err != nil {
			return nil, err
		}
		object, err := s.read(ctx, each)
		if err != nil {
			return nil, err
		}
		for _, m := range mutations(schema, object.Object["spec"]) {
			all = append(all, misuse{each, m})
		}
	}
	return all, nil
}

func (s *scene) read(ctx context.Context, t target) (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(t.kind))
	return object, s.kube.Get(ctx, t.key(s), object)
}

// misuse carries one mutation out and undoes it. taken says that the API server accepted it.
func (s *scene) misuse(ctx context.Context, m misuse) (taken bool, err error) {
	before, err := s.project(ctx)
	if err != nil {
		return false, err
	}
	object, err := s.read(ctx, m.target)
	if err != nil {
		return false, err
	}
	was := object.DeepCopy()
	m.mutate(object.Object["spec"].(map[string]any))
	switch err := s.kube.Update(ctx, object); {
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsForbidden(err):
		return false, m.explained(err)
	case err != nil:
		return false, err
	}
	if err := s.bears(ctx, m); err != nil {
		return true, err
	}
	if err := s.undo(ctx, m.target, was); err != nil {
		return true, err
	}
	if err := s.assertSame(ctx, &reference{objects: before.objects, plans: true}); err != nil {
		return true, fmt.Errorf("undone: %w", err)
	}
	return true, s.awaitConditions(ctx, m.target, conditions(was.Object))
}

// awaitConditions waits until an object says of itself what it said before.
func (s *scene) awaitConditions(ctx context.Context, t target, want []string) error {
	diff := ""
	err := wait.PollUntilContextTimeout(ctx, 250*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		now, err := s.read(ctx, t)
		if err != nil {
			return false, err
		}
		diff = cmp.Diff(want, conditions(now.Object))
		return diff == "", nil
	})
	if err != nil {
		return fmt.Errorf("undone, its conditions are others: %w (-before, +after):\n%s", err, diff)
	}
	return nil
}

// explained wants a refusal to name the field, or the one that it is in.
func (m misuse) explained(refusal error) error {
	for _, step := range slices.Backward(m.path) {
		if name, ok := step.(string); ok && strings.Contains(refusal.Error(), name) {
			return nil
		}
	}
	return fmt.Errorf("the refusal does not say which field it is about: %w", refusal)
}

// bears wants the operator to come to rest with what it was given, to have seen it, and to have given nobody else access.
func (s *scene) bears(ctx context.Context, m misuse) error {
	if err := s.rest(ctx, settled); err != nil {
		return fmt.Errorf("it does not come to rest: %w", err)
	}
	object, err := s.read(ctx, m.target)
	if err != nil {
		return err
	}
	seen, found, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	if found && seen != object.GetGeneration() {
		return fmt.Errorf("its status is of generation %d, and it is at %d", seen, object.GetGeneration())
	}
	for _, part := range s.parts() {
		if err := part.ready(ctx); err != nil {
			return err
		}
		if log := part.log(); strings.Contains(log, "panic") {
			return fmt.Errorf("%s has panicked:\n%s", part.name, log)
		}
	}
	for _, grant := range []string{"view", "in"} {
		names, err := s.subjects(ctx, grant)
		if err != nil {
			return err
		}
		for _, name := range names {
			if !slices.Contains([]string{s.userName("ada"), s.userName("bob"), s.userName("lee")}, name) {
				return fmt.Errorf("%s has access by the grant %s", name, grant)
			}
		}
	}
	return nil
}

// undo gives an object its former spec.
func (s *scene) undo(ctx context.Context, t target, was *unstructured.Unstructured) error {
	for {
		object, err := s.read(ctx, t)
		if err != nil {
			return err
		}
		object.Object["spec"] = was.DeepCopy().Object["spec"]
		if err := s.kube.Update(ctx, object); !apierrors.IsConflict(err) {
			return err
		}
	}
}
