package chart

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

const (
	accessDashboardKey = "ConfigMap " + namespace + "/scim-operator-dashboard-access"
	appsDashboardKey   = "ConfigMap " + namespace + "/scim-operator-dashboard-apps"
)

// dashboards are the values with which the chart has dashboards.
func dashboards(v values) values {
	with := values{"enabled": true}
	maps.Copy(with, v)
	return values{"metrics": values{"dashboards": with}}
}

// dashboard is what the tests read of a dashboard.
type dashboard struct {
	UID        string `json:"uid"`
	Title      string `json:"title"`
	Templating struct {
		List []struct {
			Name       string `json:"name"`
			Type       string `json:"type"`
			Definition string `json:"definition"`
		} `json:"list"`
	} `json:"templating"`
	Panels []struct {
		ID          int    `json:"id"`
		Type        string `json:"type"`
		Title       string `json:"title"`
		Description string `json:"description"`
		GridPos     struct {
			X, Y, W, H int
		} `json:"gridPos"`
		Targets []struct {
			Expr         string `json:"expr"`
			LegendFormat string `json:"legendFormat"`
		} `json:"targets"`
	} `json:"panels"`
}

// dashboardsOf are the dashboards in the ConfigMaps of the chart.
func dashboardsOf(t *testing.T) []dashboard {
	t.Helper()
	all := render(t, dashboards(nil))
	var found []dashboard
	for _, key := range []string{accessDashboardKey, appsDashboardKey} {
		data := as[corev1.ConfigMap](t, all, key).Data
		if len(data) != 1 {
			t.Errorf("%s has %d files, want one", key, len(data))
		}
		for name, text := range data {
			if filepath.Ext(name) != ".json" {
				t.Errorf("%s: Grafana does not read the file %s", key, name)
			}
			var one dashboard
			if err := json.Unmarshal([]byte(text), &one); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			found = append(found, one)
		}
	}
	return found
}

// TestDashboards: the value makes a ConfigMap of each dashboard and nothing else, with the label that Grafana's sidecar looks for.
func TestDashboards(t *testing.T) {
	wantAdded(t, dashboards(nil), nil, accessDashboardKey, appsDashboardKey)
	for _, key := range []string{accessDashboardKey, appsDashboardKey} {
		if got := render(t, dashboards(nil))[key].GetLabels()["grafana_dashboard"]; got != "1" {
			t.Errorf("%s has the label grafana_dashboard=%q", key, got)
		}
	}
	elsewhere := render(t, dashboards(values{"namespace": "grafana", "labels": values{"team": "access"}, "annotations": values{"grafana_folder": "Access"}}))
	object := elsewhere["ConfigMap grafana/scim-operator-dashboard-apps"]
	if object == nil {
		t.Fatal("the value namespace changes nothing")
	}
	if object.GetLabels()["team"] != "access" || object.GetAnnotations()["grafana_folder"] != "Access" {
		t.Errorf("the labels are %v and the annotations %v", object.GetLabels(), object.GetAnnotations())
	}
}

// TestPanels: each panel has a place of its own, says what it shows, and asks for something.
func TestPanels(t *testing.T) {
	for _, board := range dashboardsOf(t) {
		taken, ids := map[string]string{}, map[int]bool{}
		for _, panel := range board.Panels {
			if ids[panel.ID] {
				t.Errorf("%s: two panels have the id %d", board.Title, panel.ID)
			}
			ids[panel.ID] = true
			for x := panel.GridPos.X; x < panel.GridPos.X+panel.GridPos.W; x++ {
				for y := panel.GridPos.Y; y < panel.GridPos.Y+panel.GridPos.H; y++ {
					at := fmt.Sprintf("%d,%d", x, y)
					if taken[at] != "" || x > 23 {
						t.Errorf("%s: %s and %s share %s, or it is outside", board.Title, panel.Title, taken[at], at)
					}
					taken[at] = panel.Title
				}
			}
			if panel.Type != "row" && (panel.Description == "" || len(panel.Targets) == 0) {
				t.Errorf("%s: the panel %s has no description, or asks for nothing", board.Title, panel.Title)
			}
		}
		if board.UID == "" || len(board.Panels) == 0 {
			t.Errorf("a dashboard has the uid %q and %d panels", board.UID, len(board.Panels))
		}
	}
}

var (
	labelValues   = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
	legendLabel   = regexp.MustCompile(`\{\{(\w+)\}\}`)
	usedVariables = regexp.MustCompile(`\$(\w+)`)
)

// TestQueriesOfDashboards is TestQueriedMetrics for dashboards: their panels, the labels in their legends, and the choices of their variables.
func TestQueriesOfDashboards(t *testing.T) {
	queries, legends := map[string]string{}, map[string]string{}
	for _, board := range dashboardsOf(t) {
		variables := []string{"__rate_interval"}
		for _, variable := range board.Templating.List {
			variables = append(variables, variable.Name)
			if variable.Type == "query" {
				parts := labelValues.FindStringSubmatch(variable.Definition)
				if parts == nil {
					t.Fatalf("%s: the variable %s asks for %s", board.Title, variable.Name, variable.Definition)
				}
				queries[board.Title+", variable "+variable.Name] = "count by (" + parts[2] + ") (" + parts[1] + ")"
			}
		}
		for _, panel := range board.Panels {
			for i, target := range panel.Targets {
				where := fmt.Sprintf("%s, panel %s, query %d", board.Title, panel.Title, i)
				for _, used := range usedVariables.FindAllStringSubmatch(target.Expr, -1) {
					if !slices.Contains(variables, used[1]) {
						t.Errorf("%s has the variable %s, which there is not", where, used[1])
					}
				}
				queries[where] = strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")
				legends[where] = target.LegendFormat
			}
		}
	}
	known := documentedMetrics(t)
	for where, asked := range parsed(t, queries) {
		if faults := asked.faults(known); len(faults) > 0 {
			t.Errorf("%s asks for %v: %s", where, faults, queries[where])
		}
		var unknown []string
		for _, label := range legendLabel.FindAllStringSubmatch(legends[where], -1) {
			if !slices.Contains(asked.Labels, label[1]) {
				unknown = append(unknown, label[1])
			}
		}
		if diff := cmp.Diff([]string(nil), unknown); diff != "" {
			t.Errorf("%s: its legend has labels that the result lacks: %s", where, diff)
		}
	}
}
