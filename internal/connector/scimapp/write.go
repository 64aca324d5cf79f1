package scimapp

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// wanted is what is to be changed of a user. An empty name or mark is to stay as it is, and so is whether it is active, unless it is to be
// opened or closed: nobody else's suspension is undone by the way.
type wanted struct {
	name, mark  string
	open, close bool
	changes     []change
}

func (w wanted) isMet(u user) bool { return len(w.unmet(u)) == 0 }

// unmet names what is not as wanted, without its value.
func (w wanted) unmet(u user) []string {
	var unmet []string
	if w.name != "" && u.name != w.name {
		unmet = append(unmet, "userName")
	}
	if w.mark != "" && u.externalID != w.mark {
		unmet = append(unmet, "externalId")
	}
	if w.open && !u.active || w.close && u.active {
		unmet = append(unmet, "active")
	}
	for _, c := range w.changes {
		if !slices.Equal(c.attribute.read(u.raw), c.values) {
			unmet = append(unmet, c.attribute.Name)
		}
	}
	return unmet
}

// rewrite changes one user, and reads it back. after is nil when nothing was changed.
func (r *run) rewrite(ctx context.Context, before user, want wanted) (after *user, err error) {
	if r.writesByPut(want) {
		err = r.put(ctx, before, want)
	} else {
		err = r.patch(ctx, before, want)
	}
	if statusOf(err) == http.StatusConflict && want.name == "" {
		err = connector.Errorf(connector.Transient, r.op, "%w, because somebody else made a change at the same moment", err)
	}
	if err != nil {
		return nil, err
	}
	after, err = r.get(ctx, before.id)
	if err != nil {
		return nil, err
	}
	if after == nil {
		return nil, connector.Errorf(connector.Transient, r.op, "the account was removed at the same moment")
	}
	unmet := r.unmetOf(*after, want)
	if len(unmet) == 0 {
		return after, nil
	}
	if slices.Equal(unmet, r.unmetOf(before, want)) {
		return nil, connector.Errorf(connector.Rejected, r.op, "the server says that it made the change, and did not: look in the app why "+
			"it keeps %s, or use the profile of the product", list(unmet))
	}
	return after, connector.Errorf(connector.Rejected, r.op, "the server made a part of the change, and keeps %s: map that to what it takes", list(unmet))
}

// unmetOf takes a name for another where the product keeps it in a case of its own.
func (r *run) unmetOf(u user, want wanted) []string {
	if want.name != "" && r.sameName(u.name, want.name) {
		want.name = u.name
	}
	return want.unmet(u)
}

func (r *run) writesByPut(want wanted) bool {
	return r.profile.Users == Put || r.profile.Suspends == Put && (want.open || want.close)
}

func (r *run) patch(ctx context.Context, before user, want wanted) error {
	var operations []any
	replace := func(path string, value any) {
		operations = append(operations, object{"op": "replace", "path": path, "value": value})
	}
	if want.open || want.close {
		replace("active", want.open)
	}
	if want.mark != "" {
		replace("externalId", want.mark)
	}
	if want.name != "" {
		replace("userName", want.name)
	}
	for _, c := range want.changes {
		if len(c.values) == 0 {
			operations = append(operations, object{"op": "remove", "path": c.attribute.Name})
			continue
		}
		replace(c.attribute.target(before.raw, c.values))
	}
	_, err := r.c.call(ctx, r.op, request{method: http.MethodPatch, path: pathTo(users, before.id), body: patchOf(operations...)})
	return err
}

func patchOf(operations ...any) object {
	return object{"schemas": []string{messagePatch}, "Operations": operations}
}

// put writes the user as it was read, but for the change. Where the server gives a version, nobody else's change is lost.
func (r *run) put(ctx context.Context, before user, want wanted) error {
	current, err := r.get(ctx, before.id)
	if err != nil {
		return err
	}
	if current == nil || current.owner != before.owner {
		return connector.Errorf(connector.Transient, r.op, "the account was removed, or is somebody else's since")
	}
	body := writable(current.raw)
	set := func(name string, value any) {
		remove(body, name)
		body[name] = value
	}
	if want.open || want.close {
		set("active", want.open)
	}
	if want.mark != "" {
		set("externalId", want.mark)
	}
	if want.name != "" {
		set("userName", want.name)
	}
	for _, c := range want.changes {
		c.attribute.put(body, c.values)
	}
	_, err = r.c.call(ctx, r.op, request{method: http.MethodPut, path: pathTo(users, before.id), body: body, ifMatch: etag(current.raw)})
	return err
}

// writable is a resource without what the server alone decides.
func writable(raw object) object {
	body := maps.Clone(raw)
	for _, name := range []string{etagKey, "meta", "groups"} {
		remove(body, name)
	}
	for name, value := range body {
		if inner, ok := value.(object); ok {
			body[name] = maps.Clone(inner)
		}
	}
	return body
}

// create makes the account, and takes it away again when the server makes another one of it than was asked for.
func (r *run) create(ctx context.Context, account connector.Account) (*user, error) {
	want := wanted{name: account.Name, mark: mark(account.Owner), open: true, changes: r.profile.changes(account, nil)}
	body := object{"schemas": []any{schemaUser}, "userName": want.name, "externalId": want.mark, "active": true}
	for _, c := range want.changes {
		c.attribute.put(body, c.values)
	}
	made, err := r.c.call(ctx, r.op, request{method: http.MethodPost, path: users, body: body})
	if statusOf(err) == http.StatusConflict {
		return nil, r.collided(ctx, account)
	}
	if err != nil {
		return nil, err
	}
	id := text(made, "id")
	if !isID(id) {
		return nil, connector.Errorf(connector.Transient, r.op, "the server says that it made the account, and not under which id")
	}
	is, err := r.get(ctx, id)
	if err != nil {
		return nil, err
	}
	if is == nil {
		return nil, connector.Errorf(connector.Transient, r.op, "the server says that it made the account, and has none of its id")
	}
	unmet := r.unmetOf(*is, want)
	if len(unmet) == 0 {
		return is, nil
	}
	if is.owner == account.Owner && r.profile.Deletes == Delete {
		if _, err := r.delete(ctx, *is); err != nil {
			return nil, err
		}
		return nil, connector.Errorf(connector.Rejected, r.op, "the server keeps %s otherwise than it was given, so that the account was taken away again: "+
			"map that to what it takes", list(unmet))
	}
	return nil, connector.Errorf(connector.Transient, r.op, "the server made the account, and keeps %s otherwise than it was given: "+
		"map that to what it takes", list(unmet))
}

// collided says why an account cannot be made: somebody made it since it was looked for.
func (r *run) collided(ctx context.Context, account connector.Account) error {
	mine, err := r.mine(ctx, account.Owner)
	if err != nil {
		return err
	}
	if len(mine) > 0 {
		return connector.Errorf(connector.Transient, r.op, "the account was made by somebody else at the same moment")
	}
	return connector.Errorf(connector.Conflict, r.op, "the server has an account that conflicts with %q, by that name or by another unique attribute: "+
		"look for it in the app", account.Name)
}
