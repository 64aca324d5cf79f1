package apps

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/accounts"
	"github.com/scim-operator/scim-operator/internal/connector"
	shared "github.com/scim-operator/scim-operator/internal/metrics"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

// metrics are bounded by the number of AppConnections, which people write.
type metrics struct {
	operations *prometheus.CounterVec
	suspension *prometheus.HistogramVec
}

func newMetrics() (*metrics, error) {
	operations, err := shared.Registered(prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "scim_operator_app_operations_total",
		Help: "Operations on accounts in apps, by AppConnection, operation (Ensure, Suspend, Delete) and result (OK or the kind of the error).",
	}, []string{"namespace", "app", "operation", "result"}))
	if err != nil {
		return nil, err
	}
	suspension, err := shared.Registered(prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "scim_operator_account_suspension_seconds",
		Help:    "Time from the request that deactivated a person, as the SCIM server accepted it, to the end of their account's suspension in the app.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
	}, []string{"namespace", "app"}))
	return &metrics{operations: operations, suspension: suspension}, err
}

func (m *metrics) count(app *v1alpha1.AppConnection, action accounts.Action, err error) {
	m.operations.WithLabelValues(app.Namespace, app.Name, string(action), resultOf(err)).Inc()
}

// resultOf is OK or the kind of an error. What the app says of it may name somebody.
func resultOf(err error) string {
	if err == nil {
		return tracing.OK
	}
	return string(connector.KindOf(err))
}

// suspended measures from the request that took the person out.
func (m *metrics) suspended(app *v1alpha1.AppConnection, s *subject, result outcome, now time.Time) {
	if s.decision.Action != accounts.ActSuspend || !result.changed || s.user == nil || s.user.IsActive() {
		return
	}
	at, err := time.Parse(time.RFC3339, s.user.Annotations[v1alpha1.AnnotationLastModified])
	if err != nil {
		return
	}
	m.suspension.WithLabelValues(app.Namespace, app.Name).Observe(max(0, now.Sub(at).Seconds()))
}
