package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

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

	"github.com/scim-operator/scim-operator/internal/metrics"
	"github.com/scim-operator/scim-operator/internal/store"
)

// managerShutdownTimeout leaves the listener's own fifteen seconds, and a little for the caches after it.
const managerShutdownTimeout = 25 * time.Second

// processFlags are the flags of every subcommand that runs until it is stopped.
type processFlags struct {
	// component is the name of the subcommand.
	component string

	externalURL    string
	namespace      string
	healthAddress  string
	metricsAddress string
	profileAddress string
	tracing        tracingFlags
}

// bind adds the flags; the subcommands say what the URL and the namespace are to them.
func (f *processFlags) bind(cmd *cobra.Command, externalURL, namespace string) {
	f.component = cmd.Name()
	flags := cmd.Flags()
	flags.StringVar(&f.externalURL, "external-url", "", "URL under which identity providers reach the SCIM server, without /scim; "+externalURL)
	flags.StringVar(&f.namespace, "namespace", defaultNamespace(), namespace+"; default is POD_NAMESPACE")
	flags.StringVar(&f.healthAddress, "health-address", ":8081", "address of /livez and /readyz; 0 for none")
	flags.StringVar(&f.metricsAddress, "metrics-address", "0", "address of /metrics, over HTTPS and with the API server's authorisation; 0 for none")
	f.tracing.bind(flags)
	flags.StringVar(&f.profileAddress, "profile-address", "0", "loopback address of /debug/pprof, for kubectl port-forward and Go's profiler; 0 for none")
}

func defaultNamespace() string {
	if namespace := os.Getenv("POD_NAMESPACE"); namespace != "" {
		return namespace
	}
	return "scim-operator-system"
}

func (f *processFlags) validate() error {
	if err := errors.Join(f.validateProfileAddress(), f.tracing.validate()); err != nil {
		return err
	}
	if f.externalURL == "" {
		return nil
	}
	u, err := url.Parse(f.externalURL)
	if err != nil {
		return fmt.Errorf("flag --external-url: %w", err)
	}
	if (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("flag --external-url: %q must be a URL such as https://scim.example.com", u.Redacted())
	}
	return nil
}

// validateProfileAddress refuses to show profiles to a network: nobody signs in to see them, and a profile of the heap shows what is in it.
func (f *processFlags) validateProfileAddress() error {
	if f.profileAddress == "0" {
		return nil
	}
	host, _, err := net.SplitHostPort(f.profileAddress)
	if err != nil {
		return fmt.Errorf("flag --profile-address: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("flag --profile-address: %q is no loopback address such as 127.0.0.1:6060", f.profileAddress)
	}
	return nil
}

// process makes the RunE of a subcommand: it prepares the logger and the way to the API server and hands over.
func process(shared *sharedFlags, run func(context.Context, *rest.Config, logr.Logger) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		log, err := shared.logger(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		cfg, err := restConfig()
		if err != nil {
			return err
		}
		return run(cmd.Context(), cfg, log)
	}
}

// newManager makes the manager of a subcommand: caches that hold no Secrets and no managedFields, health and metrics. adjust adds what
// is the subcommand's own.
func newManager(cfg *rest.Config, f *processFlags, log logr.Logger, adjust func(*ctrl.Options)) (manager.Manager, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	if err := metrics.RegisterBuild(f.component); err != nil {
		return nil, err
	}
	shutdown := managerShutdownTimeout
	options := ctrl.Options{
		Scheme:                  scheme,
		Logger:                  log,
		HealthProbeBindAddress:  f.healthAddress,
		PprofBindAddress:        f.profileAddress,
		LivenessEndpointName:    "/livez",
		Metrics:                 metricsserver.Options{BindAddress: f.metricsAddress, SecureServing: true, FilterProvider: filters.WithAuthenticationAndAuthorization},
		WebhookServer:           webhook.NewServer(webhook.Options{Port: -1}),
		GracefulShutdownTimeout: &shutdown,
		Client:                  client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
		Cache: cache.Options{
			DefaultTransform: store.Lean(),
			// A kind that nobody asked for must fail, and not start a watch in the middle of a request.
			ReaderFailOnMissingInformer: true,
		},
	}
	adjust(&options)
	mgr, err := ctrl.NewManager(cfg, options)
	if err != nil {
		return nil, fmt.Errorf("building the manager: %w", err)
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, fmt.Errorf("adding /livez: %w", err)
	}
	return mgr, nil
}
