package translate

import (
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// userSource is what the resource of a user is made from.
type userSource struct {
	user   *v1alpha1.ScimUser
	groups []GroupRef
	base   string
}

// groupSource is what the resource of a group is made from.
type groupSource struct {
	role    *v1alpha1.ScimRole
	members *Members
	base    string
}

// part is one core attribute: its canonical name, and how it is added to a resource unless it has no value.
type part[S any] struct {
	name string
	add  func(into builder, from *S)
}

// These tables are constants in all but name. They have every core attribute but schemas, which follows from the others.
var (
	userParts = []part[userSource]{
		{"id", func(b builder, s *userSource) { b["id"] = s.user.Name }},
		{"active", func(b builder, s *userSource) { b["active"] = s.user.IsActive() }},
		{"meta", func(b builder, s *userSource) {
			b["meta"] = meta(&s.user.ObjectMeta, "User", UserLocation(s.base, s.user.Name))
		}},
		{"userName", func(b builder, s *userSource) { b.text("userName", s.user.Spec.UserName) }},
		{"externalId", func(b builder, s *userSource) { b.text("externalId", s.user.Spec.ExternalID) }},
		{"displayName", func(b builder, s *userSource) { b.text("displayName", s.user.Spec.DisplayName) }},
		{"nickName", func(b builder, s *userSource) { b.text("nickName", s.user.Spec.NickName) }},
		{"profileUrl", func(b builder, s *userSource) { b.text("profileUrl", s.user.Spec.ProfileURL) }},
		{"title", func(b builder, s *userSource) { b.text("title", s.user.Spec.Title) }},
		{"userType", func(b builder, s *userSource) { b.text("userType", s.user.Spec.UserType) }},
		{"preferredLanguage", func(b builder, s *userSource) { b.text("preferredLanguage", s.user.Spec.PreferredLanguage) }},
		{"locale", func(b builder, s *userSource) { b.text("locale", s.user.Spec.Locale) }},
		{"timezone", func(b builder, s *userSource) { b.text("timezone", s.user.Spec.Timezone) }},
		{"name", func(b builder, s *userSource) { b.name(s.user.Spec.Name) }},
		{"emails", func(b builder, s *userSource) { b.multiValues("emails", s.user.Spec.Emails) }},
		{"phoneNumbers", func(b builder, s *userSource) { b.multiValues("phoneNumbers", s.user.Spec.PhoneNumbers) }},
		{"ims", func(b builder, s *userSource) { b.multiValues("ims", s.user.Spec.Ims) }},
		{"photos", func(b builder, s *userSource) { b.multiValues("photos", s.user.Spec.Photos) }},
		{"addresses", func(b builder, s *userSource) { b.addresses(s.user.Spec.Addresses) }},
		{"entitlements", func(b builder, s *userSource) { b.multiValues("entitlements", s.user.Spec.Entitlements) }},
		{"roles", func(b builder, s *userSource) { b.multiValues("roles", s.user.Spec.Roles) }},
		{"x509Certificates", func(b builder, s *userSource) { b.multiValues("x509Certificates", s.user.Spec.X509Certificates) }},
		{"groups", func(b builder, s *userSource) { b.groups(s.groups, s.base) }},
	}
	groupParts = []part[groupSource]{
		{"id", func(b builder, s *groupSource) { b["id"] = s.role.Name }},
		{"meta", func(b builder, s *groupSource) {
			b["meta"] = meta(&s.role.ObjectMeta, "Group", GroupLocation(s.base, s.role.Name))
		}},
		{"displayName", func(b builder, s *groupSource) { b.text("displayName", s.role.Spec.DisplayName) }},
		{"externalId", func(b builder, s *groupSource) { b.text("externalId", s.role.Spec.ExternalID) }},
		{"members", func(b builder, s *groupSource) { b.members(s.members, s.base) }},
	}
)

// Reader makes resources that have only those attributes that somebody wants, because a filter or an order over all users would
// otherwise make mostly what nobody looks at. It is for one goroutine, and each resource is valid until the next one is made.
type Reader struct {
	t      *schema.ResourceType
	base   string
	users  []part[userSource]
	groups []part[groupSource]
	// unknown are the names that no schema has, of attributes and of extensions.
	unknown []string
	// enterprise says that the extension that a schema has is wanted, and everything that schemas is.
	enterprise, everything bool
	resource               builder
	user                   userSource
	group                  groupSource
}

// NewReader makes a reader of resources of one type, which wants nothing yet. The base is that of UserResource and GroupResource. What has
// been added to the type is read like what no schema names, because it is stored like that.
func NewReader(t *schema.ResourceType, base string) *Reader {
	return &Reader{t: t.Standard(), base: base, resource: builder{}}
}

// Want has the resources to come have an attribute too, with all its parts. With a URN, which may be that of no known schema, it is
// the whole extension.
func (r *Reader) Want(urn, name string) {
	if urn == "" && strings.EqualFold(name, "schemas") {
		r.everything = true
		return
	}
	if urn != "" {
		name = urn
	}
	switch {
	case r.t.Extension(name) != nil:
		r.enterprise = true
	case r.t.Attribute(name) != nil:
		r.users = wanted(r.users, userParts, name)
		r.groups = wanted(r.groups, groupParts, name)
	case !slices.ContainsFunc(r.unknown, func(known string) bool { return strings.EqualFold(known, name) }):
		r.unknown = append(r.unknown, name)
	}
}

func wanted[S any](have, all []part[S], name string) []part[S] {
	for i := range all {
		if strings.EqualFold(all[i].name, name) && !slices.ContainsFunc(have, func(p part[S]) bool { return p.name == all[i].name }) {
			have = append(have, all[i])
		}
	}
	return have
}

// User gives what is wanted of UserResource.
func (r *Reader) User(u *v1alpha1.ScimUser, groups []GroupRef) scim.Resource {
	if r.everything {
		return UserResource(u, groups, r.base)
	}
	clear(r.resource)
	r.user = userSource{user: u, groups: groups, base: r.base}
	for i := range r.users {
		r.users[i].add(r.resource, &r.user)
	}
	if r.enterprise {
		r.resource.enterprise(u.Spec.Enterprise)
	}
	r.raw(u.Spec.Extensions)
	r.raw(u.Spec.AdditionalAttributes)
	return scim.Resource(r.resource)
}

// Group gives what is wanted of GroupResource.
func (r *Reader) Group(g *v1alpha1.ScimRole, members *Members) scim.Resource {
	if r.everything {
		return GroupResource(g, members, r.base)
	}
	clear(r.resource)
	r.group = groupSource{role: g, members: members, base: r.base}
	for i := range r.groups {
		r.groups[i].add(r.resource, &r.group)
	}
	r.raw(g.Spec.Extensions)
	r.raw(g.Spec.AdditionalAttributes)
	return scim.Resource(r.resource)
}

// raw adds those entries that are wanted. Names are compared without regard to case, and so are they where they are looked up.
func (r *Reader) raw(entries map[string]apiextensionsv1.JSON) {
	if len(r.unknown) == 0 && !r.enterprise {
		return
	}
	for name, entry := range entries {
		want := r.enterprise && r.t.Extension(name) != nil ||
			slices.ContainsFunc(r.unknown, func(unknown string) bool { return strings.EqualFold(unknown, name) })
		if want {
			r.resource.rawEntry(r.t, name, entry.Raw)
		}
	}
}
