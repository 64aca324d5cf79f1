package chart

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const (
	ruleKey     = "PrometheusRule " + namespace + "/scim-operator"
	runbookPage = "../../docs/runbook.md"
)

// alert is one rule of a file of rules, and no more than that: a field that Prometheus does not know must not be in one.
type alert struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// ruleFile is what Prometheus reads, and what the spec of a PrometheusRule is.
type ruleFile struct {
	Groups []struct {
		Name  string  `json:"name"`
		Rules []alert `json:"rules"`
	} `json:"groups"`
}

// rules are the values with which the chart has alerts.
func rules(v values) values {
	with := values{"enabled": true}
	maps.Copy(with, v)
	return values{"metrics": values{"prometheusRule": with}}
}

// alertsOf are the alerts that a chart with these values makes, by name.
func alertsOf(t *testing.T, v values) map[string]alert {
	t.Helper()
	found := map[string]alert{}
	for _, group := range as[struct {
		APIVersion string         `json:"apiVersion"`
		Kind       string         `json:"kind"`
		Metadata   map[string]any `json:"metadata"`
		Spec       ruleFile       `json:"spec"`
	}](t, render(t, v), ruleKey).Spec.Groups {
		for _, rule := range group.Rules {
			if _, ok := found[rule.Alert]; ok {
				t.Errorf("two alerts are called %s", rule.Alert)
			}
			found[rule.Alert] = rule
		}
	}
	return found
}

// every has no alert left out.
var every = rules(values{"thresholds": values{"silentHours": 24}})

// TestPrometheusRule: the value makes the rule and nothing else, and each of the other values changes what it is described to change.
func TestPrometheusRule(t *testing.T) {
	wantAdded(t, rules(nil), nil, ruleKey)
	plain, all := alertsOf(t, rules(nil)), alertsOf(t, every)
	if _, ok := plain["ScimDirectorySilent"]; ok || len(plain) != len(all)-1 {
		t.Error("without a bound there is an alert about silence, or another one is absent, too")
	}
	if got := alertsOf(t, rules(values{"disabled": []string{"ScimNoLeader"}})); len(got) != len(plain)-1 || got["ScimNoLeader"].Alert != "" {
		t.Errorf("an alert that is left out is there: %v", slices.Sorted(maps.Keys(got)))
	}
	changed := rules(values{
		"labels": values{"release": "prometheus"}, "alertLabels": values{"team": "access", "severity": "page"}, "runbookUrl": "https://example.com/runbook",
	})
	for name, got := range alertsOf(t, changed) {
		want := plain[name]
		want.Labels = map[string]string{"team": "access", "severity": "page"}
		want.Annotations["runbook_url"] = "https://example.com/runbook#" + strings.ToLower(name)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := render(t, changed)[ruleKey].GetLabels()["release"]; got != "prometheus" {
		t.Errorf("the label release is %q, want prometheus", got)
	}
}

// TestAlertsAreComplete: each alert says what somebody on call needs, and for how urgent it is taken.
func TestAlertsAreComplete(t *testing.T) {
	for name, rule := range alertsOf(t, every) {
		for _, key := range []string{"summary", "description", "runbook_url"} {
			if rule.Annotations[key] == "" {
				t.Errorf("%s has no %s", name, key)
			}
		}
		if !slices.Contains([]string{"critical", "warning"}, rule.Labels["severity"]) {
			t.Errorf("%s has the severity %q", name, rule.Labels["severity"])
		}
		text, err := json.Marshal(rule)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "${") {
			t.Errorf("%s has a place that no value is for: %s", name, text)
		}
	}
}

// TestThresholds: each threshold is in some alert, and changes no other than those.
func TestThresholds(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chartDir, "monitoring", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var defaults struct {
		Metrics struct {
			PrometheusRule struct {
				Thresholds map[string]any `json:"thresholds"`
			} `json:"prometheusRule"`
		} `json:"metrics"`
	}
	read, err := os.ReadFile(filepath.Join(chartDir, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(read, &defaults); err != nil {
		t.Fatal(err)
	}
	if len(defaults.Metrics.PrometheusRule.Thresholds) == 0 {
		t.Fatal("values.yaml has no thresholds")
	}
	before := alertsOf(t, every)
	for name := range defaults.Metrics.PrometheusRule.Thresholds {
		value := any(7)
		if name == "errorRatio" {
			value = 0.7
		}
		thresholds := values{"silentHours": 24}
		thresholds[name] = value
		for which, after := range alertsOf(t, rules(values{"thresholds": thresholds})) {
			concerned := strings.Contains(ruleText(t, string(text), which), "${"+name+"}")
			if changes := before[which].Expr != after.Expr; changes != concerned {
				t.Errorf("threshold %s: the expression of %s changes: %v, want %v", name, which, changes, concerned)
			}
		}
		if !strings.Contains(string(text), "${"+name+"}") {
			t.Errorf("no alert has the threshold %s", name)
		}
	}
}

// ruleText is the part of the file of alerts that is about one of them, without its description.
func ruleText(t *testing.T, text, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "- alert: "+name+"\n")
	if !ok {
		t.Fatalf("the file has no alert %s", name)
	}
	part, _, _ := strings.Cut(rest, "labels:")
	return part
}

var (
	runbookSection = regexp.MustCompile(`(?m)^## (\w+)$`)
	pluginCommand  = regexp.MustCompile(`kubectl scim ((?:[a-z][a-z-]* ?)+)`)
)

// TestRunbook: each alert has a section that says what it means, what people notice, how to look and what to do; no section is about an alert that
// does not exist; and the commands of the plugin that the page names are there.
func TestRunbook(t *testing.T) {
	page, err := os.ReadFile(runbookPage)
	if err != nil {
		t.Fatal(err)
	}
	var sections []string
	for _, heading := range runbookSection.FindAllStringSubmatch(string(page), -1) {
		sections = append(sections, heading[1])
	}
	slices.Sort(sections)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(alertsOf(t, every))), sections); diff != "" {
		t.Errorf("the sections of docs/runbook.md (-alerts +sections):\n%s", diff)
	}
	parts := strings.Split(string(page), "\n## ")
	for _, part := range parts[1:] {
		name, _, _ := strings.Cut(part, "\n")
		for _, want := range []string{"**Means.**", "**People notice.**", "**Look.**", "```sh\n", "**Do.**"} {
			if !strings.Contains(part, want) {
				t.Errorf("the section %s lacks %q", name, want)
			}
		}
	}
	commands, err := os.ReadFile("../../docs/kubectl-scim.md") // which is written from the commands
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range pluginCommand.FindAllStringSubmatch(string(page), -1) {
		name := strings.TrimSpace(command[1])
		if !strings.Contains(string(commands), "\n### kubectl scim "+name+"\n") {
			t.Errorf("docs/runbook.md names the command %q, which docs/kubectl-scim.md does not have", "kubectl scim "+name)
		}
	}
}

// TestNamesOfAlerts: the schema takes the names of all alerts, and no others, for those to leave out.
func TestNamesOfAlerts(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chartDir, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	type properties struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Items      struct {
			Enum []string `json:"enum"`
		} `json:"items"`
	}
	var at properties
	for _, key := range []string{"metrics", "prometheusRule", "disabled"} {
		if err := json.Unmarshal(text, &at); err != nil {
			t.Fatal(err)
		}
		text = at.Properties[key]
		at = properties{}
	}
	if err := json.Unmarshal(text, &at); err != nil {
		t.Fatal(err)
	}
	slices.Sort(at.Items.Enum)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(alertsOf(t, every))), at.Items.Enum); diff != "" {
		t.Errorf("names to leave out (-alerts +schema):\n%s", diff)
	}
}
