// Package schema holds the schemas of RFC 7643 sections 4, 7 and 8.7 as data, finds attributes in them, and brings resources that
// clients send into their canonical form.
package schema

import (
	"slices"
	"strings"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// Type is the data type of an attribute (RFC 7643 section 2.3).
type Type string

// The data types, as /Schemas spells them.
const (
	String    Type = "string"
	Boolean   Type = "boolean"
	Decimal   Type = "decimal"
	Integer   Type = "integer"
	DateTime  Type = "dateTime"
	Binary    Type = "binary"
	Reference Type = "reference"
	Complex   Type = "complex"
)

// Mutability says when an attribute may be written (RFC 7643 section 7).
type Mutability string

// The mutabilities that the schemas use.
const (
	ReadOnly  Mutability = "readOnly"
	ReadWrite Mutability = "readWrite"
	Immutable Mutability = "immutable"
	WriteOnly Mutability = "writeOnly"
)

// Returned says when an attribute is in an answer (RFC 7643 section 7).
type Returned string

// The values of Returned that the schemas use.
const (
	Always    Returned = "always"
	Never     Returned = "never"
	ByDefault Returned = "default"
)

// Uniqueness says among which resources a value is unique (RFC 7643 section 7).
type Uniqueness string

// The uniqueness values that the schemas use.
const (
	NotUnique    Uniqueness = "none"
	UniqueServer Uniqueness = "server"
)

// Attribute is one attribute with all its characteristics (RFC 7643 section 7). It must not be changed.
type Attribute struct {
	Name, Description string
	Type              Type
	MultiValued       bool
	Required          bool
	CaseExact         bool
	Mutability        Mutability
	Returned          Returned
	Uniqueness        Uniqueness
	CanonicalValues   []string
	ReferenceTypes    []string
	SubAttributes     []*Attribute

	// number says that clients are known to send numbers for this string.
	number bool
	// certificate says that this binary is one certificate.
	certificate bool
}

// Sub finds a sub-attribute without regard to case; nil when there is none.
func (a *Attribute) Sub(name string) *Attribute { return find(a.SubAttributes, name) }

func find(list []*Attribute, name string) *Attribute {
	for _, a := range list {
		if len(a.Name) == len(name) && strings.EqualFold(a.Name, name) {
			return a
		}
	}
	return nil
}

// Schema is one schema (RFC 7643 section 7). It must not be changed.
type Schema struct {
	ID, Name, Description string
	Attributes            []*Attribute
	// Declared says that a person has described the schema to this server: what it names is checked, and kept as JSON like what no
	// schema names, within the same bounds.
	Declared bool
}

// Attribute finds an attribute without regard to case; nil when there is none.
func (s *Schema) Attribute(name string) *Attribute { return find(s.Attributes, name) }

// ResourceType is a core schema, the extensions that go with it, and where its resources are (RFC 7643 section 6). It must not be
// changed.
type ResourceType struct {
	Name, Endpoint, Description string
	Core                        *Schema
	Extensions                  []*Schema
	// Common are the attributes of every resource: schemas, id, externalId and meta (RFC 7643 section 3.1).
	Common []*Attribute

	// standard is the type that this one was made from by With; nil where it was not.
	standard *ResourceType
}

// Attribute finds a core or common attribute without regard to case; nil when there is none.
func (t *ResourceType) Attribute(name string) *Attribute {
	if a := t.Core.Attribute(name); a != nil {
		return a
	}
	return find(t.Common, name)
}

// Extension finds an extension by its URN without regard to case; nil when this implementation does not know it.
func (t *ResourceType) Extension(urn string) *Schema {
	for _, s := range t.Extensions {
		if strings.EqualFold(s.ID, urn) {
			return s
		}
	}
	return nil
}

// With returns the resource type with more extensions, which go after those that it has. The type itself stays as it is.
func (t *ResourceType) With(extensions ...*Schema) *ResourceType {
	if len(extensions) == 0 {
		return t
	}
	more := *t
	more.standard = t.Standard()
	more.Extensions = slices.Concat(t.Extensions, extensions)
	return &more
}

// Standard returns the type without what With has added.
func (t *ResourceType) Standard() *ResourceType {
	if t.standard == nil {
		return t
	}
	return t.standard
}

// Same says whether two types are of the same resources, whatever extensions go with each.
func (t *ResourceType) Same(other *ResourceType) bool { return t.Standard() == other.Standard() }

// IsCore says whether the URN is that of the core schema.
func (t *ResourceType) IsCore(urn string) bool { return strings.EqualFold(t.Core.ID, urn) }

// Lookup finds an attribute by the URN of its schema, which may be empty for the core, and its name. It is nil for what no schema
// names.
func (t *ResourceType) Lookup(urn, name string) *Attribute {
	if urn == "" || t.IsCore(urn) {
		return t.Attribute(name)
	}
	if s := t.Extension(urn); s != nil {
		return s.Attribute(name)
	}
	return nil
}

// IsURN says whether the name of a top-level member is the URI of a schema rather than the name of an attribute. An attribute name
// has no colon (RFC 7643 section 2.1).
func IsURN(name string) bool { return strings.Contains(name, ":") }

// Schemas returns all schemas, in the order in which /Schemas lists them.
func Schemas() []*Schema { return []*Schema{userSchema, enterpriseSchema, groupSchema} }

// ResourceTypes returns all resource types, in the order in which /ResourceTypes lists them.
func ResourceTypes() []*ResourceType { return []*ResourceType{userType, groupType} }

// Role returns the resource type in which Okta Identity Governance looks for what it may give to users in their attribute roles. It
// is served where a directory says so, and not among ResourceTypes.
func Role() *ResourceType { return roleType }

// Entitlement is to the attribute entitlements what Role is to roles.
func Entitlement() *ResourceType { return entitlementType }

// User returns the User resource type.
func User() *ResourceType { return userType }

// Group returns the Group resource type.
func Group() *ResourceType { return groupType }

// These are constants in all but name: Go has none of these types, and nobody writes to them.
var (
	userType = &ResourceType{
		Name: "User", Endpoint: "/Users", Description: "A person or another identity.",
		Core: userSchema, Extensions: []*Schema{enterpriseSchema}, Common: commonAttributes,
	}
	groupType = &ResourceType{
		Name: "Group", Endpoint: "/Groups", Description: "A group of users.",
		Core: groupSchema, Common: commonAttributes,
	}
	roleType = &ResourceType{
		Name: "Role", Endpoint: "/Roles", Description: "A role that can be given to users.", Core: roleSchema, Common: commonAttributes,
	}
	entitlementType = &ResourceType{
		Name: "Entitlement", Endpoint: "/Entitlements", Description: "An entitlement that can be given to users.",
		Core: entitlementSchema, Common: commonAttributes,
	}
	roleSchema = &Schema{
		ID: scim.OktaRoleSchema, Name: "Role", Description: "Role.", Attributes: roleAttributes(),
	}
	entitlementSchema = &Schema{
		ID: scim.OktaEntitlementSchema, Name: "Entitlement", Description: "Entitlement.", Attributes: entitlementAttributes(),
	}
	userSchema = &Schema{
		ID: scim.UserSchema, Name: "User", Description: "User account.", Attributes: userAttributes(),
	}
	groupSchema = &Schema{
		ID: scim.GroupSchema, Name: "Group", Description: "Group.", Attributes: groupAttributes(),
	}
	enterpriseSchema = &Schema{
		ID: scim.EnterpriseUserSchema, Name: "EnterpriseUser", Description: "Enterprise user.", Attributes: enterpriseAttributes(),
	}
	commonAttributes = commonAttributesOfAll()
)
