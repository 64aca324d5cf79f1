package server

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/scim-operator/scim-operator/internal/metrics"
)

// Metrics count what the server answers. The labels are bounded by what is configured: directories that exist, routes and methods of the
// protocol, and statuses.
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	last     *prometheus.GaugeVec
}

// NewMetrics enters the metrics into the registry that the manager serves.
func NewMetrics() (*Metrics, error) {
	requests, err := metrics.Registered(prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "scim_operator_scim_requests_total",
		Help: "SCIM requests that were answered. directory and route are empty where the path names none that exists.",
	}, []string{"directory", "route", "method", "code"}))
	if err != nil {
		return nil, err
	}
	duration, err := metrics.Registered(prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "scim_operator_scim_request_duration_seconds",
		Help:    "Time from the arrival of a SCIM request to its answer.",
		Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
	}, []string{"route", "method"}))
	if err != nil {
		return nil, err
	}
	last, err := metrics.Registered(prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "scim_operator_scim_last_request_timestamp_seconds",
		Help: "When this replica was last asked with a valid credential of the directory, in Unix time.",
	}, []string{"directory"}))
	return &Metrics{requests: requests, duration: duration, last: last}, err
}

// count takes a request in; nil counts nothing. The operations of a bulk request are a part of it.
func (m *Metrics) count(c *call, status int, now time.Time) {
	if m == nil || c.operation > 0 {
		return
	}
	directory, method := "", knownMethod(c.request.Method)
	if c.directory != nil {
		directory = c.directory.Name
	}
	m.requests.WithLabelValues(directory, c.route, method, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(c.route, method).Observe(now.Sub(c.started).Seconds())
	if c.credential != "" {
		m.last.WithLabelValues(directory).Set(float64(now.UnixMilli()) / 1000)
	}
}
