package ldap

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-ldap/ldap/v3"

	"github.com/scim-operator/scim-operator/internal/connector"
)

const (
	uidNumber     = "uidNumber"
	gidNumber     = "gidNumber"
	homeDirectory = "homeDirectory"
	loginShell    = "loginShell"
	// systemUIDs are below this: root and the accounts of programs.
	systemUIDs = 1000
	// maxProbes is how many numbers are looked at before the range is called full.
	maxProbes = 100
)

var posixAttributes = []string{"gecos", gidNumber, homeDirectory, loginShell, uidNumber}

// posixName is what goes into a home directory's path, a shell and a file of passwords as it is.
var posixName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.@-]*$`)

func (p Posix) withDefaults() (Posix, error) {
	if p.HomeBase == "" {
		p.HomeBase = "/home"
	}
	switch {
	case p.FirstUID < systemUIDs || p.LastUID < p.FirstUID || p.LastUID > 1<<31-1:
		return p, fmt.Errorf("the uid numbers must begin at %d or later, and end at 2147483647 or earlier", systemUIDs)
	case p.GID < 1:
		return p, errors.New("the number of the group that people belong to must be given")
	}
	return p, nil
}

// checkPosix refuses numbers that are root's or a program's, and what would be more than one field in a file of passwords.
func checkPosix(op string, attributes map[string][]string) error {
	for name, least := range map[string]int64{uidNumber: systemUIDs, gidNumber: 1} {
		for _, value := range attributes[name] {
			if number, err := strconv.ParseInt(value, 10, 32); err != nil || number < least {
				return connector.Errorf(connector.Rejected, op, "%s must be a number of %d or more: correct the mapping", name, least)
			}
		}
	}
	for _, name := range []string{"gecos", homeDirectory, loginShell} {
		for _, value := range attributes[name] {
			if strings.ContainsFunc(value, func(r rune) bool { return r == ':' || unicode.IsControl(r) }) {
				return connector.Errorf(connector.Rejected, op, "%s has a colon or a control character in it: correct the mapping", name)
			}
		}
	}
	return nil
}

// candidate is the number that a person should have, at that try. Each person has a sequence of their own, so that those who are made at the same
// time seldom meet, and a person who is made again gets the same number if it is free.
func (p Posix) candidate(owner connector.Owner, try int) int64 {
	sum := sha256.Sum256([]byte(ownerValue(owner) + strconv.Itoa(try)))
	span := p.LastUID - p.FirstUID + 1
	return p.FirstUID + int64(binary.BigEndian.Uint32(sum[:4]))%span
}

// freeNumber is the first number of the person's that nobody else has.
func (s *session) freeNumber(ctx context.Context, owner connector.Owner) (string, error) {
	for try := range maxProbes {
		number := strconv.FormatInt(s.options.Posix.candidate(owner, try), 10)
		others, err := s.haveNumber(ctx, number)
		if err != nil {
			return "", err
		}
		if others == 0 {
			return number, nil
		}
	}
	return "", connector.Errorf(connector.Rejected, s.op, "%d uid numbers that were tried are taken: widen the range", maxProbes)
}

// haveNumber counts the entries that have the number.
func (s *session) haveNumber(ctx context.Context, number string) (int, error) {
	found := 0
	for _, base := range s.bases() {
		result, err := s.search(ctx, &ldap.SearchRequest{
			BaseDN: base, Scope: ldap.ScopeWholeSubtree, Filter: equals(uidNumber, number), Attributes: []string{noAttributes},
		})
		if err != nil {
			return 0, err
		}
		found += len(result.Entries)
	}
	return found, nil
}
