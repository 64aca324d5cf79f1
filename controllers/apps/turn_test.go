package apps

import (
	"testing"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/accounts"
)

// TestSuspensionsDoNotQueueBehindCreations: with the lowest limit there is, a suspension has its turn at once although every worker has reserved
// one for a creation, and what it takes is taken from the creations.
func TestSuspensionsDoNotQueueBehindCreations(t *testing.T) {
	app := &v1alpha1.AppConnection{}
	app.Spec.Limits.PerSecond = 1
	e := newEngine(&engines{}, app, &accounts.Rules{})
	for range defaultConcurrency + 1 {
		e.reserve(false)
	}
	before, cancel := e.reserve(false)
	cancel()
	if wait, _ := e.reserve(true); wait > 0 {
		t.Errorf("a suspension waits %v behind creations", wait)
	}
	if after, _ := e.reserve(false); after <= before {
		t.Errorf("a creation waits %v after a suspension, and %v before it: the suspension did not count", after, before)
	}
	for range 1000 {
		e.reserve(true)
	}
	if wait, _ := e.reserve(true); wait <= 0 {
		t.Error("suspensions have no limit")
	}
}
