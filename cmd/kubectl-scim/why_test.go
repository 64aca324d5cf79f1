package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access/explain"
)

const (
	annName = "oidc:Ann@why.example"
	// asAuditor is a person who has the role scim-operator-auditor and nothing else.
	asAuditor = "--as=auditor@example.com"
)

// TestWhy asks about a small company whose bindings the real controllers wrote.
func TestWhy(t *testing.T) {
	kube := newKube(t)
	makeWhy(t, kube)
	goldens := map[string][]string{
		"why-all":      {"why", "ann@why.EXAMPLE"},
		"why-yes":      {"why", "why-ann", "--verb=delete", "--resource=po", "-n", "why-a"},
		"why-no":       {"why", annName, "--verb=delete", "--resource=pods", "--namespace=why-b"},
		"why-anywhere": {"why", annName, "--verb=delete", "--resource=pods"},
		"why-group":    {"why", annName, "--verb=get", "--resource=nodes/status"},
		"why-ben":      {"why", "ben@why.example", "--verb=get", "--resource=nodes"},
		"why-eve":      {"why", "why-eve"},
		"why-table":    {"why", annName, "-o", "table"},
		"why-json":     {"why", annName, "-o", "json", "--verb=list", "--resource=ns"},
		"why-dot":      {"why", annName, "-o", "dot"},
		"why-role":     {"why", "--role", "why OPS"},
		"why-role-dot": {"why", "--role", "why-ops", "-o", "dot"},
		"who-can":      {"who-can", "delete", "pods", "-n", "why-a"},
		"who-can-wide": {"who-can", "delete", "pods/web", "-n", "why-a", "-o", "wide"},
		"who-can-node": {"who-can", "get", "nodes", "--subresource=status"},
		"who-can-url":  {"who-can", "get", "/why/path", "-o", "name"},
	}
	for name, args := range goldens {
		golden(t, name, lasting(scim(t, append(args, asAuditor)...).want(t, 0).stdout))
	}
	texts := []struct {
		reason string
		args   []string
		code   int
		want   []string
	}{
		{"who is no ScimUser has access all the same", []string{"why", "system:serviceaccount:why-a:robot", "--verb=delete", "--resource=pods", "-n=why-a"}, 0, []string{"yes", "why-robot", "no identity provider pushed"}},
		{"a group of the token is given by hand", []string{"why", "why-ben", "--group=system:masters", "--verb=*", "--resource=*"}, 0, []string{"ClusterRoleBinding cluster-admin"}},
		{"a resource that nobody serves is asked about as it is", []string{"why", annName, "--verb=get", "--resource=nothings.example.com"}, 0, []string{"no", `serves no resource "nothings.example.com"`}},
		{"what has no namespace is asked about without", []string{"why", annName, "--verb=get", "--resource=nodes", "-n=why-a"}, 0, []string{"nodes are in no namespace"}},
		{"a subresource is not an object of its name", []string{"who-can", "get", "pods/log"}, 0, []string{"--subresource=log"}},
		{"a certificate that was approved is named", []string{"why", annName}, 0, []string{"why-csr", "approved, not issued yet", "groups why-masters"}},
		{"a person must exist, or is taken for a Kubernetes user", []string{"why", "nobody-at-all"}, 0, []string{"No ScimUser has this name", "Groups:", "system:authenticated"}},
		{"a role must exist", []string{"why", "--role=none"}, 1, []string{"there is no ScimRole"}},
		{"what is missing is named, with the role that has it", []string{"why", annName, "--as=nobody"}, 1, []string{"clusterrolebindings", "rolebindings", "scimusers", "scim-operator-auditor"}},
		{"a person or a role", []string{"why", "a", "--role=b"}, 2, []string{"exclude each other"}},
		{"a verb needs a resource", []string{"why", "a", "--verb=get"}, 2, []string{"go together"}},
		{"a namespace needs a question", []string{"why", "a", "-n=b"}, 2, []string{"--verb and --resource"}},
		{"a path has no namespace", []string{"who-can", "get", "/metrics", "-n=b"}, 2, []string{"no name, subresource or namespace"}},
		{"somebody must be named", []string{"why"}, 2, []string{"an argument is missing"}},
	}
	for _, tc := range texts {
		t.Log(tc.reason)
		args := tc.args
		if !slices.Contains(args, "--as=nobody") {
			args = append(args, asAuditor)
		}
		scim(t, args...).want(t, tc.code, tc.want...)
	}
	whyScripts(t)
	drawWhy(t)
}

// drawWhy looks at what becomes of -o svg without Graphviz, and that its program gets the picture and its words are told.
func drawWhy(t *testing.T) {
	t.Helper()
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	scim(t, "why", annName, "-o", "svg").want(t, 1, "install Graphviz")
	program := filepath.Join(bin, "dot")
	must(t, os.WriteFile(program, []byte("#!/bin/sh\n[ \"$1\" = -Tsvg ] && read line && echo \"<svg>$line</svg>\"\n"), 0o700))
	if got := scim(t, "why", annName, "-o", "svg").want(t, 0).stdout; got != "<svg>digraph access {</svg>\n" {
		t.Errorf("reason: dot reads the picture and draws it; got %q", got)
	}
	must(t, os.WriteFile(program, []byte("#!/bin/sh\necho 'no \033[31mfont' >&2; exit 3\n"), 0o700))
	got := scim(t, "why", annName, "-o", "svg").want(t, 1, `no \x1b[31mfont`)
	if got.stdout != "" {
		t.Errorf("reason: nothing is printed of a picture that failed; got %q", got.stdout)
	}
}

// TestWhyWithoutControlCharacters: an identity provider chooses names, and a terminal obeys some of them.
func TestWhyWithoutControlCharacters(t *testing.T) {
	kube := newKube(t)
	name := "rogue\u202egro.elpmaxe\u009b31m"
	keep(t, kube, newUser("why-rogue", name, ""))
	keep(t, kube, newRole("why-rogues", "Rogues\x1b[2J\" -> n0; \\N", ""), "why-rogue")
	for _, args := range [][]string{
		{"why", "why-rogue"}, {"why", "why-rogue", "-o", "wide"}, {"why", "why-rogue", "-o", "dot"}, {"why", "--role=why-rogues", "-o", "dot"},
		{"why", "why-rogue", "--verb=get\x1b[2J", "--resource=pods"}, {"who-can", "get", "pods"},
	} {
		got := scim(t, args...).want(t, 0)
		if strings.ContainsAny(got.stdout+got.stderr, "\u202e\u009b\x1b") {
			t.Errorf("reason: no control character reaches the terminal; %v printed %q", args, got.stdout+got.stderr)
		}
	}
	if got := scim(t, "why", "--role=why-rogues", "-o", "dot").want(t, 0).stdout; !strings.Contains(got, `\\x1b[2J\\\" -> n0; \\\\N`) {
		t.Errorf("reason: a name cannot leave its label; got %s", got)
	}
}

// makeWhy makes directories, people, roles, grants and bindings, lets the controllers work until all is in effect, and stops them.
func makeWhy(t *testing.T, kube client.Client) {
	t.Helper()
	for _, name := range []string{"why-a", "why-b"} { // They stay: a namespace is not deleted where no namespace controller runs.
		must(t, client.IgnoreAlreadyExists(kube.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})))
	}
	keep(t, kube, newDirectory("why-okta", func(d *v1alpha1.ScimDirectory) {
		d.Spec.Identity = v1alpha1.Identity{Username: `"oidc:" + user.userName`, Group: `"oidc:" + role.displayName`}
		d.Spec.DefaultRoles = []string{"why-staff"}
	}))
	suspended := newUser("why-ben", "ben@why.example", "why-okta")
	suspended.Spec.Active = new(false)
	for _, user := range []*v1alpha1.ScimUser{newUser("why-ann", "Ann@why.example", "why-okta"), suspended, newUser("why-eve", "eve\u200b@why.example", "why-okta")} {
		keep(t, kube, user)
	}
	server := clientAs(t, "scim-operator-server")
	keep(t, server, &v1alpha1.ScimRoleSlice{
		ObjectMeta: metav1.ObjectMeta{Name: "why-ops-0"}, Spec: v1alpha1.ScimRoleSliceSpec{Role: "why-ops", Members: []string{"why-ann", "why-ben"}},
	})
	ops := newRole("why-ops", "Why Ops", "why-okta")
	ops.Spec.Slices, ops.Spec.Members = []string{"why-ops-0"}, []string{"why-eve"}
	keep(t, kube, ops)
	keep(t, kube, newRole("why-staff", "Why Staff", ""), "why-ann")
	keep(t, kube, newRole("why-others", "Why Others", ""))
	makeWhyBindings(t, kube)
	grants := []client.Object{
		whyGrant("why-ops", "view", "why-a", "why-b"), whyGrant("why-staff", "view"), whyGrant("why-others", "why-delete"),
	}
	expired, forbidden, late := whyGrant("why-ops", "why-delete"), whyGrant("why-ops", "why-delete"), whyGrant("why-ops", "why-delete")
	expired.Name, forbidden.Name, late.Name = "why-expired", "why-forbidden", "why-late"
	expired.Spec.Validity, late.Spec.Validity = &v1alpha1.Validity{ExpiresAt: at(-time.Hour)}, &v1alpha1.Validity{NotBefore: &metav1.Time{Time: time.Now().Add(time.Hour)}}
	team := &v1alpha1.AccessGrant{ObjectMeta: metav1.ObjectMeta{Name: "why-team", Namespace: "why-b"}, Spec: v1alpha1.AccessGrantSpec{
		Users: []v1alpha1.UserSelector{{UserName: "ann@why.example"}}, To: v1alpha1.GrantTarget{Name: "view"},
	}}
	for _, grant := range append(grants, team, expired, forbidden, late) {
		keep(t, kube, grant)
	}
	stop := startControllers(t, kube)
	of := func(grant *v1alpha1.ClusterAccessGrant) *v1alpha1.GrantStatus { return &grant.Status }
	awaitGrant(t, kube, whyGrant("why-ops", "view"), of, 1)
	awaitGrant(t, kube, whyGrant("why-staff", "view"), of, 1)
	awaitGrant(t, kube, forbidden, of, 0)
	awaitGrant(t, kube, team, func(grant *v1alpha1.AccessGrant) *v1alpha1.GrantStatus { return &grant.Status }, 1)
	stop()
}

// awaitGrant waits until a grant knows its members.
func awaitGrant[T client.Object](t *testing.T, kube client.Client, grant T, statusOf func(T) *v1alpha1.GrantStatus, users int32) {
	t.Helper()
	await(t, "grant "+grant.GetName()+" is in effect", func() string {
		must(t, kube.Get(t.Context(), client.ObjectKeyFromObject(grant), grant))
		status := statusOf(grant)
		if apimeta.FindStatusCondition(status.Conditions, v1alpha1.GrantReady) == nil || status.Users == nil || *status.Users != users {
			return "not yet"
		}
		return ""
	})
}

// makeWhyBindings makes what the operator knows nothing of.
func makeWhyBindings(t *testing.T, kube client.Client) {
	t.Helper()
	rule := func(verb, resource string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{""}, Verbs: []string{verb}, Resources: []string{resource}}
	}
	keep(t, kube, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "why-delete"}, Rules: []rbacv1.PolicyRule{rule("list", "pods"), rule("delete", "pods")}})
	keep(t, kube, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "why-nodes"}, Rules: []rbacv1.PolicyRule{
		rule("get", "nodes"), rule("get", "*/status"), {Verbs: []string{"get"}, NonResourceURLs: []string{"/why/*"}},
	}})
	keep(t, kube, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "why-web", Namespace: "why-a"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Verbs: []string{"delete"}, Resources: []string{"pods"}, ResourceNames: []string{"web"}},
	}})
	ref := func(kind, name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
	}
	subject := func(kind, name string) rbacv1.Subject {
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
	}
	keep(t, kube, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "why-by-hand", Namespace: "why-a"}, RoleRef: ref("ClusterRole", "why-delete"),
		Subjects: []rbacv1.Subject{subject("User", annName), subject("User", "stranger@why.example"), subject("Group", "why-unknown")},
	})
	keep(t, kube, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "why-web", Namespace: "why-a"}, RoleRef: ref("Role", "why-web"), Subjects: []rbacv1.Subject{subject("Group", "oidc:Why Ops")},
	})
	keep(t, kube, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "why-robot", Namespace: "why-a"}, RoleRef: ref("ClusterRole", "why-delete"),
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "robot", Namespace: "why-a"}},
	})
	keep(t, kube, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "why-nodes"}, RoleRef: ref("ClusterRole", "why-nodes"), Subjects: []rbacv1.Subject{subject("Group", "oidc:Why Ops")},
	})
	auditor := roleFor(asAuditor, "scim-operator-auditor")
	keep(t, kube, auditor)
	makeCertificate(t, kube)
}

// makeCertificate asks for a certificate in ann's name and approves it; no signer runs here that would issue it.
func makeCertificate(t *testing.T, kube client.Client) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	raw, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: annName, Organization: []string{"why-masters"}}}, key)
	must(t, err)
	request := &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "why-csr"},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: raw}), SignerName: "kubernetes.io/kube-apiserver-client",
			Usages: []certificatesv1.KeyUsage{certificatesv1.UsageClientAuth},
		},
	}
	keep(t, kube, request)
	request.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Tested", Message: "For a test.",
	}}
	must(t, kube.SubResource("approval").Update(t.Context(), request))
}

// whyGrant gives a role a ClusterRole, cluster-wide or in namespaces. It is called as the role is.
func whyGrant(role, clusterRole string, namespaces ...string) *v1alpha1.ClusterAccessGrant {
	grant := &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{Name: role}, Spec: v1alpha1.ClusterAccessGrantSpec{
		Roles: []v1alpha1.RoleSelector{{Name: role}}, To: v1alpha1.GrantTarget{Name: clusterRole}, Scope: v1alpha1.ScopeCluster,
	}}
	if len(namespaces) > 0 {
		grant.Spec.Scope, grant.Spec.Namespaces = v1alpha1.ScopeNamespaces, &v1alpha1.NamespaceSelection{Names: namespaces}
	}
	return grant
}

// keep creates an object, with the claim of its name where it has one, and takes away at the end of the test what it made, and the bindings
// of a grant. A role gets local members.
func keep(t *testing.T, kube client.Client, object client.Object, localMembers ...string) {
	t.Helper()
	controller := clientAs(t, "scim-operator-controller")
	var owned *v1alpha1.ScimClaim
	switch o := object.(type) {
	case *v1alpha1.ScimUser:
		owned = claim(v1alpha1.ClaimUserName, o.Spec.UserName, o.Name)
	case *v1alpha1.ScimRole:
		o.Spec.LocalMembers = localMembers
		owned = claim(v1alpha1.ClaimDisplayName, o.Spec.DisplayName, o.Name)
	}
	writer := kube
	if account := writerOf(t, kube, object); account != nil {
		writer = account
	}
	must(t, writer.Create(t.Context(), object))
	if owned != nil {
		must(t, controller.Create(t.Context(), owned))
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		must(t, client.IgnoreNotFound(writer.Delete(ctx, object)))
		if owned != nil {
			must(t, client.IgnoreNotFound(controller.Delete(ctx, owned)))
		}
		switch object.(type) {
		case *v1alpha1.ClusterAccessGrant, *v1alpha1.AccessGrant:
			of := client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelGrant: object.GetName()}
			must(t, controller.DeleteAllOf(ctx, &rbacv1.ClusterRoleBinding{}, of))
			for _, namespace := range []string{"why-a", "why-b"} {
				must(t, controller.DeleteAllOf(ctx, &rbacv1.RoleBinding{}, of, client.InNamespace(namespace)))
			}
		}
	})
}

// lasting leaves of an output what is the same in every run and with every version of Kubernetes: no times, and nothing of what every cluster
// binds by itself.
func lasting(text string) string {
	text = regexp.MustCompile(`2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z`).ReplaceAllString(text, "TIME")
	text = regexp.MustCompile(`[0-9]+ rules`).ReplaceAllString(text, "SOME rules")
	text = regexp.MustCompile(`Path [0-9]+ of [0-9]+`).ReplaceAllString(text, "Path")
	text = regexp.MustCompile(`(?m)^Path:\n  binding +ClusterRoleBinding system:.*\n  gives.*\n\n`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`(?m)^.*(kube-system/|ClusterRoleBinding[ \\n]*system:|ClusterRole[ \\n/]*system:).*\n`).ReplaceAllString(text, "")
	return regexp.MustCompile(`  +`).ReplaceAllString(text, "  ")
}

// whyScripts checks the fields that scripts rely on.
func whyScripts(t *testing.T) {
	t.Helper()
	var answer explain.Answer
	must(t, json.Unmarshal([]byte(scim(t, "why", annName, "-o", "json", "--verb=delete", "--resource=pods").want(t, 0).stdout), &answer))
	if !*answer.Allowed || answer.ClusterWide || !slices.Equal(answer.Namespaces, []string{"why-a"}) || len(answer.Paths) != 1 || answer.Paths[0].Binding.Managed {
		t.Errorf("reason: a person at a terminal and a script are told the same; got %+v", answer)
	}
	var holders explain.Holders
	must(t, json.Unmarshal([]byte(scim(t, "who-can", "list", "pods", "-o", "json").want(t, 0).stdout), &holders))
	named := slices.ContainsFunc(holders.People, func(h explain.Holder) bool {
		return h.KubernetesUser == annName && h.People[0].ScimUser == "why-ann" && len(h.Paths) == 6
	})
	if !named {
		t.Errorf("reason: people are named with all their paths; got %+v", holders.People)
	}
}
