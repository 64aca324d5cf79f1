package why

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/internal/access/explain"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

// namespacesShown is how many namespaces are named before the rest is counted.
const namespacesShown = 8

// group is a path that is the same in several namespaces.
type group struct {
	explain.Path

	namespaces []string
}

// collapse puts paths together that differ in their namespace only, in the order of the first of each.
func collapse(paths []explain.Path) []group {
	type key struct{ grant, kind, binding, subject, target, held, rules string }
	at := map[key]int{}
	var all []group
	for _, path := range paths {
		k := key{kind: path.Binding.Kind, binding: path.Binding.Name, target: path.Target.Kind + " " + path.Target.Name, rules: fmt.Sprint(path.Target.Rules)}
		if path.Grant != nil {
			k.grant = path.Grant.Kind + " " + path.Grant.Namespace + "/" + path.Grant.Name
		}
		if path.Binding.Subject != nil {
			k.subject = path.Binding.Subject.String()
		}
		if path.Binding.Held != nil {
			k.held = path.Binding.Held.AccessPlan
		}
		// Bindings of other people that happen to bear the same name are not the same.
		if n, found := at[k]; found && path.Binding.Managed {
			all[n].namespaces = append(all[n].namespaces, path.Binding.Namespace)
			continue
		}
		at[k] = len(all)
		next := group{Path: path}
		if path.Binding.Namespace != "" {
			next.namespaces = []string{path.Binding.Namespace}
		}
		all = append(all, next)
	}
	return all
}

// some names the first of many.
func some(names []string) string {
	if len(names) <= namespacesShown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:namespacesShown], ", "), len(names)-namespacesShown)
}

// shown is an answer in all forms but pictures.
func shown(answer *explain.Answer, now time.Time) cli.Result {
	table := cli.NewTable("Where", "Role", "Via", "Grant", "Binding", "Subject", "Gives", "Managed", "+Since", "+Held", "+Rules")
	for i := range answer.Paths {
		addPath(table, &answer.Paths[i])
	}
	return cli.Result{Data: answer, Table: table, Text: func(out io.Writer) { write(out, answer, now) }}
}

func addPath(table *metav1.Table, path *explain.Path, before ...string) {
	where, roles, vias, subject, held, grant := "whole cluster", []string{}, []string{}, "", "", ""
	if path.Binding.Namespace != "" {
		where = path.Binding.Namespace
	}
	for _, member := range path.Members {
		roles, vias = append(roles, cli.Printable(member.DisplayName)), append(vias, string(member.Via))
	}
	if path.Grant != nil {
		grant = grantName(path.Grant)
	}
	if path.Binding.Subject != nil {
		subject = subjectText(path.Binding.Subject)
	}
	if path.Binding.Held != nil {
		held = path.Binding.Held.AccessPlan
	}
	var rules []string
	for _, rule := range path.Target.Rules {
		rules = append(rules, ruleText(&rule.PolicyRule))
	}
	managed := "no"
	if path.Binding.Managed {
		managed = "yes"
	}
	cli.AddRow(table, append(before, where, strings.Join(slices.Compact(roles), ","), strings.Join(slices.Compact(vias), ","), grant, path.Binding.Name, subject,
		path.Target.Kind+"/"+path.Target.Name, managed, cli.Time(&path.Binding.CreatedAt), held, strings.Join(rules, "; "))...)
}

func grantName(grant *explain.Grant) string {
	if grant.Namespace != "" {
		return grant.Namespace + "/" + grant.Name
	}
	return grant.Name
}

func subjectText(subject *rbacv1.Subject) string {
	if subject.Kind == rbacv1.ServiceAccountKind {
		return subject.Kind + " " + cli.Printable(subject.Namespace) + "/" + cli.Printable(subject.Name)
	}
	return subject.Kind + " " + cli.Printable(subject.Name)
}

// write is the form that people read.
func write(out io.Writer, answer *explain.Answer, now time.Time) {
	lines := printers.GetNewTabWriter(out)
	if answer.Identity != nil {
		writeIdentity(lines, answer.Identity)
	}
	if answer.Role != nil {
		writeRole(lines, answer.Role)
	}
	if answer.Request != nil {
		fmt.Fprintf(lines, "Question:\t%s\n", cli.Printable(answer.Request.String()))
		fmt.Fprintf(lines, "Answer:\t%s\n", verdict(answer))
	}
	groups := collapse(answer.Paths)
	for i := range groups {
		fmt.Fprintf(lines, "\nPath %d of %d:\n", i+1, len(groups))
		writePath(lines, &groups[i], now)
	}
	if answer.Request == nil && len(groups) == 0 {
		fmt.Fprintf(lines, "Access:\tnone\n")
	}
	for i := range answer.Missing {
		if i == 0 {
			fmt.Fprintf(lines, "\nGrants that could allow it:\n")
		}
		m := &answer.Missing[i]
		fmt.Fprintf(lines, "  %s %s\tgives %s: %s\n", m.Grant.Kind, grantName(&m.Grant), targetName(&m.Target), cli.Printable(m.Message))
	}
	for i := range answer.Certificates {
		if i == 0 {
			fmt.Fprintf(lines, "\nClient certificates in this name (valid until they expire, whatever the identity provider says):\n")
		}
		writeCertificate(lines, &answer.Certificates[i])
	}
	for i, note := range answer.Notes {
		if i == 0 {
			fmt.Fprintln(lines)
		}
		fmt.Fprintf(lines, "Note: %s\n", cli.Printable(note))
	}
	_ = lines.Flush()
}

func writeIdentity(lines io.Writer, identity *explain.Identity) {
	for _, person := range identity.People {
		fmt.Fprintf(lines, "Person:\t%s\n", personText(&person))
	}
	name := cli.Printable(identity.KubernetesUser)
	if name == "" {
		name = "none, so there is no access"
	}
	fmt.Fprintf(lines, "Kubernetes user:\t%s\n", name)
	groups := make([]string, len(identity.Groups))
	for i, group := range identity.Groups {
		groups[i] = cli.Printable(group)
	}
	fmt.Fprintf(lines, "Groups:\t%s\n", strings.Join(groups, ", "))
}

func personText(person *explain.Person) string {
	from := "local"
	if person.Directory != "" {
		from = "directory " + person.Directory
	}
	text := fmt.Sprintf("%s (ScimUser %s, %s)", cli.Printable(person.UserName), person.ScimUser, from)
	switch {
	case person.Gone:
		return text + ", being deleted"
	case person.Suspended:
		return text + ", suspended"
	case person.Conflict:
		return text + ", without effect: another ScimUser holds the userName"
	case person.Refused != "":
		return text + ", without effect: " + cli.Printable(person.Refused)
	}
	return text
}

func writeRole(lines io.Writer, role *explain.Role) {
	from := "local"
	if role.Directory != "" {
		from = "directory " + role.Directory
	}
	fmt.Fprintf(lines, "Role:\t%s (ScimRole %s, %s)\n", cli.Printable(role.DisplayName), role.Role, from)
	fmt.Fprintf(lines, "Members:\t%d, of whom grants give something to %d\n", role.Members, role.Effective)
	if role.Group != "" {
		fmt.Fprintf(lines, "Kubernetes group:\t%s\n", cli.Printable(role.Group))
	}
	if !role.Counts {
		fmt.Fprintf(lines, "Without effect:\tanother ScimRole holds the displayName\n")
	}
	if len(role.MissingSlices) > 0 {
		fmt.Fprintf(lines, "Incomplete:\tScimRoleSlices are missing: %s\n", some(role.MissingSlices))
	}
}

func verdict(answer *explain.Answer) string {
	switch {
	case !*answer.Allowed:
		return "no"
	case answer.Request.ClusterScoped || answer.Request.URL != "" || answer.Request.Namespace != "":
		return "yes"
	case answer.ClusterWide:
		return "yes, in the whole cluster"
	}
	return "yes, in " + cli.Plural(len(answer.Namespaces), "namespace") + " (" + some(answer.Namespaces) + "), not in the whole cluster"
}

func writePath(lines io.Writer, path *group, now time.Time) {
	for i := range path.Members {
		fmt.Fprintf(lines, "  member\t%s\n", memberText(&path.Members[i]))
	}
	if path.Direct {
		fmt.Fprintf(lines, "  named\tby the grant itself, in no role\n")
	}
	if path.Grant != nil {
		fmt.Fprintf(lines, "  grant\t%s\n", grantText(path.Grant, now))
	}
	fmt.Fprintf(lines, "  binding\t%s\n", bindingText(path))
	if path.Binding.Held != nil {
		until := "without an end, because the hold was discarded"
		if path.Binding.Held.ReleaseTime != nil {
			until = "until " + cli.Time(path.Binding.Held.ReleaseTime) + " at the latest"
		}
		fmt.Fprintf(lines, "  held\tby the guard, %s: the identity provider took the access away; see AccessPlan %s\n", until, path.Binding.Held.AccessPlan)
	}
	fmt.Fprintf(lines, "  gives\t%s\n", targetText(&path.Target))
}

func memberText(member *explain.Member) string {
	text := fmt.Sprintf("of role %s (%s): ", cli.Printable(member.DisplayName), member.Role)
	switch member.Via {
	case world.ViaPushed:
		text += "pushed by directory " + member.Directory
	case world.ViaLocal:
		text += "added by hand"
	case world.ViaDefault:
		text += "a default role of the directory"
	case world.ViaAssigned:
		text += "assigned by the directory to the person"
	}
	if member.Slice != "" {
		text += ", in ScimRoleSlice " + member.Slice
	}
	if member.SinceAtLatest != nil {
		text += ", since " + cli.Time(member.SinceAtLatest) + " at the latest"
	}
	if member.Writer != "" {
		text += ", list written by " + cli.Printable(member.Writer)
	}
	if member.NoEffect != "" {
		text += "; without effect: " + cli.Printable(member.NoEffect)
	}
	return text
}

func grantText(grant *explain.Grant, now time.Time) string {
	text := grant.Kind + " " + grantName(grant)
	if grant.Missing {
		return text + ", which is gone: the operator deletes the binding"
	}
	text += ", created " + cli.Time(&grant.CreatedAt)
	if grant.Writer != "" {
		text += fmt.Sprintf(", spec written by %s at %s", cli.Printable(grant.Writer), cli.Time(grant.ChangedAt))
	}
	if grant.ExpiresAt != nil {
		text += fmt.Sprintf(", expires %s (%s)", cli.Time(grant.ExpiresAt), cli.Ago(grant.ExpiresAt, now))
	}
	return text
}

func bindingText(path *group) string {
	b := &path.Binding
	text := b.Kind + " " + b.Name
	switch {
	case len(path.namespaces) == 1:
		text += " in namespace " + path.namespaces[0]
	case len(path.namespaces) > 1:
		text += fmt.Sprintf(" in %d namespaces (%s)", len(path.namespaces), some(path.namespaces))
	}
	if b.Subject != nil {
		text += ", names " + subjectText(b.Subject)
	} else {
		text += ", names " + cli.Plural(b.Subjects, "subject")
	}
	text += ", created " + cli.Time(&b.CreatedAt)
	if b.Managed {
		return text + ", managed by scim-operator"
	}
	if b.Writer != "" {
		text += ", written by " + cli.Printable(b.Writer)
	}
	return text + "; not managed by scim-operator, so no push takes it away"
}

func targetName(target *explain.Target) string {
	name := target.Kind + " " + target.Name
	if target.Namespace != "" {
		name += " of namespace " + target.Namespace
	}
	return name
}

func targetText(target *explain.Target) string {
	text := targetName(target)
	if target.Missing {
		return text + ", which does not exist, so it gives nothing"
	}
	if target.Aggregated {
		text += ", which is put together from others by label"
	}
	if len(target.Rules) > maxRules {
		return text + ": " + cli.Plural(len(target.Rules), "rule")
	}
	for _, rule := range target.Rules {
		text += fmt.Sprintf("; rule %d: %s", rule.Number, ruleText(&rule.PolicyRule))
	}
	return text
}

// maxRules is how many rules of a role are written out.
const maxRules = 3

// ruleText is a rule on one line.
func ruleText(rule *rbacv1.PolicyRule) string {
	what := strings.Join(rule.NonResourceURLs, ",")
	if len(rule.Resources) > 0 {
		groups := make([]string, len(rule.APIGroups))
		for i, group := range rule.APIGroups {
			groups[i] = group
			if group == "" {
				groups[i] = "core"
			}
		}
		what = strings.Join(rule.Resources, ",") + " of " + strings.Join(groups, ",")
	}
	text := strings.Join(rule.Verbs, ",") + " " + what
	if len(rule.ResourceNames) > 0 {
		text += " named " + strings.Join(rule.ResourceNames, ",")
	}
	return cli.Printable(text)
}

func writeCertificate(lines io.Writer, certificate *explain.Certificate) {
	until := "approved, not issued yet"
	if certificate.NotAfter != nil {
		until = "valid until " + cli.Time(certificate.NotAfter)
	} else if certificate.Issued {
		until = "issued"
	}
	groups := ""
	if len(certificate.Groups) > 0 {
		groups = ", groups " + strings.Join(certificate.Groups, ", ")
	}
	fmt.Fprintf(lines, "  %s\t%s%s, asked for by %s, signer %s\n", certificate.Request, until, cli.Printable(groups), cli.Printable(certificate.RequestedBy), certificate.Signer)
}
