package company_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// repeats is how often each change is made.
const repeats = 20

// sizes are the numbers of users that are measured. BENCH_USERS measures another one, for example BENCH_USERS=5000.
func sizes(b *testing.B) []int {
	b.Helper()
	if text := os.Getenv("BENCH_USERS"); text != "" {
		var n int
		_, err := fmt.Sscan(text, &n)
		must(b, err)
		return []int{n}
	}
	if os.Getenv("BENCH_LARGE") != "" {
		return []int{1000, 20_000, 100_000}
	}
	return []int{1000, 20_000}
}

// BenchmarkCompany measures companies of all sizes, one after the other, each in a cluster of its own.
func BenchmarkCompany(b *testing.B) {
	var companies []*company
	for _, n := range sizes(b) {
		b.Run(fmt.Sprintf("users=%d", n), func(b *testing.B) {
			began := time.Now()
			c := found(b, n)
			b.Logf("%d users were loaded in %.0f s", n, time.Since(began).Seconds())
			for _, part := range []struct {
				name    string
				measure func(*testing.B)
			}{
				{"ColdStartFromNothing", c.coldStart},
				{"AtRest", c.atRest},
				{"ColdStartConverged", c.warmStart},
				{"MemberAdded", c.memberAdded},
				{"MemberRemoved", c.memberRemoved},
				{"UserDeactivated", c.deactivated(inLarge)},
				{"UserOfSmallRolesDeactivated", c.deactivated(inSmall)},
				{"AnyUserDeactivated", c.deactivated(anyone)},
				{"GrantAdded", c.grantAdded},
				{"NamespaceLabelled", c.namespaceLabelled},
				{"UserDeactivatedDuringResync", c.deactivatedDuringResync},
				{"UserDeactivatedDuringPush", c.deactivatedDuringPush},
				{"UserDeactivatedWhileDown", c.deactivatedWhileDown},
				{"Expiry", c.expiry},
			} {
				b.Run(part.name, part.measure)
			}
			if c.controller != nil {
				c.notePeak(b)
				c.print(os.Stdout)
				companies = append(companies, c)
			}
		})
	}
	printGrowth(os.Stdout, companies)
}

// effect is a change that is about to be made, and how one sees in the bindings that it has taken effect.
type effect struct {
	change func(context.Context) error
	seen   func(map[place]bound) bool
}

// measure makes a change several times, each time when the operator is at rest, in turn with raw writes. What the first one leads to is
// counted until everything has settled; the controller's CPU time is a mean of all, with what it does afterwards.
func (c *company) measure(b *testing.B, what string, next func(i int) effect) {
	b.Helper()
	var took, raw []time.Duration
	r, cpu := row{what: what}, c.cpu(b)
	for b.Loop() {
		for i := range repeats {
			e, quiet := next(i), 500*time.Millisecond
			if i == 0 {
				quiet = settled
			}
			c.audit.await(b, quiet)
			before := c.audit.at(b)
			raw = append(raw, c.rawWrites(b)...)
			took = append(took, c.time(b, what, e))
			if i == 0 {
				c.audit.await(b, settled)
				r.writes, r.by = written(before, c.audit.at(b))
			}
		}
	}
	c.audit.await(b, settled)
	r.cpu = (c.cpu(b) - cpu) / time.Duration(len(took))
	r.took, r.raw, r.slowest = median(took), median(raw), slowest(took)
	c.add(b, r)
}

func slowest(took []time.Duration) time.Duration {
	longest := time.Duration(0)
	for _, t := range took {
		longest = max(longest, t)
	}
	return longest
}

// time makes one change and waits for its effect.
func (c *company) time(b *testing.B, what string, e effect) time.Duration {
	b.Helper()
	start := time.Now()
	must(b, e.change(b.Context()))
	return c.seen.await(b, what, e.seen).Sub(start)
}

// rawWrites updates a small object a few times.
func (c *company) rawWrites(b *testing.B) []time.Duration {
	b.Helper()
	var took []time.Duration
	for range 3 {
		c.raw.Data = map[string]string{"serial": c.raw.ResourceVersion}
		start := time.Now()
		must(b, c.kube.Update(b.Context(), c.raw))
		took = append(took, time.Since(start))
	}
	return took
}

// kind is one of the ways in which people of the company have access.
type kind string

const (
	// inLarge is who is in the large role, whose binding has up to 1,000 subjects, and in two bindings of 100.
	inLarge kind = "in the large role and two small bindings"
	// inSmall is who is in two bindings of 100.
	inSmall kind = "in two small bindings only"
	// anyone is whoever has access at all, in the order of a walk through everybody.
	anyone kind = "drawn from all who have access"
)

// pick gives a person of a kind of whom nothing was asked yet.
func (c *company) pick(b *testing.B, what kind) int {
	b.Helper()
	if c.queues[what] == nil {
		c.queues[what] = c.candidates(what)
	}
	for len(c.queues[what]) > 0 {
		i := c.queues[what][0]
		c.queues[what] = c.queues[what][1:]
		if !c.picked[i] {
			c.picked[i] = true
			return i
		}
	}
	b.Fatal("there is nobody left to measure with")
	return 0
}

func (c *company) candidates(what kind) []int {
	c.seen.mu.Lock()
	defer c.seen.mu.Unlock()
	bindings := map[string]int{}
	for _, binding := range c.seen.all {
		for _, s := range binding.subjects {
			bindings[s.Name]++
		}
	}
	var found []int
	for k := range c.users {
		i := k * 7919 % c.users // a prime, so that neighbours in this order are in different shards
		large, n := i < c.large(), bindings[subject(i)]
		if what == inLarge && large && n == 3 || what == inSmall && !large && n == 2 || what == anyone && n > 0 {
			found = append(found, i)
		}
	}
	return found
}

func (c *company) memberAdded(b *testing.B) {
	role, _ := c.largeRole()
	c.measure(b, "member added to the large role", func(i int) effect {
		who := c.large() + i
		return effect{
			change: func(ctx context.Context) error { return c.scim.addMember(ctx, role.Name, userID(who)) },
			seen:   has(everybody, subject(who)),
		}
	})
}

func (c *company) memberRemoved(b *testing.B) {
	role, _ := c.largeRole()
	c.measure(b, "member removed from the large role", func(int) effect {
		who := c.pick(b, inLarge)
		return effect{
			change: func(ctx context.Context) error { return c.scim.removeMember(ctx, role.Name, userID(who)) },
			seen:   hasNot(everybody, subject(who)),
		}
	})
}

// has says that a binding of a grant names somebody.
func has(grant, subject string) func(map[place]bound) bool {
	return func(all map[place]bound) bool {
		for _, binding := range all {
			if binding.grant == grant && binding.names(subject) {
				return true
			}
		}
		return false
	}
}

func hasNot(grant, subject string) func(map[place]bound) bool {
	has := has(grant, subject)
	return func(all map[place]bound) bool { return !has(all) }
}

func (c *company) deactivation(b *testing.B, what kind) effect {
	b.Helper()
	who := c.pick(b, what)
	return effect{
		change: func(ctx context.Context) error { return c.scim.deactivate(ctx, userID(who)) },
		seen:   none(subject(who), c.seen.of(subject(who))),
	}
}

// deactivated measures the deactivation of people of a kind.
func (c *company) deactivated(what kind) func(*testing.B) {
	return func(b *testing.B) {
		c.measure(b, "user deactivated, "+string(what), func(int) effect { return c.deactivation(b, what) })
	}
}

// grantAdded gives a role that had nothing something in the whole cluster.
func (c *company) grantAdded(b *testing.B) {
	free := c.ungranted()
	c.measure(b, "grant added for a role of 100", func(i int) effect {
		name := fmt.Sprintf("added-%d", i)
		return effect{
			change: func(ctx context.Context) error {
				return create(ctx, c.kube, grant(name, roleDisplayName(free[i]), "view", nil))
			},
			seen: func(all map[place]bound) bool { n, _ := count(all, name); return n == 1 },
		}
	})
}

// namespaceLabelled lets one namespace after the other join the wide grant.
func (c *company) namespaceLabelled(b *testing.B) {
	c.measure(b, "namespace labelled, so that it joins the wide grant", func(i int) effect {
		name := namespaceName(i/9*10 + i%9 + 1) // every tenth has joined already
		return effect{
			change: func(ctx context.Context) error {
				namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
				return c.kube.Patch(ctx, namespace, mergePatch(fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, tierLabel, wideTier)))
			},
			seen: func(all map[place]bound) bool {
				for at, binding := range all {
					if at.namespace == name && binding.grant == wide {
						return true
					}
				}
				return false
			},
		}
	})
}

func mergePatch(patch string) client.Patch {
	return client.RawPatch(types.MergePatchType, []byte(patch))
}

// verify compares what came to be with what the company is.
func (c *company) verify(b *testing.B) {
	b.Helper()
	c.seen.mu.Lock()
	defer c.seen.mu.Unlock()
	for _, g := range c.allGrants() {
		bindings, subjects := 1, smallRole
		switch {
		case g.Name == everybody:
			bindings, subjects = (c.large()+v1alpha1.MaxMembers-1)/v1alpha1.MaxMembers, c.large()
		case g.Name == wide:
			bindings, subjects = c.wideNamespaces, c.wideNamespaces*smallRole
		case g.Spec.Namespaces != nil:
			bindings, subjects = 2, 2*smallRole
		}
		if n, m := count(c.seen.all, g.Name); n != bindings || m != subjects {
			b.Fatalf("grant %s has %d bindings with %d subjects, want %d with %d\n%s", g.Name, n, m, bindings, subjects,
				strings.TrimSpace(c.controller.LogTail(4000)))
		}
	}
}
