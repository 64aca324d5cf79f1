// Package order puts resources into the order that a client asks for with sortBy and sortOrder (RFC 7644 section 3.4.2.3).
package order

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/filter"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// maxKeyText is the number of bytes of a text that decide its place. A key travels in cursors, which are part of URLs; texts that are
// equal so far come in the order of their ids.
const maxKeyText = 512

// By is what resources are sorted by. The zero value sorts by the time of creation. It is immutable.
type By struct {
	path       filter.Path
	leaf       *schema.Attribute
	descending bool
}

// Key is the place of a resource in an order: keys that are compared byte by byte are in ascending order. The empty key is that of a
// resource without the attribute.
type Key string

// The first byte of a key says what it is of, so that values of different types, which only attributes without a schema can have, are
// in a definite order.
const (
	booleanKey = 'b'
	numberKey  = 'n'
	textKey    = 's'
	timeKey    = 't'
)

// Parse reads sortBy, which is an attribute, a sub-attribute or either under the URN of its schema, and sortOrder, which defaults to
// ascending. Without sortBy the resources are sorted by their time of creation, ascending. A multi-valued complex attribute stands
// for its `value`. What cannot be sorted by is 400 invalidValue. An attribute that no schema names sorts like one without values
// where a resource has none.
func Parse(t *schema.ResourceType, sortBy, sortOrder string) (By, error) {
	var by By
	switch {
	case sortOrder == "", strings.EqualFold(sortOrder, "ascending"):
	case strings.EqualFold(sortOrder, "descending"):
		by.descending = true
	default:
		return By{}, invalid("sortOrder must be ascending or descending.")
	}
	if sortBy = strings.TrimSpace(sortBy); sortBy == "" {
		return By{}, nil
	}
	path, err := filter.ParsePath(t, sortBy)
	if err != nil || path.Filter != nil || path.Name == "" {
		return By{}, invalid("sortBy must name one attribute, such as userName, name.familyName or meta.lastModified.")
	}
	by.path, by.leaf = path, path.Attribute
	if path.Sub != "" {
		by.leaf = path.SubAttribute
	}
	if by.leaf == nil {
		return by, nil
	}
	if by.leaf.Returned == schema.Never {
		return By{}, invalid("sortBy names " + by.leaf.Name + ", which is never kept.")
	}
	if by.leaf.Type == schema.Complex {
		if by.path.Sub, by.leaf = "value", by.leaf.Sub("value"); by.leaf == nil || !path.Attribute.MultiValued {
			return By{}, invalid("sortBy names " + path.Name + ", which has parts; name one of them, such as " + path.Name + "." +
				path.Attribute.SubAttributes[0].Name + ".")
		}
	}
	return by, nil
}

func invalid(detail string) error { return scim.BadRequest(scim.TypeInvalidValue, detail) }

// ByCreation says whether resources are sorted by their time of creation because the client named nothing.
func (by By) ByCreation() bool { return by.path.Name == "" }

// Attribute is what the order looks at: the URN of the extension, which is empty for the core, and the name of the attribute, which is
// empty when resources are sorted by their time of creation.
func (by By) Attribute() (urn, name string) { return by.path.URN, by.path.Name }

// References says whether the order depends on the core attribute, so that what is costly to read (groups, members) is read only then.
func (by By) References(attribute string) bool {
	return by.path.URN == "" && strings.EqualFold(by.path.Name, attribute)
}

// Compare says how the resources with these keys are ordered: negative when a comes first, 0 when their ids decide. Those without a
// value come last in ascending and first in descending order.
func (by By) Compare(a, b Key) int {
	sign := 0
	switch {
	case a == b:
	case a == "":
		sign = 1
	case b == "":
		sign = -1
	default:
		sign = strings.Compare(string(a), string(b))
	}
	if by.descending {
		return -sign
	}
	return sign
}

// Created is the key of a resource in the order of creation.
func Created(at time.Time) Key { return keyOfTime(at) }

// Key finds the place of a resource under canonical names. Texts count without regard to case unless the schema says otherwise.
func (by By) Key(r scim.Resource) Key {
	in := map[string]any(r)
	if by.path.URN != "" {
		v, _ := r.Get(by.path.URN)
		in, _ = v.(map[string]any)
	}
	v, _ := scim.Resource(in).Get(by.path.Name)
	if list, ok := v.([]any); ok {
		v = preferred(list)
	}
	if by.path.Sub != "" {
		m, _ := v.(map[string]any)
		v, _ = scim.Resource(m).Get(by.path.Sub)
	}
	return by.keyOf(v)
}

// preferred is the primary value, or else the first one; nil when there is none.
func preferred(list []any) any {
	for _, e := range list {
		m, _ := e.(map[string]any)
		if primary, _ := scim.Resource(m).Get("primary"); primary == true {
			return e
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

func (by By) keyOf(v any) Key {
	switch v := v.(type) {
	case string:
		return by.keyOfText(v)
	case bool:
		return Key(strconv.AppendBool([]byte{booleanKey}, v))
	case json.Number:
		if f, err := v.Float64(); err == nil {
			return keyOfNumber(f)
		}
		return ""
	case float64:
		return keyOfNumber(v)
	default:
		return ""
	}
}

func (by By) keyOfText(v string) Key {
	if v == "" {
		return ""
	}
	if by.leaf != nil && by.leaf.Type == schema.DateTime {
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return keyOfTime(at)
		}
	}
	if by.leaf == nil || !by.leaf.CaseExact {
		v = strings.ToLower(v)
	}
	if len(v) > maxKeyText {
		end := maxKeyText
		for !utf8.RuneStart(v[end]) && end > maxKeyText-utf8.UTFMax {
			end--
		}
		v = v[:end]
	}
	return Key(string(textKey) + v)
}

// signBit turns the order of signed numbers into that of their bytes.
const signBit = 1 << 63

func keyOfTime(at time.Time) Key {
	key := make([]byte, 0, 1+8+4)
	//nolint:gosec // the bits are wanted, not the number, and nanoseconds are below 10^9
	seconds, nanos := uint64(at.Unix())^signBit, uint32(at.Nanosecond())
	key = binary.BigEndian.AppendUint64(append(key, timeKey), seconds)
	if nanos > 0 {
		key = binary.BigEndian.AppendUint32(key, nanos)
	}
	return Key(key)
}

func keyOfNumber(f float64) Key {
	if f == 0 {
		// The two zeros are the same number.
		f = 0
	}
	bits := math.Float64bits(f)
	if bits&signBit != 0 {
		bits = ^bits
	} else {
		bits |= signBit
	}
	return Key(binary.BigEndian.AppendUint64([]byte{numberKey}, bits))
}
