package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/scim-operator/scim-operator/test/okta"
)

// providerConfig is what clients read of ServiceProviderConfig (RFC 7643 section 5). All parts are required, so that a client that
// checks the message, as authentik does, falls back to none of them when one is missing.
type providerConfig struct {
	Patch, Filter, ChangePassword, Sort *supported
	Bulk                                *struct {
		Supported     bool
		MaxOperations int
	}
	AuthenticationSchemes []struct{ Type, Name, Description string }
}

type supported struct{ Supported bool }

func (w *wire) config(ctx context.Context) (*providerConfig, error) {
	answer, err := w.replica().Call(ctx, http.MethodGet, w.at("/ServiceProviderConfig"), nil)
	if err != nil {
		return nil, err
	}
	config := &providerConfig{}
	if err := json.Unmarshal(answer.Body, config); err != nil {
		return nil, fmt.Errorf("read ServiceProviderConfig: %w", err)
	}
	if config.Patch == nil || config.Filter == nil || config.ChangePassword == nil || config.Sort == nil || config.Bulk == nil ||
		config.AuthenticationSchemes == nil {
		return nil, errors.New("ServiceProviderConfig lacks a required part")
	}
	return config, nil
}

// schemaAttribute is what clients read of an attribute (RFC 7643 section 7).
type schemaAttribute struct {
	Name, Type, Mutability string
	MultiValued, Required  bool
	SubAttributes          []schemaAttribute
}

// userSchema reads the schema of users, as the list and on its own, and gives its attributes by name.
func (w *wire) userSchema(ctx context.Context) (map[string]schemaAttribute, error) {
	listed, err := w.list(ctx, "/Schemas")
	if err != nil {
		return nil, err
	}
	found := false
	for _, schema := range listed {
		found = found || schema.ID() == okta.UserSchema
	}
	if !found {
		return nil, errors.New("the list of schemas lacks the one of users")
	}
	answer, err := w.replica().Call(ctx, http.MethodGet, w.at("/Schemas/"+url.PathEscape(okta.UserSchema)), nil)
	if err != nil {
		return nil, err
	}
	var schema struct{ Attributes []schemaAttribute }
	if err := json.Unmarshal(answer.Body, &schema); err != nil {
		return nil, fmt.Errorf("read the schema of users: %w", err)
	}
	byName := map[string]schemaAttribute{}
	for _, a := range schema.Attributes {
		byName[a.Name] = a
	}
	return byName, nil
}
