package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
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
	// defaultSecretKey is the key that a reference without one means (the default of the API).
	defaultSecretKey = "token"
)

// SecretReader reads one key of a Secret in the operator's namespace.
type SecretReader interface {
	// SecretValue returns the value, live. It is nil without an error when the Secret or the key does not exist.
	SecretValue(ctx context.Context, name, key string) ([]byte, error)
}

// Tokens checks bearer tokens against Secrets. It keeps the hash of each token for ten seconds, and never the token. It is safe for
// concurrent use.
type Tokens struct {
	reader SecretReader
	clock  clock.PassiveClock

	mu    sync.Mutex
	memos map[v1alpha1.SecretKeyRef]*tokenMemo
}

// NewTokens makes a Tokens that reads through reader; a nil clock means the real one.
func NewTokens(reader SecretReader, c clock.PassiveClock) *Tokens {
	if c == nil {
		c = clock.RealClock{}
	}
	return &Tokens{reader: reader, clock: c, memos: map[v1alpha1.SecretKeyRef]*tokenMemo{}}
}

// Match finds the credential whose token this is and returns its name; empty when there is none. It returns an error only if the
// token matched nothing and a Secret that it might match could not be read.
func (t *Tokens) Match(ctx context.Context, credentials []v1alpha1.Credential, token string) (string, error) {
	if token == "" {
		return "", nil
	}
	sum := sha256.Sum256([]byte(token))
	// A token that matches nothing may be newer than the memo, so the second pass looks into the Secrets themselves.
	name, err := t.match(ctx, credentials, sum, tokenFreshness)
	if name != "" {
		return name, nil
	}
	if err != nil {
		return "", err
	}
	return t.match(ctx, credentials, sum, 0)
}

// match compares with every credential, also after a match, so that the time taken does not tell which one it was.
func (t *Tokens) match(ctx context.Context, credentials []v1alpha1.Credential, sum tokenHash, maxAge time.Duration) (string, error) {
	var name string
	var failure error
	for _, credential := range credentials {
		known, err := t.memo(credential.TokenSecretRef).get(ctx, t, maxAge)
		if err != nil {
			failure = fmt.Errorf("credential %s: %w", credential.Name, err)
			continue
		}
		if known.present && subtle.ConstantTimeCompare(known.hash[:], sum[:]) == 1 && name == "" {
			name = credential.Name
		}
	}
	if name != "" {
		return name, nil
	}
	return "", failure
}

func (t *Tokens) memo(ref v1alpha1.SecretKeyRef) *tokenMemo {
	if ref.Key == "" {
		ref.Key = defaultSecretKey
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	m, ok := t.memos[ref]
	if !ok {
		m = &tokenMemo{ref: ref, limit: rate.NewLimiter(rate.Every(secretReadInterval), secretReadBurst)}
		t.memos[ref] = m
	}
	return m
}

type tokenHash = [sha256.Size]byte

// tokenState is what is known of a Secret's token: nothing but its hash.
type tokenState struct {
	hash    tokenHash
	present bool
}

type tokenMemo struct {
	ref   v1alpha1.SecretKeyRef
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
	value, err := t.reader.SecretValue(ctx, m.ref.Name, m.ref.Key)
	if err != nil {
		m.err = fmt.Errorf("reading Secret %s: %w", m.ref.Name, err)
		return tokenState{}, m.err
	}
	m.state, m.readAt, m.err = stateOf(value), now, nil
	return m.state, nil
}

// stateOf hashes a token. White space around it comes from files and editors and cannot be part of a header.
func stateOf(value []byte) tokenState {
	token := strings.TrimSpace(string(value))
	if utf8.RuneCountInString(token) < minTokenLength {
		return tokenState{}
	}
	return tokenState{hash: sha256.Sum256([]byte(token)), present: true}
}
