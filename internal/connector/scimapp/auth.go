package scimapp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// AuthKind is a way to show a credential.
type AuthKind string

// The ways to show a credential.
const (
	AuthBearer            AuthKind = "Bearer"
	AuthHeader            AuthKind = "Header"
	AuthBasic             AuthKind = "Basic"
	AuthClientCredentials AuthKind = "ClientCredentials"
)

// Auth is the credential. Exactly one field must be given.
type Auth struct {
	// Bearer is a token, without the word Bearer.
	Bearer string
	// Header is sent as it is.
	Header *Header
	// Basic is a user name, or a key, and a password, or a secret.
	Basic *Basic
	// ClientCredentials are exchanged for a token, after RFC 6749 section 4.4.
	ClientCredentials *ClientCredentials
}

// Header is a header with a credential in it.
type Header struct{ Name, Value string }

// Basic is a credential after RFC 7617.
type Basic struct{ Username, Password string }

// ClientCredentials are what a token is got for.
type ClientCredentials struct {
	TokenURL     string
	ClientID     string
	ClientSecret string
	Scopes       []string
}

// kind checks that there is one credential that can be sent. The error does not repeat it.
func (a Auth) kind() (AuthKind, error) {
	var kinds []AuthKind
	if a.Bearer != "" {
		kinds = append(kinds, AuthBearer)
	}
	if a.Header != nil {
		kinds = append(kinds, AuthHeader)
	}
	if a.Basic != nil {
		kinds = append(kinds, AuthBasic)
	}
	if a.ClientCredentials != nil {
		kinds = append(kinds, AuthClientCredentials)
	}
	if len(kinds) != 1 {
		return "", errors.New("auth must have exactly one of bearer, header, basic and client credentials")
	}
	switch kinds[0] {
	case AuthBearer:
		if !httpguts.ValidHeaderFieldValue(a.Bearer) || strings.ContainsAny(a.Bearer, " \t") {
			return "", errors.New("the bearer token has a space or a control character in it: give the token alone, without the word Bearer")
		}
	case AuthHeader:
		if !httpguts.ValidHeaderFieldName(a.Header.Name) || !httpguts.ValidHeaderFieldValue(a.Header.Value) || a.Header.Value == "" {
			return "", errors.New("the header's name or value cannot be sent: take line breaks and control characters out")
		}
		if slices.Contains(ownHeaders, http.CanonicalHeaderKey(a.Header.Name)) {
			return "", fmt.Errorf("the header %s is not for credentials: use Authorization, or the app's own", a.Header.Name)
		}
	case AuthBasic:
		if a.Basic.Username == "" || strings.Contains(a.Basic.Username, ":") {
			return "", errors.New("the user name of basic auth is empty or has a colon in it")
		}
	}
	return kinds[0], nil
}

// ownHeaders are those that the connector or the protocol needs.
var ownHeaders = []string{"Accept", "Accept-Encoding", "Connection", "Content-Length", "Content-Type", "Host", "If-Match", "Transfer-Encoding", "User-Agent"}

// authorizer shows the credential with each request. It is safe for concurrent use.
type authorizer struct {
	auth   Auth
	client *http.Client

	mu    sync.Mutex
	token *oauth2.Token
}

// authorize adds the credential to a request.
func (a *authorizer) authorize(ctx context.Context, op string, request *http.Request) error {
	switch {
	case a.auth.Bearer != "":
		request.Header.Set("Authorization", "Bearer "+a.auth.Bearer)
	case a.auth.Header != nil:
		request.Header.Set(a.auth.Header.Name, a.auth.Header.Value)
	case a.auth.Basic != nil:
		request.SetBasicAuth(a.auth.Basic.Username, a.auth.Basic.Password)
	default:
		token, err := a.current(ctx)
		if err != nil {
			return tokenFailed(op, err)
		}
		request.Header.Set("Authorization", "Bearer "+token.AccessToken)
	}
	return nil
}

// current is the token, which is got anew when it has run out.
func (a *authorizer) current(ctx context.Context) (*oauth2.Token, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token.Valid() {
		return a.token, nil
	}
	from := a.auth.ClientCredentials
	config := clientcredentials.Config{ClientID: from.ClientID, ClientSecret: from.ClientSecret, TokenURL: from.TokenURL, Scopes: from.Scopes}
	token, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, a.client))
	if err != nil {
		return nil, err
	}
	if !httpguts.ValidHeaderFieldValue(token.AccessToken) {
		return nil, errors.New("the token cannot be sent in a header")
	}
	a.token = token
	return token, nil
}

// refused says whether to try again with another token: one that was good may have been revoked since.
func (a *authorizer) refused(request *http.Request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.auth.ClientCredentials == nil {
		return false
	}
	if a.token != nil && request.Header.Get("Authorization") == "Bearer "+a.token.AccessToken {
		a.token = nil
	}
	return true
}

// tokenFailed quotes nothing of the answer, which may have the credential in it.
func tokenFailed(op string, err error) error {
	if answer := new(oauth2.RetrieveError); errors.As(err, &answer) && answer.Response != nil {
		status := answer.Response.StatusCode
		kind := connector.Denied
		if status == http.StatusTooManyRequests || status >= http.StatusInternalServerError {
			kind = connector.Transient
		}
		return connector.Errorf(kind, op, "the token URL answered %d: check it, the client id, the client secret and the scopes", status)
	}
	if isRefusedByUs(err) || isUntrusted(err) || errors.As(err, new(*url.Error)) {
		return unreachable(op, fmt.Errorf("token URL: %w", unwrapURL(err)))
	}
	return connector.Errorf(connector.Denied, op, "the token URL gave no token that can be used: check it")
}
