package conformance_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// attributesOf visits the attributes of all schemas, and their sub-attributes.
func attributesOf(schemas []object, visit func(attribute object, sub bool)) {
	for _, schema := range schemas {
		list, _ := schema["attributes"].([]any)
		for _, a := range list {
			attribute, _ := a.(object)
			visit(attribute, false)
			subs, _ := attribute["subAttributes"].([]any)
			for _, b := range subs {
				sub, _ := b.(object)
				visit(sub, true)
			}
		}
	}
}

func TestSchemas(t *testing.T) {
	proves(t, "RFC7643-2.3.8-L595", "RFC7643-2.4-L608", "RFC7643-2.3-L443", "RFC7643-7-L1691", "RFC7643-7-L1700", "RFC7644-4-L4098",
		"RFC7644-3.1-L439")
	s := connect(t)
	list := s.get("/Schemas")
	s.equal("schemas of the list", list["schemas"], any([]any{listMessage}))
	schemas := resources(list)
	s.equal("totalResults", fmt.Sprint(list["totalResults"]), fmt.Sprint(len(schemas)))
	uris := ids(schemas)
	for _, want := range []string{coreUser, coreGroup, enterprise} {
		if !slices.Contains(uris, want) {
			t.Errorf("/Schemas lacks %s", want)
		}
	}
	for _, schema := range schemas {
		if id := s.text(schema, "id"); !strings.HasPrefix(id, "urn:ietf:params:scim:schemas:") {
			t.Errorf("%s is no URI of a schema of a resource", id)
		}
		s.text(schema, "name")
		s.equal("a schema alone", s.get("/Schemas/"+s.text(schema, "id")), schema)
	}
	types := []string{"string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"}
	attributesOf(schemas, func(a object, sub bool) {
		name, kind := s.text(a, "name"), s.text(a, "type")
		_, complex := a["subAttributes"].([]any)
		switch {
		case !attributeName.MatchString(name):
			t.Errorf("%s is no name of an attribute", name)
		case !slices.Contains(types, kind):
			t.Errorf("%s has the type %s, which is none of RFC 7643 section 2.3", name, kind)
		case sub && kind == "complex":
			t.Errorf("the sub-attribute %s is complex", name)
		case complex != (kind == "complex"):
			t.Errorf("%s has the type %s and sub-attributes: %v", name, kind, complex)
		}
	})
	s.refused(http.StatusNotFound, "", "GET", "/Schemas/"+listMessage, nil)
}

func TestResourceTypes(t *testing.T) {
	proves(t, "RFC7643-6-L1619", "RFC7643-6-L1641", "RFC7643-6-L1650", "RFC7643-6-L1655")
	s := connect(t)
	schemas := ids(resources(s.get("/Schemas")))
	types := resources(s.get("/ResourceTypes"))
	if len(types) < 2 {
		t.Fatalf("%d resource types", len(types))
	}
	for _, kind := range types {
		name := s.text(kind, "name")
		if schema := s.text(kind, "schema"); !slices.Contains(schemas, schema) {
			t.Errorf("the schema %s of %s is not served", schema, name)
		}
		extensions, _ := kind["schemaExtensions"].([]any)
		for i := range extensions {
			if schema := s.text(extensions[i], "schema"); !slices.Contains(schemas, schema) {
				t.Errorf("the extension %s of %s is not served", schema, name)
			}
			s.equal("an extension is required", at(extensions[i], "required"), any(false))
		}
		s.call(http.StatusOK, "GET", s.text(kind, "endpoint"), nil)
	}
	s.equal("a user without the extension, which is not required", s.user("ada")[enterprise], nil)
}

func TestServiceProviderConfig(t *testing.T) {
	proves(t, "RFC7644-4-L4068", "RFC7644-4-L4125")
	s := connect(t)
	config := s.get("/ServiceProviderConfig")
	s.equal("schemas", config["schemas"], any([]any{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"}))
	for _, feature := range []string{"patch", "bulk", "filter", "changePassword", "sort", "etag"} {
		if _, ok := at(config, feature+".supported").(bool); !ok {
			t.Errorf("%s.supported is no boolean", feature)
		}
	}
	if schemes, _ := config["authenticationSchemes"].([]any); len(schemes) == 0 {
		t.Error("no authenticationSchemes")
	}
	for _, path := range []string{"/ServiceProviderConfig", "/Schemas", "/ResourceTypes"} {
		plain := s.get(path)
		s.equal(path+" with paging and sorting", s.get(path+"?startIndex=2&count=1&sortBy=name&sortOrder=descending"), plain)
		filtered := s.send("GET", path+"?filter="+url.QueryEscape(`name eq "User"`), nil)
		if filtered.status != http.StatusForbidden {
			s.equal(path+" with a filter", s.json(filtered), plain)
		}
	}
}
