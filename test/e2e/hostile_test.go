package e2e_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// slowConnections send one byte a second each, guessesPerMinute are wrong tokens, and bombBytes is the size of a body of nothing but
	// arrays, of which every bomber sends one after the other.
	slowConnections  = 500
	guessesPerMinute = 10_000
	bombBytes        = 15 << 20
	// bombPause is between two bodies of one bomber.
	bombPause = 100 * time.Millisecond
)

// attack is everything at once that people who mean harm send to one server. Some of them know a valid token.
type attack struct {
	address, token string
	tls            *tls.Config

	stop    context.CancelFunc
	running sync.WaitGroup
	// opened is the number of slow connections that got as far as to wait for a byte of theirs to be taken.
	opened atomic.Int64

	mu sync.Mutex
	// outcomes counts what the attackers were told, by what they did.
	outcomes map[string]map[string]int
}

// startAttack begins an attack on a server, with the operator's token where one is needed to do harm.
func (o *operator) startAttack(ctx context.Context, server *process, bombers int) *attack {
	ctx, stop := context.WithCancel(ctx)
	a := &attack{
		address: server.address, token: o.token, stop: stop, outcomes: map[string]map[string]int{},
		tls: &tls.Config{RootCAs: o.certificate.roots, MinVersion: tls.VersionTLS12, ServerName: "localhost"},
	}
	for i := range slowConnections {
		kind := slowKinds()[i%len(slowKinds())]
		a.running.Go(func() { a.dribble(ctx, kind) })
	}
	a.running.Go(func() { a.guess(ctx) })
	for i := range bombers {
		a.running.Go(func() { a.bomb(ctx, i) })
	}
	return a
}

// end stops the attack, and returns what the attackers were told.
func (a *attack) end() map[string]map[string]int {
	a.stop()
	a.running.Wait()
	return a.outcomes
}

// told counts one outcome.
func (a *attack) told(what, outcome string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.outcomes[what] == nil {
		a.outcomes[what] = map[string]int{}
	}
	a.outcomes[what][outcome]++
}

// tellings is how often an attacker of each kind was told something.
func (a *attack) tellings() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string]int{}
	for what, outcomes := range a.outcomes {
		for _, n := range outcomes {
			out[what] += n
		}
	}
	return out
}

// slowKind is one way to hold a connection open.
type slowKind struct {
	what string
	// opening is sent at once, drop every second. %s in the opening stands for the valid token.
	opening, drop string
	// protocol is what TLS agrees on; without one the connection does not get as far as TLS.
	protocol string
}

func slowKinds() []slowKind {
	const post = "POST /scim/" + directory + "/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
	return []slowKind{
		{what: "slow handshake", opening: "\x16\x03\x01\x02\x00\x01", drop: "\x00"},
		{what: "slow header", opening: "GET /scim/okta/v2/Users HTTP/1.1\r\nX-Slow: ", drop: "x", protocol: "http/1.1"},
		{what: "slow body", opening: post + "%s\r\nContent-Length: 100000\r\n\r\n", drop: " ", protocol: "http/1.1"},
		{what: "slow body without a token", opening: post + "wrong\r\nTransfer-Encoding: chunked\r\n\r\n", drop: "1\r\n \r\n", protocol: "http/1.1"},
		// The announcement of a frame of HEADERS that never comes to its end.
		{what: "slow HTTP/2", opening: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x10\x00\x01\x04\x00\x00\x00\x01", drop: "\x00", protocol: "h2"},
	}
}

// dribble holds one connection open after the other, and begins no more than one a second.
func (a *attack) dribble(ctx context.Context, kind slowKind) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		answer, err := a.hold(ctx, kind)
		if ctx.Err() == nil {
			a.told(kind.what, outcomeOf(answer, err))
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

// hold opens a connection, keeps it open for as long as the server lets it, and returns what came back.
func (a *attack) hold(ctx context.Context, kind slowKind) (string, error) {
	plain, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.address)
	if err != nil {
		return "", err
	}
	defer plain.Close()
	defer context.AfterFunc(ctx, func() { _ = plain.Close() })()
	conn := plain
	if kind.protocol != "" {
		config := a.tls.Clone()
		config.NextProtos = []string{kind.protocol}
		secure := tls.Client(plain, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return "", err
		}
		conn = secure
	}
	opening := strings.ReplaceAll(kind.opening, "%s", a.token)
	if _, err := io.WriteString(conn, opening); err != nil {
		return "", err
	}
	a.opened.Add(1)
	dropped := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(dropped)
		every := time.NewTicker(time.Second)
		defer every.Stop()
		for err := error(nil); err == nil; {
			select {
			case <-ended:
				return
			case <-every.C:
				_, err = io.WriteString(conn, kind.drop)
			}
		}
	}()
	answer, _ := io.ReadAll(conn)
	close(ended)
	<-dropped
	return string(answer), nil
}

// outcomeOf is the status of an answer. A connection that ended without one was closed.
func outcomeOf(answer string, err error) string {
	var status int
	switch _, noStatus := fmt.Sscanf(answer, "HTTP/1.1 %d ", &status); {
	case noStatus == nil:
		return fmt.Sprint(status)
	case err != nil && !errors.Is(err, io.EOF) && !isReset(err):
		return err.Error()
	}
	return "closed"
}

// isReset says whether the server has cut the connection.
func isReset(err error) bool {
	var failed *net.OpError
	return errors.As(err, &failed)
}

// client has a number of connections of its own.
func (a *attack) client(connections int) *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		TLSClientConfig: a.tls.Clone(), MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections, DisableCompression: true,
	}}
}

// guess sends wrong tokens, at the rate of all guesses.
func (a *attack) guess(ctx context.Context) {
	client := a.client(32)
	defer client.CloseIdleConnections()
	every := time.NewTicker(time.Minute / guessesPerMinute)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		a.running.Go(func() {
			a.send(ctx, client, "wrong token", "/Users", rand.Text()+rand.Text(), strings.NewReader(`{"userName":"guess"}`), -1)
		})
	}
}

// bombKind is one large body.
type bombKind struct {
	what, path    string
	head, pattern string
	withToken     bool
}

func bombKinds() []bombKind {
	return []bombKind{
		{"deep arrays in a group", "/Groups", `{"displayName":"bomb","x":`, "[", true},
		{"wide arrays in a group", "/Groups", `{"displayName":"bomb","x":[[[[[[[[[[[[[[[[`, "[],", true},
		{"deep arrays as members", "/Groups", `{"displayName":"bomb","members":[`, "[", true},
		{"wide arrays as a member", "/Groups", `{"displayName":"bomb","members":[{"value":"x","x":[[`, "[],", true},
		{"arrays in a user", "/Users", `{"userName":"bomb","x":[[[`, "[[]],", true},
		{"arrays in a bulk request", "/Bulk", `{"Operations":[`, "[[[]]],", true},
		{"arrays in a search", "/Groups/.search", `{"x":[`, "[],", true},
		{"deep arrays without a token", "/Groups", `{"displayName":"bomb","x":`, "[", false},
	}
}

// bomb sends large bodies, one after the other.
func (a *attack) bomb(ctx context.Context, first int) {
	client := a.client(1)
	defer client.CloseIdleConnections()
	every := time.NewTicker(bombPause)
	defer every.Stop()
	kinds := bombKinds()
	for i := first; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		kind := kinds[i%len(kinds)]
		token := "wrong"
		if kind.withToken {
			token = a.token
		}
		size := int64(bombBytes)
		a.send(ctx, client, kind.what, kind.path, token, io.LimitReader(&endless{head: kind.head, pattern: kind.pattern}, size), size)
	}
}

// endless repeats a pattern after a head.
type endless struct {
	head, pattern string
	at            int
}

// Read implements io.Reader.
func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.head)
	e.head = e.head[n:]
	for n < len(p) {
		copied := copy(p[n:], e.pattern[e.at:])
		n, e.at = n+copied, (e.at+copied)%len(e.pattern)
	}
	return n, nil
}

// send sends one request and counts what came back. A length of -1 is that of the body.
func (a *attack) send(ctx context.Context, client *http.Client, what, path, token string, body io.Reader, length int64) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+a.address+"/scim/"+directory+"/v2"+path, body)
	if err != nil {
		a.told(what, err.Error())
		return
	}
	if length >= 0 {
		request.ContentLength = length
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		a.told(what, outcomeOf("", errors.Unwrap(err)))
	default:
		a.told(what, fmt.Sprint(response.StatusCode))
	}
	if err == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
		_ = response.Body.Close()
	}
}

// hostileKinds are all the ways to do harm.
func hostileKinds() []string {
	kinds := []string{"wrong token"}
	for _, k := range slowKinds() {
		kinds = append(kinds, k.what)
	}
	for _, k := range bombKinds() {
		kinds = append(kinds, k.what)
	}
	return kinds
}
