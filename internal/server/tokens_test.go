package server

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

const (
	tokenA = "token-a-0123456789-0123456789-0123456789"
	tokenB = "token-b-0123456789-0123456789-0123456789"
)

// scriptedSecrets is the API server's part in the timing of the memo: what the Secrets hold, and how often they were read.
type scriptedSecrets struct {
	values map[string]string
	err    error
	reads  int
}

func (s *scriptedSecrets) SecretValues(_ context.Context, name string, keys ...string) ([][]byte, error) {
	s.reads++
	if s.err != nil {
		return nil, s.err
	}
	values := make([][]byte, len(keys))
	for i, key := range keys {
		if value, ok := s.values[name+"/"+key]; ok {
			values[i] = []byte(value)
		}
	}
	return values, nil
}

// find looks for a credential as authenticate does, and returns its name.
func find(ctx context.Context, tokens *Tokens, credentials []v1alpha1.Credential, shown presented) (string, error) {
	found, err := tokens.Match(ctx, credentials, shown)
	if err == nil && found == nil {
		found, err = tokens.MatchLive(ctx, credentials, shown)
	}
	if found == nil {
		return "", err
	}
	return found.Name, err
}

func credential(name, secret, key string) v1alpha1.Credential {
	return v1alpha1.Credential{Name: name, TokenSecretRef: v1alpha1.SecretKeyRef{Name: secret, Key: key}}
}

func TestTokensMatch(t *testing.T) {
	values := map[string]string{
		"first/token": tokenA, "second/other": tokenB, "newline/token": tokenB + "\n",
		"short/token": tokenA[:minTokenLength-1], "padded/token": "x" + strings.Repeat(" ", minTokenLength), "empty/token": "",
	}
	cases := map[string]struct {
		reason      string
		credentials []v1alpha1.Credential
		token, want string
	}{
		"none":       {"a directory without credentials lets nobody in", nil, tokenA, ""},
		"match":      {"the token names the credential", []v1alpha1.Credential{credential("a", "first", "token")}, tokenA, "a"},
		"defaultKey": {"a reference without a key means the key token", []v1alpha1.Credential{credential("a", "first", "")}, tokenA, "a"},
		"second":     {"several tokens may be live at once", []v1alpha1.Credential{credential("a", "first", "token"), credential("b", "second", "other")}, tokenB, "b"},
		"newline":    {"white space at the end of a Secret is not part of the token", []v1alpha1.Credential{credential("n", "newline", "token")}, tokenB, "n"},
		"wrong":      {"a wrong token matches nothing", []v1alpha1.Credential{credential("a", "first", "token")}, tokenB, ""},
		"prefix":     {"a part of a token is a wrong token", []v1alpha1.Credential{credential("a", "first", "token")}, tokenA[:35], ""},
		"short":      {"a token of less than 32 characters is absent", []v1alpha1.Credential{credential("s", "short", "token")}, tokenA[:minTokenLength-1], ""},
		"padded":     {"padding does not make a token longer", []v1alpha1.Credential{credential("p", "padded", "token")}, "x", ""},
		"empty":      {"empty never equals", []v1alpha1.Credential{credential("e", "empty", "token")}, "", ""},
		"missing":    {"a Secret that does not exist matches nothing, also not an empty token", []v1alpha1.Credential{credential("m", "gone", "token")}, "", ""},
		"missingKey": {"a key that does not exist is no error", []v1alpha1.Credential{credential("m", "first", "gone")}, tokenA, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tokens := NewTokens(&scriptedSecrets{values: values}, testclock.NewFakePassiveClock(time.Unix(0, 0)))
			got, err := find(t.Context(), tokens, tc.credentials, presented{secret: tc.token})
			if err != nil || got != tc.want {
				t.Errorf("%s: Match() = %q, %v; want %q", tc.reason, got, err, tc.want)
			}
		})
	}
}

func TestTokenRotation(t *testing.T) {
	clock := testclock.NewFakePassiveClock(time.Unix(1000, 0))
	secrets := &scriptedSecrets{values: map[string]string{"s/token": tokenA}}
	tokens := NewTokens(secrets, clock)
	credentials := []v1alpha1.Credential{credential("c", "s", "token")}
	expect := func(reason, token, want string) {
		t.Helper()
		if got, err := find(t.Context(), tokens, credentials, presented{secret: token}); err != nil || got != want {
			t.Fatalf("%s: Match() = %q, %v; want %q", reason, got, err, want)
		}
	}
	expect("the first token is read", tokenA, "c")
	reads := secrets.reads
	expect("a fresh memo costs no read", tokenA, "c")
	if secrets.reads != reads {
		t.Errorf("a fresh memo was read again: %d reads, want %d", secrets.reads, reads)
	}
	secrets.values["s/token"] = tokenB
	expect("a new token works at once", tokenB, "c")
	expect("after the memo has seen the new token, the old one is dead", tokenA, "")
	delete(secrets.values, "s/token")
	clock.SetTime(clock.Now().Add(tokenFreshness))
	expect("a revoked token dies within ten seconds", tokenB, "")
}

func TestWrongTokensCostFewReads(t *testing.T) {
	clock := testclock.NewFakePassiveClock(time.Unix(1000, 0))
	secrets := &scriptedSecrets{values: map[string]string{"s/token": tokenA}}
	tokens := NewTokens(secrets, clock)
	credentials := []v1alpha1.Credential{credential("c", "s", "token")}
	const seconds = 20
	for range seconds {
		for range 100 {
			if got, err := find(t.Context(), tokens, credentials, presented{secret: tokenB}); got != "" || err != nil {
				t.Fatalf("Match() of a wrong token = %q, %v", got, err)
			}
		}
		if got, err := find(t.Context(), tokens, credentials, presented{secret: tokenA}); got != "c" || err != nil {
			t.Fatalf("Match() of the right token among wrong ones = %q, %v", got, err)
		}
		clock.SetTime(clock.Now().Add(time.Second))
	}
	if most := seconds + secretReadBurst; secrets.reads > most {
		t.Errorf("wrong tokens caused %d reads in %d seconds, want at most %d", secrets.reads, seconds, most)
	}
}

func TestUnreadableSecret(t *testing.T) {
	clock := testclock.NewFakePassiveClock(time.Unix(1000, 0))
	secrets := &scriptedSecrets{values: map[string]string{"s/token": tokenA}}
	tokens := NewTokens(secrets, clock)
	credentials := []v1alpha1.Credential{credential("c", "s", "token")}
	if got, err := find(t.Context(), tokens, credentials, presented{secret: tokenA}); got != "c" || err != nil {
		t.Fatalf("Match() = %q, %v", got, err)
	}
	secrets.err = errors.New("connection refused")
	if got, err := find(t.Context(), tokens, credentials, presented{secret: tokenA}); got != "c" || err != nil {
		t.Errorf("a token that was read less than ten seconds ago needs no read: Match() = %q, %v", got, err)
	}
	clock.SetTime(clock.Now().Add(tokenFreshness))
	for range 10 {
		if got, err := find(t.Context(), tokens, credentials, presented{secret: tokenA}); got != "" || !errors.Is(err, secrets.err) {
			t.Errorf("a token that can no longer be checked is neither right nor wrong: Match() = %q, %v", got, err)
		}
	}
	if got, err := find(t.Context(), tokens, credentials, presented{secret: ""}); got != "" || err != nil {
		t.Errorf("no token is no token, whatever the Secrets: Match() = %q, %v", got, err)
	}
	secrets.err = nil
	clock.SetTime(clock.Now().Add(secretReadInterval))
	if got, err := find(t.Context(), tokens, credentials, presented{secret: tokenA}); got != "c" || err != nil {
		t.Errorf("once the Secret can be read again, its token works: Match() = %q, %v", got, err)
	}
}
