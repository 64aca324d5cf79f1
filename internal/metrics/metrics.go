// Package metrics enters metrics into the registry that the manager serves.
package metrics

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/scim-operator/scim-operator/internal/build"
)

// Registered enters a collector into the registry of the process, or gives the one that is there: a process may have several managers.
func Registered[C prometheus.Collector](collector C) (C, error) {
	err := ctrlmetrics.Registry.Register(collector)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if existing, ok := already.ExistingCollector.(C); ok {
			return existing, nil
		}
	}
	if err != nil {
		return collector, fmt.Errorf("registering a metric: %w", err)
	}
	return collector, nil
}

// RegisterBuild enters what the binary was built from, and which part of the operator the process is.
func RegisterBuild(component string) error {
	info, err := Registered(prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "scim_operator_build_info",
		Help: "Always 1. The labels say which part this is, server or controller, and what the binary was built from.",
	}, []string{"component", "version", "revision", "goversion"}))
	if err != nil {
		return err
	}
	from := build.Read()
	info.WithLabelValues(component, from.Version, from.Revision, from.GoVersion).Set(1)
	return nil
}
