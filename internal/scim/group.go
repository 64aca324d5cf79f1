package scim

import (
	"maps"
	"strconv"
	"strings"
)

// SplitGroup takes the members out of a decoded group, as DecodeGroup does while it decodes, and with the same limit on their number.
// The group is not changed.
func SplitGroup(group Resource, limits Limits) (attrs Resource, members []string, hasMembers bool, err error) {
	if limits.Members == 0 {
		limits.Members = defaultMembers
	}
	attrs = maps.Clone(group)
	for name, v := range group {
		if !strings.EqualFold(name, "members") {
			continue
		}
		delete(attrs, name)
		list, ok := v.([]any)
		switch {
		case v == nil:
			return attrs, nil, false, nil
		case !ok:
			return nil, nil, false, BadRequest(TypeInvalidValue, "members must be an array of objects with a value.")
		case len(list) > limits.Members:
			return nil, nil, false, tooLarge("The group has more than " + strconv.Itoa(limits.Members) + " members.")
		}
		members, err = MemberIDs(list)
		return attrs, members, err == nil, err
	}
	return attrs, nil, false, nil
}
