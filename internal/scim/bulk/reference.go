package bulk

import (
	"maps"
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

// refers says whether an attribute of this name can hold a reference: the value of a member or a manager, and a list of members or
// a manager that is given by the bare id. Any other text that begins like a reference is the client's own.
func refers(name string) bool {
	name = strings.ToLower(name)
	name = name[strings.LastIndexByte(name, ':')+1:]
	switch name[strings.LastIndexByte(name, '.')+1:] {
	case "value", "members", "manager":
		return true
	}
	return false
}

// rewriting says what becomes of a reference: another text, or nothing.
type rewriting func(bulkID string) (text string, drop bool)

// references lists the bulkIds that data refers to, each once, in an order that does not depend on the order of maps.
func references(data scim.Resource) []string {
	var found []string
	seen := map[string]bool{}
	rewrite(data, func(bulkID string) (string, bool) {
		if !seen[bulkID] {
			seen[bulkID] = true
			found = append(found, bulkID)
		}
		return "", false
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
	for _, name := range slices.Sorted(maps.Keys(in)) {
		v, gone := rewriteValue(name, in[name], f)
		switch {
		case !gone:
			out[name] = v
		case strings.EqualFold(name, "value"):
			drop = true
		}
	}
	return out, drop
}

func rewriteValue(name string, v any, f rewriting) (out any, drop bool) {
	switch v := v.(type) {
	case string:
		if bulkID, ok := reference(v); ok && refers(name) {
			return f(bulkID)
		}
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
