package translate

import (
	"slices"
	"strconv"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// GroupRef names a group that a user is in.
type GroupRef struct {
	// ID is the SCIM id of the group.
	ID string
	// DisplayName is the group's displayName.
	DisplayName string
}

// GroupRefs lists roles as a user's groups, in the order given.
func GroupRefs(roles []*v1alpha1.ScimRole) []GroupRef {
	out := make([]GroupRef, 0, len(roles))
	for _, r := range roles {
		out = append(out, GroupRef{ID: r.Name, DisplayName: r.Spec.DisplayName})
	}
	return out
}

// Members are the members of a group, for an answer.
type Members struct {
	// IDs are the members' ids, in the order in which they are shown.
	IDs []string
	// Names gives the userNames of those that are known; the others are shown without a display.
	Names map[string]string
}

// LastModified is meta.lastModified: the time of the annotation, or that of creation when there is none that can be read.
func LastModified(m *metav1.ObjectMeta) time.Time {
	if text := m.Annotations[v1alpha1.AnnotationLastModified]; text != "" {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return at.UTC()
		}
	}
	return m.CreationTimestamp.UTC()
}

// Version is meta.version, and the ETag: weak, and moved by changes of spec alone.
func Version(m *metav1.ObjectMeta) string { return string(appendVersion(nil, m)) }

func appendVersion(dst []byte, m *metav1.ObjectMeta) []byte {
	return append(strconv.AppendInt(append(dst, `W/"`...), m.Generation, 10), '"')
}

// UserLocation is the URL of a user. The base is the directory's SCIM base URL, without a slash at its end.
func UserLocation(base, id string) string { return base + "/Users/" + id }

// GroupLocation is the URL of a group.
func GroupLocation(base, id string) string { return base + "/Groups/" + id }

// timeLayout is xsd:dateTime in UTC, with milliseconds only where there are any.
const timeLayout = "2006-01-02T15:04:05.999Z"

func meta(m *metav1.ObjectMeta, resourceType, location string) map[string]any {
	return map[string]any{
		"resourceType": resourceType,
		"created":      m.CreationTimestamp.UTC().Format(timeLayout),
		"lastModified": LastModified(m).Format(timeLayout),
		"location":     location,
		"version":      Version(m),
	}
}

// userMembers is as many members as the resource of a user has as a rule, so that the map need not grow.
const userMembers = 14

// UserResource is the whole SCIM resource of a user, for PATCH, filters and projections. It shares nothing with the user.
func UserResource(u *v1alpha1.ScimUser, groups []GroupRef, base string) scim.Resource {
	r := make(builder, userMembers)
	from := userSource{user: u, groups: groups, base: base}
	for i := range userParts {
		userParts[i].add(r, &from)
	}
	r.enterprise(u.Spec.Enterprise)
	r.raw(schema.User(), u.Spec.Extensions)
	r.raw(schema.User(), u.Spec.AdditionalAttributes)
	return r.finish(schema.User())
}

// GroupResource is the SCIM resource of a group. With members nil it has none; otherwise the attribute is there even when empty.
func GroupResource(g *v1alpha1.ScimRole, members *Members, base string) scim.Resource {
	r := builder{}
	from := groupSource{role: g, members: members, base: base}
	for i := range groupParts {
		groupParts[i].add(r, &from)
	}
	r.raw(schema.Group(), g.Spec.Extensions)
	r.raw(schema.Group(), g.Spec.AdditionalAttributes)
	return r.finish(schema.Group())
}

// builder collects the members of a resource and leaves out what is empty.
type builder map[string]any

func (b builder) text(name, value string) {
	if value != "" {
		b[name] = value
	}
}

func (b builder) boolean(name string, value *bool) {
	if value != nil {
		b[name] = *value
	}
}

func (b builder) object(name string, value builder) {
	if len(value) > 0 {
		b[name] = map[string]any(value)
	}
}

func (b builder) multiValues(name string, values []v1alpha1.MultiValue) {
	list := make([]any, 0, len(values))
	for i := range values {
		v := &values[i]
		m := builder{}
		m.text("value", v.Value)
		m.text("display", v.Display)
		m.text("type", v.Type)
		m.boolean("primary", v.Primary)
		if len(v.AdditionalAttributes) > 0 {
			m.parts(schema.User().Attribute(name), v.AdditionalAttributes)
		}
		list = append(list, map[string]any(m))
	}
	if len(list) > 0 {
		b[name] = list
	}
}

func (b builder) addresses(values []v1alpha1.Address) {
	list := make([]any, 0, len(values))
	for i := range values {
		v := &values[i]
		m := builder{}
		m.text("formatted", v.Formatted)
		m.text("streetAddress", v.StreetAddress)
		m.text("locality", v.Locality)
		m.text("region", v.Region)
		m.text("postalCode", v.PostalCode)
		m.text("country", v.Country)
		m.text("type", v.Type)
		m.boolean("primary", v.Primary)
		m.parts(schema.User().Attribute("addresses"), v.AdditionalAttributes)
		list = append(list, map[string]any(m))
	}
	if len(list) > 0 {
		b["addresses"] = list
	}
}

func (b builder) members(members *Members, base string) {
	if members == nil {
		return
	}
	list := make([]any, 0, len(members.IDs))
	for _, id := range members.IDs {
		m := builder{"value": id, "$ref": UserLocation(base, id), "type": "User"}
		m.text("display", members.Names[id])
		list = append(list, map[string]any(m))
	}
	b["members"] = list
}

func (b builder) groups(groups []GroupRef, base string) {
	list := make([]any, 0, len(groups))
	for _, g := range groups {
		m := builder{"value": g.ID, "$ref": GroupLocation(base, g.ID), "type": "direct"}
		m.text("display", g.DisplayName)
		list = append(list, map[string]any(m))
	}
	if len(list) > 0 {
		b["groups"] = list
	}
}

// raw adds what was kept without being understood. A person may have written an entry that a schema does name into the object by
// hand; it is left out, since a name may not appear twice.
func (b builder) raw(t *schema.ResourceType, entries map[string]apiextensionsv1.JSON) {
	for name, entry := range entries {
		b.rawEntry(t, name, entry.Raw)
	}
}

func (b builder) rawEntry(t *schema.ResourceType, name string, raw []byte) {
	if t.Attribute(name) != nil || t.IsCore(name) {
		return
	}
	v, ok := decodeRaw(raw)
	if !ok {
		return
	}
	if s := t.Extension(name); s != nil {
		b.merge(s, v)
		return
	}
	b[name] = v
}

// merge adds attributes that a client put under the URN of a known extension, and that its schema does not name.
func (b builder) merge(s *schema.Schema, v any) {
	extra, _ := surplus(s, v).(map[string]any)
	if len(extra) == 0 {
		return
	}
	into, ok := b[s.ID].(map[string]any)
	if !ok {
		into = map[string]any{}
		b[s.ID] = into
	}
	for name, value := range extra {
		into[name] = value
	}
}

// finish derives schemas: the core, the extensions that are known, and then the others, sorted.
func (b builder) finish(t *schema.ResourceType) scim.Resource {
	schemas := []any{t.Core.ID}
	for _, s := range t.Extensions {
		if _, ok := b[s.ID]; ok {
			schemas = append(schemas, s.ID)
		}
	}
	var others []string
	for name := range b {
		if schema.IsURN(name) && t.Extension(name) == nil {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	for _, name := range others {
		schemas = append(schemas, name)
	}
	b["schemas"] = schemas
	return scim.Resource(b)
}

func (b builder) name(n *v1alpha1.Name) {
	if n == nil {
		return
	}
	r := builder{}
	r.text("formatted", n.Formatted)
	r.text("familyName", n.FamilyName)
	r.text("givenName", n.GivenName)
	r.text("middleName", n.MiddleName)
	r.text("honorificPrefix", n.HonorificPrefix)
	r.text("honorificSuffix", n.HonorificSuffix)
	r.parts(schema.User().Attribute("name"), n.AdditionalAttributes)
	b.object("name", r)
}

func (b builder) enterprise(e *v1alpha1.EnterpriseUser) {
	if e == nil {
		return
	}
	r := builder{}
	r.text("employeeNumber", e.EmployeeNumber)
	r.text("costCenter", e.CostCenter)
	r.text("organization", e.Organization)
	r.text("division", e.Division)
	r.text("department", e.Department)
	if m := e.Manager; m != nil {
		manager := builder{}
		manager.text("value", m.Value)
		manager.text("$ref", m.Ref)
		manager.text("displayName", m.DisplayName)
		manager.parts(managerAttribute(), m.AdditionalAttributes)
		r.object("manager", manager)
	}
	b.object(scim.EnterpriseUserSchema, r)
}
