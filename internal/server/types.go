package server

import (
	"cmp"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// directoryTypes are the types of resources of one directory: the standard's, with the extensions that the ScimDirectory describes.
type directoryTypes struct {
	user, group *schema.ResourceType
}

// all lists the types in the order in which /ResourceTypes has them.
func (t directoryTypes) all() []*schema.ResourceType { return []*schema.ResourceType{t.user, t.group} }

// schemas lists the schemas of a directory in the order in which /Schemas has them: those that are built in, and then those that the
// directory describes.
func (c *call) schemas() []*schema.Schema {
	list := c.servedSchemas(schema.Schemas())
	for _, t := range c.served(c.types.all()) {
		for _, s := range t.Extensions {
			if s.Declared {
				list = append(list, s)
			}
		}
	}
	return list
}

// declarations keeps the types of directories that describe extensions, so that they are made once and not for every request. It is safe
// for concurrent use.
type declarations struct {
	mu    sync.Mutex
	known map[types.UID]declaration
}

type declaration struct {
	generation int64
	types      directoryTypes
}

// maxDeclarations is the number of directories beyond which what is known is thrown away: most of them are gone by then.
const maxDeclarations = 256

// of gives the types of a directory.
func (d *declarations) of(directory *v1alpha1.ScimDirectory) directoryTypes {
	if len(directory.Spec.ExtensionSchemas) == 0 {
		return directoryTypes{schema.User(), schema.Group()}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if known, ok := d.known[directory.UID]; ok && known.generation == directory.Generation {
		return known.types
	}
	if d.known == nil || len(d.known) >= maxDeclarations {
		d.known = map[types.UID]declaration{}
	}
	made := declaredTypes(directory.Spec.ExtensionSchemas)
	d.known[directory.UID] = declaration{directory.Generation, made}
	return made
}

func declaredTypes(list []v1alpha1.ExtensionSchema) directoryTypes {
	var users, groups []*schema.Schema
	for i := range list {
		s := declaredSchema(&list[i])
		if list[i].Resource == schema.Group().Name {
			groups = append(groups, s)
		} else {
			users = append(users, s)
		}
	}
	return directoryTypes{schema.User().With(users...), schema.Group().With(groups...)}
}

// declaredSchema is what a person has described, in the form of RFC 7643 section 7. Names and descriptions that are missing are made up,
// because clients may rely on them.
func declaredSchema(e *v1alpha1.ExtensionSchema) *schema.Schema {
	s := &schema.Schema{
		ID: e.Schema, Name: cmp.Or(e.Name, e.Schema), Declared: true,
		Description: cmp.Or(e.Description, "Attributes that the ScimDirectory describes."),
	}
	for i := range e.Attributes {
		a := declaredAttribute(&e.Attributes[i].ExtensionSubAttribute)
		for j := range e.Attributes[i].SubAttributes {
			a.SubAttributes = append(a.SubAttributes, declaredAttribute(&e.Attributes[i].SubAttributes[j]))
		}
		s.Attributes = append(s.Attributes, a)
	}
	return s
}

func declaredAttribute(e *v1alpha1.ExtensionSubAttribute) *schema.Attribute {
	a := &schema.Attribute{
		Name: e.Name, Type: schema.Type(cmp.Or(e.Type, string(schema.String))),
		Description: cmp.Or(e.Description, "An attribute that the ScimDirectory describes."),
		MultiValued: e.MultiValued, Required: e.Required, CaseExact: e.CaseExact,
		Mutability: schema.ReadWrite, Returned: schema.ByDefault, Uniqueness: schema.NotUnique,
	}
	// References and binary values are case-exact whatever is said (RFC 7643 sections 2.3.6 and 2.3.7).
	a.CaseExact = a.CaseExact || slices.Contains([]schema.Type{schema.Reference, schema.Binary}, a.Type)
	if a.Type == schema.Reference {
		a.ReferenceTypes = []string{"external"}
	}
	return a
}
