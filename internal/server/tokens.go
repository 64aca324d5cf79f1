package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

const (
	// minTokenLength is the number of characters below which a token counts as absent: it could be guessed.
	minTokenLength = 32
	// tokenFreshness bounds how long a token that was taken out of its Secret is still accepted.
	tokenFreshness = 10 * time.Second
	// secretReadInterval and secretReadBurst bound what wrong tokens can cost the API server: one read of each Secret a second
	// on average. The burst lets a token that was changed a moment after the last read work at once.
	secretReadInterval = time.Second
	secretReadBurst    = 3
	// secretReadTimeout bounds one read. It is not the request's deadline, because others wait for the same read.
	secretReadTimeout = 5 * time.Second
	// The keys that a reference without one means (the defaults of the API).
	defaultSecretKey   = "token"
	defaultUsernameKey = "username"
	defaultPasswordKey = "password"
)

// SecretReader reads Secrets in the operator's namespace.
type SecretReader interface {
	// SecretValues returns the values of some keys of one Secret, live and all of the same moment, in the order of the keys. A value
	// is nil without an error when the Secret or the key does not exist.
	SecretValues(ctx context.Context, name string, keys ...string) ([][]byte, error)
}

// Tokens checks what requests present against the credentials of a directory. Of a Secret it keeps a hash for ten seconds, and never
// the content. It is safe for concurrent use.
type Tokens struct {
	reader SecretReader
	clock  clock.PassiveClock

	mu    sync.Mutex
	memos map[secretRef]*tokenMemo
}

// NewTokens makes a Tokens that reads through reader; a nil clock means the real one.
func NewTokens(reader SecretReader, c clock.PassiveClock) *Tokens {
	if c == nil {
		c = clock.RealClock{}
	}
	return &Tokens{reader: reader, clock: c, memos: map[secretRef]*tokenMemo{}}
}

// Match finds the credential that a request presents, by what is known of its Secret and at most ten seconds old; nil when there is
// none. It prefers a credential that is valid now, and else returns one that is not. It returns an error only if nothing matched and
// a Secret that might match could not be read.
func (t *Tokens) Match(ctx context.Context, credentials []v1alpha1.Credential, shown presented) (*v1alpha1.Credential, error) {
	return t.match(ctx, credentials, shown, tokenFreshness)
}

// MatchLive is Match by the Secrets themselves, as far as they have not been read too often: what matches nothing may be newer than
// what is known.
func (t *Tokens) MatchLive(ctx context.Context, credentials []v1alpha1.Credential, shown presented) (*v1alpha1.Credential, error) {
	return t.match(ctx, credentials, shown, 0)
}

// match compares with every credential, also after a match, so that the time taken does not tell which one it was.
func (t *Tokens) match(ctx context.Context, credentials []v1alpha1.Credential, shown presented, maxAge time.Duration) (*v1alpha1.Credential, error) {
	if !shown.longEnough() {
		return nil, nil
	}
	sum, now := sha256.Sum256([]byte(shown.secret)), t.clock.Now()
	var found *v1alpha1.Credential
	var failure error
	for i := range credentials {
		credential := &credentials[i]
		known, err := t.known(ctx, credential, maxAge)
		if err != nil {
			failure = fmt.Errorf("credential %s: %w", credential.Name, err)
			continue
		}
		sameKind := known.present && shown.basic == (credential.BasicSecretRef.Name != "")
		if subtle.ConstantTimeCompare(known.hash[:], sum[:]) != 1 || !sameKind {
			continue
		}
		if found == nil || (!found.ValidAt(now) && credential.ValidAt(now)) {
			found = credential
		}
	}
	if found != nil {
		return found, nil
	}
	return nil, failure
}

// known is the hash that a credential stands for.
func (t *Tokens) known(ctx context.Context, credential *v1alpha1.Credential, maxAge time.Duration) (tokenState, error) {
	if credential.TokenSHA256 != "" {
		return parseHash(credential.TokenSHA256), nil
	}
	return t.memo(refOf(credential)).get(ctx, t, maxAge)
}

func (t *Tokens) memo(ref secretRef) *tokenMemo {
	t.mu.Lock()
	defer t.mu.Unlock()
	m, ok := t.memos[ref]
	if !ok {
		m = &tokenMemo{ref: ref, limit: rate.NewLimiter(rate.Every(secretReadInterval), secretReadBurst)}
		t.memos[ref] = m
	}
	return m
}

// secretRef is what a credential reads of which Secret. userKey is empty for a bearer token.
type secretRef struct{ name, key, userKey string }

func refOf(credential *v1alpha1.Credential) secretRef {
	if basic := credential.BasicSecretRef; basic.Name != "" {
		return secretRef{basic.Name, cmp.Or(basic.PasswordKey, defaultPasswordKey), cmp.Or(basic.UsernameKey, defaultUsernameKey)}
	}
	return secretRef{name: credential.TokenSecretRef.Name, key: cmp.Or(credential.TokenSecretRef.Key, defaultSecretKey)}
}

// longEnough refuses what could be guessed, also where only its hash is known.
func (p presented) longEnough() bool {
	secret := p.secret
	if p.basic {
		_, secret, _ = strings.Cut(secret, ":")
	}
	return utf8.RuneCountInString(secret) >= minTokenLength
}

// parseHash reads a hash in hex or base64. One that is neither is absent.
func parseHash(text string) tokenState {
	var state tokenState
	decode := hex.DecodeString
	if len(text) != hex.EncodedLen(len(state.hash)) {
		decode = base64.StdEncoding.DecodeString
	}
	raw, err := decode(text)
	state.present = err == nil && len(raw) == len(state.hash)
	if state.present {
		copy(state.hash[:], raw)
	}
	return state
}

type tokenHash = [sha256.Size]byte

// tokenState is what is known of a Secret's token: nothing but its hash.
type tokenState struct {
	hash    tokenHash
	present bool
}

type tokenMemo struct {
	ref   secretRef
	limit *rate.Limiter

	// mu is held during a read, so that many requests at once cost one read.
	mu     sync.Mutex
	state  tokenState
	readAt time.Time
	err    error
}

// get returns the state as of at most maxAge ago, or, when the Secret has been read too often, as of at most tokenFreshness ago.
func (m *tokenMemo) get(ctx context.Context, t *Tokens, maxAge time.Duration) (tokenState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := t.clock.Now()
	age := now.Sub(m.readAt)
	if age < maxAge {
		return m.state, nil
	}
	if !m.limit.AllowN(now, 1) {
		if age < tokenFreshness {
			return m.state, nil
		}
		return tokenState{}, m.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), secretReadTimeout)
	defer cancel()
	state, err := m.ref.read(ctx, t.reader)
	if err != nil {
		m.err = fmt.Errorf("reading Secret %s: %w", m.ref.name, err)
		return tokenState{}, m.err
	}
	m.state, m.readAt, m.err = state, now, nil
	return m.state, nil
}

func (r secretRef) read(ctx context.Context, reader SecretReader) (tokenState, error) {
	keys := []string{r.key}
	if r.userKey != "" {
		keys = append(keys, r.userKey)
	}
	values, err := reader.SecretValues(ctx, r.name, keys...)
	if err != nil || len(values) != len(keys) {
		return tokenState{}, err
	}
	if r.userKey != "" {
		return basicState(values[1], values[0]), nil
	}
	return stateOf(values[0]), nil
}

// stateOf hashes a token. White space around it comes from files and editors and cannot be part of a header.
func stateOf(value []byte) tokenState {
	token := strings.TrimSpace(string(value))
	if utf8.RuneCountInString(token) < minTokenLength {
		return tokenState{}
	}
	return tokenState{hash: sha256.Sum256([]byte(token)), present: true}
}

// basicState hashes a user name and its password as a request has them. A user name with a colon cannot be sent (RFC 7617 section 2).
func basicState(username, password []byte) tokenState {
	user, secret := strings.TrimSpace(string(username)), strings.TrimSpace(string(password))
	if user == "" || strings.Contains(user, ":") || utf8.RuneCountInString(secret) < minTokenLength {
		return tokenState{}
	}
	return tokenState{hash: sha256.Sum256([]byte(user + ":" + secret)), present: true}
}
