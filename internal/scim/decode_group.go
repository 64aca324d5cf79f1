package scim

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// MaxMemberID is the longest id of a member, in bytes. No object of Kubernetes has a longer name.
const MaxMemberID = 253

// DecodeGroup reads a group as DecodeObject does, except for its members, of which only the ids are kept: a body of 50,000 members
// costs their ids and no more. hasMembers tells an empty list from one that is absent or null.
func DecodeGroup(r io.Reader, limits Limits) (attrs Resource, members []string, hasMembers bool, err error) {
	d := newDecoder(r, limits)
	if err := d.open(); err != nil {
		return nil, nil, false, err
	}
	attrs = Resource{}
	err = d.object(func(key string) (err error) {
		if strings.EqualFold(key, "members") {
			members, hasMembers, err = d.members()
			return err
		}
		attrs[key], err = d.value()
		return err
	})
	if err == nil {
		err = d.end()
	}
	if err != nil {
		return nil, nil, false, err
	}
	return attrs, members, hasMembers, nil
}

func (d *decoder) members() (ids []string, present bool, err error) {
	c, err := d.token()
	if err != nil {
		return nil, false, err
	}
	switch c {
	case 'n':
		return nil, false, d.literal("ull")
	case '[':
	default:
		return nil, false, BadRequest(TypeInvalidValue, "members must be an array of objects with a value.")
	}
	before := d.memory
	err = d.array(func() error {
		d.memory = before
		v, err := d.member()
		if err != nil {
			return err
		}
		id, err := MemberID(v)
		if err != nil {
			return err
		}
		if ids = append(ids, id); len(ids) > d.limits.Members {
			return tooLarge("The group has more than " + strconv.Itoa(d.limits.Members) + " members.")
		}
		return nil
	})
	return ids, true, err
}

// member reads one entry of members. Of an object it keeps the value alone, which saves building a map for each of 50,000.
func (d *decoder) member() (any, error) {
	c, err := d.token()
	if err != nil {
		return nil, err
	}
	if c != '{' {
		d.back()
		return d.value()
	}
	var id any
	err = d.object(func(key string) error {
		v, err := d.value()
		if strings.EqualFold(key, "value") {
			id = v
		}
		return err
	})
	if _, isObject := id.(map[string]any); isObject {
		id = nil
	}
	return id, err
}

// MemberID reads one member as clients send it: an object with a value (display, $ref and type do not matter, and may be null), or
// the bare id. Anything else is 400 invalidValue.
func MemberID(v any) (string, error) {
	if m, ok := v.(map[string]any); ok {
		v, _ = Resource(m).Get("value")
	}
	id, ok := v.(string)
	if !ok || id == "" {
		return "", BadRequest(TypeInvalidValue, `Every member must be an object whose value is the id of a user, such as {"value":"..."}.`)
	}
	if len(id) > MaxMemberID {
		return "", BadRequest(TypeInvalidValue, fmt.Sprintf("The id of a member has more than %d bytes; ids are those that this server gave.", MaxMemberID))
	}
	return id, nil
}

// MemberIDs reads the members of a PATCH operation: an array, or a single member. A null entry is refused, an absent or null value
// is an empty list.
func MemberIDs(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		if v == nil {
			return nil, nil
		}
		list = []any{v}
	}
	ids := make([]string, 0, len(list))
	for _, e := range list {
		id, err := MemberID(e)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
