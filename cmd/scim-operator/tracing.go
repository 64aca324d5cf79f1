package main

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/scim-operator/scim-operator/internal/tracing"
)

// flushTimeout is how long a process that ends may take to send its last spans. With maxDrainDelay and managerShutdownTimeout it fits into the
// grace period of the Deployments.
const flushTimeout = 3 * time.Second

// defaultSamplingRatio is the part of requests that is traced where nothing else is said.
const defaultSamplingRatio = 0.1

// tracingFlags are about traces. The ratio is the server's: the controller only goes on with what the server has begun.
type tracingFlags struct {
	endpoint string
	ratio    float64
}

func (f *tracingFlags) bind(flags *pflag.FlagSet) {
	flags.StringVar(&f.endpoint, "tracing-endpoint", "", "URL of a collector to which traces are sent as OTLP over gRPC, such as http://collector.observability:4317; "+
		"with http it is not encrypted. Empty for none")
}

func (f *tracingFlags) bindRatio(flags *pflag.FlagSet) {
	flags.Float64Var(&f.ratio, "tracing-sampling-ratio", defaultSamplingRatio, "part of the SCIM requests that is traced, from 0 to 1, where there is an endpoint")
}

func (f *tracingFlags) options() tracing.Options {
	return tracing.Options{Endpoint: f.endpoint, Ratio: f.ratio}
}

func (f *tracingFlags) validate() error {
	if err := f.options().Validate(); err != nil {
		return fmt.Errorf("flags --tracing-endpoint and --tracing-sampling-ratio: %w", err)
	}
	return nil
}

// tracer makes the tracer of a process; nil for none.
func (f *processFlags) tracer(ctx context.Context, log logr.Logger) (*tracing.Tracer, error) {
	options := f.tracing.options()
	options.Service, options.Log = "scim-operator-"+f.component, log.WithName("tracing")
	return tracing.New(ctx, options)
}

// startTraced runs the manager and sends the last spans after it. A process that has lost its leadership sends nothing more: it has to be gone
// before the next leader works, so it waits for nobody.
func startTraced(ctx context.Context, mgr manager.Manager, tracer *tracing.Tracer, log logr.Logger) error {
	if err := mgr.Start(ctx); err != nil {
		return err
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := tracer.Shutdown(ending); err != nil {
		log.Info("The last traces were not sent", "reason", err.Error())
	}
	return nil
}
