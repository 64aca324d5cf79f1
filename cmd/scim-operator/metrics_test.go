package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/build"
	"github.com/scim-operator/scim-operator/internal/server"
)

// metricsPage is the documentation of every metric.
var metricsPage = filepath.Join("..", "..", "docs", "metrics.md")

// TestControllerMetrics runs the controller, and wants the metrics of statuses to say what the statuses say, and the documentation to have
// each metric of the operator, with its labels and its help.
func TestControllerMetrics(t *testing.T) {
	kube := newKube(t)
	grant := &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{Name: "measured"}}
	grant.Spec.Roles = []v1alpha1.RoleSelector{{DisplayName: "Nobody has this"}}
	grant.Spec.To = v1alpha1.GrantTarget{Kind: v1alpha1.KindClusterRole, Name: "view"}
	grant.Spec.Scope = v1alpha1.ScopeCluster
	must(t, kube.Create(t.Context(), grant))
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "measured"}}
	directory.Spec.Credentials = []v1alpha1.Credential{
		{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: "absent"}, ExpiresAt: &metav1.Time{Time: time.Unix(1e9, 0)}},
		{Name: "endless", TokenSecretRef: v1alpha1.SecretKeyRef{Name: "absent"}, Access: v1alpha1.AccessReadOnly},
	}
	must(t, kube.Create(t.Context(), directory))

	from := build.Read()
	address := freeAddress(t)
	_, end := started(t, freeAddress(t), "controller", "--bindable-cluster-roles=view", "--metrics-address="+address)
	for _, want := range []string{
		`scim_operator_directory_ready{directory="measured"} 0`,
		`scim_operator_directory_users{directory="measured",state="active"} 0`,
		`scim_operator_directory_roles{directory="measured"} 0`,
		`scim_operator_directory_condition{condition="TokenExpiring",directory="measured",reason="AsExpected"} 0`,
		`scim_operator_credential_expiration_timestamp_seconds{credential="first",directory="measured"} 1e+09`,
		`scim_operator_bindings{kind="ClusterRoleBinding"} 0`,
		fmt.Sprintf(`scim_operator_build_info{component="controller",goversion=%q,revision=%q,version=%q} 1`, from.GoVersion, from.Revision, from.Version),
	} {
		poll(t, want, func() bool { return slices.Contains(samples(t), want) })
	}
	poll(t, "grants are counted", func() bool {
		return slices.ContainsFunc(samples(t), func(s string) bool {
			return strings.HasPrefix(s, `scim_operator_grants{kind="ClusterAccessGrant"`) && !strings.HasSuffix(s, " 0")
		})
	})
	assertServed(t, address, scraper(t, kube))
	must(t, kube.Delete(t.Context(), directory))
	poll(t, "what is deleted is told of no more", func() bool {
		return !slices.ContainsFunc(samples(t), func(s string) bool { return strings.Contains(s, `directory="measured"`) })
	})
	end()
	assertDocumented(t)
}

// assertDocumented compares the table of the documentation with the registry of this process.
func assertDocumented(t *testing.T) {
	t.Helper()
	if _, err := server.NewMetrics(); err != nil { // the server's are in the same table
		t.Fatal(err)
	}
	page, err := os.ReadFile(metricsPage)
	must(t, err)
	var documented []string
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| `scim_operator_") {
			documented = append(documented, strings.TrimSpace(line))
		}
	}
	if want := table(); !slices.Equal(want, documented) {
		t.Errorf("the table of docs/metrics.md should be:\n%s\n\n(-should be +is):\n%s", strings.Join(want, "\n"), cmp.Diff(want, documented))
	}
}

var (
	otherRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([\\w, ]*) \\|")
	sample   = regexp.MustCompile(`(?m)^(\w+)(?:\{(.*)\})? \S+$`)
	label    = regexp.MustCompile(`(\w+)="(?:[^"\\]|\\.)*"`)
)

// assertServed reads /metrics as Prometheus does, and wants what the documentation says of other projects' metrics to be in it.
func assertServed(t *testing.T, address, token string) {
	t.Helper()
	var body string
	poll(t, "the account that scrapes may do so", func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/metrics", http.NoBody)
		must(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // as the ServiceMonitor has it
		defer transport.CloseIdleConnections()
		response, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil || response.StatusCode != http.StatusOK {
			return false
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		must(t, err)
		body = string(text)
		return true
	})
	served := map[string]string{}
	for _, line := range sample.FindAllStringSubmatch(body, -1) {
		var names []string
		for _, pair := range label.FindAllStringSubmatch(line[2], -1) {
			names = append(names, pair[1])
		}
		slices.Sort(names)
		served[line[1]] = strings.Join(names, ", ")
	}
	page, err := os.ReadFile(metricsPage)
	must(t, err)
	others := 0
	for _, row := range otherRow.FindAllStringSubmatch(string(page), -1) {
		if strings.HasPrefix(row[1], "scim_operator_") {
			continue // assertDocumented knows more of these
		}
		others++
		if labels, ok := served[row[1]]; !ok || labels != strings.TrimSpace(row[2]) {
			t.Errorf("docs/metrics.md has %s with the labels %q; /metrics has it: %v, with %q", row[1], row[2], ok, labels)
		}
	}
	if others == 0 || served["scim_operator_grants"] != "kind, ready" {
		t.Errorf("%d metrics of others are documented, and scim_operator_grants has the labels %q", others, served["scim_operator_grants"])
	}
}

// scraper makes an account with the rights of the ClusterRole scim-operator-metrics-reader, and gives its token.
func scraper(t *testing.T, kube client.Client) string {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "scraper"}}
	must(t, kube.Create(t.Context(), account))
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "scraper"}}
	role.Rules = []rbacv1.PolicyRule{{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}}
	must(t, kube.Create(t.Context(), role))
	must(t, kube.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "scraper"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "scraper"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "scraper"}},
	}))
	request := &authenticationv1.TokenRequest{}
	must(t, kube.SubResource("token").Create(t.Context(), account, request))
	return request.Status.Token
}

// samples are the gauges and counters of the operator that the process tells of, as the text format has them.
func samples(t *testing.T) []string {
	t.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	must(t, err)
	var all []string
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "scim_operator_") {
			continue
		}
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, pair := range metric.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", pair.GetName(), pair.GetValue()))
			}
			all = append(all, fmt.Sprintf("%s{%s} %v", family.GetName(), strings.Join(labels, ","), metric.GetGauge().GetValue()+metric.GetCounter().GetValue()))
		}
	}
	return all
}

// ofDesc reads the text of a description, which is all that it says of itself.
var ofDesc = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", help: "(.*)", unit: "", constLabels: \{\}, variableLabels: \{(.*)\}\}$`)

// table has a line for each metric of the operator that is in the registry, by name.
func table() []string {
	descs := make(chan *prometheus.Desc)
	go func() {
		ctrlmetrics.Registry.(interface{ Describe(chan<- *prometheus.Desc) }).Describe(descs)
		close(descs)
	}()
	var lines []string
	for desc := range descs {
		parts := ofDesc.FindStringSubmatch(desc.String())
		if len(parts) < 4 || !strings.HasPrefix(parts[1], "scim_operator_") {
			continue
		}
		labels := strings.ReplaceAll(parts[3], ",", ", ")
		lines = append(lines, fmt.Sprintf("| `%s` | %s | %s |", parts[1], labels, parts[2]))
	}
	slices.Sort(lines)
	return lines
}
