package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/internal/access/explain"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

// What the random questions and bindings are made of.
var (
	reviewNamespaces = []string{"review-a", "review-b", "review-c"}
	reviewVerbs      = []string{"get", "list", "delete", "*"}
	reviewGroups     = []string{"", "", "apps", "*"}
	reviewResources  = []string{"pods", "pods/log", "deployments", "deployments/scale", "namespaces", "nodes", "*", "*/scale"}
	reviewNames      = []string{"", "", "web", "db", "review-a"}
	reviewURLs       = []string{"/review", "/review/*", "/review/a", "*"}
)

// reviewQuestions is how many random questions are put to both.
const reviewQuestions = 2000

// reviewWorld makes random people, roles and bindings of every kind.
type reviewWorld struct {
	*rand.Rand

	t    *testing.T
	kube client.Client
}

func one[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func (w *reviewWorld) rules() []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for range 1 + w.IntN(3) {
		if w.IntN(6) == 0 {
			rules = append(rules, rbacv1.PolicyRule{Verbs: []string{one(w.Rand, reviewVerbs)}, NonResourceURLs: []string{one(w.Rand, reviewURLs)}})
			continue
		}
		rule := rbacv1.PolicyRule{
			Verbs: []string{one(w.Rand, reviewVerbs), one(w.Rand, reviewVerbs)}, APIGroups: []string{one(w.Rand, reviewGroups)},
			Resources: []string{one(w.Rand, reviewResources), one(w.Rand, reviewResources)},
		}
		if name := one(w.Rand, reviewNames); name != "" {
			rule.ResourceNames = []string{name}
		}
		rules = append(rules, rule)
	}
	return rules
}

func (w *reviewWorld) subject() rbacv1.Subject {
	switch w.IntN(6) {
	case 0:
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "rev:" + one(w.Rand, []string{"Review 0", "Review 1"})}
	case 1:
		return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: one(w.Rand, reviewNamespaces), Name: "robot"}
	case 2:
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:serviceaccounts:review-b"}
	}
	return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: fmt.Sprintf("rev:u%d@review.example", w.IntN(8))}
}

// fill makes the world.
func (w *reviewWorld) fill() {
	for _, name := range reviewNamespaces {
		must(w.t, client.IgnoreAlreadyExists(w.kube.Create(w.t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})))
	}
	keep(w.t, w.kube, newDirectory("review", func(d *v1alpha1.ScimDirectory) {
		d.Spec.Identity = v1alpha1.Identity{Username: `"rev:" + user.userName`, Group: `"rev:" + role.displayName`}
	}))
	for i := range 8 {
		keep(w.t, w.kube, newUser(fmt.Sprintf("review-u%d", i), fmt.Sprintf("u%d@review.example", i), "review"))
	}
	for i := range 2 {
		role := newRole(fmt.Sprintf("review-r%d", i), fmt.Sprintf("Review %d", i), "review")
		for u := range 8 {
			if w.IntN(3) == 0 {
				role.Spec.Members = append(role.Spec.Members, fmt.Sprintf("review-u%d", u))
			}
		}
		keep(w.t, w.kube, role)
	}
	for i := range 14 {
		keep(w.t, w.kube, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("review-%d", i)}, Rules: w.rules()})
	}
	for i := range 30 {
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: fmt.Sprintf("review-%d", w.IntN(15))} // The last does not exist.
		meta := metav1.ObjectMeta{Name: fmt.Sprintf("review-%d", i)}
		if i%3 == 0 {
			keep(w.t, w.kube, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: []rbacv1.Subject{w.subject(), w.subject()}})
			continue
		}
		meta.Namespace = one(w.Rand, reviewNamespaces)
		if i%3 == 1 {
			ref.Kind, ref.Name = "Role", meta.Name
			keep(w.t, w.kube, &rbacv1.Role{ObjectMeta: meta, Rules: slices.DeleteFunc(w.rules(), func(r rbacv1.PolicyRule) bool { return len(r.NonResourceURLs) > 0 })})
		}
		keep(w.t, w.kube, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: []rbacv1.Subject{w.subject(), w.subject()}})
	}
}

// question is a random one, put by a random user.
func (w *reviewWorld) question() (user string, request explain.Request) {
	user = fmt.Sprintf("rev:u%d@review.example", w.IntN(8))
	if w.IntN(6) == 0 {
		user = "system:serviceaccount:" + one(w.Rand, reviewNamespaces) + ":robot"
	}
	verb := one(w.Rand, reviewVerbs)
	if w.IntN(8) == 0 {
		return user, explain.Request{Verb: verb, URL: one(w.Rand, reviewURLs)}
	}
	request = explain.Request{
		Verb: verb, Group: one(w.Rand, reviewGroups), Resource: one(w.Rand, reviewResources), Name: one(w.Rand, reviewNames), Namespace: one(w.Rand, reviewNamespaces),
	}
	if request.Resource == "nodes" || request.Resource == "namespaces" {
		request.Namespace, request.ClusterScoped = "", true
	} else if w.IntN(6) == 0 {
		request.Namespace = ""
	}
	return user, request
}

// asReview puts the question as the API server does for a real request: one about a namespace by name is in that namespace.
func asReview(identity *explain.Identity, r *explain.Request) *authorizationv1.SubjectAccessReview {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: identity.KubernetesUser, Groups: identity.Groups}}
	if r.URL != "" {
		review.Spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Verb: r.Verb, Path: r.URL}
		return review
	}
	resource, subresource := r.Resource, ""
	for i := range r.Resource {
		if r.Resource[i] == '/' {
			resource, subresource = r.Resource[:i], r.Resource[i+1:]
		}
	}
	review.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
		Verb: r.Verb, Group: r.Group, Resource: resource, Subresource: subresource, Name: r.Name, Namespace: r.Namespace,
	}
	if resource == "namespaces" && r.Group == "" {
		review.Spec.ResourceAttributes.Namespace = r.Name
	}
	return review
}

// TestWhyAgreesWithTheAPIServer: for random questions, why says yes exactly where a SubjectAccessReview does, and who-can names exactly those to
// whom why says yes.
func TestWhyAgreesWithTheAPIServer(t *testing.T) {
	kube := newKube(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	w := &reviewWorld{rand.New(rand.NewPCG(seed, 0)), t, kube}
	w.fill()
	objects, err := cli.ReadWorld(t.Context(), kube)
	must(t, err)
	engine := explain.New(world.New(objects), now)
	type asked struct {
		user    string
		request explain.Request
		review  *authorizationv1.SubjectAccessReview
		said    bool
	}
	questions, yes := make([]asked, reviewQuestions), 0
	for i := range questions {
		q := &questions[i]
		q.user, q.request = w.question()
		identity, err := engine.Find(q.user)
		must(t, err)
		answer, holders := engine.Why(identity, &q.request), engine.WhoCan(q.request)
		q.said, q.review = *answer.Allowed, asReview(&identity, &q.request)
		if named := names(holders, q.user); q.said && !named && !byGroup(holders, &identity) || named && !q.said {
			t.Errorf("who-can and why differ about %s and %s: why says %t", q.user, q.request, q.said)
		}
		if q.request.Namespace == "" && q.request.URL == "" && !q.request.ClusterScoped {
			q.said = answer.ClusterWide // A review without a namespace is about all of them together.
		}
		if q.said {
			yes++
		}
	}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(8)
	for i := range questions {
		q := &questions[i]
		group.Go(func() error {
			// The authorizer hears of new bindings a moment after they are written.
			return awaitReview(ctx, kube, q.review, q.said)
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if yes < reviewQuestions/50 || yes > reviewQuestions*49/50 {
		t.Errorf("of %d questions %d have the answer yes: that shows little", reviewQuestions, yes)
	}
	t.Logf("%d questions, %d of them answered yes", reviewQuestions, yes)
}

// awaitReview asks until the API server says what is expected.
func awaitReview(ctx context.Context, kube client.Client, review *authorizationv1.SubjectAccessReview, want bool) error {
	asked := review.DeepCopy()
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
		asked = review.DeepCopy()
		err := kube.Create(ctx, asked)
		return asked.Status.Allowed == want, err
	})
	if err != nil {
		return fmt.Errorf("why says %t to %+v %+v of %s, the API server says %q: %w", want, review.Spec.ResourceAttributes, review.Spec.NonResourceAttributes,
			review.Spec.User, asked.Status.Reason, err)
	}
	return nil
}

// names says whether who-can names a user or a service account.
func names(holders explain.Holders, user string) bool {
	return slices.ContainsFunc(holders.People, func(h explain.Holder) bool { return h.KubernetesUser == user }) ||
		slices.ContainsFunc(holders.Others, func(h explain.Holder) bool {
			return h.Subject.Kind == rbacv1.UserKind && h.Subject.Name == user ||
				h.Subject.Kind == rbacv1.ServiceAccountKind && "system:serviceaccount:"+h.Subject.Namespace+":"+h.Subject.Name == user
		})
}

// byGroup says whether who-can names a group of somebody.
func byGroup(holders explain.Holders, identity *explain.Identity) bool {
	return slices.ContainsFunc(holders.Others, func(h explain.Holder) bool {
		return h.Subject.Kind == rbacv1.GroupKind && slices.Contains(identity.Groups, h.Subject.Name)
	})
}
