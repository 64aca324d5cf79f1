package apps_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/connector"
)

// counter counts what a real connector is asked about accounts.
type counter struct {
	connector.Connector
	calls *atomic.Int64
}

func (c counter) Observe(ctx context.Context, owner connector.Owner, name string) (connector.Observed, error) {
	c.calls.Add(1)
	return c.Connector.Observe(ctx, owner, name)
}

func (c counter) Ensure(ctx context.Context, account connector.Account) (connector.Observed, bool, error) {
	c.calls.Add(1)
	return c.Connector.Ensure(ctx, account)
}

func (c counter) Suspend(ctx context.Context, owner connector.Owner) (bool, error) {
	c.calls.Add(1)
	return c.Connector.Suspend(ctx, owner)
}

func counting(o *operator) func() int64 {
	calls := &atomic.Int64{}
	o.wrap = func(c connector.Connector) connector.Connector { return counter{c, calls} }
	return calls.Load
}

// versions are the resourceVersions of all objects of apps.
func (o *operator) versions() []string {
	o.t.Helper()
	var connections v1alpha1.AppConnectionList
	var accounts v1alpha1.AppAccountList
	must(o.t, o.List(o.t.Context(), &connections))
	must(o.t, o.List(o.t.Context(), &accounts))
	var all []string
	add := func(object client.Object) {
		all = append(all, fmt.Sprintf("%T %s/%s %s", object, object.GetNamespace(), object.GetName(), object.GetResourceVersion()))
	}
	for i := range connections.Items {
		add(&connections.Items[i])
	}
	for i := range accounts.Items {
		add(&accounts.Items[i])
	}
	slices.Sort(all)
	return all
}

// settle waits until nothing was written for a hundred looks in a row.
func (o *operator) settle() {
	o.t.Helper()
	last, same := o.versions(), 0
	o.eventually("it comes to rest", func() string {
		now := o.versions()
		if slices.Equal(now, last) {
			same++
		} else {
			last, same = now, 0
		}
		if same < 100 {
			return "objects are being written"
		}
		return ""
	})
}
