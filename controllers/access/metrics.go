package access

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/scim-operator/scim-operator/internal/metrics"
)

// counters are what the controller tells of itself.
type counters struct {
	revoked *prometheus.HistogramVec
	stray   prometheus.Counter
}

func newCounters() (*counters, error) {
	revoked, err := metrics.Registered(prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "scim_operator_revocation_seconds",
		Help: "Time from the request that takes access away (or from what else does, such as the end of a grant) to the last binding written.",
		// From one write of a fast API server to five minutes.
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
	}, []string{"cause"}))
	if err != nil {
		return nil, err
	}
	stray, err := metrics.Registered(prometheus.NewCounter(prometheus.CounterOpts{
		Name: "scim_operator_plan_memory_errors_total",
		Help: "Plans of grants that differed from one made without any memory of earlier plans. Above 0 it is a bug: please report it.",
	}))
	return &counters{revoked: revoked, stray: stray}, err
}

func (c *counters) observe(cause string, took time.Duration) {
	c.revoked.WithLabelValues(cause).Observe(took.Seconds())
}
