package argocd

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// markPrefix begins the comment in front of every account's rows.
const markPrefix = "# scim-operator "

// mark is what the connector keeps of an account. Everybody who may read the policy can read it.
type mark struct {
	App    string `json:"app"`
	Person string `json:"person"`
	Name   string `json:"name"`
	// Active is left out of the marks of suspended accounts, so that suspending never makes the policy longer.
	Active bool `json:"active,omitempty"`
	// Pending says that other objects may not be yet as this mark wants them.
	Pending bool `json:"pending,omitempty"`
	// Roles are those that the connector gave, in ascending order. While the account is suspended they are only remembered.
	Roles []string `json:"roles,omitempty"`
	// Leaving are roles of projects that names of the account are yet to lose.
	Leaving []grant `json:"leaving,omitempty"`
}

// grant is a role that a name has.
type grant struct {
	Name string `json:"name"`
	Role string `json:"role"`
}

func (m mark) owner() connector.Owner { return connector.Owner{App: m.App, Person: m.Person} }

func (m mark) line() string { return markPrefix + encode(m) }

// settled is the mark when everything is as it wants it.
func (m mark) settled() mark {
	m.Pending, m.Leaving = false, nil
	return m
}

// grants are all that the connector gave the account or is taking from it.
func (m mark) grants() []grant {
	all := slices.Clone(m.Leaving)
	for _, role := range m.Roles {
		all = append(all, grant{m.Name, role})
	}
	return all
}

// rows are the lines of policy that the mark stands in front of.
func (m mark) rows() []string {
	if !m.Active {
		return nil
	}
	var rows []string
	for _, role := range m.Roles {
		if strings.HasPrefix(role, rolePrefix) {
			rows = append(rows, grantRow(m.Name, role))
		}
	}
	return rows
}

// parseMark returns nil for a line that begins like a mark and is none.
func parseMark(text string) *mark {
	m := new(mark)
	if err := json.Unmarshal([]byte(strings.TrimPrefix(text, markPrefix)), m); err != nil || m.App == "" || m.Person == "" || m.Name == "" {
		return nil
	}
	return m
}

// ownerID is the id of an owner's account, which outlives its name.
func ownerID(owner connector.Owner) string {
	sum := sha256.Sum256([]byte(encode([]string{owner.App, owner.Person})))
	return "owner-" + hex.EncodeToString(sum[:16])
}

// encode cannot fail: all that it is given are strings and truth values.
func encode(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}
