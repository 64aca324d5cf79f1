package imports

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/subjects"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

const (
	// maxEntries is how many roles, users or service accounts the API allows in one grant.
	maxEntries = 64
	// maxStem leaves room in a name of 63 characters for a hash and a number.
	maxStem = 44
)

// grants are as many as it takes to name everybody.
func (t *translation) grants(
	binding subjects.Binding, roles []v1alpha1.RoleSelector, users []v1alpha1.UserSelector, accounts []v1alpha1.ServiceAccountReference,
) []client.Object {
	roles, accounts = distinct(roles), distinct(accounts)
	n := max(pieces(roles), pieces(users), pieces(accounts))
	stem := t.stem(binding)
	var all []client.Object
	for i := range n {
		name := stem
		if i > 0 {
			name += "-" + strconv.Itoa(i+1)
		}
		all = append(all, t.grant(binding, name, piece(roles, i), piece(users, i), piece(accounts, i)))
	}
	return all
}

func distinct[T comparable](all []T) []T {
	var once []T
	for _, entry := range all {
		if !slices.Contains(once, entry) {
			once = append(once, entry)
		}
	}
	return once
}

func pieces[T any](all []T) int { return (len(all) + maxEntries - 1) / maxEntries }

func piece[T any](all []T, i int) []T {
	from, to := min(i*maxEntries, len(all)), min((i+1)*maxEntries, len(all))
	return slices.Clip(all[from:to])
}

func (t *translation) grant(
	binding subjects.Binding, name string, roles []v1alpha1.RoleSelector, users []v1alpha1.UserSelector, accounts []v1alpha1.ServiceAccountReference,
) client.Object {
	to := v1alpha1.GrantTarget{Kind: binding.RoleRef.Kind, Name: binding.RoleRef.Name}
	var existing v1alpha1.ExistingBindings
	if t.options.Adopt {
		existing = v1alpha1.ExistingAdopt
	}
	if binding.Namespace == "" {
		return &v1alpha1.ClusterAccessGrant{
			TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ClusterAccessGrant"},
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: v1alpha1.ClusterAccessGrantSpec{
				Roles: roles, Users: users, ServiceAccounts: accounts, To: to, Scope: v1alpha1.ScopeCluster, Existing: existing,
			},
		}
	}
	return &v1alpha1.AccessGrant{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "AccessGrant"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: binding.Namespace},
		Spec:       v1alpha1.AccessGrantSpec{Roles: roles, Users: users, ServiceAccounts: accounts, To: to, Existing: existing},
	}
}

// notInNames is whatever the name of a grant may not have. The names of bindings may have almost anything.
var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// stem is the name of the first grant for a binding. It is the binding's where that can be, and else what is left of it, with a hash,
// which makes it the same in every run and no other binding's.
func (t *translation) stem(binding subjects.Binding) string {
	stem := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(binding.Name), "-"), "-")
	if len(stem) > maxStem {
		stem = strings.Trim(stem[:maxStem], "-")
	}
	if stem != binding.Name || t.taken[[2]string{binding.Namespace, stem}] {
		sum := sha256.Sum256([]byte(binding.Kind + "\n" + binding.Namespace + "\n" + binding.Name))
		stem = strings.Trim(stem+"-"+hex.EncodeToString(sum[:4]), "-")
	}
	return stem
}

// takenNames are the grants that exist, and that an applied proposal would overwrite.
func takenNames(w *world.World) map[[2]string]bool {
	taken, objects := map[[2]string]bool{}, w.Objects()
	for i := range objects.ClusterAccessGrants {
		taken[[2]string{"", objects.ClusterAccessGrants[i].Name}] = true
	}
	for i := range objects.AccessGrants {
		taken[[2]string{objects.AccessGrants[i].Namespace, objects.AccessGrants[i].Name}] = true
	}
	return taken
}

// plainWord is what every shell takes as it stands. Whoever writes a binding chooses its name, and somebody with more rights pastes the
// command, so a name that is not plain must not stand in one.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_][-A-Za-z0-9._@:/+=]*$`)

// handOver finds the command that hands the binding over to its grant, or why there is none.
func (t *translation) handOver(p *Proposal, who party, system int) {
	switch b := p.Binding; {
	case len(p.Untranslated) > 0:
		p.Obstacle = "not everybody in it could be translated"
	case system > 0:
		p.Obstacle = "it names subjects of Kubernetes, which no grant may name: take them out, or keep the binding"
	case len(p.Grants) > 1:
		p.Obstacle = "it takes several grants, and only one can take a binding over: name a role in their place, or delete the binding when all " +
			"are Ready"
	case who.groups:
		p.Obstacle = "it names a group, and whether the people whom the grant binds are everybody in it, only the identity provider knows: delete " +
			"the binding when the grant is Ready, or set subjects: Group in the grant first"
	case slices.ContainsFunc(who.users, func(u *v1alpha1.ScimUser) bool { return !u.IsActive() }):
		p.Obstacle = "somebody in it is suspended, and the grant gives that person nothing: take the person out of the binding first"
	case !plainWord.MatchString(b.Name):
		p.Obstacle = "its name is no word that a shell takes as it stands: label it by other means"
	default:
		p.Handover = handover(b, p.Grants[0].GetName())
	}
}

func handover(b subjects.Binding, grant string) string {
	what := strings.ToLower(b.Kind) + " " + b.Name
	if b.Namespace != "" {
		what += " -n " + b.Namespace
	}
	overwrite := ""
	if b.Labels[v1alpha1.LabelManagedBy] != "" {
		overwrite = " --overwrite"
	}
	return fmt.Sprintf("kubectl label %s%s %s=%s %s=%s", what, overwrite, v1alpha1.LabelManagedBy, v1alpha1.ManagedBy, v1alpha1.LabelAdoptedBy, grant)
}

// managedElsewhere warns of a binding that another tool would write again.
func managedElsewhere(b subjects.Binding) string {
	if by := b.Labels[v1alpha1.LabelManagedBy]; by != "" {
		return fmt.Sprintf("%s says that %s manages it: take it out of there first, or it comes back.", b, cli.Printable(by))
	}
	return ""
}
