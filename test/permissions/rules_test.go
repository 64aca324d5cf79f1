package permissions_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
)

// sample is one rule of so many that is taken away where FULL is not set: each takes an installation of its own.
const sample = 12

// TestNoRuleIsIdle takes one rule after the other away before the operator starts, and wants that the operator is then refused something. With all
// rules it is refused nothing, as TestEveryRightIsUsed says, so what is refused here is refused because of that rule.
func TestNoRuleIsIdle(t *testing.T) {
	step := sample
	if os.Getenv("FULL") != "" {
		step = 1
	}
	first := prepareWorld(t)
	all := first.rules(t)
	first.Stop()
	for i := 0; i < len(all); i += step {
		// The name becomes that of a folder, which helm wants to be plain.
		t.Run(fmt.Sprintf("%s-%d", all[i].role, all[i].index), func(t *testing.T) {
			t.Log(all[i])
			w := prepareWorld(t)
			check(t, "take the rule away", w.without(t, all[i]))
			refused, err := w.refusal(t.Context())
			check(t, "run everything", err)
			if refused == "" {
				t.Fatal("nothing is refused without the rule: it is idle")
			}
			t.Logf("refused: %s", refused)
		})
	}
}

// ruleOf is one rule of a role of the operator's accounts.
type ruleOf struct {
	role, namespace string
	index           int
	rule            rbacv1.PolicyRule
}

func (r *ruleOf) String() string {
	text := fmt.Sprintf("%s: %s %s", r.role, strings.Join(r.rule.Verbs, ","), strings.Join(r.rule.Resources, ","))
	if len(r.rule.ResourceNames) > 0 {
		text += " " + strings.Join(r.rule.ResourceNames, ",")
	}
	return text
}

// rules are all of them, in the order of their roles' names.
func (w *world) rules(t *testing.T) []*ruleOf {
	t.Helper()
	var all []*ruleOf
	for _, role := range w.roles(t) {
		for i, rule := range *role.rules {
			all = append(all, &ruleOf{role: role.name, namespace: role.namespace, index: i, rule: rule})
		}
	}
	slices.SortStableFunc(all, func(a, b *ruleOf) int { return strings.Compare(a.role+a.namespace, b.role+b.namespace) })
	return all
}

// without takes one rule out of its role.
func (w *world) without(t *testing.T, gone *ruleOf) error {
	t.Helper()
	for _, role := range w.roles(t) {
		if role.name == gone.role && role.namespace == gone.namespace {
			*role.rules = slices.Delete(*role.rules, gone.index, gone.index+1)
			return w.Kube.Update(t.Context(), role.object)
		}
	}
	return errors.New("there is no such role")
}

// refusal runs everything until something is refused, and says what. Where nothing is, it gives what came of the run.
func (w *world) refusal(ctx context.Context) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	var outcome error
	go func() {
		defer close(done)
		outcome = w.everything(ctx)
	}()
	defer func() {
		cancel()
		<-done
	}()
	for offset, ended := int64(0), false; ; {
		var refused string
		var err error
		// The log is read once more after the end.
		offset, err = w.audit.each(offset, func(e *event) {
			if refused == "" && e.refused() {
				refused = e.String()
			}
		})
		if err != nil || refused != "" {
			return refused, err
		}
		if ended {
			return "", outcome
		}
		select {
		case <-done:
			ended = true
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// everything starts the operator and runs the flow.
func (w *world) everything(ctx context.Context) error {
	if err := w.start(ctx); err != nil {
		return err
	}
	return w.flow(ctx, "without")
}
