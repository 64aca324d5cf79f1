package bulk

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// prefix marks a reference (RFC 7644 section 3.7.2).
const prefix = "bulkId:"

// reference takes the bulkId out of a text that is a reference.
func reference(text string) (bulkID string, ok bool) {
	bulkID, ok = strings.CutPrefix(text, prefix)
	return bulkID, ok && bulkID != ""
}

// form is how an attribute holds a reference.
type form int

const (
	// own is a text that is the client's own, whatever it begins with.
	own form = iota
	// byID is the bare id: the value of a member or a manager, and a list of members or a manager that is given by the id alone.
	byID
	// byURI is a $ref: the URI of a resource, whose last segment is the reference, or the reference alone.
	byURI
)

// formOf tells by its name how an attribute holds a reference.
func formOf(name string) form {
	name = strings.ToLower(name)
	name = name[strings.LastIndexByte(name, ':')+1:]
	switch name[strings.LastIndexByte(name, '.')+1:] {
	case "value", "members", "manager":
		return byID
	case "$ref":
		return byURI
	}
	return own
}

// target is the resource that a reference stands for.
type target struct{ endpoint, id string }

// rewriting says what a reference stands for, or that it is to be left out.
type rewriting func(bulkID string) (to target, drop bool)

// text rewrites a text, if it is a reference in the form of its attribute.
func (f form) text(v string, rewrite rewriting) (out string, drop bool) {
	switch bulkID, ok := reference(v); {
	case f == own:
	case f == byURI:
		return uri(v, rewrite)
	case ok:
		to, drop := rewrite(bulkID)
		return to.id, drop
	}
	return v, false
}

// uri rewrites a URI. One that is a reference alone becomes relative to the resource that has it, as in the example of RFC 7643 section
// 8.3; any other keeps what is before the reference.
func uri(v string, rewrite rewriting) (out string, drop bool) {
	at := strings.LastIndexByte(v, '/') + 1
	segment, err := url.PathUnescape(v[at:])
	bulkID, ok := reference(segment)
	if err != nil || !ok {
		return v, false
	}
	to, drop := rewrite(bulkID)
	if at == 0 {
		return ".." + to.endpoint + "/" + to.id, drop
	}
	return v[:at] + to.id, drop
}

// references lists the bulkIds that data refers to, each once, in an order that does not depend on the order of maps.
func references(data scim.Resource) []string {
	var found []string
	seen := map[string]bool{}
	rewrite(data, func(bulkID string) (target, bool) {
		if !seen[bulkID] {
			seen[bulkID] = true
			found = append(found, bulkID)
		}
		return target{}, false
	})
	return found
}

// rewrite returns a copy of data in which the references are rewritten. A reference that is dropped takes with it the object whose
// value it is, or else the attribute that it is the value of.
func rewrite(data scim.Resource, f rewriting) scim.Resource {
	out, _ := rewriteObject(data, f)
	return out
}

func rewriteObject(in map[string]any, f rewriting) (out map[string]any, drop bool) {
	out = make(map[string]any, len(in))
	path, isOperation := pathOf(in)
	for _, name := range slices.Sorted(maps.Keys(in)) {
		v, gone := in[name], false
		switch text, ok := v.(string); {
		case isOperation && strings.EqualFold(name, "path") && ok:
			v, gone = rewritePath(text, f)
			drop = drop || gone
		case isOperation && strings.EqualFold(name, "value") && formOf(path) == byURI:
			v, gone = rewriteValue(path, v, f)
		default:
			v, gone = rewriteValue(name, v, f)
		}
		switch {
		case !gone:
			out[name] = v
		case strings.EqualFold(name, "value"):
			drop = true
		}
	}
	return out, drop
}

// pathOf gives the path of an operation of a PATCH request.
func pathOf(in scim.Resource) (path string, isOperation bool) {
	op, _ := in.Get("op")
	v, _ := in.Get("path")
	path, _ = v.(string)
	_, isOperation = op.(string)
	return path, isOperation
}

func rewriteValue(name string, v any, f rewriting) (out any, drop bool) {
	switch v := v.(type) {
	case string:
		return formOf(name).text(v, f)
	case map[string]any:
		return rewriteObject(v, f)
	case []any:
		list := make([]any, 0, len(v))
		for _, e := range v {
			if e, gone := rewriteValue(name, e, f); !gone {
				list = append(list, e)
			}
		}
		return list, false
	}
	return v, false
}
