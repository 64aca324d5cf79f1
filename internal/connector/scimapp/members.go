package scimapp

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// putTries is how often a group is written whole while others write it as well.
const putTries = 5

// setMember puts a user into a group, or out of it, and looks whether that is so.
func (r *run) setMember(ctx context.Context, name, groupID, userID string, in bool) (changed bool, err error) {
	if r.profile.PairFilter != "id" {
		r.c.wrote(userID, name)
	}
	if r.profile.Members == Put {
		err = r.putMember(ctx, groupID, userID, in)
	} else {
		err = r.patchMember(ctx, groupID, userID, in)
	}
	if statusOf(err) == http.StatusConflict {
		err = connector.Errorf(connector.Transient, r.op, "%w: others change the group %q at the same moment", err, name)
	}
	if err != nil {
		return false, err
	}
	is, err := r.isMember(ctx, groupID, name, userID)
	if err != nil {
		return true, err
	}
	if is != in {
		return false, connector.Errorf(connector.Rejected, r.op, "the server says that it changed the members of group %q, and did not: look in the app "+
			"why, or use the profile of the product", name)
	}
	return true, nil
}

func (r *run) patchMember(ctx context.Context, groupID, userID string, in bool) error {
	operation := object{"op": "add", "path": "members", "value": []any{object{"value": userID}}}
	switch {
	case !in && r.profile.Members == PatchValue:
		operation["op"] = "remove"
	case !in:
		operation = object{"op": "remove", "path": "members[" + equals("value", userID) + "]"}
	}
	_, err := r.c.call(ctx, r.op, request{method: http.MethodPatch, path: pathTo(groups, groupID), body: patchOf(operation)})
	return err
}

// putMember writes the group whole, with the members that it had a moment before but for one. Where the server gives a version, no change
// of somebody else's is lost; where it does not, one that is made at the same moment may be, and is made again when it is next looked at.
func (r *run) putMember(ctx context.Context, groupID, userID string, in bool) error {
	for try := 1; ; try++ {
		raw, err := r.groupWithMembers(ctx, groupID)
		if err != nil {
			return err
		}
		list, _ := attribute(raw, "members").([]any)
		kept := slices.DeleteFunc(slices.Clone(list), func(item any) bool {
			entry, _ := item.(object)
			return text(entry, "value") == userID
		})
		if in {
			kept = append(kept, object{"value": userID})
		}
		body := writable(raw)
		remove(body, "members")
		body["members"] = append([]any{}, kept...)
		_, err = r.c.call(ctx, r.op, request{method: http.MethodPut, path: pathTo(groups, groupID), body: body, ifMatch: etag(raw)})
		if statusOf(err) != http.StatusPreconditionFailed || try == putTries {
			return err
		}
	}
}

// groupWithMembers reads a group to write it whole. A group without members is asked for them: some servers show them on request only, and
// they would be lost.
func (r *run) groupWithMembers(ctx context.Context, groupID string) (object, error) {
	raw, err := r.c.call(ctx, r.op, request{method: http.MethodGet, path: pathTo(groups, groupID)})
	if err != nil {
		return nil, err
	}
	if text(raw, "id") != groupID {
		return nil, connector.Errorf(connector.Transient, r.op, "the server answered with another group than the one that was asked for")
	}
	if attribute(raw, "members") != nil {
		return raw, nil
	}
	query := url.Values{"attributes": {"members"}}
	asked, err := r.c.call(ctx, r.op, request{method: http.MethodGet, path: pathTo(groups, groupID), query: query})
	if members := attribute(asked, "members"); members != nil {
		raw["members"] = members
	}
	return raw, err
}
