package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/subjects"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

const orphansText = `Prints what nobody answers for:

* unknown: subjects of bindings, ours or anybody's, that look like users or groups of a directory and are no ScimUser and no pushed group. A
  name looks so when it has an @, or begins, up to a colon, slash or #, as those of known people and groups do.
* outside: people whom bindings give something that no grant of theirs says, because somebody else than the operator wrote the bindings, by
  name or by a pushed group.
* unusedRoles: ScimRoles that no grant names.
* emptyGrants: grants that name nobody who could get access at present, whatever they give and whenever.

It changes nothing. "kubectl scim import bindings" writes grants for what is outside.`

// Orphans is what nobody answers for.
type Orphans struct {
	Unknown     []Unknown `json:"unknown"`
	Outside     []Row     `json:"outside"`
	UnusedRoles []Unused  `json:"unusedRoles"`
	EmptyGrants []Empty   `json:"emptyGrants"`
}

// Unknown is a subject whom nobody knows, in one binding.
type Unknown struct {
	Subject string `json:"subject"`
	Binding string `json:"binding"`
	Gives   string `json:"gives"`
	// Path is Grant for a binding of the operator, and Foreign for anybody else's.
	Path string `json:"path"`
}

// Unused is a ScimRole that no grant names.
type Unused struct {
	Role        string `json:"role"`
	DisplayName string `json:"displayName"`
	Directory   string `json:"directory"`
	// Members are those who would get what a grant gave to the role.
	Members int `json:"members"`
}

// Empty is a grant that names nobody.
type Empty struct {
	Kind  string `json:"kind"`
	Grant string `json:"grant"`
	// Missing are the roles and users that it names and that do not count.
	Missing []string `json:"missing"`
}

// NewOrphansCommand is `kubectl scim orphans`.
func NewOrphansCommand(env *cli.Env) *cobra.Command {
	output := cli.NewOutput(formatJSON)
	cmd := &cobra.Command{
		Use:               "orphans",
		Short:             "Print access that nobody answers for, and roles and grants without effect",
		Long:              orphansText,
		Args:              cli.Args(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := readWorld(cmd.Context(), env)
			if err != nil {
				return err
			}
			found := FindOrphans(w)
			if output.String() != formatJSON {
				found.write(env.Streams.Out)
				return nil
			}
			text, err := asciiJSON(found, "", "  ")
			if err != nil {
				return fmt.Errorf("writing JSON: %w", err)
			}
			_, err = fmt.Fprintln(env.Streams.Out, text)
			return err
		},
	}
	output.Bind(cmd)
	return cmd
}

// FindOrphans looks for all that nobody answers for. The same world gives the same answer.
func FindOrphans(w *world.World) Orphans {
	found := Orphans{Unknown: []Unknown{}, Outside: []Row{}, UnusedRoles: []Unused{}, EmptyGrants: []Empty{}}
	book := subjects.NewBook(w)
	for _, row := range Collect(w) {
		switch {
		case row.State == stateUnknown && book.LooksPushed(strings.TrimPrefix(strings.TrimPrefix(row.Subject, rbacv1.UserKind+" "), rbacv1.GroupKind+" ")):
			found.Unknown = append(found.Unknown, Unknown{Subject: row.Subject, Binding: row.Binding, Gives: row.Gives, Path: row.Path})
		case row.State != stateUnknown && row.Path == pathForeign:
			found.Outside = append(found.Outside, row)
		}
	}
	slices.SortStableFunc(found.Unknown, func(a, b Unknown) int { return strings.Compare(a.Subject, b.Subject) })
	used := map[string]bool{}
	for _, grant := range w.Grants() {
		outcome := everybody(w, grant)
		for _, role := range outcome.Roles {
			used[role] = true
		}
		if outcome.Users == 0 && len(grant.Spec.ServiceAccounts) == 0 {
			found.EmptyGrants = append(found.EmptyGrants, emptyGrant(grant, outcome))
		}
	}
	found.UnusedRoles = append(found.UnusedRoles, unused(w, used)...)
	slices.SortFunc(found.EmptyGrants, func(a, b Empty) int { return strings.Compare(a.Kind+"/"+a.Grant, b.Kind+"/"+b.Grant) })
	return found
}

// everybody plans a grant as if it gave, everywhere and always, something that may be given: only whom it names is left.
func everybody(w *world.World, grant access.Grant) access.Outcome {
	const target = "anything"
	spec := grant.Spec
	spec.To, spec.Scope, spec.Namespaces, spec.Validity = v1alpha1.GrantTarget{Name: target}, v1alpha1.ScopeCluster, nil, nil
	spec.Mode, spec.Subjects = v1alpha1.ModeEnforce, v1alpha1.SubjectsUsers
	grant.Spec = spec
	state := w.State(time.Time{}, world.Limits{ClusterRoles: []string{target}}, grant)
	state.ClusterRoles, state.Existing = []string{target}, nil
	return access.Plan(state).Outcomes[0]
}

// emptyGrant says what a grant names and what does not count.
func emptyGrant(grant access.Grant, outcome access.Outcome) Empty {
	empty := Empty{Kind: "ClusterAccessGrant", Grant: grant.Key().String(), Missing: []string{}}
	if grant.Namespace != "" {
		empty.Kind = "AccessGrant"
	}
	for _, role := range outcome.RolesNotFound {
		switch {
		case role.Selector != nil:
			empty.Missing = append(empty.Missing, "roles with labels "+metav1.FormatLabelSelector(role.Selector))
		default:
			empty.Missing = append(empty.Missing, fmt.Sprintf("role %q", cmp.Or(role.DisplayName, role.Name)))
		}
	}
	for _, user := range outcome.UsersNotFound {
		empty.Missing = append(empty.Missing, fmt.Sprintf("user %q", cmp.Or(user.UserName, user.Name)))
	}
	return empty
}

func unused(w *world.World, used map[string]bool) []Unused {
	var all []Unused
	roles := w.Objects().Roles
	for i := range roles {
		role := &roles[i]
		if used[role.Name] {
			continue
		}
		members := map[string]bool{}
		for _, member := range w.Members(role) {
			if w.Planned(member.User).Counts && !member.Stranger {
				members[member.User] = true
			}
		}
		all = append(all, Unused{Role: role.Name, DisplayName: role.Spec.DisplayName, Directory: role.Spec.Directory, Members: len(members)})
	}
	slices.SortFunc(all, func(a, b Unused) int { return strings.Compare(a.Role, b.Role) })
	return all
}

// write is the form that people read.
func (o Orphans) write(out io.Writer) {
	section(out, "Unknown subjects", len(o.Unknown), []string{"SUBJECT", "GIVES", "BINDING", "PATH"}, func(i int) []string {
		u := o.Unknown[i]
		return []string{u.Subject, u.Gives, u.Binding, u.Path}
	})
	section(out, "Access outside of grants", len(o.Outside), []string{"USER", "STATE", "GIVES", "SUBJECT", "BINDING"}, func(i int) []string {
		r := o.Outside[i]
		return []string{r.UserName, r.State, r.Gives, r.Subject, r.Binding}
	})
	section(out, "Roles that no grant names", len(o.UnusedRoles), []string{"ROLE", "DISPLAY-NAME", "DIRECTORY", "MEMBERS"}, func(i int) []string {
		u := o.UnusedRoles[i]
		return []string{u.Role, u.DisplayName, u.Directory, fmt.Sprint(u.Members)}
	})
	section(out, "Grants that match nobody", len(o.EmptyGrants), []string{"KIND", "GRANT", "MISSING"}, func(i int) []string {
		e := o.EmptyGrants[i]
		return []string{e.Kind, e.Grant, strings.Join(e.Missing, ", ")}
	})
}

func section(out io.Writer, title string, n int, head []string, row func(int) []string) {
	fmt.Fprintf(out, "%s: %d\n", title, n)
	if n == 0 {
		return
	}
	lines := printers.GetNewTabWriter(out)
	fmt.Fprintf(lines, "  %s\n", strings.Join(head, "\t"))
	for i := range n {
		cells := row(i)
		for j := range cells {
			if cells[j] = cli.Printable(cells[j]); cells[j] == "" {
				cells[j] = "-"
			}
		}
		fmt.Fprintf(lines, "  %s\n", strings.Join(cells, "\t"))
	}
	_ = lines.Flush()
}
