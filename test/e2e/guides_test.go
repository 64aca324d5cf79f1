package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/clients"
	"github.com/scim-operator/scim-operator/test/okta"
)

// guide is a page that says how to connect an identity provider, and the client that does what the page says happens there.
type guide struct {
	page, directory string
	connect         func(clients.Config) (clients.Client, error)
}

// TestGuides does what the guides say, in their order: their YAML is what their commands apply, their commands are run by bash, and
// what they say happens at the identity provider is done by the client that sends what it sends.
func TestGuides(t *testing.T) {
	plugin := filepath.Join(built.dir, "kubectl-scim")
	if err := buildCommand(t.Context(), plugin, "", "kubectl-scim"); err != nil {
		t.Fatal(err)
	}
	for _, g := range []guide{
		{"okta.md", "okta-prod", oktaOf(okta.AIW)},
		{"entra.md", "entra-prod", entraOf(false)},
		{"break-glass.md", "", nil},
		{"brown-field.md", "", nil},
	} {
		t.Run(g.page, func(t *testing.T) {
			r := &reading{guide: g, o: sharedOperator(t), dir: t.TempDir(), people: map[string]string{}}
			text, err := os.ReadFile(filepath.Join("..", "..", "docs", g.page))
			check(t, "read the page", err)
			t.Cleanup(func() { r.clear(t) })
			ran := 0
			for _, part := range partsOf(string(text)) {
				ran += r.follow(t, part)
			}
			if ran < 2 {
				t.Errorf("%s: %d blocks of commands were run, want at least 2: the page has another form than this test reads", g.page, ran)
			}
		})
	}
}

// part is a block of a page, or what a comment says is done at the identity provider.
type part struct{ language, text string }

var partPattern = regexp.MustCompile("(?ms)^```(sh|yaml)\n(.*?)^```$|^<!-- (?:okta|entra): (.*?) -->$")

func partsOf(page string) []part {
	var parts []part
	for _, match := range partPattern.FindAllStringSubmatch(page, -1) {
		if match[1] != "" {
			parts = append(parts, part{match[1], match[2]})
			continue
		}
		parts = append(parts, part{"idp", match[3]})
	}
	return parts
}

// reading is a guide that is being followed.
type reading struct {
	guide
	o   *operator
	dir string
	// waiting are the YAML blocks that no command has applied yet.
	waiting []string
	client  clients.Client
	// people and groups are the ids of those who were pushed.
	people map[string]string
}

// follow does what a part says and returns the number of blocks of commands that it ran.
func (r *reading) follow(t *testing.T, p part) int {
	t.Helper()
	switch p.language {
	case "yaml":
		r.waiting = append(r.waiting, p.text)
	case "sh":
		r.run(t, p.text)
		return 1
	case "idp":
		r.push(t, fields(p.text))
	}
	return 0
}

var (
	appliedFile = regexp.MustCompile(`-f (\S+\.yaml)`)
	word        = regexp.MustCompile(`"([^"]*)"|(\S+)`)
)

// fields are the words of a comment; quotes keep words together.
func fields(text string) []string {
	var all []string
	for _, match := range word.FindAllStringSubmatch(text, -1) {
		all = append(all, match[1]+match[2])
	}
	return all
}

// run runs a block of commands as a reader would: each file that they apply is the next YAML block of the page.
func (r *reading) run(t *testing.T, commands string) {
	t.Helper()
	for _, file := range appliedFile.FindAllStringSubmatch(commands, -1) {
		if len(r.waiting) == 0 {
			t.Fatalf("%s applies %s, but no YAML is left", r.page, file[1])
		}
		check(t, "write "+file[1], os.WriteFile(filepath.Join(r.dir, file[1]), []byte(r.waiting[0]), 0o600))
		r.waiting = r.waiting[1:]
	}
	shell := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", commands)
	shell.Dir = r.dir
	path := filepath.Dir(apiserver.Kubectl(t)) + string(os.PathListSeparator) + built.dir + string(os.PathListSeparator) + os.Getenv("PATH")
	shell.Env = append(os.Environ(), "PATH="+path, "KUBECONFIG="+apiserver.Kubeconfig(t, apiserver.Config()), "HOME="+r.dir, "KUBECACHEDIR="+r.dir)
	output, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", r.page, err, commands, output)
	}
}

// push does what a comment says is done at the identity provider.
func (r *reading) push(t *testing.T, words []string) {
	t.Helper()
	ctx := t.Context()
	switch words[0] {
	case "connect":
		r.client = r.newClient(t)
		eventually(t, "the new directory is served", r.client.Connect)
	case "assign":
		for _, name := range words[1:] {
			id, err := r.client.CreateUser(ctx, guidedPerson(name))
			check(t, "assign "+name, err)
			if r.people[name] != "" {
				check(t, "assign again "+name, r.client.UpdateUser(ctx, id, guidedPerson(name), guidedPerson(name)))
			}
			r.people[name] = id
		}
	case "unassign":
		left := guidedPerson(words[1])
		left.Active = false
		check(t, "unassign "+words[1], r.client.UpdateUser(ctx, r.people[words[1]], guidedPerson(words[1]), left))
	case "push":
		var ids []string
		for _, name := range words[2:] {
			ids = append(ids, r.people[name])
		}
		_, err := r.client.CreateGroup(ctx, clients.Group{Name: words[1], ExternalID: "group-" + r.directory}, ids)
		check(t, "push "+words[1], err)
	default:
		t.Fatalf("%s: nobody knows how to %q", r.page, words)
	}
}

// newClient connects with the token that the page's command wrote.
func (r *reading) newClient(t *testing.T) clients.Client {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(r.dir, "token.txt"))
	check(t, "read the token", err)
	config := clients.Config{Token: strings.TrimSpace(string(token)), RootCAs: r.o.certificate.roots}
	for _, server := range r.o.servers {
		config.BaseURLs = append(config.BaseURLs, fmt.Sprintf("https://%s/scim/%s/v2", server.address, r.directory))
	}
	return must[clients.Client](t)(r.connect(config))
}

func guidedPerson(userName string) clients.Person {
	local, _, _ := strings.Cut(userName, "@")
	given, family, _ := strings.Cut(local, ".")
	return clients.Person{
		UserName: userName, ExternalID: "id-of-" + local, GivenName: given, FamilyName: family, DisplayName: given + " " + family,
		Email: userName, Active: true,
	}
}

// clear deletes what the guide made, so that the tests that follow find the cluster as it was.
func (r *reading) clear(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	for _, name := range []string{"payments-view", "break-glass"} {
		grant := &v1alpha1.ClusterAccessGrant{}
		grant.Name = name
		check(t, "delete the grant", client.IgnoreNotFound(r.o.kube.Delete(ctx, grant)))
	}
	var users v1alpha1.ScimUserList
	var roles v1alpha1.ScimRoleList
	check(t, "list", r.o.kube.List(ctx, &users))
	check(t, "list", r.o.kube.List(ctx, &roles))
	for _, user := range users.Items {
		if user.Spec.Directory == r.directory && (r.directory != "" || user.Name == "break-glass") {
			check(t, "delete the user", r.o.kube.Delete(ctx, &user))
		}
	}
	for _, role := range roles.Items {
		if role.Spec.Directory == r.directory && (r.directory != "" || role.Name == "break-glass") {
			check(t, "delete the role", r.o.kube.Delete(ctx, &role))
		}
	}
	if r.directory != "" {
		directory := &v1alpha1.ScimDirectory{}
		directory.Name = r.directory
		check(t, "delete the directory", r.o.kube.Delete(ctx, directory))
	}
	eventually(t, "the bindings go", func(ctx context.Context) error {
		var bindings rbacv1.ClusterRoleBindingList
		if err := r.o.kube.List(ctx, &bindings, client.HasLabels{v1alpha1.LabelGrant}); err != nil {
			return err
		}
		for _, binding := range bindings.Items {
			if slices.Contains([]string{"payments-view", "break-glass"}, binding.Labels[v1alpha1.LabelGrant]) {
				return fmt.Errorf("binding %s is there", binding.Name)
			}
		}
		return nil
	})
}
