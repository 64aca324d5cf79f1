package clients

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/scim-operator/scim-operator/test/okta"
)

// wire sends requests to the replicas in turn.
type wire struct {
	replicas []*okta.Client
	next     atomic.Uint64
	// query is added to every request.
	query string
}

func newWire(config Config, header map[string]string) (*wire, error) {
	if len(config.BaseURLs) == 0 {
		return nil, errors.New("a client needs a base URL")
	}
	w := &wire{}
	for _, base := range config.BaseURLs {
		replica, err := okta.New(okta.Config{BaseURL: base, Token: config.Token, RootCAs: config.RootCAs, Header: header})
		if err != nil {
			return nil, err
		}
		w.replicas = append(w.replicas, replica)
	}
	return w, nil
}

// replica is the one whose turn it is.
func (w *wire) replica() *okta.Client {
	return w.replicas[(w.next.Add(1)-1)%uint64(len(w.replicas))]
}

// at adds the query that goes with every request.
func (w *wire) at(path string) string {
	switch {
	case w.query == "":
		return path
	case strings.Contains(path, "?"):
		return path + "&" + w.query
	default:
		return path + "?" + w.query
	}
}

// create makes a POST whose answer must be the resource with everything that was sent.
func (w *wire) create(ctx context.Context, path string, body okta.Resource) (okta.Resource, error) {
	return w.replica().Fetch(ctx, http.MethodPost, w.at(path), body)
}

func (w *wire) put(ctx context.Context, path string, body okta.Resource) error {
	_, err := w.replica().Fetch(ctx, http.MethodPut, w.at(path), body)
	return err
}

func (w *wire) get(ctx context.Context, path string) (okta.Resource, error) {
	return w.replica().Fetch(ctx, http.MethodGet, w.at(path), nil)
}

func (w *wire) remove(ctx context.Context, path string) error {
	answer, err := w.replica().Call(ctx, http.MethodDelete, w.at(path), nil)
	if err == nil && answer.Status != http.StatusNoContent {
		err = fmt.Errorf("DELETE %s: %d, want 204", path, answer.Status)
	}
	return err
}

// patch sends operations and wants one of two answers: 204, or 200 with the resource.
func (w *wire) patch(ctx context.Context, path string, operations ...okta.Operation) (*okta.Answer, error) {
	body := map[string]any{"schemas": []string{okta.PatchSchema}, "Operations": operations}
	return w.replica().Call(ctx, http.MethodPatch, w.at(path), body)
}

// list gives the resources of one page.
func (w *wire) list(ctx context.Context, path string) ([]okta.Resource, error) {
	found, _, err := w.replica().List(ctx, w.at(path))
	return found, err
}

// find gives the first resource that a filter finds, and nil when there is none.
func (w *wire) find(ctx context.Context, endpoint, filter string) (okta.Resource, error) {
	found, err := w.list(ctx, endpoint+"?filter="+url.QueryEscape(filter))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// fullUser is the person as a whole, in the shape of the standard.
func fullUser(p Person) okta.Resource {
	user := okta.Resource{
		"schemas":  []any{okta.UserSchema},
		"userName": p.UserName,
		"active":   p.Active,
		"name":     map[string]any{"givenName": p.GivenName, "familyName": p.FamilyName},
	}
	for name, value := range map[string]string{"externalId": p.ExternalID, "displayName": p.DisplayName, "title": p.Title} {
		if value != "" {
			user[name] = value
		}
	}
	if p.Email != "" {
		user["emails"] = []any{map[string]any{"value": p.Email, "type": "work", "primary": true}}
	}
	if p.Mobile != "" {
		user["phoneNumbers"] = []any{map[string]any{"value": p.Mobile, "type": "mobile"}}
	}
	enterprise := map[string]any{}
	for name, value := range map[string]string{"department": p.Department, "employeeNumber": p.EmployeeNumber} {
		if value != "" {
			enterprise[name] = value
		}
	}
	if p.Manager != "" {
		enterprise["manager"] = map[string]any{"value": p.Manager}
	}
	if len(enterprise) > 0 {
		user["schemas"] = []any{okta.UserSchema, okta.EnterpriseSchema}
		user[okta.EnterpriseSchema] = enterprise
	}
	return user
}
