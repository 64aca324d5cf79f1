// Package collector receives traces as a collector does: OTLP over gRPC, on loopback. It keeps what it is sent.
package collector

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"sync"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Collector is a running receiver.
type Collector struct {
	coltracepb.UnimplementedTraceServiceServer

	address string
	server  *grpc.Server
	served  chan struct{}

	mu    sync.Mutex
	spans []Span
	sent  []byte
}

// Span is a span as it arrived.
type Span struct {
	// Service is the process that made it.
	Service          string
	Trace, ID        string
	Parent           string
	Name, TraceState string
	Kind             tracepb.Span_SpanKind
	Attributes       map[string]string
	Links            []Link
}

// Link names a span of another trace.
type Link struct{ Trace, ID, TraceState string }

// Start listens on a free port.
func Start(ctx context.Context) (*Collector, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for traces: %w", err)
	}
	c := &Collector{address: listener.Addr().String(), server: grpc.NewServer(), served: make(chan struct{})}
	coltracepb.RegisterTraceServiceServer(c.server, c)
	go func() {
		defer close(c.served)
		_ = c.server.Serve(listener) // it returns when Stop is called, and has nothing to say
	}()
	return c, nil
}

// Stop ends it. What was sent stays known.
func (c *Collector) Stop() {
	c.server.Stop()
	<-c.served
}

// Endpoint is the URL to send traces to.
func (c *Collector) Endpoint() string { return "http://" + c.address }

// Export implements the service of OTLP.
func (c *Collector) Export(_ context.Context, request *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	raw, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, raw...)
	for _, resource := range request.GetResourceSpans() {
		service := valuesOf(resource.GetResource().GetAttributes())["service.name"]
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.spans = append(c.spans, spanOf(service, span))
			}
		}
	}
	return &coltracepb.ExportTraceServiceResponse{}, nil
}

func spanOf(service string, span *tracepb.Span) Span {
	found := Span{
		Service: service, Trace: hex.EncodeToString(span.GetTraceId()), ID: hex.EncodeToString(span.GetSpanId()),
		Parent: hex.EncodeToString(span.GetParentSpanId()), Name: span.GetName(), TraceState: span.GetTraceState(), Kind: span.GetKind(),
		Attributes: valuesOf(span.GetAttributes()),
	}
	for _, link := range span.GetLinks() {
		found.Links = append(found.Links, Link{
			Trace: hex.EncodeToString(link.GetTraceId()), ID: hex.EncodeToString(link.GetSpanId()), TraceState: link.GetTraceState(),
		})
	}
	return found
}

func valuesOf(attributes []*commonpb.KeyValue) map[string]string {
	values := make(map[string]string, len(attributes))
	for _, attribute := range attributes {
		switch value := attribute.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			values[attribute.GetKey()] = value.StringValue
		case *commonpb.AnyValue_IntValue:
			values[attribute.GetKey()] = fmt.Sprint(value.IntValue)
		default:
			values[attribute.GetKey()] = fmt.Sprintf("%T", value)
		}
	}
	return values
}

// Spans are all that have arrived.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Sent is all that has arrived, as it was encoded.
func (c *Collector) Sent() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sent)
}
