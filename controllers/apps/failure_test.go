package apps_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/connector"
)

// broken fails as its switches say, and is a real connector otherwise.
type broken struct {
	connector.Connector
	fault *fault
}

type fault struct {
	// down makes everything fail; short makes listings end early, with what accounts they have.
	down, short, empty atomic.Bool
}

func (b broken) Capabilities(ctx context.Context) (connector.Capabilities, error) {
	if b.fault.down.Load() {
		return connector.Capabilities{}, connector.Errorf(connector.Transient, "ask for capabilities", "the app is down")
	}
	return b.Connector.Capabilities(ctx)
}

func (b broken) Ensure(ctx context.Context, account connector.Account) (connector.Observed, bool, error) {
	if b.fault.down.Load() {
		return connector.Observed{}, false, connector.Errorf(connector.Transient, "ensure", "the app is down")
	}
	return b.Connector.Ensure(ctx, account)
}

func (b broken) Suspend(ctx context.Context, owner connector.Owner) (bool, error) {
	if b.fault.down.Load() {
		return false, connector.Errorf(connector.Transient, "suspend", "the app is down")
	}
	return b.Connector.Suspend(ctx, owner)
}

func (b broken) List(ctx context.Context, cursor string, limit int) (connector.Page, error) {
	page, err := b.Connector.List(ctx, cursor, limit)
	switch {
	case b.fault.short.Load():
		return connector.Page{Accounts: page.Accounts[:1]}, err
	case b.fault.empty.Load():
		return connector.Page{Complete: true}, err
	}
	return page, err
}

// TestAppIsDown: while an app is down its AppConnection says so, nothing is lost, and when it is back everything is made good by itself.
func TestAppIsDown(t *testing.T) {
	o := start(t)
	down := &fault{}
	o.wrap = func(c connector.Connector) connector.Connector { return broken{c, down} }
	o.run()
	for i := range 8 {
		o.user(fmt.Sprintf("down-%d", i))
	}
	ids := []string{"down-0", "down-1", "down-2", "down-3", "down-4", "down-5", "down-6", "down-7"}
	o.role("down-team", ids[:7]...)
	app := o.app("down", "down-team")
	o.seeApp("all is well", "down", v1alpha1.ReasonSynced)
	for _, id := range ids[:7] { // the app may say so before it has heard of the team
		o.seeLogin("who is in the team can sign in", id, "true readers")
	}
	down.down.Store(true)
	members := append([]string{"down-7"}, ids[3:7]...)
	edit(o, &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "down-team"}}, func(r *v1alpha1.ScimRole) { r.Spec.Members = members })
	no := false
	for _, id := range ids[3:6] {
		edit(o, &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: id}}, func(u *v1alpha1.ScimUser) { u.Spec.Active = &no })
	}
	o.seeApp("the app is down", "down", v1alpha1.ReasonUnreachable)
	down.down.Store(false)
	edit(o, app, func(a *v1alpha1.AppConnection) {
		metav1.SetMetaDataAnnotation(&a.ObjectMeta, v1alpha1.AnnotationRetry, "now")
	})
	for _, id := range ids[:6] {
		o.seeLogin("who left meanwhile cannot sign in", id, "false readers")
	}
	o.seeLogin("who came meanwhile can", "down-7", "true readers")
	o.seeApp("all is well again", "down", v1alpha1.ReasonSynced)
}

// TestShortListings: nothing follows from an account's not being listed, unless the app listed to the end; and even then nothing is removed.
func TestShortListings(t *testing.T) {
	o := start(t)
	lying := &fault{}
	o.wrap = func(c connector.Connector) connector.Connector { return broken{c, lying} }
	o.run()
	o.user("short-ada")
	o.user("short-bob")
	o.role("short-team", "short-ada", "short-bob")
	app := o.app("short", "short-team")
	o.seeApp("all is well", "short", v1alpha1.ReasonSynced)
	retry := func(value string) {
		edit(o, app, func(a *v1alpha1.AppConnection) {
			metav1.SetMetaDataAnnotation(&a.ObjectMeta, v1alpha1.AnnotationRetry, value)
		})
	}
	lying.short.Store(true)
	retry("short")
	o.seeApp("a listing that ends early is said so", "short", v1alpha1.ReasonListingIncomplete)
	lying.short.Store(false)
	lying.empty.Store(true)
	retry("empty")
	o.seeApp("an empty listing changes nothing", "short", v1alpha1.ReasonSynced)
	for _, name := range []string{"short-ada", "short-bob"} {
		if got := o.login(name); got != "true readers" {
			t.Errorf("%s is %q", name, got)
		}
	}
}

// TestDrift: what somebody else changes in the app is undone, or reported, when the app is compared.
func TestDrift(t *testing.T) {
	o := start(t)
	o.run()
	for name, policy := range map[string]v1alpha1.DriftPolicy{"drift-repair": v1alpha1.DriftRepair, "drift-report": v1alpha1.DriftReport} {
		o.user(name)
		o.role(name, name)
		app := o.app(name, name, func(s *v1alpha1.AppConnectionSpec) { s.Drift.Policy = policy })
		o.seeLogin("an account is there", name, "true readers")
		o.seeApp("and known", name, v1alpha1.ReasonSynced)
		_, err := o.admin.Exec(t.Context(), `REVOKE readers FROM "`+name+`"`)
		must(t, err)
		edit(o, app, func(a *v1alpha1.AppConnection) {
			metav1.SetMetaDataAnnotation(&a.ObjectMeta, v1alpha1.AnnotationRetry, "now")
		})
	}
	o.seeLogin("drift is repaired", "drift-repair", "true readers")
	account := o.seeAccount("or reported", "drift-report", "drift-report", v1alpha1.AccountActive, v1alpha1.ReasonDrifted)
	if len(account.Status.Changes) != 1 || account.Status.Changes[0] != `give the role "readers"` {
		t.Errorf("got %q", account.Status.Changes)
	}
	if got := o.login("drift-report"); got != "true " {
		t.Errorf("drift was repaired, and should only be reported: %q", got)
	}
	_, err := o.admin.Exec(t.Context(), `CREATE ROLE "drift-stranger" LOGIN`)
	must(t, err)
	edit(o, &v1alpha1.AppConnection{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "drift-repair"}},
		func(a *v1alpha1.AppConnection) {
			metav1.SetMetaDataAnnotation(&a.ObjectMeta, v1alpha1.AnnotationRetry, "again")
		})
	o.eventually("accounts that nobody answers for are counted", func() string {
		app := o.seeApp("it is compared", "drift-repair", v1alpha1.ReasonSynced)
		for _, name := range app.Status.Orphans.UnmanagedSamples {
			if name == "drift-stranger" {
				return ""
			}
		}
		return fmt.Sprintf("%+v", app.Status.Orphans)
	})
}

// TestGuardOfAnApp: a burst of removals beyond the limit is held until exactly that set is approved.
func TestGuardOfAnApp(t *testing.T) {
	o := start(t)
	o.run()
	var ids []string
	for i := range 12 {
		ids = append(ids, fmt.Sprintf("burst-%02d", i))
		o.user(ids[i])
	}
	o.role("burst-team", ids...)
	zero := int32(0)
	app := o.app("burst", "burst-team", func(s *v1alpha1.AppConnectionSpec) {
		s.Guard.Accounts = v1alpha1.GuardLimit{Count: 3, Percent: &zero}
	})
	for _, id := range ids {
		o.seeLogin("everybody has an account", id, "true readers")
	}
	edit(o, &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: "burst-team"}}, func(r *v1alpha1.ScimRole) { r.Spec.Members = nil })
	o.eventually("what is beyond the limit is held", func() string {
		got := o.seeApp("the guard speaks", "burst", v1alpha1.ReasonRemovalsHeld).Status.Guard
		if got.Held == nil || *got.Held != 9 {
			return fmt.Sprintf("%+v", got)
		}
		return ""
	})
	in := 0
	for _, id := range ids {
		if o.login(id) == "true readers" {
			in++
		}
	}
	if in != 9 {
		t.Errorf("%d accounts are in use, want 9: three removals pass", in)
	}
	approve := func(digest string) {
		edit(o, app, func(a *v1alpha1.AppConnection) {
			metav1.SetMetaDataAnnotation(&a.ObjectMeta, v1alpha1.AnnotationApproveRemovals, digest)
		})
	}
	approve("sha256:0000000000000000000000000000000000000000000000000000000000000000")
	o.eventually("an approval of another set is dropped", func() string {
		if got := o.seeApp("it is still held", "burst", v1alpha1.ReasonRemovalsHeld); got.Annotations[v1alpha1.AnnotationApproveRemovals] != "" {
			return "the annotation is still there"
		}
		return ""
	})
	o.restart()
	o.eventually("a new leader holds the same", func() string {
		if got := o.seeApp("the guard speaks", "burst", v1alpha1.ReasonRemovalsHeld).Status.Guard; got.Held == nil || *got.Held != 9 {
			return fmt.Sprintf("%+v", got)
		}
		return ""
	})
	approve(o.seeApp("the guard speaks", "burst", v1alpha1.ReasonRemovalsHeld).Status.Guard.Digest)
	for _, id := range ids {
		o.seeLogin("an approved set takes effect", id, "false readers")
	}
	o.seeApp("and nothing is held any more", "burst", v1alpha1.ReasonSynced)
}
