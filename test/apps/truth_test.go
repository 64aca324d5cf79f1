package apps_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/test/slapd"
)

// person is whom the scenario knows, and what should become of them.
type person struct {
	id, name string
	active   bool
	groups   map[int]bool
}

// accounts are what an app has, or should have: by name, whether the account is in use, and its groups.
type accounts map[string]string

func state(active bool, roles []string) string {
	slices.Sort(roles)
	return map[bool]string{true: "active", false: "suspended"}[active] + " " + strings.Join(roles, " ")
}

// expected is what the scenario says, by itself: nothing of it comes from the operator. Whoever is suspended keeps the groups, but in Argo CD,
// where an account is its roles.
func (c *company) expected(app string) accounts {
	all := accounts{c.name + "-stranger": "active "}
	if app == "argocd" {
		delete(all, c.name+"-stranger") // it is in rows of somebody else
	}
	for _, p := range c.people {
		var roles []string
		for i := range p.groups {
			roles = append(roles, c.group(i))
		}
		switch {
		case app != "argocd":
			all[p.name] = state(p.active, roles)
		case p.active:
			all[p.name] = state(true, roles)
		}
	}
	return all
}

// see waits until the apps hold exactly what the scenario says.
func (c *company) see(what string, apps ...string) {
	c.t.Helper()
	for _, app := range apps {
		want := c.expected(app)
		eventually(c.t, what+": "+app, func(ctx context.Context) error {
			got, err := c.truth(ctx, app)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(want, got); diff != "" {
				return fmt.Errorf("%s (-want +got):\n%s", app, diff)
			}
			return nil
		})
	}
}

// truth reads an app by its own protocol, as somebody who sees everything.
func (c *company) truth(ctx context.Context, app string) (accounts, error) {
	switch app {
	case "postgres":
		return c.inPostgres(ctx)
	case "ldap":
		return c.inSlapd()
	case "scim":
		return c.inScimmy(), nil
	}
	return c.inArgoCD(ctx)
}

func (c *company) inPostgres(ctx context.Context) (accounts, error) {
	roles, err := c.o.postgres.Roles(ctx, c.name+"-%")
	if err != nil {
		return nil, err
	}
	all := accounts{}
	for _, role := range roles {
		if !strings.HasPrefix(role.Name, c.name+"-team") {
			all[role.Name] = state(role.Login, role.MemberOf)
		}
	}
	return all, nil
}

func (c *company) inSlapd() (accounts, error) {
	conn, err := c.o.slapd.AsManager()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	base := "ou=" + c.name + "," + slapd.Suffix
	search := func(filter string, attributes ...string) ([]*goldap.Entry, error) {
		found, err := conn.Search(goldap.NewSearchRequest(base, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil))
		if err != nil {
			return nil, err
		}
		return found.Entries, nil
	}
	teams, errTeams := search("(objectClass=groupOfNames)", "cn", "member")
	people, errPeople := search("(objectClass=inetOrgPerson)", "uid", "pwdAccountLockedTime")
	if err := errors.Join(errTeams, errPeople); err != nil {
		return nil, err
	}
	roles := map[string][]string{}
	for _, team := range teams {
		for _, member := range team.GetAttributeValues("member") {
			roles[strings.ToLower(member)] = append(roles[strings.ToLower(member)], team.GetAttributeValue("cn"))
		}
	}
	all := accounts{}
	for _, p := range people {
		all[p.GetAttributeValue("uid")] = state(p.GetAttributeValue("pwdAccountLockedTime") != "000001010000Z", roles[strings.ToLower(p.DN)])
	}
	return all, nil
}

func (c *company) inScimmy() accounts {
	names, active, roles := map[string]string{}, map[string]bool{}, map[string][]string{}
	for _, user := range c.pages("/Users") {
		name, _ := user["userName"].(string)
		id, _ := user["id"].(string)
		if strings.HasPrefix(name, c.name+"-") {
			names[id] = name
			active[id], _ = user["active"].(bool)
		}
	}
	for _, group := range c.pages("/Groups") {
		name, _ := group["displayName"].(string)
		members, _ := group["members"].([]any)
		for _, member := range members {
			fields, _ := member.(map[string]any)
			id, _ := fields["value"].(string)
			roles[id] = append(roles[id], name)
		}
	}
	all := accounts{}
	for id, name := range names {
		if _, twice := all[name]; twice {
			name += " (twice)"
		}
		all[name] = state(active[id], roles[id])
	}
	return all
}

// pages reads a list of the SCIM server to its end.
func (c *company) pages(path string) (all []map[string]any) {
	for {
		answer := c.o.scimmy.Do(c.t, "GET", fmt.Sprintf("%s?startIndex=%d&count=100", path, len(all)+1), nil)
		list, _ := answer["Resources"].([]any)
		for _, item := range list {
			resource, _ := item.(map[string]any)
			all = append(all, resource)
		}
		if total, _ := answer["totalResults"].(float64); len(list) == 0 || len(all) >= int(total) {
			return all
		}
	}
}

// inArgoCD reads the rows of the operator's own key, and the groups of the project's roles, which must say the same.
func (c *company) inArgoCD(ctx context.Context) (accounts, error) {
	var policy corev1.ConfigMap
	project := &unstructured.Unstructured{}
	project.SetAPIVersion("argoproj.io/v1alpha1")
	project.SetKind("AppProject")
	if err := errors.Join(
		c.o.kube.Get(ctx, client.ObjectKey{Namespace: c.name, Name: "argocd-rbac-cm"}, &policy),
		c.o.kube.Get(ctx, client.ObjectKey{Namespace: c.name, Name: "web"}, project),
	); err != nil {
		return nil, err
	}
	reader := csv.NewReader(strings.NewReader(policy.Data["policy.scim-operator.csv"]))
	reader.Comment, reader.TrimLeadingSpace, reader.FieldsPerRecord = '#', true, -1
	rows, err := reader.ReadAll()
	if err != nil {
		return nil, err
	}
	inPolicy, inProject := map[string][]string{}, map[string][]string{}
	for _, row := range rows {
		if len(row) != 3 || row[0] != "g" {
			return nil, fmt.Errorf("the policy has a row that gives nobody a role: %q", row)
		}
		inPolicy[row[1]] = append(inPolicy[row[1]], strings.TrimPrefix(row[2], "role:"))
	}
	list, _, _ := unstructured.NestedSlice(project.Object, "spec", "roles")
	for _, item := range list {
		role, _ := item.(map[string]any)
		name, _ := role["name"].(string)
		members, _, _ := unstructured.NestedStringSlice(role, "groups")
		for _, member := range members {
			inProject[member] = append(inProject[member], name)
		}
	}
	all := accounts{}
	for name := range maps.Keys(inPolicy) {
		all[name] = state(true, inPolicy[name])
		if other := state(true, inProject[name]); other != all[name] {
			return nil, fmt.Errorf("%s has %q in the policy and %q in the project", name, all[name], other)
		}
	}
	if len(inProject) != len(inPolicy) {
		return nil, fmt.Errorf("%d people have roles in the policy and %d in the project", len(inPolicy), len(inProject))
	}
	return all, nil
}
