package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/okta"
)

// flow is something that happens to people, groups or grants.
type flow struct {
	name    string
	dialect okta.Dialect
	// guard is the directory's; nil for one that never holds anything.
	guard *v1alpha1.Guard
	// setup makes what is there before; act is what is broken. act is repeated until it succeeds, as its author would repeat it.
	setup, act func(context.Context, *scene) error
	// waits names a process whose effects act waits for, so that they cannot be kept from coming.
	waits string
	// app says that the flow is about accounts in the app.
	app bool
	// back says that the flow ends where it began, so that nobody may have seen what lies between: the guard may have noted it or not, and a late
	// write may find everything as it was.
	back bool
	// want is who has access by each grant in the end.
	want map[string][]string
}

// scene is one run of a flow, with a directory and names of its own.
type scene struct {
	*operator
	*okta.Client
	flow flow
	// tag is in every name of the scene and in no other.
	tag string
	ids map[string]string
	// rival is a client of the other server, and throttled what is called when that one tells it to come again.
	rival     *okta.Client
	throttled atomic.Pointer[func()]
}

func (o *operator) newScene(ctx context.Context, f flow, tag string) (*scene, error) {
	guard := v1alpha1.Guard{Users: v1alpha1.GuardLimit{Count: 100_000}, Members: v1alpha1.GuardLimit{Count: 100_000}}
	if f.guard != nil {
		guard = *f.guard
	}
	s := &scene{operator: o, flow: f, tag: tag, ids: map[string]string{}}
	err := o.kube.Create(ctx, &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: tag}, Spec: v1alpha1.ScimDirectorySpec{
		Provider: v1alpha1.ProviderOkta, Guard: guard,
		Apps:        v1alpha1.AppConsent{Namespaces: []string{tag}},
		Matching:    v1alpha1.Matching{ExistingUsers: v1alpha1.MatchLink},
		Credentials: []v1alpha1.Credential{{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: "token", Key: "token"}}},
	}})
	if err != nil {
		return nil, err
	}
	// Okta doubles what the server asks for; here nobody has that long.
	s.Client, err = s.connect(o.server.address, func(ctx context.Context, _ time.Duration) error { return pause(ctx, time.Second) })
	if err != nil {
		return nil, err
	}
	s.rival, err = s.connect(o.rival.address, func(ctx context.Context, _ time.Duration) error {
		if call := s.throttled.Load(); call != nil {
			(*call)()
		}
		return pause(ctx, 200*time.Millisecond)
	})
	if err != nil {
		return nil, err
	}
	return s, s.known(ctx)
}

// known waits until every server has heard of the directory.
func (s *scene) known(ctx context.Context) error {
	for _, p := range s.servers() {
		c, err := s.connect(p.address, pause)
		if err != nil {
			return err
		}
		err = s.again(ctx, func() error { return c.TestConnector(ctx, false) }, http.StatusUnauthorized, http.StatusNotFound)
		c.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *scene) connect(address string, sleep func(context.Context, time.Duration) error) (*okta.Client, error) {
	return s.connectWith(s.token, address, sleep)
}

func (s *scene) connectWith(token, address string, sleep func(context.Context, time.Duration) error) (*okta.Client, error) {
	return okta.New(okta.Config{
		BaseURL: "https://" + address + "/scim/" + s.tag + "/v2", Token: token, Dialect: s.flow.dialect, RootCAs: s.roots,
		Timeout: 15 * time.Second, Sleep: sleep,
	})
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// again repeats what was cut off, which may or may not have happened, and what is answered with one of these statuses. Any other answer of the
// SCIM server is the end of it.
func (s *scene) again(ctx context.Context, do func() error, statuses ...int) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		last = do()
		status := okta.StatusOf(last)
		if last == nil || status != 0 && !slices.Contains(statuses, status) {
			return last == nil, last
		}
		return false, nil
	})
	return errors.Join(err, last)
}

func (s *scene) userName(who string) string   { return who + "." + s.tag + "@example.com" }
func (s *scene) groupName(name string) string { return name + " " + s.tag }
func (s *scene) grantName(name string) string { return s.tag + "-" + name }

func (s *scene) profile(who string) okta.Profile { return okta.DefaultProfile(s.userName(who)) }

// hire assigns people.
func (s *scene) hire(ctx context.Context, people ...string) error {
	for _, who := range people {
		user, err := s.AssignUser(ctx, s.profile(who))
		if err != nil {
			return err
		}
		s.ids[who] = user.ID()
	}
	return nil
}

func (s *scene) members(people ...string) (members []okta.Member) {
	for _, who := range people {
		members = append(members, okta.Members(s.ids[who])...)
	}
	return members
}

// group pushes a group with these people.
func (s *scene) group(ctx context.Context, name string, people ...string) error {
	id, err := s.PushGroup(ctx, s.groupName(name), s.members(people...))
	s.ids[name] = id
	return err
}

// grant gives a group a role in the whole cluster.
func (s *scene) grant(ctx context.Context, name, group, role string, change ...func(*v1alpha1.ClusterAccessGrantSpec)) error {
	g := &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{Name: s.grantName(name)}, Spec: v1alpha1.ClusterAccessGrantSpec{
		Roles: []v1alpha1.RoleSelector{{DisplayName: s.groupName(group)}}, To: v1alpha1.GrantTarget{Name: role}, Scope: v1alpha1.ScopeCluster,
	}}
	for _, change := range change {
		change(&g.Spec)
	}
	err := s.kube.Create(ctx, g)
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// edit changes a grant, as a person does.
func (s *scene) edit(ctx context.Context, name string, change func(*v1alpha1.ClusterAccessGrantSpec)) error {
	for {
		g := &v1alpha1.ClusterAccessGrant{}
		if err := s.kube.Get(ctx, client.ObjectKey{Name: s.grantName(name)}, g); err != nil {
			return err
		}
		change(&g.Spec)
		if err := s.kube.Update(ctx, g); !apierrors.IsConflict(err) {
			return err
		}
	}
}

// reached says what is missing until exactly these people have access by each grant.
func (s *scene) reached(ctx context.Context, wanted map[string][]string) error {
	for _, grant := range slices.Sorted(maps.Keys(wanted)) {
		var want []string
		for _, who := range wanted[grant] {
			want = append(want, s.userName(who))
		}
		slices.Sort(want)
		got, err := s.subjects(ctx, grant)
		if err != nil {
			return err
		}
		if !slices.Equal(want, got) {
			return fmt.Errorf("grant %s gives %v access, want %v", grant, got, want)
		}
	}
	return nil
}

func (s *scene) subjects(ctx context.Context, grant string) (names []string, err error) {
	var wide rbacv1.ClusterRoleBindingList
	var narrow rbacv1.RoleBindingList
	label := client.MatchingLabels{v1alpha1.LabelGrant: s.grantName(grant)}
	if err := errors.Join(s.kube.List(ctx, &wide, label), s.kube.List(ctx, &narrow, label)); err != nil {
		return nil, err
	}
	for _, b := range wide.Items {
		for _, subject := range b.Subjects {
			names = append(names, subject.Name)
		}
	}
	for _, b := range narrow.Items {
		for _, subject := range b.Subjects {
			names = append(names, subject.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// close removes what the scene led to, so that those that follow have no more to list than the first had. Claims, slices and plans are the operator's
// own, and go after what they are about.
func (s *scene) close(ctx context.Context) error {
	defer s.Close()
	defer s.rival.Close()
	mine, err := s.mine(ctx)
	if err != nil {
		return err
	}
	if s.flow.app {
		if err := client.IgnoreNotFound(s.kube.Delete(ctx, &v1alpha1.AppConnection{ObjectMeta: s.appMeta()})); err != nil {
			return err
		}
	}
	kinds := []string{"ClusterAccessGrant", "ScimRole", "ScimUser"}
	for _, kind := range kinds { // grants first, or there would be something to plan for each of the others
		for i := range mine {
			if mine[i].GetKind() != kind {
				continue
			}
			if parts, _, _ := unstructured.NestedStringSlice(mine[i].Object, "spec", "slices"); len(parts) > 0 {
				// The server removes slices with their group. Repair would wait for a minute.
				if err := s.remove(ctx, "/Groups/"+mine[i].GetName()); err != nil {
					return err
				}
			}
			if err := client.IgnoreNotFound(s.kube.Delete(ctx, &mine[i])); err != nil {
				return err
			}
		}
	}
	return client.IgnoreNotFound(s.kube.Delete(ctx, &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: s.tag}}))
}
