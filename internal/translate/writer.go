package translate

import (
	"strconv"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// writer appends the members of objects, and leaves out what is empty.
type writer struct{ buf []byte }

// key appends a name of this package's own, which needs no escape, and the comma before it.
func (j *writer) key(name string) {
	j.comma()
	j.buf = append(j.buf, '"')
	j.buf = append(j.buf, name...)
	j.buf = append(j.buf, '"', ':')
}

func (j *writer) comma() {
	if last := j.buf[len(j.buf)-1]; last != '{' && last != '[' {
		j.buf = append(j.buf, ',')
	}
}

func (j *writer) open(name string, bracket byte) {
	j.key(name)
	j.buf = append(j.buf, bracket)
}

func (j *writer) text(name, value string) {
	if value != "" {
		j.key(name)
		j.buf = scim.AppendString(j.buf, value)
	}
}

func (j *writer) boolean(name string, value *bool) {
	if value != nil {
		j.key(name)
		j.buf = strconv.AppendBool(j.buf, *value)
	}
}

// location appends a URL made of its parts, without building it first.
func (j *writer) location(name, base, endpoint, id string) {
	j.key(name)
	j.buf = scim.AppendString(j.buf, base)
	j.buf = append(j.buf[:len(j.buf)-1], endpoint...)
	end := len(j.buf)
	j.buf = scim.AppendString(j.buf, id)
	// The quote that opens the id is in the middle of the text.
	copy(j.buf[end:], j.buf[end+1:])
	j.buf = j.buf[:len(j.buf)-1]
}

// schemas appends the extensions' URNs to the list that is begun, and closes it.
func (j *writer) schemas(extensions []string) {
	for _, urn := range extensions {
		if schema.IsURN(urn) {
			j.buf = scim.AppendString(append(j.buf, ','), urn)
		}
	}
	j.buf = append(j.buf, ']')
}

func (j *writer) raw(names []string, entries map[string]apiextensionsv1.JSON) {
	for _, name := range names {
		j.comma()
		j.buf = append(scim.AppendString(j.buf, name), ':')
		j.buf = append(j.buf, entries[name].Raw...)
	}
}

func (j *writer) name(n *v1alpha1.Name) {
	if !hasName(n) {
		return
	}
	j.open("name", '{')
	j.text("formatted", n.Formatted)
	j.text("familyName", n.FamilyName)
	j.text("givenName", n.GivenName)
	j.text("middleName", n.MiddleName)
	j.text("honorificPrefix", n.HonorificPrefix)
	j.text("honorificSuffix", n.HonorificSuffix)
	if len(n.AdditionalAttributes) > 0 {
		j.parts(schema.User().Attribute("name"), n.AdditionalAttributes)
	}
	j.buf = append(j.buf, '}')
}

func (j *writer) multiValues(name string, values []v1alpha1.MultiValue) {
	if len(values) == 0 {
		return
	}
	j.open(name, '[')
	for i := range values {
		v := &values[i]
		j.comma()
		j.buf = append(j.buf, '{')
		j.text("value", v.Value)
		j.text("display", v.Display)
		j.text("type", v.Type)
		j.boolean("primary", v.Primary)
		if len(v.AdditionalAttributes) > 0 {
			j.parts(schema.User().Attribute(name), v.AdditionalAttributes)
		}
		j.buf = append(j.buf, '}')
	}
	j.buf = append(j.buf, ']')
}

func (j *writer) addresses(values []v1alpha1.Address) {
	if len(values) == 0 {
		return
	}
	j.open("addresses", '[')
	for i := range values {
		v := &values[i]
		j.comma()
		j.buf = append(j.buf, '{')
		j.text("formatted", v.Formatted)
		j.text("streetAddress", v.StreetAddress)
		j.text("locality", v.Locality)
		j.text("region", v.Region)
		j.text("postalCode", v.PostalCode)
		j.text("country", v.Country)
		j.text("type", v.Type)
		j.boolean("primary", v.Primary)
		if len(v.AdditionalAttributes) > 0 {
			j.parts(schema.User().Attribute("addresses"), v.AdditionalAttributes)
		}
		j.buf = append(j.buf, '}')
	}
	j.buf = append(j.buf, ']')
}

func (j *writer) enterprise(e *v1alpha1.EnterpriseUser, surplus map[string]any) {
	j.open(scim.EnterpriseUserSchema, '{')
	if e != nil {
		j.text("employeeNumber", e.EmployeeNumber)
		j.text("costCenter", e.CostCenter)
		j.text("organization", e.Organization)
		j.text("division", e.Division)
		j.text("department", e.Department)
		if m := e.Manager; hasManager(m) {
			j.open("manager", '{')
			j.text("value", m.Value)
			j.text("$ref", m.Ref)
			j.text("displayName", m.DisplayName)
			if len(m.AdditionalAttributes) > 0 {
				j.parts(managerAttribute(), m.AdditionalAttributes)
			}
			j.buf = append(j.buf, '}')
		}
	}
	if len(surplus) > 0 {
		// The members of the canonical object, without its braces.
		members := scim.AppendValue(nil, surplus)
		j.comma()
		j.buf = append(j.buf, members[1:len(members)-1]...)
	}
	j.buf = append(j.buf, '}')
}

func (j *writer) groups(groups []GroupRef, base string) {
	if len(groups) == 0 {
		return
	}
	j.open("groups", '[')
	for _, g := range groups {
		j.comma()
		j.buf = append(j.buf, '{')
		j.text("value", g.ID)
		j.location("$ref", base, "/Groups/", g.ID)
		j.text("display", g.DisplayName)
		j.text("type", "direct")
		j.buf = append(j.buf, '}')
	}
	j.buf = append(j.buf, ']')
}

func (j *writer) member(id, display, base string) {
	if len(j.buf) > 0 {
		j.comma()
	} else {
		j.buf = append(j.buf, ',')
	}
	j.buf = append(j.buf, '{')
	j.text("value", id)
	j.location("$ref", base, "/Users/", id)
	j.text("display", display)
	j.text("type", "User")
	j.buf = append(j.buf, '}')
}
