package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// run runs one subcommand until it ends or the context does, and returns the exit code: 0 for an orderly end, 1 for a failure.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		_, _ = fmt.Fprintln(stderr, "scim-operator:", err)
		return 1
	}
	return 0
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "scim-operator",
		Short:         "Turns what an identity provider pushes over SCIM 2.0 into Kubernetes objects and access",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	shared := &sharedFlags{}
	shared.bind(root)
	root.AddCommand(
		newServerCommand(shared),
		newControllerCommand(shared),
	)
	return root
}

// sharedFlags are the flags that every subcommand takes.
type sharedFlags struct {
	logLevel string
	// kubeconfig is controller-runtime's own flag: --kubeconfig, else KUBECONFIG, else the Pod's ServiceAccount, else the home directory.
	kubeconfig flag.FlagSet
}

func (f *sharedFlags) bind(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&f.logLevel, "log-level", "info", "least level of the log: debug, info or error")
	config.RegisterFlags(&f.kubeconfig)
	flags.AddGoFlagSet(&f.kubeconfig)
}

// logger makes the logger, in JSON, and makes the libraries use it.
func (f *sharedFlags) logger(out io.Writer) (logr.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return logr.Discard(), fmt.Errorf("flag --log-level: %w", err)
	}
	log := logr.FromSlogHandler(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level}))
	ctrl.SetLogger(log)
	klog.SetLogger(log)
	return log, nil
}

// restConfig is the way to the API server. Priority and fairness there do better what the client's own rate limit would do.
func restConfig() (*rest.Config, error) {
	cfg, err := config.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("finding the API server: %w", err)
	}
	cfg.QPS, cfg.Burst = -1, -1
	cfg.UserAgent = "scim-operator"
	return cfg, nil
}

// newScheme knows all kinds that any subcommand reads or writes.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("building the scheme: %w", err)
		}
	}
	return scheme, nil
}
