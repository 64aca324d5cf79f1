package connectortest

import (
	"strings"
	"testing"

	"github.com/scim-operator/scim-operator/internal/connector"
)

func (s *suite) existing(t *testing.T) {
	t.Run("Refuse, and nothing, is a Conflict", func(t *testing.T) {
		for _, existing := range []connector.Existing{"", connector.Refuse} {
			account := s.account()
			account.Existing = existing
			s.Foreign(t, account.Name, s.Roles[0])
			s.refused(t, ensuring(account), connector.Conflict)
		}
	})
	t.Run("Ignore leaves it alone, and says whose it is", func(t *testing.T) {
		account := s.account()
		account.Existing, account.Roles = connector.Ignore, s.Roles[:1]
		s.Foreign(t, account.Name)
		s.nothing(t, ensuring(account))
		if got := s.must(t, account); !got.Owner.IsZero() || got.Name != account.Name {
			t.Errorf("got %+v, want the account of nobody", got)
		}
		s.nothing(t, suspending(account.Owner))
		s.nothing(t, deleting(account.Owner, connector.DeleteOptions{}))
	})
	t.Run("Ignore leaves it alone also when it should not be active", func(t *testing.T) {
		account := s.account()
		account.Existing, account.Active = connector.Ignore, false
		s.Foreign(t, account.Name)
		s.nothing(t, ensuring(account))
	})
	s.adoption(t)
	s.marked(t)
}

func (s *suite) adoption(t *testing.T) {
	t.Run("Adopt marks it, and what it had stays", func(t *testing.T) {
		account := s.account()
		account.Existing, account.Roles = connector.Adopt, s.Roles[1:2]
		s.Foreign(t, account.Name, s.Roles[0])
		s.once(t, ensuring(account))
		s.see(t, account.Name, true, s.Roles[:2]...)
		if got := s.must(t, account); got.Owner != account.Owner {
			t.Errorf("got owner %v, want %v", got.Owner, account.Owner)
		}
		account.Roles, account.Revoke = nil, s.Roles[:2]
		s.once(t, ensuring(account))
		s.see(t, account.Name, true, s.Roles[0])
	})
	t.Run("Adopt suspends it when it should not be active", func(t *testing.T) {
		account := s.account()
		account.Existing, account.Active = connector.Adopt, false
		s.Foreign(t, account.Name)
		s.once(t, ensuring(account))
		s.see(t, account.Name, false)
	})
}

// marked accounts are somebody's already.
func (s *suite) marked(t *testing.T) {
	t.Run("what bears another's mark is a Conflict, whatever is to be done with existing accounts", func(t *testing.T) {
		taken := s.existingAccount(t)
		for _, existing := range []connector.Existing{"", connector.Refuse, connector.Ignore, connector.Adopt} {
			account := s.account()
			account.Name, account.Existing = taken.Name, existing
			s.refused(t, ensuring(account), connector.Conflict)
			account.Active = false
			s.refused(t, ensuring(account), connector.Conflict)
		}
	})
	t.Run("the same person by another connection is somebody else", func(t *testing.T) {
		account := s.existingAccount(t)
		other := connector.Owner{App: app + "-other", Person: account.Owner.Person}
		s.refused(t, ensuring(unlike(account, func(a *connector.Account) { a.Owner, a.Existing = other, connector.Adopt })), connector.Conflict)
		s.nothing(t, suspending(other))
		s.nothing(t, deleting(other, connector.DeleteOptions{}))
	})
}

func (s *suite) fence(t *testing.T) {
	t.Run("a name that was freed and taken by somebody else is somebody else's", func(t *testing.T) {
		first := s.existingAccount(t)
		s.once(t, deleting(first.Owner, connector.DeleteOptions{}))
		second := s.account()
		second.Name = first.Name
		s.once(t, ensuring(second))
		s.nothing(t, suspending(first.Owner))
		s.nothing(t, deleting(first.Owner, connector.DeleteOptions{}))
		s.refused(t, ensuring(first), connector.Conflict)
	})
	t.Run("a name that a rename freed may be given to somebody else", func(t *testing.T) {
		first, second := s.existingAccount(t), s.account()
		second.Name = first.Name
		s.once(t, ensuring(unlike(first, func(a *connector.Account) { a.Name += "-renamed" })))
		s.once(t, ensuring(second))
		s.refused(t, ensuring(first), connector.Conflict)
		s.once(t, suspending(first.Owner))
		s.see(t, first.Name+"-renamed", false)
		s.see(t, second.Name, true)
	})
	t.Run("an account that was made again by hand is nobody's", func(t *testing.T) {
		account := s.existingAccount(t)
		s.once(t, deleting(account.Owner, connector.DeleteOptions{}))
		s.Foreign(t, account.Name)
		s.nothing(t, suspending(account.Owner))
		s.nothing(t, deleting(account.Owner, connector.DeleteOptions{}))
		s.refused(t, ensuring(account), connector.Conflict)
	})
}

func (s *suite) protected(t *testing.T) {
	for _, name := range s.Protected {
		t.Run(name, func(t *testing.T) {
			for _, active := range []bool{true, false} {
				account := s.account()
				account.Name, account.Existing, account.Active = name, connector.Adopt, active
				s.refused(t, ensuring(account), connector.Protected)
			}
			account := s.existingAccount(t)
			account.Name = name
			s.refused(t, ensuring(account), connector.Protected, connector.Conflict)
		})
	}
}

// hostile names are refused, or kept as they are.
func (s *suite) names(t *testing.T) {
	long := strings.Repeat("n", 59)
	for what, name := range map[string]string{
		"quotes":                `o'brien "the" ` + "`dba`",
		"injection":             `x"; DROP ROLE person1; --`,
		"injection of a text":   `x'); DROP ROLE person1; --`,
		"dollar quotes":         `$$; DROP ROLE person1; $$`,
		"backslashes":           `a\'b\\c\`,
		"format":                `%I%L%s %d %[1]s`,
		"newline":               "a\nb",
		"carriage return":       "a\rb",
		"zero":                  "a\x00b",
		"not UTF-8":             "a\xff\xfe",
		"unicode":               "žofia-李-🎓",
		"combining":             "e\u0301",
		"right to left":         "a\u202eb",
		"upper case":            "Person1",
		"spaces":                "  a  b  ",
		"empty":                 "",
		"dots and slashes":      "../../etc/passwd",
		"distinguished name":    `cn=a,dc=b+uid=c#;<>\,*()`,
		"comma":                 "a, g, role:admin",
		"63 bytes":              long + "-63b",
		"64 bytes":              long + "-64b-",
		"64 bytes, another":     long + "-64b_",
		"more than one page":    strings.Repeat("n", 9000),
		"64 bytes in the midst": strings.Repeat("é", 31) + "xé",
		"keyword":               "select",
		"keyword for a role":    "current_user",
		"everybody":             "public",
		"nobody":                "none",
		"all":                   "*",
		"at sign":               "person@example.com",
		"percent":               "%",
		"null":                  "null",
		"mark":                  `scim-operator {"app":"x"}`,
	} {
		t.Run(what, func(t *testing.T) { s.hostileName(t, name) })
	}
}

func (s *suite) hostileName(t *testing.T, name string) {
	account := s.account()
	account.Name, account.Roles = name, s.Roles[:1]
	before := s.Truth(t)
	if _, exists := before[name]; exists {
		t.Fatalf("the target has an account %q before it is made", name)
	}
	if _, _, err := s.c.Ensure(t.Context(), account); err != nil {
		kinds := []connector.Kind{connector.Rejected, connector.Protected}
		for taken := range before {
			if strings.EqualFold(taken, name) { // A target may take both for one name.
				kinds = append(kinds, connector.Conflict)
			}
		}
		s.refused(t, ensuring(account), kinds...)
		s.unchanged(t, before)
		return
	}
	s.see(t, name, true, s.Roles[0])
	s.unchangedBut(t, before, name)
	s.nothing(t, ensuring(account))
	s.once(t, suspending(account.Owner))
	s.see(t, name, false, s.Roles[0])
	renamed := unlike(account, func(a *connector.Account) { a.Name, a.Revoke, a.Roles = s.account().Name, a.Roles, nil })
	s.once(t, ensuring(renamed))
	s.once(t, ensuring(account))
	s.once(t, deleting(account.Owner, connector.DeleteOptions{}))
	s.unchanged(t, before)
}

// owners: whoever forgets to say whose account it is must not reach everybody's, and nobody's mark can be taken for another's.
func (s *suite) owners(t *testing.T) {
	t.Run("an owner without a part is refused", func(t *testing.T) {
		account := s.existingAccount(t)
		for _, owner := range []connector.Owner{{}, {App: app}, {Person: account.Owner.Person}, {App: app, Person: "a\xff"}} {
			s.refused(t, suspending(owner), connector.Rejected)
			s.refused(t, deleting(owner, connector.DeleteOptions{}), connector.Rejected)
			s.refused(t, ensuring(unlike(account, func(a *connector.Account) { a.Owner = owner })), connector.Rejected)
			_, err := s.c.Observe(t.Context(), owner, account.Name)
			wantKind(t, err, connector.Rejected)
		}
	})
	t.Run("an owner's mark is no other's, however alike they are", func(t *testing.T) {
		account := s.account()
		person := "look-alike-1"
		account.Owner.Person = person
		s.must(t, account)
		for _, like := range []string{person + "0", person[:len(person)-1], person + `"`, person + `","`, person + "%", "%", "_", "*", ".*", person + "*", person + `\`} {
			owner := connector.Owner{App: app, Person: like}
			s.nothing(t, deleting(owner, connector.DeleteOptions{}))
			made := s.account()
			made.Owner = owner
			if _, _, err := s.c.Ensure(t.Context(), made); err != nil {
				wantKind(t, err, connector.Rejected)
				continue
			}
			s.nothing(t, ensuring(account))
			s.once(t, deleting(owner, connector.DeleteOptions{}))
			s.see(t, account.Name, true)
		}
	})
}
