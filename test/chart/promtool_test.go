package chart

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const (
	prometheusVariable = "PROMETHEUS_BIN"
	metricsPage        = "../../docs/metrics.md"
	// alertTests are promtool's tests of the alerts.
	alertTests = "testdata/alerts.test.yaml"
)

// prometheus is a program of Prometheus that make test provides.
func prometheus(t *testing.T, program string) string {
	t.Helper()
	folder := os.Getenv(prometheusVariable)
	if folder == "" {
		t.Fatalf("%s is not set, so there is no promtool to test with: run make test, or: export %s=$(hack/prometheus.sh)", prometheusVariable, prometheusVariable)
	}
	return filepath.Join(folder, program)
}

// TestAlertsFire has Prometheus' own engine evaluate the alerts, as the chart renders them, over series that should make them fire and series that
// should not.
func TestAlertsFire(t *testing.T) {
	folder := t.TempDir()
	spec := render(t, every)[ruleKey].Object["spec"]
	tests, err := os.ReadFile(alertTests)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"rules.yaml": marshal(t, spec), "alerts.test.yaml": string(tests)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", filepath.Join(folder, "rules.yaml")},
		{"test", "rules", filepath.Join(folder, "alerts.test.yaml")},
	} {
		if out, err := run(t, "", prometheus(t, "promtool"), args...); err != nil {
			t.Errorf("%v\n%s", err, out.stdout)
		}
	}
}

// TestEachAlertIsTested: the tests of the alerts have a moment at which each fires, and one at which it does not although something else is there.
func TestEachAlertIsTested(t *testing.T) {
	text, err := os.ReadFile(alertTests)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Tests []struct {
			Expressions []struct {
				Expr    string           `json:"expr"`
				Samples []map[string]any `json:"exp_samples"`
			} `json:"promql_expr_test"`
		} `json:"tests"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, at := range test.Expressions {
			name := regexp.MustCompile(`alertname="(\w+)"`).FindStringSubmatch(at.Expr)
			if name == nil {
				t.Fatalf("%s is about no alert", at.Expr)
			}
			if len(at.Samples) > 0 {
				fires[name[1]] = true
			} else {
				silent[name[1]] = true
			}
		}
	}
	want := slices.Sorted(maps.Keys(alertsOf(t, every)))
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(fires))); diff != "" {
		t.Errorf("alerts that fire in a test (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(silent))); diff != "" {
		t.Errorf("alerts that stay silent in a test (-want +got):\n%s", diff)
	}
}

// TestQueriedMetrics: whatever the alerts ask for, by name and label, is in the tables of docs/metrics.md, which are held to what the operator serves.
func TestQueriedMetrics(t *testing.T) {
	queries := map[string]string{}
	for name, rule := range alertsOf(t, every) {
		queries["alert "+name] = rule.Expr
	}
	known := documentedMetrics(t)
	for where, asked := range parsed(t, queries) {
		for _, fault := range asked.faults(known) {
			t.Errorf("%s asks for %s: %s", where, fault, queries[where])
		}
	}
}

var metricRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([\\w, ]*) \\|")

// documentedMetrics are the labels of each metric of docs/metrics.md.
func documentedMetrics(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, row := range metricRow.FindAllStringSubmatch(string(page), -1) {
		found[row[1]] = strings.FieldsFunc(row[2], func(r rune) bool { return r == ',' || r == ' ' })
	}
	if len(found) == 0 {
		t.Fatal("docs/metrics.md has no table of metrics")
	}
	return found
}

// question is what a query asks for, as hack/prometheus/selectors prints it.
type question struct {
	Selectors []struct {
		Metric string   `json:"metric"`
		Labels []string `json:"labels"`
	} `json:"selectors"`
	Labels []string `json:"labels"`
}

// parsed has Prometheus' own parser read queries.
func parsed(t *testing.T, queries map[string]string) map[string]question {
	t.Helper()
	names := slices.Sorted(maps.Keys(queries))
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = queries[name]
	}
	stdin, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), prometheus(t, "selectors"))
	command.Stdin, command.Stderr = strings.NewReader(string(stdin)), os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	var questions []question
	if err := json.Unmarshal(out, &questions); err != nil {
		t.Fatal(err)
	}
	found := map[string]question{}
	for i, name := range names {
		found[name] = questions[i]
	}
	return found
}

// faults are what is asked for and is not there. job and instance are Prometheus' own labels.
func (q question) faults(known map[string][]string) []string {
	var faults []string
	all := []string{"job", "instance"}
	for _, selector := range q.Selectors {
		name, isHistogram := selector.Metric, false
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if cut, ok := strings.CutSuffix(selector.Metric, suffix); ok && known[cut] != nil {
				name, isHistogram = cut, true
			}
		}
		labels, ok := known[name]
		if !ok {
			faults = append(faults, "the metric "+selector.Metric)
			continue
		}
		if isHistogram {
			labels = append([]string{"le"}, labels...)
		}
		all = append(all, labels...)
		for _, label := range selector.Labels {
			if !slices.Contains(labels, label) {
				faults = append(faults, fmt.Sprintf("the label %s of %s", label, selector.Metric))
			}
		}
	}
	for _, label := range q.Labels {
		if !slices.Contains(all, label) {
			faults = append(faults, "the label "+label)
		}
	}
	return faults
}

// TestFaults: a question for what is not there is found out.
func TestFaults(t *testing.T) {
	known := map[string][]string{"scim_operator_grants": {"kind", "ready"}, "scim_operator_revocation_seconds": {"cause"}}
	for query, want := range map[string][]string{
		`sum by (kind) (scim_operator_grants{ready="True"})`:                           nil,
		`histogram_quantile(1, sum by (le) (scim_operator_revocation_seconds_bucket))`: nil,
		`scim_operator_grant`: {"the metric scim_operator_grant"},
		`max by (directory) (scim_operator_grants{reason=""})`:                               {"the label reason of scim_operator_grants", "the label directory"},
		`scim_operator_grants * on (pod) group_left (zone) scim_operator_revocation_seconds`: {"the label pod", "the label zone"},
	} {
		if diff := cmp.Diff(want, parsed(t, map[string]string{"": query})[""].faults(known)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}
