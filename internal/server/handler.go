package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

// Handler answers SCIM requests. It is safe for concurrent use.
type Handler struct {
	cfg       Config
	endpoints map[string][]route
	// acceptances says which groups each directory accepts.
	acceptances acceptances
	failures    *failureLimits
	newest      *newestDirectories
	// strangers counts requests without a credential, where they are let in.
	strangers *failureLimits
	declared  declarations
	// turns has room for the large bodies that are being worked on.
	turns chan struct{}
}

// New makes a Handler. It fails if a part that it cannot do without is missing.
func New(cfg Config) (*Handler, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &Handler{
		cfg: cfg, endpoints: map[string][]route{}, turns: make(chan struct{}, largeTurns),
		failures: newFailureLimits(cfg.FailuresPerSource, cfg.Failures), strangers: newFailureLimits(cfg.FailuresPerSource, cfg.Failures),
		newest: newNewestDirectories(cfg.LiveDirectories, cfg.Clock),
	}
	for _, r := range routes() {
		h.endpoints[r.path] = append(h.endpoints[r.path], r)
	}
	if cfg.Audit != nil {
		h.cfg.Store = recordingStore{cfg.Store}
	}
	return h, nil
}

// call is one request on its way through the handler, with what the log line will say about it.
type call struct {
	request   *http.Request
	writer    http.ResponseWriter
	requestID string
	started   time.Time
	// ctx ends with the time of the request. The body waits for its turn by it, because an io.Reader is given no context.
	ctx context.Context
	// turns is that of the handler, and hasTurn says that this call takes room in it.
	turns   chan struct{}
	hasTurn bool

	// directory and credential are set once they are known to be right, route and id once the path is.
	directory  *v1alpha1.ScimDirectory
	types      directoryTypes
	credential string
	// userID is the user whom the credential acts for; empty when that is nobody.
	userID string
	// readOnly is true for a credential that may change nothing.
	readOnly bool
	// tokenKey is derived from the token that the request authenticated with: the same on every replica, and known to nobody who
	// does not know the token. It may sign what the same client will send back.
	tokenKey [sha256.Size]byte
	route    string
	id       string
	// groups says which groups are accepted; it is set for changes of groups.
	groups *acceptance
	// base is the absolute URL of the directory's SCIM root, without a slash at the end.
	base  string
	query url.Values
	// operation is the position, from 1, of an operation of a bulk request, and data its body, which is decoded already; a request of
	// its own has neither.
	operation int
	// kept are, in a bulk request, the ids of what its POSTs have overwritten and not made, because a directory may take it over. They
	// must not be deleted when a circle fails.
	kept map[string]bool
	data scim.Resource

	// span is nil before the credential is known to be right, and for what is not traced.
	span *tracing.Span

	// source is the address that the request came from, and changes what it changed, for the audit log.
	source  string
	changes changes

	cause error
	stack string
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.RequestTimeout)
	defer cancel()
	c := &call{request: r, writer: w, requestID: newRequestID(), started: h.cfg.Clock.Now(), ctx: ctx, turns: h.turns, source: r.RemoteAddr}
	ctx = withChanges(ctx, &c.changes)
	defer c.endTurn()
	var a *answer
	err := c.guard(func() (err error) {
		a, err = h.serve(ctx, c)
		return err
	})
	if err != nil {
		a = failure(ctx, c, err)
	}
	w.Header().Set("X-Request-Id", c.requestID)
	err = c.guard(func() error { return a.write(w, r) })
	if c.stack != "" && c.cause == nil {
		c.cause = err
	}
	h.logRequest(c, a)
	if err != nil {
		// The client must not take a body that was cut off for a whole one.
		panic(http.ErrAbortHandler)
	}
}

// guard turns a panic into an error. The value of the panic may quote the request, so that only errors of the Go runtime, which do not,
// are put into words.
func (c *call) guard(run func() error) (err error) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		cause := fmt.Errorf("panic with a %T", value)
		if known, ok := value.(runtime.Error); ok {
			cause = fmt.Errorf("panic: %w", known)
		}
		c.stack = string(debug.Stack())
		err = internalError(cause)
	}()
	return run()
}

func (h *Handler) serve(ctx context.Context, c *call) (*answer, error) {
	name, below, ok := splitPath(c.request.URL.EscapedPath())
	if !ok {
		return nil, &scim.Error{Status: http.StatusNotFound, Detail: "There is nothing at this path. The SCIM base URL has the form " + baseForm + "."}
	}
	methods, id := h.endpoint(below)
	chosen, known := choose(methods, c.request.Method)
	if err := h.admit(ctx, c, name, known && chosen.discovers()); err != nil {
		return nil, err
	}
	ctx = h.trace(ctx, c)
	if len(methods) == 0 || !c.serves(methods[0].path) {
		return nil, &scim.Error{Status: http.StatusNotFound, Detail: "There is no such SCIM endpoint here. The base URL is " + c.base +
			", and below it are /Users, /Groups, /ServiceProviderConfig, /Schemas and /ResourceTypes."}
	}
	c.route, c.id = methods[0].path, id
	if !known {
		return nil, &methodNotAllowed{allow: allowed(methods)}
	}
	err := c.checkAccess(chosen)
	if err != nil {
		return nil, err
	}
	if c.query, err = url.ParseQuery(c.request.URL.RawQuery); err != nil {
		return nil, scim.BadRequest(scim.TypeInvalidValue, "The query of the URL is not correctly encoded.")
	}
	return chosen.handle(h, ctx, c)
}

// admit lets a request in, or says why not. Of what the path names below the directory, nothing is looked at before but whether it is
// discovery, which a directory can open to everybody.
func (h *Handler) admit(ctx context.Context, c *call, name string, discovery bool) error {
	directory, err := h.cfg.Directories.Directory(ctx, name)
	if err != nil {
		return scim.TryAgain(5*time.Second, "The ScimDirectory cannot be read at the moment. Please send the request again.", err)
	}
	if directory == nil {
		return &scim.Error{Status: http.StatusNotFound, Detail: "There is no ScimDirectory " + strconv.Quote(shorten(name)) +
			". The SCIM base URL has the form " + baseForm + "; `kubectl get scimdirectories` lists them."}
	}
	// An unauthenticated path is not echoed, but the log should name a directory that exists.
	c.directory, c.types = directory, h.declared.of(directory)
	c.base = h.baseURL(c.request, name)
	if discovery && directory.Spec.Discovery == v1alpha1.DiscoveryPublic && len(c.request.Header.Values("Authorization")) == 0 {
		if err := h.admitAnybody(c); err != nil {
			return err
		}
	} else if err := h.admitKnown(ctx, c, directory); err != nil {
		return err
	}
	if directory.Spec.Suspend {
		return suspended(name)
	}
	return nil
}

// admitKnown lets in who presents a credential.
func (h *Handler) admitKnown(ctx context.Context, c *call, directory *v1alpha1.ScimDirectory) error {
	if err := h.authenticate(ctx, c, directory); err != nil {
		return err
	}
	if h.cfg.Activity != nil {
		h.cfg.Activity.Seen(ctx, directory, c.credential)
	}
	return nil
}

// admitAnybody lets in who presents no credential, as often as it lets in wrong ones.
func (h *Handler) admitAnybody(c *call) error {
	c.readOnly = true
	if wait := h.strangers.charge(c.request.RemoteAddr, h.cfg.Clock.Now()); wait > 0 {
		return &scim.Error{
			Status: http.StatusTooManyRequests, RetryAfter: wait,
			Detail: "Too many requests came without a credential. One with a credential that is valid is not held back.",
		}
	}
	return nil
}

// baseURL is the configured URL, or what the client called us, which is right behind a proxy that keeps the Host header.
func (h *Handler) baseURL(r *http.Request, directory string) string {
	root := h.cfg.ExternalURL
	if root == "" {
		scheme := "https"
		if r.TLS == nil {
			scheme = "http"
		}
		root = scheme + "://" + r.Host
	}
	return root + "/scim/" + url.PathEscape(directory) + "/v2"
}

// failure turns an error into an answer. When the time is up, or the client has gone away, whatever failed failed because of that.
func failure(ctx context.Context, c *call, err error) *answer {
	var refused *methodNotAllowed
	if errors.As(err, &refused) {
		a := errorAnswer(refused.scimError())
		a.header.Set("Allow", refused.allow)
		return a
	}
	known := asSCIM(ctx, err)
	c.cause = known.Cause
	a := errorAnswer(known)
	if known.Status == http.StatusUnauthorized {
		a.header["Www-Authenticate"] = challenges(c.directory)
	}
	return a
}

// asSCIM gives every error the form that a client is told of.
func asSCIM(ctx context.Context, err error) *scim.Error {
	var known *scim.Error
	if !errors.As(err, &known) || known.Status >= http.StatusInternalServerError {
		switch {
		case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
			known = scim.TryAgain(5*time.Second, "The request took too long. Please send it again.", err)
		case known == nil:
			known = internalError(err)
		}
	}
	return known
}

func internalError(cause error) *scim.Error {
	return &scim.Error{
		Status: http.StatusInternalServerError,
		Detail: "The request failed because of an error in the server. The server's log has more under the request id in the header X-Request-Id.",
		Cause:  cause,
	}
}

// methodNotAllowed is a 405, which must name the methods that are allowed (RFC 9110 section 15.5.6).
type methodNotAllowed struct{ allow string }

func (m *methodNotAllowed) Error() string { return "method not allowed; allowed are " + m.allow }

func (m *methodNotAllowed) scimError() *scim.Error {
	return &scim.Error{Status: http.StatusMethodNotAllowed, Detail: "This endpoint does not take this method. It takes " + m.allow + "."}
}

// newRequestID makes an id of our own: one from outside could forge lines of the log.
func newRequestID() string {
	var id [12]byte
	// crypto/rand.Read never fails; it ends the process instead.
	_, _ = rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// shorten bounds what a client's text can add to an answer or the log.
func shorten(s string) string {
	const limit = 128
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "…"
}
