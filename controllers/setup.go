// Package controllers wires the controllers of the operator into a manager. They run on the leader only.
package controllers

import (
	"context"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/controllers/access"
	"github.com/scim-operator/scim-operator/controllers/apps"
	"github.com/scim-operator/scim-operator/controllers/claims"
	"github.com/scim-operator/scim-operator/controllers/directories"
	"github.com/scim-operator/scim-operator/controllers/guard"
	"github.com/scim-operator/scim-operator/controllers/memberships"
	"github.com/scim-operator/scim-operator/controllers/roles"
	"github.com/scim-operator/scim-operator/controllers/statemetrics"
	"github.com/scim-operator/scim-operator/controllers/users"
	"github.com/scim-operator/scim-operator/internal/store"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

// Options are what an installer decides.
type Options struct {
	// BindableClusterRoles are the ClusterRoles that grants may give. There is no wildcard.
	BindableClusterRoles []string
	// BindableRoles are the Roles that grants may give, in whatever namespace they are. There is no wildcard.
	BindableRoles []string
	// RequiredSubjectPrefix is what the Kubernetes names of all users must begin with; empty for nothing.
	RequiredSubjectPrefix string
	// ExternalURL is the scheme and host under which identity providers reach the SCIM server; empty when not known.
	ExternalURL string
	// Namespace is where the Secrets of credentials are.
	Namespace string
	// Apps are how people's accounts in apps are kept. Without Openers there are no apps.
	Apps apps.Options
	// Tracer makes the spans of what traced writes lead to; nil for none.
	Tracer *tracing.Tracer
}

// CacheOptions says what the manager's cache must leave out: put it into cache.Options.ByObject.
func CacheOptions() map[client.Object]cache.ByObject { return access.CacheOptions() }

// SetupWithManager adds all controllers and the indexes that they share to a manager.
func SetupWithManager(ctx context.Context, mgr ctrl.Manager, options Options) error {
	if err := store.SetupIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	if err := memberships.SetupIndex(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	if err := apps.SetupIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	bound := func(ctx context.Context, kubernetesUser string) (access.Bound, error) {
		return access.StillBound(ctx, mgr.GetCache(), kubernetesUser)
	}
	gate, err := guard.NewGate(mgr, guard.Options{})
	if err != nil {
		return fmt.Errorf("controller guard: %w", err)
	}
	calm := access.NewCalm(nil)
	options.Apps.Tracer = options.Tracer
	setups := []struct {
		name string
		add  func() error
	}{
		{"claims", func() error { return claims.SetupWithManager(mgr) }},
		{"access", func() error {
			return access.SetupWithManager(ctx, mgr, access.Options{
				BindableClusterRoles: options.BindableClusterRoles, BindableRoles: options.BindableRoles,
				RequiredSubjectPrefix: options.RequiredSubjectPrefix, Gate: gate, Calm: calm, Tracer: options.Tracer,
			})
		}},
		{"guard", func() error { return guard.SetupWithManager(mgr, gate) }},
		{"directories", func() error {
			return directories.SetupWithManager(mgr, directories.Options{
				ExternalURL: options.ExternalURL, Namespace: options.Namespace, Calm: calm.Await,
			})
		}},
		{"users", func() error {
			return users.SetupWithManager(ctx, mgr, users.Options{
				Bound: bound, Now: time.Now, Recorder: mgr.GetEventRecorder("scim-operator-users"),
				RequiredSubjectPrefix: options.RequiredSubjectPrefix, Calm: calm.Await,
			})
		}},
		{"roles", func() error { return roles.SetupWithManager(mgr, roles.Options{Calm: calm.Await}) }},
		{"apps", func() error { return apps.SetupWithManager(mgr, options.Apps) }},
		{"statemetrics", func() error { return statemetrics.SetupWithManager(mgr) }},
	}
	for _, setup := range setups {
		if err := setup.add(); err != nil {
			return fmt.Errorf("controller %s: %w", setup.name, err)
		}
	}
	return nil
}
