package schema

import (
	"encoding/json"
	"fmt"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// Bounds on what is kept without being understood, so that one resource always fits into one object of etcd.
const (
	maxExtensions   = 32
	maxAdditional   = 64
	maxUnknownBytes = 64 << 10
	maxNameBytes    = 256
	maxUnknownParts = 16
)

// tally is how much of a resource is kept without being understood.
type tally struct{ extensions, additional, bytes int }

func tallyOf(t *ResourceType, r scim.Resource) tally {
	var sum tally
	for name, v := range r {
		a, s := t.Attribute(name), t.Extension(name)
		switch {
		case a != nil:
			sum.bytes += unknownParts(a, v)
		case s != nil && !s.Declared:
			sum.extension(s, v)
		default:
			if IsURN(name) {
				sum.extensions++
			} else {
				sum.additional++
			}
			sum.bytes += len(name) + size(v)
		}
	}
	return sum
}

// extension counts what an extension that is known has besides the attributes that its schema names.
func (sum *tally) extension(s *Schema, v any) {
	in, _ := v.(map[string]any)
	surplus := 0
	for name, e := range in {
		if a := s.Attribute(name); a != nil {
			sum.bytes += unknownParts(a, e)
		} else {
			surplus += len(name) + size(e)
		}
	}
	if surplus > 0 {
		// It is kept next to the other extensions.
		sum.extensions++
		sum.bytes += surplus
	}
}

// unknownParts is the size of the sub-attributes that no schema names.
func unknownParts(a *Attribute, v any) int {
	total := 0
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			total += unknownParts(a, e)
		}
	case map[string]any:
		for name, e := range v {
			if a.Sub(name) == nil {
				total += len(name) + size(e)
			}
		}
	}
	return total
}

// check refuses what is out of bounds, unless the stored resource is out of them as far.
func (sum tally) check(stored tally) error {
	switch {
	case sum.extensions > max(maxExtensions, stored.extensions):
		return invalid(fmt.Sprintf("The resource has more than %d schema extensions besides the standard's.", maxExtensions))
	case sum.additional > max(maxAdditional, stored.additional):
		return invalid(fmt.Sprintf("The resource has more than %d attributes besides the standard's.", maxAdditional))
	case sum.bytes > max(maxUnknownBytes, stored.bytes):
		return invalid(fmt.Sprintf("Attributes besides the standard's take more than %d bytes together.", maxUnknownBytes))
	}
	return nil
}

// size is about the length of a value's JSON.
func size(v any) int {
	switch v := v.(type) {
	case string:
		return len(v) + 2
	case json.Number:
		return len(v)
	case map[string]any:
		total := 2
		for k, e := range v {
			total += len(k) + 4 + size(e)
		}
		return total
	case []any:
		total := 2
		for _, e := range v {
			total += 1 + size(e)
		}
		return total
	default:
		return 5
	}
}
