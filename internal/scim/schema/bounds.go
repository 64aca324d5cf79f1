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
)

// tally is how much of a resource is kept without being understood.
type tally struct{ extensions, additional, bytes int }

func tallyOf(t *ResourceType, r scim.Resource) tally {
	var sum tally
	for name, v := range r {
		switch s := t.Extension(name); {
		case t.Attribute(name) != nil:
		case s != nil:
			if n := surplus(s, v); n > 0 {
				// It is kept next to the other extensions.
				sum.extensions++
				sum.bytes += n
			}
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

// surplus is the size of what an extension has that its schema does not name.
func surplus(s *Schema, v any) int {
	total := 0
	in, _ := v.(map[string]any)
	for name, e := range in {
		if s.Attribute(name) == nil {
			total += len(name) + size(e)
		}
	}
	return total
}

// check refuses what is out of bounds, unless the stored resource is out of them as far.
func (sum tally) check(stored tally) error {
	switch {
	case sum.extensions > max(maxExtensions, stored.extensions):
		return invalid(fmt.Sprintf("The resource has more than %d schema extensions that this server does not know.", maxExtensions))
	case sum.additional > max(maxAdditional, stored.additional):
		return invalid(fmt.Sprintf("The resource has more than %d attributes that this server does not know.", maxAdditional))
	case sum.bytes > max(maxUnknownBytes, stored.bytes):
		return invalid(fmt.Sprintf("Attributes that this server does not know take more than %d bytes together.", maxUnknownBytes))
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
