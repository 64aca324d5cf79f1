package argocd

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Observe returns the owner's account or, when it has none, the one of that name: who has a mark, a local account, or a row or group
// that somebody else wrote.
func (c *Connector) Observe(ctx context.Context, owner connector.Owner, name string) (connector.Observed, error) {
	const op = "observe"
	if err := checkOwner(op, owner); err != nil {
		return connector.Observed{}, err
	}
	v, err := c.look(ctx, op)
	if err != nil {
		return connector.Observed{}, err
	}
	switch mine := v.mine(owner); {
	case len(mine) > 1:
		return connector.Observed{}, connector.Errorf(connector.Conflict, op,
			"the accounts %q and %q bear the mark of the same person: remove one of them", mine[0].Name, mine[1].Name)
	case len(mine) == 1:
		return v.account(mine[0].Name, &mine[0]), nil
	case v.exists(name):
		return v.account(name, v.markOf(name)), nil
	}
	return connector.Observed{}, connector.Errorf(connector.NotFound, op, "the owner has no account, and nothing in Argo CD is of that name")
}

const (
	defaultPage  = 100
	maxPage      = 1000
	cursorPrefix = "after-"
)

// List returns the accounts in the order of their ids. In SSO mode a group that somebody gave a role cannot be told from a person, and is
// listed as an account of nobody.
func (c *Connector) List(ctx context.Context, cursor string, limit int) (connector.Page, error) {
	const op = "list"
	if limit < 1 {
		limit = defaultPage
	}
	limit = min(limit, maxPage)
	after, err := parseCursor(cursor)
	if err != nil {
		return connector.Page{}, connector.Errorf(connector.Rejected, op, "the cursor is not one that List returned")
	}
	v, err := c.look(ctx, op)
	if err != nil {
		return connector.Page{}, err
	}
	var page connector.Page
	for _, account := range v.accounts() {
		if account.ID <= after {
			continue
		}
		if len(page.Accounts) == limit {
			page.Next = cursorPrefix + base64.RawURLEncoding.EncodeToString([]byte(page.Accounts[limit-1].ID))
			return page, nil
		}
		page.Accounts = append(page.Accounts, account)
	}
	page.Complete = true
	return page, nil
}

// parseCursor returns the id that a cursor stands for.
func parseCursor(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	text, ok := strings.CutPrefix(cursor, cursorPrefix)
	id, err := base64.RawURLEncoding.DecodeString(text)
	if !ok {
		err = base64.CorruptInputError(0)
	}
	return string(id), err
}
