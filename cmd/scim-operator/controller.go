package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers"
)

// leaderElectionID is the name of the Lease that the leader holds.
const leaderElectionID = "scim-operator-controller"

// controllerFlags are the flags of `scim-operator controller`.
type controllerFlags struct {
	bindable       []string
	externalURL    string
	namespace      string
	leaderElect    bool
	healthAddress  string
	metricsAddress string
}

func newControllerCommand(shared *sharedFlags) *cobra.Command {
	f := &controllerFlags{}
	cmd := &cobra.Command{
		Use:   "controller",
		Short: "Turns identities and grants into RBAC bindings, repairs claims and reports state",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := shared.logger(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			cfg, err := restConfig()
			if err != nil {
				return err
			}
			return runController(cmd.Context(), cfg, f, log)
		},
	}
	f.bind(cmd)
	return cmd
}

func (f *controllerFlags) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.bindable, "bindable-cluster-roles", nil,
		"ClusterRoles that grants may give, by name; the ServiceAccount must hold the verb bind on each of them")
	flags.StringVar(&f.externalURL, "external-url", "", "URL under which identity providers reach the SCIM server, without /scim; shown in ScimDirectory status")
	flags.StringVar(&f.namespace, "namespace", defaultNamespace(), "namespace of the Secrets that hold the tokens, and of the leader's Lease; default is POD_NAMESPACE")
	flags.BoolVar(&f.leaderElect, "leader-elect", false, "run the controllers only while holding the Lease; needed with more than one replica")
	flags.StringVar(&f.healthAddress, "health-address", ":8081", "address of /livez and /readyz; 0 for none")
	flags.StringVar(&f.metricsAddress, "metrics-address", "0", "address of /metrics, over HTTPS and with the API server's authorisation; 0 for none")
}

func (f *controllerFlags) validate() error {
	for _, name := range f.bindable {
		if name == "" || strings.Contains(name, "*") {
			return fmt.Errorf("flag --bindable-cluster-roles: %q is no name of a ClusterRole; list each one by name", name)
		}
	}
	return (&serverFlags{externalURL: f.externalURL}).validate()
}

// runController runs the controllers until the context ends, or until leadership is lost.
func runController(ctx context.Context, cfg *rest.Config, f *controllerFlags, log logr.Logger) error {
	if err := f.validate(); err != nil {
		return err
	}
	mgr, err := newControllerManager(cfg, f, log)
	if err != nil {
		return err
	}
	err = controllers.SetupWithManager(ctx, mgr, controllers.Options{
		BindableClusterRoles: f.bindable, ExternalURL: f.externalURL, Namespace: f.namespace,
	})
	if err != nil {
		return err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("adding /livez: %w", err)
	}
	if err := mgr.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("adding /readyz: %w", err)
	}
	return mgr.Start(ctx)
}

func newControllerManager(cfg *rest.Config, f *controllerFlags, log logr.Logger) (manager.Manager, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	shutdown := managerShutdownTimeout
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:                        scheme,
		Logger:                        log,
		LeaderElection:                f.leaderElect,
		LeaderElectionID:              leaderElectionID,
		LeaderElectionNamespace:       f.namespace,
		LeaderElectionReleaseOnCancel: true, // main returns as soon as the manager stops
		HealthProbeBindAddress:        f.healthAddress,
		LivenessEndpointName:          "/livez",
		Metrics:                       metricsserver.Options{BindAddress: f.metricsAddress, SecureServing: true, FilterProvider: filters.WithAuthenticationAndAuthorization},
		WebhookServer:                 webhook.NewServer(webhook.Options{Port: -1}),
		GracefulShutdownTimeout:       &shutdown,
		Client: client.Options{
			FieldOwner: v1alpha1.ManagedBy,
			Cache:      &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}},
		},
		Cache: cache.Options{
			ByObject:                    controllers.CacheOptions(),
			DefaultTransform:            cache.TransformStripManagedFields(),
			ReaderFailOnMissingInformer: true,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("building the manager: %w", err)
	}
	return mgr, nil
}
