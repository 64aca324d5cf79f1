package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers"
)

// leaderElectionID is the name of the Lease that the leader holds.
const leaderElectionID = "scim-operator-controller"

// controllerFlags are the flags of `scim-operator controller`.
type controllerFlags struct {
	processFlags

	bindable      []string
	bindableRoles []string
	subjectPrefix string
	leaderElect   bool

	appNetworks             []string
	appLocalUsersNamespaces []string
}

func newControllerCommand(shared *sharedFlags) *cobra.Command {
	f := &controllerFlags{}
	cmd := &cobra.Command{
		Use:   "controller",
		Short: "Turns identities and grants into RBAC bindings, keeps accounts in apps, repairs claims and reports state",
		Args:  cobra.NoArgs,
		RunE: process(shared, func(ctx context.Context, cfg *rest.Config, log logr.Logger) error {
			return runController(ctx, cfg, f, log)
		}),
	}
	f.processFlags.bind(cmd, "shown in the status of ScimDirectories", "namespace of the Secrets that hold the tokens, and of the leader's Lease")
	cmd.Flags().StringSliceVar(&f.bindable, "bindable-cluster-roles", nil,
		"ClusterRoles that grants may give, by name; the ServiceAccount must hold the verb bind on each of them")
	cmd.Flags().StringSliceVar(&f.bindableRoles, "bindable-roles", nil,
		"Roles that grants may give in the namespaces where they exist, by name; the ServiceAccount must hold the verb bind on each of them, and read Roles")
	cmd.Flags().StringVar(&f.subjectPrefix, "required-subject-prefix", "",
		"what the Kubernetes names of all users must begin with; users without it get no access")
	cmd.Flags().StringSliceVar(&f.appNetworks, "app-allowed-networks", nil,
		"networks, as CIDR, in which apps may be although loopback, link-local and private addresses are refused otherwise")
	cmd.Flags().StringSliceVar(&f.appLocalUsersNamespaces, "app-local-users-namespaces", nil,
		"namespaces whose AppConnections may give accounts to local users, who belong to no directory that could allow it")
	cmd.Flags().BoolVar(&f.leaderElect, "leader-elect", false, "run the controllers only while holding the Lease; needed with more than one replica")
	return cmd
}

func (f *controllerFlags) validate() error {
	for _, list := range []struct {
		flag, kind string
		names      []string
	}{{"bindable-cluster-roles", "ClusterRole", f.bindable}, {"bindable-roles", "Role", f.bindableRoles}} {
		for _, name := range list.names {
			if name == "" || strings.Contains(name, "*") {
				return fmt.Errorf("flag --%s: %q is no name of a %s; list each one by name", list.flag, name, list.kind)
			}
		}
	}
	if strings.HasPrefix(strings.ToLower(f.subjectPrefix), "system:") {
		return fmt.Errorf("flag --required-subject-prefix: %q belongs to Kubernetes, whose names no user may have", f.subjectPrefix)
	}
	return f.processFlags.validate()
}

// runController runs the controllers until the context ends, or until leadership is lost.
func runController(ctx context.Context, cfg *rest.Config, f *controllerFlags, log logr.Logger) error {
	if err := f.validate(); err != nil {
		return err
	}
	mgr, err := newManager(cfg, &f.processFlags, log, func(o *ctrl.Options) {
		o.LeaderElection = f.leaderElect
		o.LeaderElectionID, o.LeaderElectionNamespace = leaderElectionID, f.namespace
		o.LeaderElectionReleaseOnCancel = true // main returns as soon as the manager stops
		o.Client.FieldOwner = v1alpha1.ManagedBy
		o.Cache.ByObject = controllers.CacheOptions()
	})
	if err != nil {
		return err
	}
	appOptions, err := f.apps(mgr)
	if err != nil {
		return err
	}
	tracer, err := f.tracer(ctx, log)
	if err != nil {
		return err
	}
	err = controllers.SetupWithManager(ctx, mgr, controllers.Options{
		BindableClusterRoles: f.bindable, BindableRoles: f.bindableRoles, RequiredSubjectPrefix: f.subjectPrefix, ExternalURL: f.externalURL, Namespace: f.namespace,
		Apps: appOptions, Tracer: tracer,
	})
	if err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("adding /readyz: %w", err)
	}
	return startTraced(ctx, mgr, tracer, log)
}
