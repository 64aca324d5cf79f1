package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/okta"
)

// flows are what is broken, one after the other.
func flows() []flow {
	return slices.Concat(peopleFlows(), groupFlows(okta.AIW), groupFlows(okta.OIN), grantFlows(), backFlows(), []flow{tokenFlow()}, appFlows())
}

// backFlows end where they began, or change twice what was changed once: what lies between may be seen by nobody, and must not come back.
func backFlows() []flow {
	labelled := func(ctx context.Context, s *scene) error {
		return all(func() error { return inNamespace(ctx, s) }, func() error { return s.label(ctx, s.tag) })
	}
	return []flow{
		{name: "one leaves after the other", waits: "controller", setup: func(ctx context.Context, s *scene) error {
			return all(
				func() error { return team(ctx, s) },
				func() error { return joins("cy")(ctx, s, s.Client) },
				func() error { return s.await(ctx, map[string][]string{"view": {"ada", "bob", "cy"}}) },
			)
		}, act: func(ctx context.Context, s *scene) error {
			return all(
				func() error { return s.DeactivateUser(ctx, s.ids["ada"]) },
				func() error { return s.awaitGone(ctx, "view", "ada") },
				func() error { return s.DeactivateUser(ctx, s.ids["bob"]) },
			)
		}, want: map[string][]string{"view": {"cy"}}},
		{name: "suspended and back", back: true, setup: team, act: func(ctx context.Context, s *scene) error {
			return all(func() error { return s.DeactivateUser(ctx, s.ids["ada"]) }, func() error { return s.ActivateUser(ctx, s.ids["ada"]) })
		}, want: map[string][]string{"view": {"ada", "bob"}}},
		{name: "renamed and back", back: true, setup: team, act: func(ctx context.Context, s *scene) error {
			return all(func() error { return s.rename(ctx, s.Client, "eve") }, func() error { return s.rename(ctx, s.Client, "ada") })
		}, want: map[string][]string{"view": {"ada", "bob"}}},
		{name: "members replaced and back", back: true, setup: team, act: func(ctx context.Context, s *scene) error {
			return all(func() error { return replaced("cy")(ctx, s, s.Client) }, func() error { return replaced("ada", "bob")(ctx, s, s.Client) })
		}, want: map[string][]string{"view": {"ada", "bob"}}},
		{name: "grant removed and back", back: true, setup: team, act: func(ctx context.Context, s *scene) error {
			g := &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{Name: s.grantName("view")}}
			return all(func() error { return client.IgnoreNotFound(s.kube.Delete(ctx, g)) }, func() error { return s.grant(ctx, "view", "team", "view") })
		}, want: map[string][]string{"view": {"ada", "bob"}}},
		{name: "label off and back", back: true, setup: labelled, act: func(ctx context.Context, s *scene) error {
			return all(func() error { return s.label(ctx, "none") }, func() error { return s.label(ctx, s.tag) })
		}, want: map[string][]string{"view": {"ada", "bob"}, "in": {"ada", "bob"}}},
	}
}

// tokenFlow gives the directory another token, with which somebody is then assigned. The former one is refused from then on.
func tokenFlow() flow {
	return flow{name: "token replaced", waits: "server", setup: team, act: func(ctx context.Context, s *scene) error {
		token := s.tag + "-the-second-token-of-the-directory"
		fresh, err := s.connectWith(token, s.server.address, pause)
		if err != nil {
			return err
		}
		defer fresh.Close()
		return all(func() error {
			return s.createAll(ctx, &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: s.tag}, StringData: map[string]string{"token": token},
			})
		}, func() error {
			patch := fmt.Appendf(nil, `{"spec":{"credentials":[{"name":"second","tokenSecretRef":{"name":%q,"key":"token"}}]}}`, s.tag)
			directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: s.tag}}
			return s.kube.Patch(ctx, directory, client.RawPatch("application/merge-patch+json", patch))
		}, func() error {
			return s.again(ctx, func() error { return fresh.TestConnector(ctx, false) }, 401)
		}, func() error {
			if s.TestConnector(ctx, false) == nil {
				return errors.New("the former token is taken still")
			}
			user, err := fresh.AssignUser(ctx, s.profile("dee"))
			s.ids["dee"] = user.ID()
			return err
		})
	}, want: map[string][]string{"view": {"ada", "bob"}}}
}

// inNamespace is the team with a namespace that a grant looks for by a label, and that has none.
func inNamespace(ctx context.Context, s *scene) error {
	return all(func() error { return team(ctx, s) }, func() error {
		return s.kube.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.tag}})
	}, func() error {
		return s.grant(ctx, "in", "team", "edit", func(g *v1alpha1.ClusterAccessGrantSpec) {
			g.Scope = v1alpha1.ScopeNamespaces
			g.Namespaces = &v1alpha1.NamespaceSelection{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": s.tag}}}
		})
	})
}

// team makes Ada, Bob and Cy, the group Team of the first two, and a grant of view to it, and waits for their access: whoever loses it later has to
// have had it, or whether the guard has something to note would be chance.
func team(ctx context.Context, s *scene) error {
	return all(
		func() error { return s.hire(ctx, "ada", "bob", "cy") },
		func() error { return s.group(ctx, "team", "ada", "bob") },
		func() error { return s.grant(ctx, "view", "team", "view") },
		func() error { return s.await(ctx, map[string][]string{"view": {"ada", "bob"}}) },
	)
}

// all does one thing after the other, until one fails.
func all(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func peopleFlows() []flow {
	return []flow{
		{name: "user created", setup: team, act: func(ctx context.Context, s *scene) error { return s.hire(ctx, "dee") },
			want: map[string][]string{"view": {"ada", "bob"}}},
		{name: "profile changed", setup: team, act: func(ctx context.Context, s *scene) error {
			p := s.profile("ada")
			p.Title, p.Department = "Engineer", "Platform"
			_, err := s.UpdateUser(ctx, s.ids["ada"], p)
			return err
		}, want: map[string][]string{"view": {"ada", "bob"}}},
		{name: "user renamed", setup: team, act: func(ctx context.Context, s *scene) error {
			p := s.profile("ada")
			p.UserName = s.userName("eve")
			_, err := s.UpdateUser(ctx, s.ids["ada"], p)
			return err
		}, want: map[string][]string{"view": {"bob", "eve"}}},
		{name: "name taken over", setup: func(ctx context.Context, s *scene) error {
			p := s.profile("ada")
			p.UserName = s.userName("eve")
			return all(
				func() error { return team(ctx, s) },
				func() error { _, err := s.UpdateUser(ctx, s.ids["ada"], p); return err },
				func() error { return s.await(ctx, map[string][]string{"view": {"bob", "eve"}}) },
			)
		}, act: func(ctx context.Context, s *scene) error {
			p := s.profile("ada")
			p.ExternalID = "another"
			user, err := s.AssignUser(ctx, p)
			s.ids["second"] = user.ID()
			return err
		}, want: map[string][]string{"view": {"bob", "eve"}}},
		{name: "user deactivated", setup: team, act: func(ctx context.Context, s *scene) error { return s.DeactivateUser(ctx, s.ids["ada"]) },
			want: map[string][]string{"view": {"bob"}}},
		{name: "user assigned again", setup: func(ctx context.Context, s *scene) error {
			return all(
				func() error { return team(ctx, s) },
				func() error { return s.DeactivateUser(ctx, s.ids["ada"]) },
				func() error { return s.await(ctx, map[string][]string{"view": {"bob"}}) },
			)
		}, act: func(ctx context.Context, s *scene) error { return s.hire(ctx, "ada") },
			want: map[string][]string{"view": {"ada", "bob"}}},
		{name: "user deleted", setup: team, act: func(ctx context.Context, s *scene) error { return s.remove(ctx, "/Users/"+s.ids["ada"]) },
			want: map[string][]string{"view": {"bob"}}},
		{name: "local user taken over", setup: func(ctx context.Context, s *scene) error {
			s.ids["lee"] = s.tag + "-lee"
			return all(func() error { return team(ctx, s) }, func() error {
				return s.kube.Create(ctx, &v1alpha1.ScimUser{
					ObjectMeta: metav1.ObjectMeta{Name: s.ids["lee"]}, Spec: v1alpha1.ScimUserSpec{UserName: s.userName("lee")},
				})
			})
		}, act: func(ctx context.Context, s *scene) error { return s.hire(ctx, "lee") }, want: map[string][]string{"view": {"ada", "bob"}}},
		guardFlow(),
	}
}

// remove deletes a resource; one that is gone is deleted.
func (s *scene) remove(ctx context.Context, path string) error {
	_, err := s.Call(ctx, "DELETE", path, nil)
	if okta.StatusOf(err) == 404 {
		return nil
	}
	return err
}

// guardFlow lets the guard hold one of two and approves exactly that one.
func guardFlow() flow {
	none := int32(0)
	return flow{
		name: "held and approved", guard: &v1alpha1.Guard{Users: v1alpha1.GuardLimit{Count: 1, Percent: &none}},
		setup: func(ctx context.Context, s *scene) error {
			return all(
				func() error { return team(ctx, s) },
				func() error { return s.DeactivateUser(ctx, s.ids["ada"]) },
				func() error { return s.DeactivateUser(ctx, s.ids["bob"]) },
			)
		},
		act: func(ctx context.Context, s *scene) error {
			for {
				plan := &v1alpha1.AccessPlan{}
				err := s.kube.Get(ctx, client.ObjectKey{Name: s.tag + "-users"}, plan)
				if client.IgnoreNotFound(err) != nil {
					return err
				}
				if held := plan.Status.Held; err == nil && held != nil && *held == 1 {
					plan.Spec.Decision = v1alpha1.Decision{Digest: plan.Status.Digest, Verdict: v1alpha1.DecisionApprove, Reason: "a test"}
					if err := s.kube.Update(ctx, plan); !apierrors.IsConflict(err) {
						return err
					}
				}
				if s.reached(ctx, s.flow.want) == nil { // it was approved before
					return nil
				}
				if err := pause(ctx, 50*time.Millisecond); err != nil {
					return err
				}
			}
		},
		want: map[string][]string{"view": nil},
	}
}

func groupFlows(dialect okta.Dialect) []flow {
	named := func(name string) string { return fmt.Sprintf("%s (%s)", name, dialect) }
	return []flow{
		{name: named("group pushed"), dialect: dialect, setup: func(ctx context.Context, s *scene) error {
			return all(func() error { return team(ctx, s) }, func() error { return s.grant(ctx, "edit", "ops", "edit") })
		}, act: func(ctx context.Context, s *scene) error { return s.group(ctx, "ops", "bob", "cy") },
			want: map[string][]string{"view": {"ada", "bob"}, "edit": {"bob", "cy"}}},
		{name: named("members changed"), dialect: dialect, setup: team,
			act: func(ctx context.Context, s *scene) error {
				return s.ChangeMembers(ctx, s.ids["team"], s.groupName("team"), s.members("cy"), []string{s.ids["ada"]})
			},
			want: map[string][]string{"view": {"bob", "cy"}}},
		{name: named("members replaced"), dialect: dialect, setup: team, act: func(ctx context.Context, s *scene) error {
			return s.PushNow(ctx, s.ids["team"], s.groupName("team"), s.members("cy"))
		}, want: map[string][]string{"view": {"cy"}}},
		{name: named("group renamed"), dialect: dialect, setup: func(ctx context.Context, s *scene) error {
			return all(func() error { return team(ctx, s) }, func() error { return s.grant(ctx, "edit", "crew", "edit") })
		}, act: func(ctx context.Context, s *scene) error {
			return s.RenameGroup(ctx, s.ids["team"], s.groupName("crew"))
		},
			want: map[string][]string{"view": nil, "edit": {"ada", "bob"}}},
		{name: named("group unlinked"), dialect: dialect, setup: team, act: func(ctx context.Context, s *scene) error {
			return s.remove(ctx, "/Groups/"+s.ids["team"])
		}, want: map[string][]string{"view": nil}},
		{name: named("large group pushed"), dialect: dialect, setup: large(0),
			act:  func(ctx context.Context, s *scene) error { return s.group(ctx, "all", s.crowd()...) },
			want: map[string][]string{}},
		{name: named("large group shrinks"), dialect: dialect, setup: large(crowdSize), act: func(ctx context.Context, s *scene) error {
			return s.PushNow(ctx, s.ids["all"], s.groupName("all"), s.members("p0"))
		}, want: map[string][]string{}},
	}
}

func grantFlows() []flow {
	return []flow{
		{name: "grant made", setup: func(ctx context.Context, s *scene) error { return team(ctx, s) },
			act:  func(ctx context.Context, s *scene) error { return s.grant(ctx, "edit", "team", "edit") },
			want: map[string][]string{"view": {"ada", "bob"}, "edit": {"ada", "bob"}}},
		{name: "grant gives another role", setup: team, act: func(ctx context.Context, s *scene) error {
			return s.edit(ctx, "view", func(g *v1alpha1.ClusterAccessGrantSpec) { g.To.Name = "edit" })
		}, want: map[string][]string{"view": {"ada", "bob"}}},
		{name: "grant ends", setup: team, act: func(ctx context.Context, s *scene) error {
			end := metav1.NewTime(time.Now().Add(2 * time.Second).Truncate(time.Second))
			return s.edit(ctx, "view", func(g *v1alpha1.ClusterAccessGrantSpec) {
				if g.Validity == nil {
					g.Validity = &v1alpha1.Validity{ExpiresAt: &end}
				}
			})
		}, want: map[string][]string{"view": nil}},
		{name: "grant removed", setup: team, act: func(ctx context.Context, s *scene) error {
			g := &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{Name: s.grantName("view")}}
			return client.IgnoreNotFound(s.kube.Delete(ctx, g))
		}, want: map[string][]string{"view": nil}},
		{name: "namespace labelled", setup: inNamespace, act: func(ctx context.Context, s *scene) error { return s.label(ctx, s.tag) },
			want: map[string][]string{"view": {"ada", "bob"}, "in": {"ada", "bob"}}},
	}
}

// label gives the scene's namespace a team.
func (s *scene) label(ctx context.Context, team string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.tag}}
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{"team":%q}}}`, team)
	return s.kube.Patch(ctx, namespace, client.RawPatch("application/merge-patch+json", patch))
}

// crowdSize is more than one ScimRole holds by itself, so that it has slices.
const crowdSize = v1alpha1.MaxMembers + 5

func (s *scene) crowd() (people []string) {
	for i := range crowdSize {
		people = append(people, fmt.Sprintf("p%d", i))
	}
	return people
}

// large makes a crowd out of one user and ids of nobody, and a group with so many of them. To make a thousand users for each run would take
// longer than all the rest; a member need not be there.
func large(members int) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		if err := s.hire(ctx, "p0"); err != nil {
			return err
		}
		for i, who := range s.crowd() {
			if i > 0 {
				s.ids[who] = fmt.Sprintf("%s-nobody-%04d", s.tag, i)
			}
		}
		if members == 0 {
			return nil
		}
		return s.group(ctx, "all", s.crowd()[:members]...)
	}
}
