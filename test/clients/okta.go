package clients

import (
	"context"

	"github.com/scim-operator/scim-operator/test/okta"
)

// Okta is an app of Okta's, of either kind, that talks to the replicas in turn, an operation at a time.
type Okta struct {
	wire *wire
}

var _ Client = (*Okta)(nil)

// NewOkta makes a client of the dialect.
func NewOkta(config Config, dialect okta.Dialect) (*Okta, error) {
	w := &wire{}
	for _, base := range config.BaseURLs {
		replica, err := okta.New(okta.Config{BaseURL: base, Token: config.Token, RootCAs: config.RootCAs, Dialect: dialect})
		if err != nil {
			return nil, err
		}
		w.replicas = append(w.replicas, replica)
	}
	return &Okta{wire: w}, nil
}

// Connect is the button that tests the credentials, with importing groups ticked.
func (o *Okta) Connect(ctx context.Context) error { return o.wire.replica().TestConnector(ctx, true) }

// CreateUser looks for the user and creates or links.
func (o *Okta) CreateUser(ctx context.Context, p Person) (string, error) {
	user, err := o.wire.replica().AssignUser(ctx, oktaProfile(p))
	return user.ID(), err
}

// UpdateUser changes the state first, if it changes, and then pushes the profile.
func (o *Okta) UpdateUser(ctx context.Context, id string, before, after Person) error {
	var err error
	switch {
	case before.Active && !after.Active:
		// Nobody who is deactivated gets a push of the profile.
		return o.wire.replica().DeactivateUser(ctx, id)
	case !before.Active && after.Active:
		err = o.wire.replica().ActivateUser(ctx, id)
	}
	if err == nil {
		_, err = o.wire.replica().UpdateUser(ctx, id, oktaProfile(after))
	}
	return err
}

// RemoveUser sends nothing: Okta leaves it at the deactivation.
func (o *Okta) RemoveUser(context.Context, string) error { return nil }

// CreateGroup is the first push of a group.
func (o *Okta) CreateGroup(ctx context.Context, g Group, members []string) (string, error) {
	return o.wire.replica().PushGroup(ctx, g.Name, okta.Members(members...))
}

// RenameGroup pushes the name.
func (o *Okta) RenameGroup(ctx context.Context, id string, g Group) error {
	return o.wire.replica().RenameGroup(ctx, id, g.Name)
}

// ChangeMembers pushes the difference or, when nobody stays, the whole membership.
func (o *Okta) ChangeMembers(ctx context.Context, id string, g Group, before, after []string) error {
	add, gone := without(after, before), without(before, after)
	if len(gone) == len(before) {
		return o.wire.replica().PushNow(ctx, id, g.Name, okta.Members(after...))
	}
	return o.wire.replica().ChangeMembers(ctx, id, g.Name, okta.Members(add...), gone)
}

// RemoveGroup unlinks the group and deletes it.
func (o *Okta) RemoveGroup(ctx context.Context, id string) error {
	return o.wire.replica().UnlinkGroup(ctx, id, true)
}

// Maps leaves out what Okta's default mappings do not have.
func (o *Okta) Maps(p Person) Person {
	p.EmployeeNumber, p.Manager, p.Mobile = "", "", ""
	return p
}

func oktaProfile(p Person) okta.Profile {
	return okta.Profile{
		UserName: p.UserName, GivenName: p.GivenName, FamilyName: p.FamilyName, Email: p.Email, DisplayName: p.DisplayName,
		Locale: "en-US", Title: p.Title, Department: p.Department, ExternalID: p.ExternalID,
	}
}
