package guard

import (
	"github.com/prometheus/client_golang/prometheus"

	ours "github.com/scim-operator/scim-operator/internal/metrics"
)

// metrics are what the guard tells of itself.
type metrics struct {
	heldGauge   *prometheus.GaugeVec
	passedTotal *prometheus.CounterVec
}

func newMetrics() (*metrics, error) {
	held, err := ours.Registered(prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "scim_operator_guard_held",
		Help: "Removals of access that wait in AccessPlans of the directory. Above 0, somebody should look.",
	}, []string{"directory"}))
	if err != nil {
		return nil, err
	}
	passed, err := ours.Registered(prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "scim_operator_guard_passed_total",
		Help: "Removals of access that the guard counted and let take effect.",
	}, []string{"directory"}))
	return &metrics{held, passed}, err
}

func (m *metrics) held(directory string, n int) {
	m.heldGauge.WithLabelValues(directory).Set(float64(n))
}

func (m *metrics) passed(directory string, n int) {
	if n > 0 {
		m.passedTotal.WithLabelValues(directory).Add(float64(n))
	}
}
