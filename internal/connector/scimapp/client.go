package scimapp

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/scim-operator/scim-operator/internal/connector"
)

const (
	// maxBody is far more than the largest group or page.
	maxBody         = 32 << 20
	maxIdleConns    = 4
	idleTimeout     = time.Minute
	maxHeaderBytes  = 64 << 10
	messagePatch    = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	schemaUser      = "urn:ietf:params:scim:schemas:core:2.0:User"
	acceptedContent = "application/scim+json, application/json"
)

// object is a JSON object.
type object = map[string]any

// request is one to a path below the base URL.
type request struct {
	method, path string
	query        url.Values
	body         object
	// ifMatch is the version that the resource must have, or empty.
	ifMatch string
}

// answer is read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// object is the body as an object, or nil when it is none.
func (a *answer) object() object {
	var body object
	if json.Unmarshal(a.body, &body) != nil {
		return nil
	}
	return body
}

// newClient follows no redirects and asks no proxy: both would show the credential to somebody else.
func newClient(o Options) *http.Client {
	transport := &http.Transport{
		DialContext:            o.Dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		TLSHandshakeTimeout:    o.Timeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    maxIdleConns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// call sends a request, wants a 2xx and returns the resource in it, or nil where there is none.
func (c *Connector) call(ctx context.Context, op string, r request) (object, error) {
	a, err := c.exchange(ctx, op, r)
	if err != nil {
		return nil, err
	}
	if a.status < http.StatusOK || a.status >= http.StatusMultipleChoices {
		return nil, c.refused(op, a, strings.Count(r.path, "/") > 1)
	}
	if a.status == http.StatusNoContent || len(bytes.TrimSpace(a.body)) == 0 {
		return nil, nil //nolint:nilnil // An answer without a resource is one.
	}
	body := a.object()
	if body == nil {
		return nil, notSCIM(op, a)
	}
	if tag := a.header.Get("ETag"); tag != "" {
		body[etagKey] = tag
	}
	return body, nil
}

// etagKey is where the entity tag of an answer is kept. No attribute has such a name.
const etagKey = "\x00etag"

// notSCIM is about an answer that a page for people, or a proxy, gave in the place of the app.
func notSCIM(op string, a *answer) error {
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	if kind == "text/html" {
		return connector.Errorf(connector.Transient, op, "the server answered %d with a page of HTML in the place of SCIM: "+
			"correct the base URL, or wait until its maintenance is over", a.status)
	}
	return connector.Errorf(connector.Transient, op, "the server answered %d with something that is no SCIM: check the base URL", a.status)
}

// exchange sends a request and reads the answer to its end, whatever it is.
func (c *Connector) exchange(ctx context.Context, op string, r request) (*answer, error) {
	a, sent, err := c.once(ctx, op, r)
	if err == nil && a.status == http.StatusUnauthorized && c.authorizer.refused(sent) {
		a, _, err = c.once(ctx, op, r)
	}
	return a, err
}

func (c *Connector) once(ctx context.Context, op string, r request) (*answer, *http.Request, error) {
	sent, err := c.prepare(ctx, op, r)
	if err != nil {
		return nil, nil, err
	}
	received, err := c.client.Do(sent)
	if err != nil {
		return nil, nil, unreachable(op, err)
	}
	defer received.Body.Close()
	body, err := io.ReadAll(io.LimitReader(received.Body, maxBody+1))
	if err != nil {
		return nil, nil, unreachable(op, err)
	}
	if len(body) > maxBody {
		return nil, nil, connector.Errorf(connector.Rejected, op, "the server's answer has more than %d MiB", maxBody>>20)
	}
	return &answer{received.StatusCode, received.Header, body}, sent, nil
}

func (c *Connector) prepare(ctx context.Context, op string, r request) (*http.Request, error) {
	where := c.options.BaseURL + r.path
	if len(r.query) > 0 {
		where += "?" + strings.ReplaceAll(r.query.Encode(), "+", "%20") // not every server reads + as a space
	}
	var body io.Reader = http.NoBody
	if r.body != nil {
		text, err := encode(r.body)
		if err != nil {
			return nil, connector.Errorf(connector.Rejected, op, "the request cannot be written as JSON")
		}
		body = bytes.NewReader(text)
	}
	sent, err := http.NewRequestWithContext(ctx, r.method, where, body)
	if err != nil {
		return nil, connector.Errorf(connector.Rejected, op, "there can be no request to that path of the base URL")
	}
	sent.Header.Set("Accept", acceptedContent)
	sent.Header.Set("User-Agent", "scim-operator")
	if r.body != nil {
		sent.Header.Set("Content-Type", c.options.Profile.ContentType)
	}
	if r.ifMatch != "" {
		sent.Header.Set("If-Match", r.ifMatch)
	}
	return sent, c.authorizer.authorize(ctx, op, sent)
}

// encode writes JSON without the codes for HTML, which some servers do not undo in filters.
func encode(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, errors.New("no JSON")
	}
	return bytes.TrimSpace(text.Bytes()), nil
}

// equals is the filter that finds what has the value.
func equals(attribute, value string) string {
	text, err := encode(value)
	if err != nil {
		panic(fmt.Sprintf("a text is no JSON: %v", err)) // Every text is.
	}
	return attribute + " eq " + string(text)
}

// pathTo is the path of one resource, whatever its id is made of.
func pathTo(collection, id string) string { return collection + "/" + url.PathEscape(id) }
