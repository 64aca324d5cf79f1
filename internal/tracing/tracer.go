package tracing

import (
	"context"
	"fmt"
	"net/url"
	"sync/atomic"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/scim-operator/scim-operator/internal/build"
)

// scope is the name under which the collector sees who made the spans.
const scope = "github.com/scim-operator/scim-operator"

// Options are what an installer decides, and what the process is.
type Options struct {
	// Endpoint is the URL of the collector, which speaks OTLP over gRPC; with http it is not encrypted. Empty means no tracing.
	Endpoint string
	// Ratio is the part of requests that is traced, from 0 to 1. What goes on a trace of another process is not asked.
	Ratio float64
	// Service is the name of the process.
	Service string
	// Log hears when spans are lost, and when they arrive again.
	Log logr.Logger
}

// Validate says what is wrong with the options.
func (o Options) Validate() error {
	if o.Ratio < 0 || o.Ratio > 1 || o.Ratio != o.Ratio {
		return fmt.Errorf("the sampling ratio %v is not between 0 and 1", o.Ratio)
	}
	if o.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil {
		return fmt.Errorf("the endpoint: %w", err)
	}
	isOne := (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.Port() != ""
	if !isOne || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("the endpoint %q is no URL with a port such as http://collector.observability:4317", u.Redacted())
	}
	return nil
}

// Tracer makes the spans of a process that begin or continue a trace.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// New makes a Tracer; nil when there is no endpoint. It connects to nothing yet: whether the collector can be reached is nothing that a
// process waits for, at its start or later. Spans wait in a queue, and those for which it has no room are lost.
func New(ctx context.Context, o Options) (*Tracer, error) {
	if err := o.Validate(); err != nil || o.Endpoint == "" {
		return nil, err
	}
	sender, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(o.Endpoint))
	if err != nil {
		return nil, fmt.Errorf("making the exporter of traces: %w", err)
	}
	process, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(), resource.WithAttributes(
		attribute.String("service.name", o.Service), attribute.String("service.version", build.Read().Version),
	))
	if err != nil {
		return nil, fmt.Errorf("describing the process to the collector: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&exporter{SpanExporter: sender, log: o.Log}),
		sdktrace.WithResource(process),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Ratio))),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer(scope)}, nil
}

// Shutdown sends what waits, for as long as the context lasts.
func (t *Tracer) Shutdown(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// exporter sends spans, and says once that it cannot, and once that it can again: a collector that is away must not fill the log.
type exporter struct {
	sdktrace.SpanExporter
	log    logr.Logger
	failed atomic.Bool
}

// ExportSpans implements sdktrace.SpanExporter. It keeps the error from the library, which would write it to the standard error as text.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	failed := e.failed.Swap(err != nil)
	switch {
	case err != nil && !failed:
		e.log.Info("Traces do not reach the collector and are lost", "reason", err.Error())
	case err == nil && failed:
		e.log.Info("Traces reach the collector again")
	}
	return nil
}
