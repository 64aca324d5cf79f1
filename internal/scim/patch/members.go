package patch

import (
	"maps"
	"slices"
	"strings"

	"github.com/scim-operator/scim-operator/internal/scim"
)

const membersName = "members"

// SplitMembers takes the operations of a group apart: those on members, as a list that the store applies without reading them, and
// all others, for Apply. It understands
//
//   - add, replace and remove with the path members and a list, an object or a bare id; a removal without a value removes all;
//   - remove with the path members[value eq "..."], also with several of them joined by `or`;
//   - objects without a path whose member is members; null there means that members are not touched;
//   - changes of the sub-attributes display, type and $ref, which this server derives, as nothing to do.
//
// Any other filter is 400 invalidFilter, a change of a member's id 400 mutability, any other path 400 invalidPath, and a member without
// an id 400 invalidValue.
func SplitMembers(ops []Op) (attributes []Op, members []scim.MemberOp, err error) {
	for i := range ops {
		op := ops[i]
		switch {
		case op.Path == nil:
			members, err = op.splitObject(members)
			if m, _ := op.Value.(map[string]any); err == nil && len(m) > 0 {
				attributes = append(attributes, op)
			}
		case op.Path.URN == "" && op.Path.Name == membersName:
			members, err = op.memberOps(members)
		default:
			attributes = append(attributes, op)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return attributes, members, nil
}

// splitObject moves the members out of a value without a path. The client's value is not changed.
func (op *Op) splitObject(members []scim.MemberOp) ([]scim.MemberOp, error) {
	object, _ := op.Value.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if !strings.EqualFold(key, membersName) {
			continue
		}
		value := object[key]
		object = maps.Clone(object)
		delete(object, key)
		op.Value = object
		if value == nil {
			continue
		}
		ids, err := scim.MemberIDs(value)
		if err != nil {
			return nil, op.wrap(err)
		}
		members = append(members, scim.MemberOp{Kind: op.memberKind(), IDs: ids})
	}
	return members, nil
}

func (op *Op) memberKind() scim.MemberOpKind {
	switch op.Kind {
	case Add:
		return scim.AddMembers
	case Remove:
		return scim.RemoveMembers
	default:
		return scim.ReplaceMembers
	}
}

func (op *Op) memberOps(members []scim.MemberOp) ([]scim.MemberOp, error) {
	switch strings.ToLower(op.Path.Sub) {
	case "":
	case "display", "type", "$ref":
		return members, nil
	case "value":
		return nil, op.fail(scim.TypeMutability, "the id of a member cannot be changed; remove the member and add another")
	default:
		return nil, op.fail(scim.TypeInvalidPath, "members have no sub-attribute of that name")
	}
	if op.Path.Filter != nil {
		return op.filteredMembers(members)
	}
	if op.Kind == Remove && !op.HasValue {
		return append(members, scim.MemberOp{Kind: scim.ReplaceMembers}), nil
	}
	ids, err := scim.MemberIDs(op.Value)
	if err != nil {
		return nil, op.wrap(err)
	}
	return append(members, scim.MemberOp{Kind: op.memberKind(), IDs: ids}), nil
}

func (op *Op) filteredMembers(members []scim.MemberOp) ([]scim.MemberOp, error) {
	if op.Kind != Remove {
		return nil, op.fail(scim.TypeInvalidPath, "members are added and replaced with the path members, without a filter")
	}
	ids, ok := op.Path.Filter.AnyOf("value")
	if !ok {
		return nil, op.fail(scim.TypeInvalidFilter,
			`members can be removed by members[value eq "<id>"], also with several of these joined by or`)
	}
	for _, id := range ids {
		if _, err := scim.MemberID(id); err != nil {
			return nil, op.wrap(err)
		}
	}
	return append(members, scim.MemberOp{Kind: scim.RemoveMembers, IDs: ids}), nil
}
