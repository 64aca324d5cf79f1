package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/subjects"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/access/world"
)

// Row is one way in which somebody has access. Whoever has the same by two ways has two rows.
type Row struct {
	// UserName and User are spec.userName and metadata.name of the ScimUser; empty for somebody who is none.
	UserName string `json:"userName"`
	User     string `json:"user"`
	// State is Active, Suspended, or Unknown for a subject that is no ScimUser and no pushed group.
	State     string `json:"state"`
	Directory string `json:"directory"`
	// Subject is the kind and name that stand in the binding: the person, or a group that the person is in.
	Subject string `json:"subject"`
	// Gives is the kind and name of the role of Kubernetes RBAC.
	Gives string `json:"gives"`
	// Namespace is where; empty for the whole cluster.
	Namespace string `json:"namespace"`
	// Path is Grant for a binding of the operator, and Foreign for anybody else's.
	Path string `json:"path"`
	// Membership says how the person is in the role: Pushed, Local, Default or Assigned; Direct for whom the grant names itself. It is
	// empty with a foreign binding that names the person.
	Membership string `json:"membership"`
	// Role and RoleName are metadata.name and spec.displayName of the ScimRole.
	Role     string `json:"role"`
	RoleName string `json:"roleName"`
	// Grant is the ClusterAccessGrant, or the AccessGrant after its namespace and a slash.
	Grant   string `json:"grant"`
	Binding string `json:"binding"`
	// Kept is Held while a removal waits for a person's word, and Protected for whom no push may remove.
	Kept string `json:"kept"`
	// Since is the earliest time at which the person can have had this: when both the ScimUser and the binding had been made.
	Since string `json:"since"`
	// LastChange is when the user, the role, the grant or the binding changed last, as far as they say.
	LastChange string `json:"lastChange"`
}

// The values of Row.State, Row.Path and Row.Kept.
const (
	stateActive    = "Active"
	stateSuspended = "Suspended"
	stateUnknown   = "Unknown"
	pathGrant      = "Grant"
	pathForeign    = "Foreign"
	keptHeld       = "Held"
	keptProtected  = "Protected"
)

// viaDirect is the Membership of those whom a grant names itself.
const viaDirect = "Direct"

// collector makes the rows of a world.
type collector struct {
	world   *world.World
	book    *subjects.Book
	byLabel map[string]*v1alpha1.ScimRole
	grants  map[string]time.Time
	rows    []Row
}

// Collect lists every way in which a person, or somebody unknown, has access, sorted. Service accounts, and users and groups of Kubernetes
// itself, are no people and left out.
func Collect(w *world.World) []Row {
	c := &collector{world: w, book: subjects.NewBook(w), byLabel: map[string]*v1alpha1.ScimRole{}, grants: grantTimes(w)}
	roles := w.Objects().Roles
	for i := range roles {
		c.byLabel[access.RoleLabel(roles[i].Name)] = &roles[i]
	}
	for _, binding := range subjects.Bindings(w) {
		people := access.DecodePeople(binding.Annotations[v1alpha1.AnnotationPeople], len(binding.Subjects))
		for i, subject := range binding.Subjects {
			if subject.Kind == rbacv1.ServiceAccountKind || subjects.IsSystem(subject) {
				continue
			}
			kept := ""
			if i < len(people) {
				kept = keptBy(people[i].Mark)
			}
			c.add(binding, subject, kept)
		}
	}
	slices.SortFunc(c.rows, compareRows)
	return slices.Compact(c.rows)
}

func compareRows(a, b Row) int {
	return slices.Compare(a.cells(), b.cells())
}

func keptBy(mark access.Mark) string {
	switch {
	case mark.Waits():
		return keptHeld
	case mark.Kind == access.MarkKept:
		return keptProtected
	}
	return ""
}

// add adds the rows of one subject: one for each person behind it.
func (c *collector) add(binding subjects.Binding, subject rbacv1.Subject, kept string) {
	row := Row{
		State: stateUnknown, Subject: subject.Kind + " " + subject.Name, Gives: binding.Gives(), Namespace: binding.Namespace, Path: pathForeign,
		Binding: binding.Kind + " " + binding.Path(), Kept: kept,
	}
	role := c.fromGrant(&row, binding)
	before := len(c.rows)
	switch subject.Kind {
	case rbacv1.UserKind:
		for _, user := range c.book.Users(subject.Name) {
			c.addPerson(row, binding, user, role)
		}
	case rbacv1.GroupKind:
		for _, group := range c.book.Groups(subject.Name) {
			c.addGroup(row, binding, group)
		}
		if len(c.book.Groups(subject.Name)) > 0 {
			return
		}
	}
	if len(c.rows) == before {
		row.Since, row.LastChange = since(binding.CreationTimestamp.Time), latest(c.bindingTime(binding))
		c.rows = append(c.rows, row)
	}
}

// fromGrant adds what the labels of one of the operator's bindings say.
func (c *collector) fromGrant(row *Row, binding subjects.Binding) *v1alpha1.ScimRole {
	row.Grant = binding.GrantName()
	if row.Grant == "" {
		return nil
	}
	row.Path = pathGrant
	role := c.byLabel[binding.Labels[v1alpha1.LabelRole]]
	if role != nil {
		row.Role, row.RoleName = role.Name, role.Spec.DisplayName
	} else {
		row.Role = binding.Labels[v1alpha1.LabelRole]
	}
	row.Membership = membership(binding.Labels[v1alpha1.LabelShard], role)
	return role
}

// membership says by the shard of a binding how those in it are in the role.
func membership(shard string, role *v1alpha1.ScimRole) string {
	shard, _, _ = strings.Cut(shard, ".")
	switch shard {
	case access.LocalShard:
		return string(world.ViaLocal)
	case access.DefaultShard:
		return string(world.ViaDefault)
	case access.AssignedShard:
		return string(world.ViaAssigned)
	case access.DirectShard:
		return viaDirect
	}
	if role != nil && role.Spec.Directory == "" {
		return string(world.ViaLocal)
	}
	return string(world.ViaPushed)
}

// addGroup adds those whom the identity provider put into a group that stands in a binding.
func (c *collector) addGroup(row Row, binding subjects.Binding, group *v1alpha1.ScimRole) {
	row.Role, row.RoleName = group.Name, group.Spec.DisplayName
	seen := map[string]bool{}
	for _, member := range c.world.Members(group) {
		user := c.world.User(member.User)
		if member.Via != world.ViaPushed || member.Stranger || user == nil || seen[member.User] || !c.world.UserCounts(user) {
			continue
		}
		seen[member.User] = true
		row.Membership = string(world.ViaPushed)
		c.addPerson(row, binding, user, group)
	}
}

func (c *collector) addPerson(row Row, binding subjects.Binding, user *v1alpha1.ScimUser, role *v1alpha1.ScimRole) {
	row.UserName, row.User, row.Directory, row.State = user.Spec.UserName, user.Name, user.Spec.Directory, stateActive
	if !user.IsActive() {
		row.State = stateSuspended
	}
	row.Since = since(binding.CreationTimestamp.Time, user.CreationTimestamp.Time)
	times := []time.Time{c.bindingTime(binding), modified(&user.ObjectMeta), c.grants[row.Grant]}
	if role != nil {
		times = append(times, modified(&role.ObjectMeta))
	}
	row.LastChange = latest(times...)
	c.rows = append(c.rows, row)
}

func since(times ...time.Time) string { return latest(times...) }

// latest is the latest of some times, in RFC 3339 and UTC; empty when none is known.
func latest(times ...time.Time) string {
	last := slices.MaxFunc(times, time.Time.Compare)
	if last.IsZero() {
		return ""
	}
	return last.UTC().Format(time.RFC3339)
}

// modified is when a user or role changed last over SCIM, and otherwise when it was made.
func modified(meta *metav1.ObjectMeta) time.Time {
	if at, err := time.Parse(time.RFC3339, meta.Annotations[v1alpha1.AnnotationLastModified]); err == nil {
		return at
	}
	return meta.CreationTimestamp.Time
}

func (c *collector) bindingTime(binding subjects.Binding) time.Time {
	return written(binding.ObjectMeta)
}

// written is when somebody wrote an object last, other than its status.
func written(meta *metav1.ObjectMeta) time.Time {
	last := meta.CreationTimestamp.Time
	for _, entry := range meta.ManagedFields {
		if entry.Subresource == "" && entry.Time != nil && entry.Time.After(last) {
			last = entry.Time.Time
		}
	}
	return last
}

// grantTimes are when the specs of grants were written last, by the names that Row.Grant has.
func grantTimes(w *world.World) map[string]time.Time {
	times, objects := map[string]time.Time{}, w.Objects()
	for i := range objects.ClusterAccessGrants {
		grant := &objects.ClusterAccessGrants[i]
		times[grant.Name] = written(&grant.ObjectMeta)
	}
	for i := range objects.AccessGrants {
		grant := &objects.AccessGrants[i]
		times[grant.Namespace+"/"+grant.Name] = written(&grant.ObjectMeta)
	}
	return times
}

// Filter chooses rows. Empty fields choose all.
type Filter struct {
	// User is a userName or the name of a ScimUser, Role a displayName or the name of a ScimRole; case does not matter in either name that
	// people gave.
	User, Role string
	// Namespace chooses what takes effect in one: its own bindings and those of the whole cluster.
	Namespace string
}

// Of gives the rows that the filter chooses.
func (f Filter) Of(rows []Row) []Row {
	return slices.DeleteFunc(slices.Clone(rows), func(r Row) bool {
		return !names(f.User, r.User, r.UserName) || !names(f.Role, r.Role, r.RoleName) ||
			f.Namespace != "" && r.Namespace != "" && r.Namespace != f.Namespace
	})
}

func names(wanted, name, displayed string) bool {
	return wanted == "" || wanted == name || cmp.Compare(v1alpha1.Fold(wanted), v1alpha1.Fold(displayed)) == 0
}
