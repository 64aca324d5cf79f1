package okta

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// Profile is a user of Okta as the app's mappings see it. Empty fields stand for mappings that the administrator took out.
type Profile struct {
	UserName, GivenName, FamilyName, Email string
	DisplayName, Locale, Title, Department string
	// ExternalID is Okta's own id of the user, which it sends with every create and update.
	ExternalID string
	// Custom are custom attributes: under an extension's URN an object, else a top-level attribute.
	Custom map[string]any
}

// DefaultProfile is a user under Okta's default mappings, with a name and an Okta id derived from the userName.
func DefaultProfile(userName string) Profile {
	local, _, _ := strings.Cut(userName, "@")
	given, family, _ := strings.Cut(local, ".")
	return Profile{
		UserName: userName, GivenName: given, FamilyName: family, Email: userName,
		DisplayName: strings.TrimSpace(given + " " + family), Locale: "en-US", ExternalID: "00u-" + local,
	}
}

// values are the attributes that Okta masters and lays over the server's answer.
func (p Profile) values() Resource {
	values := Resource{
		"userName": p.UserName,
		"name":     map[string]any{"givenName": p.GivenName, "familyName": p.FamilyName},
	}
	for name, value := range map[string]string{
		"displayName": p.DisplayName, "locale": p.Locale, "title": p.Title, "externalId": p.ExternalID,
	} {
		if value != "" {
			values[name] = value
		}
	}
	if p.Email != "" {
		values["emails"] = []any{map[string]any{"primary": true, "value": p.Email, "type": "work"}}
	}
	if p.Department != "" {
		values[EnterpriseSchema] = map[string]any{"department": p.Department}
	}
	for name, value := range p.Custom {
		values[name] = value
	}
	return values
}

// schemas names the core schema and every extension that the values have.
func (p Profile) schemas() []any {
	schemas := []any{UserSchema}
	if p.Department != "" {
		schemas = append(schemas, EnterpriseSchema)
	}
	for name := range p.Custom {
		if strings.HasPrefix(name, "urn:") && name != EnterpriseSchema {
			schemas = append(schemas, name)
		}
	}
	return schemas
}

// creation is the body of a POST: the values, the empty groups, and the placeholder that always stands where a password goes.
func (p Profile) creation() Resource {
	body := p.values()
	body["schemas"] = p.schemas()
	body["groups"] = []any{}
	body["password"] = randomPassword()
	body["active"] = true
	return body
}

// TestConnector is what the button in Okta's form sends: "Test Connector Configuration", or in an OIN app "Test API Credentials".
// Groups are read when importing groups is ticked.
func (c *Client) TestConnector(ctx context.Context, importGroups bool) error {
	if _, err := c.list(ctx, "/Users?startIndex=1&count=2"); err != nil || !importGroups {
		return err
	}
	_, err := c.list(ctx, fmt.Sprintf("/Groups?startIndex=1&count=%d", PageSize))
	return err
}

// FindUser is the check for existence that goes before every create; nil when there is no such user.
func (c *Client) FindUser(ctx context.Context, userName string) (Resource, error) {
	return c.find(ctx, "Users", "userName", userName)
}

// User reads one user.
func (c *Client) User(ctx context.Context, id string) (Resource, error) {
	return c.fetch(ctx, http.MethodGet, "/Users/"+id, nil)
}

// AssignUser gives a user the app, for the first time or again: it looks for the user, creates one that is missing, and links one
// that exists, which it activates if need be and brings up to date.
func (c *Client) AssignUser(ctx context.Context, p Profile) (Resource, error) {
	found, err := c.FindUser(ctx, p.UserName)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return c.CreateUser(ctx, p)
	}
	if !found.Active() {
		if err := c.ActivateUser(ctx, found.ID()); err != nil {
			return nil, err
		}
	}
	return c.UpdateUser(ctx, found.ID(), p)
}

// CreateUser sends the create alone, without the check for existence, as Okta does when the check found nobody a moment ago.
func (c *Client) CreateUser(ctx context.Context, p Profile) (Resource, error) {
	return c.fetch(ctx, http.MethodPost, "/Users", p.creation())
}

// UpdateUser pushes a profile: in both dialects a GET, and a PUT of its answer with Okta's values laid over it.
func (c *Client) UpdateUser(ctx context.Context, id string, p Profile) (Resource, error) {
	values := p.values()
	values["schemas"] = p.schemas()
	return c.rewriteUser(ctx, id, values)
}

// EchoUser reads a user and PUTs the answer back as it is, which is what a profile push without news amounts to.
func (c *Client) EchoUser(ctx context.Context, id string) (Resource, error) {
	return c.rewriteUser(ctx, id, nil)
}

func (c *Client) rewriteUser(ctx context.Context, id string, values Resource) (Resource, error) {
	present, err := c.User(ctx, id)
	if err != nil {
		return nil, err
	}
	return c.fetch(ctx, http.MethodPut, "/Users/"+id, mergeEcho(present, values))
}

// DeactivateUser is what becomes of a user who loses the app or is deactivated in Okta. Okta never deletes a user.
func (c *Client) DeactivateUser(ctx context.Context, id string) error {
	return c.setUser(ctx, id, Resource{"active": false})
}

// ActivateUser undoes DeactivateUser under the same id.
func (c *Client) ActivateUser(ctx context.Context, id string) error {
	return c.setUser(ctx, id, Resource{"active": true})
}

// SetPassword is password sync.
func (c *Client) SetPassword(ctx context.Context, id, password string) error {
	return c.setUser(ctx, id, Resource{"password": password})
}

func (c *Client) setUser(ctx context.Context, id string, values Resource) error {
	if c.config.Dialect == OIN {
		return c.patch(ctx, "/Users/"+id, []Operation{{Op: "replace", Value: values}})
	}
	_, err := c.rewriteUser(ctx, id, values)
	return err
}

// ImportUsers reads all users, page after page.
func (c *Client) ImportUsers(ctx context.Context) ([]Resource, error) {
	return c.importAll(ctx, "Users")
}
