package argocd_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"
	"github.com/casbin/casbin/v2/util"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/scim-operator/scim-operator/internal/connector/argocd"
	"github.com/scim-operator/scim-operator/internal/connector/connectortest"
)

// Argo CD's model, and as much of its built-in policy as decides who is who.
const (
	casbinModel = `
[request_definition]
r = sub, res, act, obj
[policy_definition]
p = sub, res, act, obj, eft
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub) && globOrRegexMatch(r.res, p.res) && globOrRegexMatch(r.act, p.act) && globOrRegexMatch(r.obj, p.obj)
`
	builtIn = "p, role:admin, applications, delete, *, allow\ng, role:admin, role:readonly\ng, admin, role:admin"
)

// row writes a row of policy.
func row(fields ...string) string {
	var text strings.Builder
	writer := csv.NewWriter(&text)
	_ = writer.Write(fields) // a strings.Builder takes everything
	writer.Flush()
	return strings.TrimSpace(text.String())
}

// fields reads a row of policy, and returns nothing for a line that is none.
func fields(line string) []string {
	line = strings.TrimSpace(line)
	if line == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	reader := csv.NewReader(strings.NewReader(line))
	reader.TrimLeadingSpace = true
	read, err := reader.Read()
	if err != nil {
		return []string{"unreadable", line}
	}
	return read
}

// loader hands a text to casbin as Argo CD does: line by line, and a line that is wrong makes the whole policy fail.
type loader string

func (l loader) LoadPolicy(m model.Model) error {
	for _, line := range strings.Split(string(l), "\n") {
		read := fields(line)
		switch {
		case len(read) == 0:
			continue
		case read[0] == "g" && len(read) == 3, read[0] == "p" && len(read) == 6:
		default:
			return fmt.Errorf("Argo CD does not load any policy, because of the line %q", line)
		}
		if err := persist.LoadPolicyArray(read, m); err != nil {
			return err
		}
	}
	return nil
}

var errReadOnly = errors.New("the policy is only read")

func (loader) SavePolicy(model.Model) error                              { return errReadOnly }
func (loader) AddPolicy(string, string, []string) error                  { return errReadOnly }
func (loader) RemovePolicy(string, string, []string) error               { return errReadOnly }
func (loader) RemoveFilteredPolicy(string, string, int, ...string) error { return errReadOnly }

// enforcer is casbin with the whole policy, of the ConfigMap and of the projects, put together as Argo CD does.
func (w *world) enforcer(data map[string]string) *casbin.Enforcer {
	w.Helper()
	text := []string{builtIn, data["policy.csv"]}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if key != "policy.csv" && strings.HasPrefix(key, "policy.") && strings.HasSuffix(key, ".csv") {
			text = append(text, data[key])
		}
	}
	for name, roles := range w.projectRoles() {
		for _, role := range roles {
			policies, _, _ := unstructured.NestedStringSlice(role, "policies")
			groups, _, _ := unstructured.NestedStringSlice(role, "groups")
			text = append(text, policies...)
			for _, group := range groups {
				text = append(text, fmt.Sprintf("g, %s, proj:%s:%s", group, name, role["name"]))
			}
		}
	}
	m, err := model.NewModelFromString(casbinModel)
	if err != nil {
		w.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		w.Fatal(err)
	}
	e.AddFunction("globOrRegexMatch", util.KeyMatchFunc)
	e.SetAdapter(loader(strings.Join(text, "\n")))
	if err := e.LoadPolicy(); err != nil {
		w.Fatal(err)
	}
	return e
}

// projectRoles are those of all projects.
func (w *world) projectRoles() map[string][]map[string]any {
	w.Helper()
	list := new(unstructured.UnstructuredList)
	list.SetAPIVersion("argoproj.io/v1alpha1")
	list.SetKind("AppProjectList")
	if err := w.admin.List(w.Context(), list, inNamespace(w)); err != nil {
		w.Fatal(err)
	}
	all := map[string][]map[string]any{}
	for _, item := range list.Items {
		roles, _, _ := unstructured.NestedSlice(item.Object, "spec", "roles")
		for _, role := range roles {
			all[item.GetName()] = append(all[item.GetName()], role.(map[string]any))
		}
	}
	return all
}

// written is what a mark says.
type written struct {
	Name   string
	Active bool
	Roles  []string
}

// truth is what casbin, the marks and the local accounts say, each read without the connector. A suspended account has the roles that its mark
// remembers, and is active nevertheless while casbin lets it have one of these.
func (w *world) truth(t testing.TB) map[string]connectortest.Seen {
	t.Helper()
	data, settings := w.configMap(policyName), w.configMap(settingsName)
	e := w.enforcer(data)
	all := map[string]connectortest.Seen{}
	state := map[string][]string{}
	subjects, err := e.GetAllSubjects()
	if err != nil {
		t.Fatal(err)
	}
	grants, err := e.GetGroupingPolicy()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range grants {
		subjects = append(subjects, g[0])
		state[g[0]] = append(state[g[0]], g[1])
	}
	for _, name := range subjects {
		if !strings.HasPrefix(name, "role:") && !strings.HasPrefix(name, "proj:") {
			all[name] = connectortest.Seen{Active: true}
		}
	}
	remembered := map[string][]string{}
	for line := range strings.SplitSeq(data[ownKey], "\n") {
		if text, ok := strings.CutPrefix(line, "# scim-operator "); ok {
			var m written
			if err := json.Unmarshal([]byte(text), &m); err != nil {
				t.Fatal(err)
			}
			all[m.Name] = connectortest.Seen{Active: m.Active}
			state[m.Name] = append(state[m.Name], line)
			if !m.Active {
				remembered[m.Name] = m.Roles
			}
		}
	}
	w.locals(settings, all, state)
	for name, seen := range all {
		roles, err := e.GetRolesForUser(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, role := range remembered[name] {
			seen.Active = seen.Active || slices.Contains(roles, role)
		}
		seen.Roles = slices.Compact(slices.Sorted(slices.Values(append(roles, remembered[name]...))))
		slices.Sort(state[name])
		seen.State = strings.Join(state[name], "\n")
		all[name] = seen
	}
	return all
}

// locals adds what argocd-cm says.
func (w *world) locals(settings map[string]string, all map[string]connectortest.Seen, state map[string][]string) {
	if w.accounts != argocd.Local {
		return
	}
	for name := range all {
		all[name] = connectortest.Seen{Active: name == "admin"}
	}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		name, ok := strings.CutPrefix(key, "accounts.")
		if base, of := strings.CutSuffix(name, ".enabled"); of {
			name = base
		}
		if !ok {
			if of, ok := strings.CutPrefix(key, "scim-operator."); ok {
				state[of] = append(state[of], key+"="+settings[key])
			}
			continue
		}
		state[name] = append(state[name], key+"="+settings[key])
		all[name] = connectortest.Seen{Active: settings["accounts."+name+".enabled"] != "false"}
	}
}
