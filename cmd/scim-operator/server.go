package main

import (
	"context"
	"fmt"
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

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/server"
	"github.com/scim-operator/scim-operator/internal/store"
)

const (
	// fieldOwner names the server in managedFields.
	fieldOwner = "scim-operator-server"
	// managerShutdownTimeout leaves the listener's own fifteen seconds, and a little for the caches after it.
	managerShutdownTimeout = 25 * time.Second
)

// serverFlags are the flags of `scim-operator server`.
type serverFlags struct {
	listenAddress  string
	certFile       string
	keyFile        string
	insecureHTTP   bool
	externalURL    string
	namespace      string
	healthAddress  string
	metricsAddress string
	userBodyLimit  int64
	groupBodyLimit int64
	requestTimeout time.Duration
}

func newServerCommand(shared *sharedFlags) *cobra.Command {
	f := &serverFlags{}
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Serves SCIM 2.0 to identity providers and writes what they push as Kubernetes objects",
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
			return runServer(cmd.Context(), cfg, f, log)
		},
	}
	f.bind(cmd)
	return cmd
}

func (f *serverFlags) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.listenAddress, "listen-address", ":8443", "address on which SCIM is served")
	flags.StringVar(&f.certFile, "tls-cert-file", "", "certificate in PEM, with its intermediates; read again when it changes")
	flags.StringVar(&f.keyFile, "tls-key-file", "", "private key of the certificate, in PEM")
	flags.BoolVar(&f.insecureHTTP, "insecure-http", false, "serve without TLS; for loopback addresses only")
	flags.StringVar(&f.externalURL, "external-url", "", "URL under which identity providers reach this server, without /scim; default is what each request says")
	flags.StringVar(&f.namespace, "namespace", defaultNamespace(), "namespace of the Secrets that hold the tokens; default is POD_NAMESPACE")
	flags.StringVar(&f.healthAddress, "health-address", ":8081", "address of /livez and /readyz; 0 for none")
	flags.StringVar(&f.metricsAddress, "metrics-address", "0", "address of /metrics, over HTTPS and with the API server's authorisation; 0 for none")
	flags.Int64Var(&f.userBodyLimit, "user-body-limit", server.DefaultUserBodyLimit, "size of the largest body for /Users, in bytes")
	flags.Int64Var(&f.groupBodyLimit, "group-body-limit", server.DefaultGroupBodyLimit, "size of the largest body for /Groups, in bytes")
	flags.DurationVar(&f.requestTimeout, "request-timeout", server.DefaultRequestTimeout, "time after which a request is answered 429; Okta hangs up at 60s")
}

func defaultNamespace() string {
	if namespace := os.Getenv("POD_NAMESPACE"); namespace != "" {
		return namespace
	}
	return "scim-operator-system"
}

func (f *serverFlags) validate() error {
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

// runServer serves until the context ends.
func runServer(ctx context.Context, cfg *rest.Config, f *serverFlags, log logr.Logger) error {
	if err := f.validate(); err != nil {
		return err
	}
	mgr, err := newServerManager(cfg, f, log)
	if err != nil {
		return err
	}
	handler, activity, err := newHandler(ctx, mgr, f, log)
	if err != nil {
		return err
	}
	listener, err := server.NewListener(server.ListenConfig{
		Address: f.listenAddress, CertFile: f.certFile, KeyFile: f.keyFile, InsecureHTTP: f.insecureHTTP,
		Handler: handler, Log: log.WithName("http"), OnStop: activity.Wait,
	})
	if err != nil {
		return err
	}
	if err := mgr.Add(listener); err != nil {
		return fmt.Errorf("adding the SCIM endpoint: %w", err)
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("adding /livez: %w", err)
	}
	// The manager starts the listener only after the caches are filled, so one check stands for both.
	if err := mgr.AddReadyzCheck("scim", listener.Ready); err != nil {
		return fmt.Errorf("adding /readyz: %w", err)
	}
	return mgr.Start(ctx)
}

func newServerManager(cfg *rest.Config, f *serverFlags, log logr.Logger) (manager.Manager, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	shutdown := managerShutdownTimeout
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:                  scheme,
		Logger:                  log,
		HealthProbeBindAddress:  f.healthAddress,
		LivenessEndpointName:    "/livez",
		Metrics:                 metricsserver.Options{BindAddress: f.metricsAddress, SecureServing: true, FilterProvider: filters.WithAuthenticationAndAuthorization},
		WebhookServer:           webhook.NewServer(webhook.Options{Port: -1}),
		GracefulShutdownTimeout: &shutdown,
		Client: client.Options{
			FieldOwner: fieldOwner,
			Cache:      &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}},
		},
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			// A kind that nobody asked for must fail, and not start a watch in the middle of a request.
			ReaderFailOnMissingInformer: true,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("building the manager: %w", err)
	}
	return mgr, nil
}

func newHandler(ctx context.Context, mgr manager.Manager, f *serverFlags, log logr.Logger) (*server.Handler, *server.Activity, error) {
	live, err := client.New(mgr.GetConfig(), client.Options{
		Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient(), FieldOwner: fieldOwner,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("building the client: %w", err)
	}
	if _, err := mgr.GetCache().GetInformer(ctx, &v1alpha1.ScimDirectory{}, cache.BlockUntilSynced(false)); err != nil {
		return nil, nil, fmt.Errorf("watching ScimDirectories: %w", err)
	}
	if err := store.SetupIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return nil, nil, err
	}
	identities, err := store.New(store.Config{Client: live, Cache: mgr.GetCache(), Log: log.WithName("store")})
	if err != nil {
		return nil, nil, fmt.Errorf("building the store: %w", err)
	}
	activity := server.NewActivity(server.StatusLastRequests{Client: live}, nil, log.WithName("activity"))
	handler, err := server.New(server.Config{
		Store:          identities,
		Directories:    server.CachedDirectories{Reader: mgr.GetCache()},
		Tokens:         server.NewTokens(server.LiveSecrets{Reader: live, Namespace: f.namespace}, nil),
		Activity:       activity,
		Log:            log.WithName("audit"),
		ExternalURL:    f.externalURL,
		UserBodyLimit:  f.userBodyLimit,
		GroupBodyLimit: f.groupBodyLimit,
		RequestTimeout: f.requestTimeout,
	})
	return handler, activity, err
}
