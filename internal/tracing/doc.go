// Package tracing makes the spans that follow a change from the SCIM request to the bindings and the accounts in apps that come of it. It is
// the only package that knows OpenTelemetry, and a span has only those attributes that this package has a function for: so no name, mail,
// password or token of anybody gets into one.
//
// Between processes a trace is handed on by the annotation v1alpha1.AnnotationTraceparent, which travels with a write that is made anyway.
// A nil *Tracer makes no spans, and costs nothing.
package tracing
