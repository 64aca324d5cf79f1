// Package statemetrics tells Prometheus what the statuses of objects say, so that an alert needs no access to the objects.
package statemetrics

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/metrics"
)

// collectTimeout bounds what a scrape waits for; the cache answers at once.
const collectTimeout = 5 * time.Second

// The kinds of grants, as the metric names them.
const (
	wideKind   = "ClusterAccessGrant"
	narrowKind = "AccessGrant"
)

// The kinds of bindings, as the metric names them.
const (
	clusterRoleBindingKind = "ClusterRoleBinding"
	roleBindingKind        = "RoleBinding"
)

var (
	directoryReady     = describe("directory_ready", "Whether the condition Ready of the ScimDirectory is True: 1 or 0.", "directory")
	directoryCondition = describe("directory_condition",
		"Whether a condition of the ScimDirectory other than Ready is True, which means that a person should look: 1 or 0. reason is that of the condition.",
		"directory", "condition", "reason")
	directoryUsers = describe("directory_users", "ScimUsers of the directory, by state: active or suspended.", "directory", "state")
	directoryRoles = describe("directory_roles", "ScimRoles of the directory.", "directory")
	lastRequest    = describe("directory_last_request_timestamp_seconds",
		"When the identity provider was last heard with a valid credential, in Unix time; up to ten minutes too early.", "directory")
	credentialUsed = describe("credential_last_used_timestamp_seconds",
		"When the credential was last used, in Unix time; up to ten minutes too early. Absent for one that never was.", "directory", "credential")
	credentialEnd = describe("credential_expiration_timestamp_seconds",
		"When the credential ends (expiresAt), in Unix time. Absent for one without an end.", "directory", "credential")
	guardRelease = describe("guard_release_timestamp_seconds",
		"When the first of the held removals of the directory take effect without anybody's word, in Unix time. Absent while none will.", "directory")
	bindings = describe("bindings", "Bindings that the operator keeps, by kind.", "kind")
	subjects = describe("binding_subjects", "Subjects in the bindings that the operator keeps, by kind. Who is in two bindings counts twice.", "kind")
	grants   = describe("grants", "Grants, by kind and by the condition Ready: True, False or Unknown.", "kind", "ready")
	appUp    = describe("app_ready", "Whether the condition Ready of the AppConnection is True: 1 or 0. reason is that of the condition.",
		"namespace", "app", "reason")
	appAccounts = describe("app_accounts", "Accounts of the app, by state: active, suspended, failed or waiting.", "namespace", "app", "state")
	appHeld     = describe("app_guard_held", "Removals of accounts of the app that wait. Above 0, somebody should look.", "namespace", "app")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("scim_operator_"+name, help, labels, nil)
}

// State collects from the cache of the leader, whenever it is asked. What is deleted is gone with the next scrape.
type State struct {
	mu      sync.Mutex
	reader  client.Reader
	elected <-chan struct{}
}

// SetupWithManager has the manager's metrics tell of the objects in its cache. They must be watched by controllers.
func SetupWithManager(mgr manager.Manager) error {
	state, err := metrics.Registered(&State{})
	if err != nil {
		return err
	}
	state.mu.Lock()
	defer state.mu.Unlock()
	state.reader, state.elected = mgr.GetCache(), mgr.Elected()
	return nil
}

// Describe implements prometheus.Collector.
func (s *State) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		directoryReady, directoryCondition, directoryUsers, directoryRoles, lastRequest, credentialUsed, credentialEnd, guardRelease,
		bindings, subjects, grants, appUp, appAccounts, appHeld,
	} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector. Replicas that do not lead say nothing, so that nothing is counted twice.
func (s *State) Collect(out chan<- prometheus.Metric) {
	s.mu.Lock()
	reader, elected := s.reader, s.elected
	s.mu.Unlock()
	select {
	case <-elected:
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout) //nolint:forbidigo // Prometheus gives a scrape no context
	defer cancel()
	c := collection{reader: reader, out: out}
	for _, collect := range []func(context.Context) error{c.directories, c.plans, c.grants, c.bindings, c.apps} {
		err := collect(ctx)
		if notYet(err) {
			return
		}
		if err != nil {
			out <- prometheus.NewInvalidMetric(directoryReady, err)
			return
		}
	}
}

// notYet says of an error whether the process leads and has not got so far as to watch everything. That must not take the metrics of all else
// out of the scrape.
func notYet(err error) bool {
	var uncached *cache.ErrResourceNotCached
	return errors.As(err, &uncached) || apierrors.IsTimeout(err)
}

// collection is one scrape.
type collection struct {
	reader client.Reader
	out    chan<- prometheus.Metric
}

func (c collection) list(ctx context.Context, list client.ObjectList) error {
	if err := c.reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing %T from the cache: %w", list, err)
	}
	return nil
}

func (c collection) gauge(desc *prometheus.Desc, value float64, labels ...string) {
	c.out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

// number tells a number that the status has already.
func (c collection) number(desc *prometheus.Desc, value *int32, labels ...string) {
	if value != nil {
		c.gauge(desc, float64(*value), labels...)
	}
}

func (c collection) time(desc *prometheus.Desc, at *metav1.Time, labels ...string) {
	if at != nil {
		c.gauge(desc, float64(at.Unix()), labels...)
	}
}

func (c collection) directories(ctx context.Context) error {
	var list v1alpha1.ScimDirectoryList
	if err := c.list(ctx, &list); err != nil {
		return err
	}
	for i := range list.Items {
		name, status := list.Items[i].Name, &list.Items[i].Status
		c.gauge(directoryReady, oneIf(apimeta.IsStatusConditionTrue(status.Conditions, v1alpha1.DirectoryReady)), name)
		c.conditions(status.Conditions, name)
		if status.Users != nil && status.SuspendedUsers != nil {
			c.gauge(directoryUsers, float64(*status.Users-*status.SuspendedUsers), name, "active")
			c.gauge(directoryUsers, float64(*status.SuspendedUsers), name, "suspended")
		}
		c.number(directoryRoles, status.Roles, name)
		c.time(lastRequest, status.LastRequestTime, name)
		for _, credential := range status.Credentials {
			c.time(credentialUsed, credential.LastUsedTime, name, credential.Name)
		}
		for _, credential := range list.Items[i].Spec.Credentials {
			c.time(credentialEnd, credential.ExpiresAt, name, credential.Name)
		}
	}
	return nil
}

func (c collection) conditions(conditions []metav1.Condition, directory string) {
	for i := range conditions {
		if condition := &conditions[i]; condition.Type != v1alpha1.DirectoryReady {
			c.gauge(directoryCondition, oneIf(condition.Status == metav1.ConditionTrue), directory, condition.Type, condition.Reason)
		}
	}
}

// plans tells of a directory's plans as one, because there are as many as roles.
func (c collection) plans(ctx context.Context) error {
	var list v1alpha1.AccessPlanList
	if err := c.list(ctx, &list); err != nil {
		return err
	}
	first := map[string]*metav1.Time{}
	for i := range list.Items {
		directory, at := list.Items[i].Spec.Directory, list.Items[i].Status.ReleaseTime
		if at != nil && (first[directory] == nil || at.Before(first[directory])) {
			first[directory] = at
		}
	}
	for directory, at := range first {
		c.time(guardRelease, at, directory)
	}
	return nil
}

func (c collection) grants(ctx context.Context) error {
	var wide v1alpha1.ClusterAccessGrantList
	if err := c.list(ctx, &wide); err != nil {
		return err
	}
	var narrow v1alpha1.AccessGrantList
	if err := c.list(ctx, &narrow); err != nil {
		return err
	}
	counts := map[string]map[metav1.ConditionStatus]int{wideKind: {}, narrowKind: {}}
	for i := range wide.Items {
		counts[wideKind][readiness(wide.Items[i].Status.Conditions)]++
	}
	for i := range narrow.Items {
		counts[narrowKind][readiness(narrow.Items[i].Status.Conditions)]++
	}
	for kind, of := range counts {
		for _, status := range []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown} {
			c.gauge(grants, float64(of[status]), kind, string(status))
		}
	}
	return nil
}

func readiness(conditions []metav1.Condition) metav1.ConditionStatus {
	if ready := apimeta.FindStatusCondition(conditions, v1alpha1.GrantReady); ready != nil {
		return ready.Status
	}
	return metav1.ConditionUnknown
}

// bindings counts what is in the cache, which holds the operator's own.
func (c collection) bindings(ctx context.Context) error {
	var wide rbacv1.ClusterRoleBindingList
	if err := c.list(ctx, &wide); err != nil {
		return err
	}
	var narrow rbacv1.RoleBindingList
	if err := c.list(ctx, &narrow); err != nil {
		return err
	}
	wideSubjects, narrowSubjects := 0, 0
	for i := range wide.Items {
		wideSubjects += len(wide.Items[i].Subjects)
	}
	for i := range narrow.Items {
		narrowSubjects += len(narrow.Items[i].Subjects)
	}
	c.gauge(bindings, float64(len(wide.Items)), clusterRoleBindingKind)
	c.gauge(bindings, float64(len(narrow.Items)), roleBindingKind)
	c.gauge(subjects, float64(wideSubjects), clusterRoleBindingKind)
	c.gauge(subjects, float64(narrowSubjects), roleBindingKind)
	return nil
}

func (c collection) apps(ctx context.Context) error {
	var list v1alpha1.AppConnectionList
	if err := c.list(ctx, &list); err != nil {
		return err
	}
	for i := range list.Items {
		app := &list.Items[i]
		if ready := apimeta.FindStatusCondition(app.Status.Conditions, v1alpha1.AppReady); ready != nil {
			c.gauge(appUp, oneIf(ready.Status == metav1.ConditionTrue), app.Namespace, app.Name, ready.Reason)
		}
		c.number(appAccounts, app.Status.Accounts, app.Namespace, app.Name, "active")
		c.number(appAccounts, app.Status.Suspended, app.Namespace, app.Name, "suspended")
		c.number(appAccounts, app.Status.Failed, app.Namespace, app.Name, "failed")
		c.number(appAccounts, app.Status.Waiting, app.Namespace, app.Name, "waiting")
		c.number(appHeld, app.Status.Guard.Held, app.Namespace, app.Name)
	}
	return nil
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
