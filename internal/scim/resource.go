package scim

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The schemas and messages that this implementation speaks (RFC 7643 section 10.3, RFC 7644 section 8.2).
const (
	UserSchema  = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupSchema = "urn:ietf:params:scim:schemas:core:2.0:Group"
	// OktaRoleSchema and OktaEntitlementSchema are those of what Okta Identity Governance gives to users without groups.
	OktaRoleSchema        = "urn:okta:scim:schemas:core:1.0:Role"
	OktaEntitlementSchema = "urn:okta:scim:schemas:core:1.0:Entitlement"
	EnterpriseUserSchema  = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

	ListResponseSchema  = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	PatchOpSchema       = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	SearchRequestSchema = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
)

// Resource is a generic JSON object. Its values are string, bool, json.Number, float64, nil, map[string]any and []any. As decoded it
// has the names that the client sent; schema.Normalize gives it canonical ones.
type Resource map[string]any

// Get finds a member by its name without regard to case, as RFC 7643 section 2.1 compares attribute names.
func (r Resource) Get(name string) (any, bool) {
	if v, ok := r[name]; ok {
		return v, true
	}
	for _, k := range slices.Sorted(maps.Keys(r)) {
		if strings.EqualFold(k, name) {
			return r[k], true
		}
	}
	return nil, false
}

// Clone returns a deep copy, which shares no map and no slice with r.
func (r Resource) Clone() Resource {
	out := make(Resource, len(r))
	for k, v := range r {
		out[k] = CloneValue(v)
	}
	return out
}

// CloneValue returns a deep copy of a JSON value.
func CloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = CloneValue(e)
		}
		return out
	case Resource:
		return map[string]any(v.Clone())
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = CloneValue(e)
		}
		return out
	default:
		return v
	}
}

// Equal says whether two JSON values mean the same: numbers are compared by value, so that 1, 1.0 and 1e0 are equal, and objects
// without regard to the order of their members.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		return equalObjects(a, b)
	case Resource:
		return equalObjects(a, b)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, Equal)
	case json.Number, float64:
		x, _ := CanonicalNumber(a)
		y, ok := CanonicalNumber(b)
		return ok && x == y
	default:
		switch b.(type) {
		case map[string]any, Resource, []any:
			return false
		}
		return a == b
	}
}

func equalObjects(a map[string]any, other any) bool {
	var b map[string]any
	switch o := other.(type) {
	case map[string]any:
		b = o
	case Resource:
		b = o
	default:
		return false
	}
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		w, ok := b[k]
		if !ok || !Equal(v, w) {
			return false
		}
	}
	return true
}

// CanonicalNumber writes a JSON number as the Kubernetes API server writes it after having stored it: an integer of 64 bits stays
// one, everything else goes through a float64. So a number that a client sends, and the one that it gets back, are the same text.
func CanonicalNumber(v any) (string, bool) {
	var f float64
	switch v := v.(type) {
	case json.Number:
		if i, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return strconv.FormatInt(i, 10), true
		}
		parsed, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			return "", false
		}
		f = parsed
	case float64:
		f = v
	default:
		return "", false
	}
	if f == 0 {
		// The sign of a zero does not survive the way through the API server.
		return "0", true
	}
	text, err := json.Marshal(f)
	return string(text), err == nil
}
