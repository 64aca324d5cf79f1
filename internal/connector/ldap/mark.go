package ldap

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Values of the mark. Everybody who can read the entry can read them, and they match without regard to case, so owners are compared here
// once more.
const (
	markPrefix   = "scim-operator "
	ownerPrefix  = markPrefix + "owner "
	recordPrefix = markPrefix + "record "
	// claim is the same in all accounts, so that of two who adopt one entry the server refuses the second.
	claim = markPrefix + "account"
)

// record is what the connector keeps with an account.
type record struct {
	// Roles and Attributes are those that the connector gave, in ascending order. Roles may have one more for a moment that is about to
	// be given.
	Roles      []string `json:"roles"`
	Attributes []string `json:"attributes"`
	// Busy is set while a change is under way, to something that no other change has.
	Busy string `json:"busy,omitempty"`
	// Owed are the DNs of groups that the account was in, whoever gave it that, and that it is to be in again once its entry has its new name.
	Owed []string `json:"owed,omitempty"`
	// Home is where the entry was before it was moved because its person is suspended.
	Home string `json:"home,omitempty"`
}

func (r record) value() string {
	if r.Roles == nil {
		r.Roles = []string{}
	}
	if r.Attributes == nil {
		r.Attributes = []string{}
	}
	return recordPrefix + encode(r)
}

// same compares what the record says.
func (r record) same(other record) bool { return r.value() == other.value() }

// ownerOf is a mark as it is written.
type ownerOf struct {
	App    string `json:"app"`
	Person string `json:"person"`
}

func ownerValue(owner connector.Owner) string {
	return ownerPrefix + encode(ownerOf{owner.App, owner.Person})
}

// mark is what the mark's values in an entry say. The values are as the entry has them, so that exactly these can be deleted.
type mark struct {
	owner       connector.Owner
	ownerValue  string
	record      record
	recordValue string
	claimed     bool
	values      []string
	// broken says that there are values that begin like a mark and make none.
	broken bool
}

func (m mark) exists() bool { return m.ownerValue != "" || m.broken }

// names says whether the owner is one that the mark names, be it broken otherwise.
func (m mark) names(owner connector.Owner) bool { return slices.Contains(m.values, ownerValue(owner)) }

func parseMark(values []string) mark {
	m := mark{values: values}
	for _, value := range values {
		switch {
		case value == claim:
			m.claimed = true
		case strings.HasPrefix(value, ownerPrefix):
			var owner ownerOf
			err := json.Unmarshal([]byte(strings.TrimPrefix(value, ownerPrefix)), &owner)
			m.broken = m.broken || err != nil || owner.App == "" || owner.Person == "" || m.ownerValue != ""
			m.owner, m.ownerValue = connector.Owner(owner), value
		case strings.HasPrefix(value, recordPrefix):
			err := json.Unmarshal([]byte(strings.TrimPrefix(value, recordPrefix)), &m.record)
			m.broken = m.broken || err != nil || m.recordValue != ""
			m.recordValue = value
		case strings.HasPrefix(value, strings.TrimSpace(markPrefix)):
			m.broken = true
		}
	}
	m.broken = m.broken || m.ownerValue == "" && (m.claimed || m.recordValue != "")
	if m.broken {
		m.owner = connector.Owner{}
	}
	return m
}

// encode cannot fail: all that it is given are strings. It leaves <, > and & as they are.
func encode(value any) string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(text.String(), "\n")
}
