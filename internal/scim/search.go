package scim

import (
	"encoding/json"
	"strconv"
	"strings"
)

// SearchRequest is the body of POST /.search (RFC 7644 section 3.4.3, RFC 9865 section 3).
type SearchRequest struct {
	Attributes, ExcludedAttributes []string
	Filter                         string
	SortBy, SortOrder              string
	// StartIndex and Count are nil when the client left them out.
	StartIndex, Count *int
	// Cursor is nil when the client does not page by cursors, and empty when it asks for the first page.
	Cursor *string
}

// ParseSearchRequest reads a decoded search request. A member of the wrong type is 400 invalidValue.
func ParseSearchRequest(body Resource) (SearchRequest, error) {
	var out SearchRequest
	if schemas, ok := body.Get("schemas"); ok && !namesSchema(schemas, SearchRequestSchema) {
		return out, BadRequest(TypeInvalidSyntax, "schemas of a search request must name "+SearchRequestSchema+".")
	}
	for name, target := range map[string]*string{"filter": &out.Filter, "sortBy": &out.SortBy, "sortOrder": &out.SortOrder} {
		if v, _ := body.Get(name); v != nil {
			s, ok := v.(string)
			if !ok {
				return out, BadRequest(TypeInvalidValue, name+" must be a string.")
			}
			*target = s
		}
	}
	if v, _ := body.Get("cursor"); v != nil {
		s, ok := v.(string)
		if !ok {
			return out, BadRequest(TypeInvalidCursor, "cursor must be a string.")
		}
		out.Cursor = &s
	}
	for name, target := range map[string]*[]string{"attributes": &out.Attributes, "excludedAttributes": &out.ExcludedAttributes} {
		list, ok := stringList(body, name)
		if !ok {
			return out, BadRequest(TypeInvalidValue, name+" must be an array of strings.")
		}
		*target = list
	}
	for name, target := range map[string]**int{"startIndex": &out.StartIndex, "count": &out.Count} {
		if v, _ := body.Get(name); v != nil {
			n, ok := v.(json.Number)
			i, err := strconv.Atoi(string(n))
			if !ok || err != nil {
				return out, BadRequest(TypeInvalidValue, name+" must be an integer.")
			}
			*target = &i
		}
	}
	return out, nil
}

// namesSchema says whether a schemas attribute lists the URN, without regard to case.
func namesSchema(schemas any, urn string) bool {
	list, _ := schemas.([]any)
	for _, e := range list {
		if s, ok := e.(string); ok && strings.EqualFold(s, urn) {
			return true
		}
	}
	return false
}

// stringList reads an array of strings; an absent one is empty, and one comma-separated string counts as an array.
func stringList(body Resource, name string) ([]string, bool) {
	v, _ := body.Get(name)
	switch v := v.(type) {
	case nil:
		return nil, true
	case string:
		return strings.Split(v, ","), true
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, false
			}
			out = append(out, s)
		}
		return out, true
	default:
		return nil, false
	}
}
