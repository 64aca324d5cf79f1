package postgres

import (
	"encoding/json"
	"strings"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// markPrefix begins the first line of the comment of every role that is an account.
const markPrefix = "scim-operator "

// mark is what the connector keeps with an account. Everybody who can connect to the server can read it.
type mark struct {
	// App and Person come first, so that the beginning of a comment tells whose the account is.
	App    string `json:"app"`
	Person string `json:"person"`
	// Roles are those that the connector gave, in ascending order.
	Roles []string `json:"roles"`
	// Salt is that of the password verifier that the connector set. It tells verifiers apart, which only superusers can read, and is no
	// secret: the server sends it to whoever begins to sign in.
	Salt string `json:"salt,omitempty"`
}

func (m mark) owner() connector.Owner { return connector.Owner{App: m.App, Person: m.Person} }

// comment is the mark, followed by what somebody else wrote.
func (m mark) comment(own string) string {
	if m.Roles == nil {
		m.Roles = []string{}
	}
	text := markPrefix + encode(m)
	if own != "" {
		text += "\n" + own
	}
	return text
}

// ownerPrefix is how the comments of the owner's accounts begin, and nobody else's: it ends with the quote and the comma behind the name.
func ownerPrefix(owner connector.Owner) string {
	whole := encode(struct {
		App    string `json:"app"`
		Person string `json:"person"`
	}{owner.App, owner.Person})
	return markPrefix + strings.TrimSuffix(whole, "}") + ","
}

// parseMark splits a comment. A comment without a mark is all somebody's own. One that begins like a mark and is none has broken set.
func parseMark(comment string) (m mark, own string, broken bool) {
	rest, ok := strings.CutPrefix(comment, markPrefix)
	if !ok {
		return mark{}, comment, false
	}
	line, own, _ := strings.Cut(rest, "\n")
	if err := json.Unmarshal([]byte(line), &m); err != nil || m.App == "" || m.Person == "" {
		return mark{}, own, true
	}
	return m, own, false
}

// encode cannot fail: all that it is given are strings.
func encode(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}
