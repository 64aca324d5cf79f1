package access

import (
	"sync"

	"github.com/scim-operator/scim-operator/internal/access"
)

// usernames compiles each username expression once. There are as many as directories have had, so none is ever forgotten.
type usernames struct {
	// required is the prefix that every name must have; empty for none.
	required string

	mu       sync.Mutex
	compiled map[string]compiledUsername
}

type compiledUsername struct {
	username access.Username
	err      error
}

func newUsernames(required string) *usernames {
	return &usernames{required: required, compiled: map[string]compiledUsername{}}
}

func (u *usernames) get(expression string) (access.Username, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	entry, ok := u.compiled[expression]
	if !ok {
		entry.username, entry.err = access.CompileUsername(expression)
		entry.username = entry.username.Requiring(u.required)
		u.compiled[expression] = entry
	}
	return entry.username, entry.err
}
