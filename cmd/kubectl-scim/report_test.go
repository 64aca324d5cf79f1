package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// TestReport reads what a real API server lists, managedFields included.
func TestReport(t *testing.T) {
	kube := newKube(t)
	placeOf(t, kube, "review")
	makeObject(t, kube, newDirectory("reviewed", func(d *v1alpha1.ScimDirectory) {
		d.Spec.Identity = v1alpha1.Identity{Username: `"review:" + user.userName`, Group: `"review:" + role.displayName`}
	}))
	person(t, kube, "rita-1", "rita@example.com", "reviewed")
	person(t, kube, "sven-1", "sven@example.com", "reviewed")
	team(t, kube, "reviewers-1", "Reviewers", "reviewed", "rita-1", "sven-1")
	team(t, kube, "unused-1", "Unused Reviewers", "reviewed", "sven-1")
	makeBindings(t, kube,
		roleBinding("review", "by-name", "view", usersNamed("review:rita@example.com", "review:left@example.com")...),
		roleBinding("review", "by-group", "edit", rbacv1.Subject{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "review:Reviewers"}),
	)
	first := scim(t, "report", "-n", "review").want(t, 0, "rita@example.com", "sven@example.com", "review:left@example.com,ClusterRole/view")
	if again := scim(t, "report", "-n", "review", "-o", "csv"); again.stdout != first.stdout {
		t.Errorf("the same access gives other bytes:\n%s\n%s", first.stdout, again.stdout)
	}
	body, _, _ := strings.Cut(first.stdout, "digest,")
	sum := sha256.Sum256([]byte(body))
	first.want(t, 0, "sha256:"+hex.EncodeToString(sum[:]))
	scim(t, "report", "--scim-user=RITA@example.com", "-o", "markdown").want(t, 0, "| rita&#64;example.com | rita-1 | Active |", "Digest: sha256:")
	var report struct{ Rows []map[string]string }
	must(t, json.Unmarshal([]byte(scim(t, "report", "--role=reviewers", "-o", "json").want(t, 0).stdout), &report))
	if len(report.Rows) != 2 || report.Rows[0]["lastChange"] == "" || report.Rows[0]["since"] == "" {
		t.Errorf("the members of a role by way of a group: %v", report.Rows)
	}
	scim(t, "report", "--scim-user=nobody").want(t, 1, "there is no ScimUser")
	scim(t, "report", "-o", "xml").want(t, 2, "csv, json, markdown")

	scim(t, "orphans").want(t, 0, "Unknown subjects:", "User review:left@example.com", "RoleBinding review/by-group", "unused-1")
	var orphans struct {
		Unknown, Outside, UnusedRoles, EmptyGrants []map[string]any
	}
	must(t, json.Unmarshal([]byte(scim(t, "orphans", "-o", "json").want(t, 0).stdout), &orphans))
	if len(orphans.Unknown) == 0 || len(orphans.Outside) < 3 || orphans.EmptyGrants == nil {
		t.Errorf("orphans: %+v", orphans)
	}
	scim(t, "orphans", "--as=nobody").want(t, 1, "scim-operator-auditor")
}
