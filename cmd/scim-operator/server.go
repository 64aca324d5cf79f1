package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/server"
	"github.com/scim-operator/scim-operator/internal/store"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

// fieldOwner names the server in managedFields.
const fieldOwner = "scim-operator-server"

// maxDrainDelay is what the grace period of the Deployment, 45 seconds, has room for beside managerShutdownTimeout.
const maxDrainDelay = 15 * time.Second

// serverFlags are the flags of `scim-operator server`.
type serverFlags struct {
	processFlags

	listenAddress  string
	certFile       string
	keyFile        string
	insecureHTTP   bool
	userBodyLimit  int64
	groupBodyLimit int64
	requestTimeout time.Duration
	// maxFailuresPerSource, maxFailures and maxConnections bound what strangers can take.
	maxFailuresPerSource, maxFailures, maxConnections int
	auditLog                                          string
	drainDelay                                        time.Duration
	// stdout is where the audit log goes if no flag says otherwise.
	stdout io.Writer
}

func newServerCommand(shared *sharedFlags) *cobra.Command {
	f := &serverFlags{}
	cmd := &cobra.Command{
		Use:    "server",
		Short:  "Serves SCIM 2.0 to identity providers and writes what they push as Kubernetes objects",
		Args:   cobra.NoArgs,
		PreRun: func(cmd *cobra.Command, _ []string) { f.stdout = cmd.OutOrStdout() },
		RunE: process(shared, func(ctx context.Context, cfg *rest.Config, log logr.Logger) error {
			return runServer(ctx, cfg, f, log)
		}),
	}
	f.bind(cmd)
	return cmd
}

func (f *serverFlags) bind(cmd *cobra.Command) {
	f.processFlags.bind(cmd, "default is what each request says", "namespace of the Secrets that hold the tokens")
	flags := cmd.Flags()
	f.tracing.bindRatio(flags)
	flags.StringVar(&f.listenAddress, "listen-address", ":8443", "address on which SCIM is served")
	flags.StringVar(&f.certFile, "tls-cert-file", "", "certificate in PEM, with its intermediates; read again when it changes")
	flags.StringVar(&f.keyFile, "tls-key-file", "", "private key of the certificate, in PEM")
	flags.BoolVar(&f.insecureHTTP, "insecure-http", false, "serve without TLS; for loopback addresses only")
	flags.Int64Var(&f.userBodyLimit, "user-body-limit", server.DefaultUserBodyLimit, "size of the largest body for /Users, in bytes")
	flags.Int64Var(&f.groupBodyLimit, "group-body-limit", server.DefaultGroupBodyLimit, "size of the largest body for /Groups, in bytes")
	flags.DurationVar(&f.requestTimeout, "request-timeout", server.DefaultRequestTimeout, "time after which a request is answered 429; Okta hangs up at 60s")
	flags.IntVar(&f.maxFailuresPerSource, "max-failures-per-source", server.DefaultFailuresPerSource,
		"number of wrong credentials a minute from one address (one /64 of IPv6) that are answered 401; more are answered 429. Good credentials are never held back")
	flags.IntVar(&f.maxFailures, "max-failures", server.DefaultFailures,
		"number of wrong credentials a minute from everywhere that are answered 401; more are answered 429. Good credentials are never held back")
	flags.IntVar(&f.maxConnections, "max-connections", server.DefaultMaxConnections, "number of connections that are open at once; more have to wait")
	flags.DurationVar(&f.drainDelay, "drain-delay", 0, "time for which a server that was told to end, and says so at /readyz, goes on to serve, "+
		"because whatever sends it connections hears of the end later; at most 15s")
	flags.StringVar(&f.auditLog, "audit-log", auditStdout, "where one line of JSON for each SCIM request goes: stdout or - for the standard output, "+
		"off for nowhere, else a file, which is appended to and made anew when it was moved away")
}

// validate refuses limits of nothing, which server.Config takes for its defaults, and what is wrong with the flags of every process.
func (f *serverFlags) validate() error {
	for _, limit := range []struct {
		name  string
		value int
	}{{"max-failures-per-source", f.maxFailuresPerSource}, {"max-failures", f.maxFailures}, {"max-connections", f.maxConnections}} {
		if limit.value < 1 {
			return fmt.Errorf("flag --%s: %d must be at least 1", limit.name, limit.value)
		}
	}
	if f.drainDelay < 0 || f.drainDelay > maxDrainDelay {
		return fmt.Errorf("flag --drain-delay: %s must be at least 0 and at most %s", f.drainDelay, maxDrainDelay)
	}
	return f.processFlags.validate()
}

// drain waits out the delay. The process ends by itself after that, so there is nothing to wait for less.
func (f *serverFlags) drain() {
	timer := time.NewTimer(f.drainDelay)
	defer timer.Stop()
	<-timer.C
}

// What the flag --audit-log takes besides the path of a file.
const (
	auditStdout = "stdout"
	auditDash   = "-"
	auditOff    = "off"
)

// openAudit opens the audit log; it is nil when there is none. The function closes it.
func (f *serverFlags) openAudit(log logr.Logger) (*server.AuditLog, func() error, error) {
	nothing := func() error { return nil }
	switch f.auditLog {
	case auditOff:
		return nil, nothing, nil
	case auditStdout, auditDash:
		return server.NewAuditLog(f.stdout, nil, log), nothing, nil
	case "":
		return nil, nil, errors.New("flag --audit-log: say stdout, off or the path of a file")
	}
	file, err := server.OpenAuditFile(f.auditLog, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("flag --audit-log: %w", err)
	}
	return server.NewAuditLog(file, nil, log), file.Close, nil
}

// runServer serves until the context ends.
func runServer(ctx context.Context, cfg *rest.Config, f *serverFlags, log logr.Logger) (err error) {
	if err := f.validate(); err != nil {
		return err
	}
	audit, closeAudit, err := f.openAudit(log.WithName("audit"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAudit()) }()
	sight := server.NewSight(nil)
	cfg = rest.CopyConfig(cfg)
	cfg.Wrap(sight.Wrap)
	mgr, err := newManager(cfg, &f.processFlags, log, func(o *ctrl.Options) {
		o.Client.FieldOwner = fieldOwner
		o.Cache.ByObject = store.ServerCacheOptions()
		*o.GracefulShutdownTimeout += f.drainDelay
	})
	if err != nil {
		return err
	}
	tracer, err := f.tracer(ctx, log)
	if err != nil {
		return err
	}
	handler, activity, err := newHandler(ctx, mgr, f, audit, tracer, log)
	if err != nil {
		return err
	}
	sight.AskBy(askForDirectories(mgr.GetAPIReader(), log.WithName("sight")))
	listener, err := server.NewListener(server.ListenConfig{
		Address: f.listenAddress, CertFile: f.certFile, KeyFile: f.keyFile, InsecureHTTP: f.insecureHTTP,
		Handler: handler, Log: log.WithName("http"), Drain: f.drain, Blind: sight.Blind, OnStop: activity.Wait, MaxConnections: f.maxConnections,
	})
	if err != nil {
		return err
	}
	if err := mgr.Add(listener); err != nil {
		return fmt.Errorf("adding the SCIM endpoint: %w", err)
	}
	// The manager starts the listener only after the caches are filled, so one check stands for both.
	if err := mgr.AddReadyzCheck("scim", listener.Ready); err != nil {
		return fmt.Errorf("adding /readyz: %w", err)
	}
	if err := mgr.AddReadyzCheck("apiserver", sight.Ready); err != nil {
		return fmt.Errorf("adding /readyz: %w", err)
	}
	return startTraced(ctx, mgr, tracer, log)
}

// askForDirectories reads the metadata of one ScimDirectory at most. That takes what every SCIM request needs: the account, its rights and
// etcd. Sight hears the answer itself.
func askForDirectories(live client.Reader, log logr.Logger) func(context.Context) {
	return func(ctx context.Context) {
		directories := &metav1.PartialObjectMetadataList{}
		directories.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ScimDirectoryList"))
		if err := live.List(ctx, directories, client.Limit(1)); err != nil {
			log.Error(err, "The API server gives no answer")
		}
	}
}

func listsReady(identities *store.Store) healthz.Checker {
	return func(*http.Request) error {
		if !identities.Listable() {
			return errors.New("not everybody is in the lists yet")
		}
		return nil
	}
}

func newHandler(
	ctx context.Context, mgr manager.Manager, f *serverFlags, audit *server.AuditLog, tracer *tracing.Tracer, log logr.Logger,
) (*server.Handler, *server.Activity, error) {
	live, err := client.New(mgr.GetConfig(), client.Options{
		Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient(), FieldOwner: fieldOwner,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("building the client: %w", err)
	}
	if _, err := mgr.GetCache().GetInformer(ctx, &v1alpha1.ScimDirectory{}, cache.BlockUntilSynced(false)); err != nil {
		return nil, nil, fmt.Errorf("watching ScimDirectories: %w", err)
	}
	identities, err := store.New(store.Config{
		Client: live, Cache: mgr.GetCache(), Log: log.WithName("store"),
		Matching: store.CachedMatching(mgr.GetCache()), Events: mgr.GetEventRecorder("scim-operator-server"),
	})
	if err != nil {
		return nil, nil, fmt.Errorf("building the store: %w", err)
	}
	if err := identities.Watch(ctx, mgr.GetCache()); err != nil {
		return nil, nil, fmt.Errorf("keeping the lists of the store: %w", err)
	}
	// The lists follow the caches, a second later where there are many users. Until they are complete, lists, creates and the groups of a user are
	// answered 429.
	if err := mgr.AddReadyzCheck("lists", listsReady(identities)); err != nil {
		return nil, nil, fmt.Errorf("adding /readyz: %w", err)
	}
	metrics, err := server.NewMetrics()
	if err != nil {
		return nil, nil, err
	}
	activity := server.NewActivity(server.StatusSightings{Client: live}, nil, log.WithName("activity"))
	handler, err := server.New(server.Config{
		Store:           identities,
		Directories:     server.CachedDirectories{Reader: mgr.GetCache()},
		LiveDirectories: server.LiveDirectories{Reader: live},
		Tokens:          server.NewTokens(server.LiveSecrets{Reader: live, Namespace: f.namespace}, nil),
		Activity:        activity,
		Log:             log.WithName("scim"),
		Audit:           audit,
		Metrics:         metrics,
		Tracer:          tracer,
		ExternalURL:     f.externalURL,
		UserBodyLimit:   f.userBodyLimit,
		GroupBodyLimit:  f.groupBodyLimit,
		RequestTimeout:  f.requestTimeout,

		FailuresPerSource: f.maxFailuresPerSource, Failures: f.maxFailures,
	})
	return handler, activity, err
}
