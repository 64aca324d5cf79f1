package guard

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

// metrics are what the guard tells of itself.
type metrics struct {
	heldGauge   *prometheus.GaugeVec
	passedTotal *prometheus.CounterVec
}

func newMetrics() (*metrics, error) {
	held, err := registered(prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "scim_operator_guard_held",
		Help: "Removals of access that wait in AccessPlans of the directory. Above 0, somebody should look.",
	}, []string{"directory"}))
	if err != nil {
		return nil, err
	}
	passed, err := registered(prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "scim_operator_guard_passed_total",
		Help: "Removals of access that the guard counted and let take effect.",
	}, []string{"directory"}))
	return &metrics{held, passed}, err
}

// registered enters a collector into the registry of the process, or gives the one that is there: a process may have several managers.
func registered[C prometheus.Collector](collector C) (C, error) {
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

func (m *metrics) held(directory string, n int) {
	m.heldGauge.WithLabelValues(directory).Set(float64(n))
}

func (m *metrics) passed(directory string, n int) {
	if n > 0 {
		m.passedTotal.WithLabelValues(directory).Add(float64(n))
	}
}
