package differential_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/clients"
	"github.com/scim-operator/scim-operator/test/okta"
)

const (
	// rounds of history, with as many things that happen in each, and questions after each.
	rounds, events, questions = 10, 40, 220
)

// TestTheAPIServerAgrees lives through a random history, and asks after every stretch of it who may do what.
func TestTheAPIServerAgrees(t *testing.T) {
	seed := seedOf(t)
	t.Logf("SEED=%d repeats this history", seed)
	o, err := startOperator(t.Context())
	t.Cleanup(o.stop)
	if err != nil {
		t.Fatal(err)
	}
	h, err := o.begin(t.Context(), seed)
	if err != nil {
		t.Fatal(err)
	}
	asked, allowed := 0, 0
	for round := range rounds {
		if err := h.happen(t.Context(), events); err != nil {
			t.Fatalf("SEED=%d, round %d: %v\n%s", seed, round, err, o.logs())
		}
		all := h.questions(questions)
		yes, err := o.agree(t.Context(), all, 1)
		if err != nil {
			t.Fatalf("SEED=%d, round %d: %v\n%s", seed, round, err, o.logs())
		}
		asked, allowed = asked+len(all), allowed+yes
	}
	// Whatever the operator would still do to a state that was right, it has done by then.
	if _, err := o.agree(t.Context(), h.questions(questions), 20); err != nil {
		t.Fatalf("SEED=%d, at rest: %v\n%s", seed, err, o.logs())
	}
	t.Logf("%d questions, %d answered with yes; %v", asked, allowed, h.did)
	if asked < 2000 || allowed < asked/40 || asked-allowed < asked/40 {
		t.Errorf("SEED=%d: %d questions of which %d were answered with yes prove too little", seed, asked, allowed)
	}
}

func seedOf(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("SEED")
	if text == "" {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("SEED=%q is no number", text)
	}
	return seed
}

// begin makes the directories and namespaces, and enough people, groups and grants for things to happen to.
func (o *operator) begin(ctx context.Context, seed uint64) (*history, error) {
	h := &history{Rand: rand.New(rand.NewPCG(seed, 0)), kube: o.kube, did: map[string]int{}}
	first, err := o.newDirectory(ctx, prefixed, v1alpha1.ProviderOkta, v1alpha1.Identity{Username: `"` + prefix + `" + user.userName`})
	if err != nil {
		return nil, err
	}
	second, err := o.newDirectory(ctx, plain, v1alpha1.ProviderEntra, v1alpha1.Identity{})
	if err != nil {
		return nil, err
	}
	someOkta, err := clients.NewOkta(first, okta.OIN)
	if err != nil {
		return nil, err
	}
	someEntra, err := clients.NewEntra(second, true)
	if err != nil {
		return nil, err
	}
	h.sources = []source{{prefixed, someOkta}, {plain, someEntra}}
	for _, source := range h.sources {
		// The server hears of a directory by a watch.
		if err := eventually(ctx, source.Connect); err != nil {
			return nil, fmt.Errorf("connect %s: %w", source.directory, err)
		}
	}
	for _, name := range append(teams(), outside, "ci") {
		if err := o.kube.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return nil, err
		}
	}
	for _, start := range []struct {
		do    func(context.Context) error
		times int
	}{{h.createUser, 20}, {h.createGroup, 6}, {h.labelRole, 4}, {h.labelNamespace, 4}, {h.toggleRole, 4}, {h.createGrant, 16}} {
		for range start.times {
			if err := start.do(ctx); err != nil {
				return nil, err
			}
		}
	}
	return h, nil
}

func eventually(ctx context.Context, check func(context.Context) error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		err := check(ctx)
		if ctx.Err() == nil {
			last = err
		}
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w (last: %w)", err, last)
	}
	return nil
}

// questions are about people as they are and as they were, machines, and whoever never was; in namespaces that grants may be about, in one
// that none is, and in all at once.
func (h *history) questions(n int) []question {
	type kind struct{ group, name string }
	kinds := []kind{{"", "pods"}, {"", "services"}, {"", "configmaps"}, {"", "secrets"}, {"apps", "deployments"}, {"apps", "deployments"}, {"example.com", "widgets"}}
	places := append(slices.Repeat(teams(), 3), outside, "")
	var all []question
	for range n {
		about := pick(h, kinds)
		all = append(all, question{
			user: h.somebody(), verb: pick(h, []string{"get", "list", "get", "list", "create", "delete"}),
			group: about.group, kind: about.name, namespace: pick(h, places),
		})
	}
	return all
}

// somebody is, as often as not, a member of some group; or anybody who is or was, under any name, a machine, or nobody.
func (h *history) somebody() string {
	switch n := h.IntN(16); {
	case n == 0:
		return "never.was@example.com"
	case n == 1:
		return "system:serviceaccount:" + pick(h, []string{"ci", "team-a", "team-b", outside}) + ":bot"
	case n < 5:
		return pick(h, h.names)
	}
	p := pick(h, h.people)
	if g := pick(h, h.groups); g != nil && h.once(2) {
		id := pick(h, g.members)
		if i := slices.IndexFunc(h.people, func(p *person) bool { return p.id == id }); i >= 0 {
			p = h.people[i]
		}
	}
	if p == nil {
		return pick(h, h.names)
	}
	if p.source != nil && p.source.directory == prefixed {
		return prefix + p.is.UserName
	}
	return p.is.UserName
}

// agree waits until both answers are the same to all questions, so many times in a row without a change of any binding, and gives the number
// of those that are answered with yes.
func (o *operator) agree(ctx context.Context, all []question, times int) (yes int, err error) {
	var last map[string]string
	same := 0
	err = eventually(ctx, func(ctx context.Context) error {
		if err := o.running(); err != nil {
			return err
		}
		w, err := o.read(ctx)
		if err != nil {
			return err
		}
		if yes, err = o.compare(ctx, w, all); err != nil {
			same = 0
			return err
		}
		now, err := o.bindings(ctx)
		if err != nil {
			return err
		}
		if same++; !maps.Equal(now, last) {
			last, same = now, 0
		}
		if same < times {
			return fmt.Errorf("the answers agree, and %d of %d times in a row no binding has changed", same, times)
		}
		return w.observed()
	})
	return yes, err
}

// compare asks both, and says where they differ.
func (o *operator) compare(ctx context.Context, w *world, all []question) (yes int, err error) {
	var wrong []string
	for _, q := range all {
		want := w.allows(q)
		got, err := o.ask(ctx, q)
		if err != nil {
			return 0, err
		}
		if want != "" {
			yes++
		}
		if got.Allowed != (want != "") {
			wrong = append(wrong, fmt.Sprintf("%+v: the API server says %t (%s), the grants %q", q, got.Allowed, got.Reason, want))
		}
	}
	if len(wrong) > 0 {
		return 0, fmt.Errorf("%d of %d answers differ:\n%s", len(wrong), len(all), strings.Join(wrong[:min(10, len(wrong))], "\n"))
	}
	return yes, nil
}

// ask puts a question to the API server's own authorizer.
func (o *operator) ask(ctx context.Context, q question) (authorizationv1.SubjectAccessReviewStatus, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: q.user, Groups: q.groups,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: q.verb, Group: q.group, Resource: q.kind, Namespace: q.namespace},
	}}
	if err := o.kube.Create(ctx, review); err != nil {
		return review.Status, fmt.Errorf("ask %+v: %w", q, err)
	}
	if review.Status.EvaluationError != "" && !strings.Contains(review.Status.EvaluationError, "not found") {
		return review.Status, errors.New(review.Status.EvaluationError)
	}
	return review.Status, nil
}

// bindings gives the resourceVersion of every binding.
func (o *operator) bindings(ctx context.Context) (map[string]string, error) {
	var of rbacv1.ClusterRoleBindingList
	var in rbacv1.RoleBindingList
	if err := errors.Join(o.kube.List(ctx, &of), o.kube.List(ctx, &in)); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, b := range of.Items {
		all[b.Name] = b.ResourceVersion
	}
	for _, b := range in.Items {
		all[b.Namespace+"/"+b.Name] = b.ResourceVersion
	}
	return all, nil
}

// observed says whether every grant's status is about its present spec.
func (w *world) observed() error {
	for _, g := range w.clusterGrants.Items {
		if g.Status.ObservedGeneration != g.Generation {
			return fmt.Errorf("status of ClusterAccessGrant %s is of generation %d, not %d", g.Name, g.Status.ObservedGeneration, g.Generation)
		}
	}
	for _, g := range w.grants.Items {
		if g.Status.ObservedGeneration != g.Generation {
			return fmt.Errorf("status of AccessGrant %s/%s is of generation %d, not %d", g.Namespace, g.Name, g.Status.ObservedGeneration, g.Generation)
		}
	}
	return nil
}
