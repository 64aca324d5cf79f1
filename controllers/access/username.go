package access

import (
	"sync"

	"github.com/scim-operator/scim-operator/internal/access"
)

// maxConditions is the number of compiled conditions that are kept. Grants come and go, and with them their conditions.
const maxConditions = 1_000

// usernames compiles each expression once. There are as many for names as directories have had, so none of those is ever forgotten.
type usernames struct {
	// required is the prefix that every name must have; empty for none.
	required string

	mu         sync.Mutex
	compiled   map[string]compiledUsername
	groups     map[string]compiledGroupname
	conditions map[string]*access.Condition
}

type compiledUsername struct {
	username access.Username
	err      error
}

type compiledGroupname struct {
	groupname access.Groupname
	err       error
}

func newUsernames(required string) *usernames {
	return &usernames{
		required: required,
		compiled: map[string]compiledUsername{}, groups: map[string]compiledGroupname{}, conditions: map[string]*access.Condition{},
	}
}

// group is get for the expressions that name groups.
func (u *usernames) group(expression string) (access.Groupname, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	entry, ok := u.groups[expression]
	if !ok {
		entry.groupname, entry.err = access.CompileGroupname(expression)
		u.groups[expression] = entry
	}
	return entry.groupname, entry.err
}

// condition is the compiled condition of a grant: nil when there is none, or when it does not compile.
func (u *usernames) condition(expression string) *access.Condition {
	if expression == "" {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	entry, ok := u.conditions[expression]
	if ok {
		return entry
	}
	if len(u.conditions) >= maxConditions {
		clear(u.conditions)
	}
	if compiled, err := access.CompileCondition(expression); err == nil {
		entry = &compiled
	}
	u.conditions[expression] = entry
	return entry
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
