package schema

import (
	"strconv"

	"github.com/scim-operator/scim-operator/internal/scim"
)

const (
	schemaSchema       = "urn:ietf:params:scim:schemas:core:2.0:Schema"
	resourceTypeSchema = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
)

// AppendSchema appends a schema as /Schemas shows it (RFC 7643 section 7). The base is the directory's SCIM base URL, without a
// slash at its end.
func AppendSchema(dst []byte, s *Schema, base string) []byte {
	dst = scim.AppendString(append(dst, `{"schemas":["`+schemaSchema+`"],"id":`...), s.ID)
	dst = scim.AppendString(append(dst, `,"name":`...), s.Name)
	dst = scim.AppendString(append(dst, `,"description":`...), s.Description)
	dst = appendAttributes(append(dst, `,"attributes":`...), s.Attributes)
	dst = scim.AppendString(append(dst, `,"meta":{"resourceType":"Schema","location":`...), base+"/Schemas/"+s.ID)
	return append(dst, "}}"...)
}

// AppendResourceType appends a resource type as /ResourceTypes shows it (RFC 7643 section 6).
func AppendResourceType(dst []byte, t *ResourceType, base string) []byte {
	dst = scim.AppendString(append(dst, `{"schemas":["`+resourceTypeSchema+`"],"id":`...), t.Name)
	dst = scim.AppendString(append(dst, `,"name":`...), t.Name)
	dst = scim.AppendString(append(dst, `,"description":`...), t.Description)
	dst = scim.AppendString(append(dst, `,"endpoint":`...), t.Endpoint)
	dst = scim.AppendString(append(dst, `,"schema":`...), t.Core.ID)
	dst = append(dst, `,"schemaExtensions":[`...)
	for i, s := range t.Extensions {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(scim.AppendString(append(dst, `{"schema":`...), s.ID), `,"required":false}`...)
	}
	dst = scim.AppendString(append(dst, `],"meta":{"resourceType":"ResourceType","location":`...), base+"/ResourceTypes/"+t.Name)
	return append(dst, "}}"...)
}

func appendAttributes(dst []byte, list []*Attribute) []byte {
	dst = append(dst, '[')
	for i, a := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendAttribute(dst, a)
	}
	return append(dst, ']')
}

func appendAttribute(dst []byte, a *Attribute) []byte {
	dst = scim.AppendString(append(dst, `{"name":`...), a.Name)
	dst = scim.AppendString(append(dst, `,"type":`...), string(a.Type))
	dst = scim.AppendString(append(dst, `,"description":`...), a.Description)
	dst = strconv.AppendBool(append(dst, `,"multiValued":`...), a.MultiValued)
	dst = strconv.AppendBool(append(dst, `,"required":`...), a.Required)
	dst = scim.AppendString(append(dst, `,"mutability":`...), string(a.Mutability))
	dst = scim.AppendString(append(dst, `,"returned":`...), string(a.Returned))
	if a.Type == Complex {
		return append(appendAttributes(append(dst, `,"subAttributes":`...), a.SubAttributes), '}')
	}
	dst = strconv.AppendBool(append(dst, `,"caseExact":`...), a.CaseExact)
	dst = scim.AppendString(append(dst, `,"uniqueness":`...), string(a.Uniqueness))
	dst = appendStrings(dst, `,"canonicalValues":`, a.CanonicalValues)
	dst = appendStrings(dst, `,"referenceTypes":`, a.ReferenceTypes)
	return append(dst, '}')
}

func appendStrings(dst []byte, name string, list []string) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(append(dst, name...), '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = scim.AppendString(dst, s)
	}
	return append(dst, ']')
}
