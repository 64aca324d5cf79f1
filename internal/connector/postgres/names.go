package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/scim-operator/scim-operator/internal/connector"
)

const (
	// hashDigits of SHA-256 are 64 bits: two of a million names meet with a chance of one in 10^7.
	hashDigits = 16
	// attributeVerifier is the only attribute that there is.
	attributeVerifier = "scramVerifier"
	maxVerifierBytes  = 512
)

// verifier is the form of RFC 5803 that PostgreSQL uses. Anything else would be taken for a password in the clear.
var verifier = regexp.MustCompile(`^SCRAM-SHA-256\$[1-9][0-9]{3,8}:([A-Za-z0-9+/]{8,}={0,2})\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$`)

// limits are what the server takes as a name.
type limits struct {
	maxBytes  int
	unicode   bool
	longNames LongNames
}

// roleName is the name that the role of an account gets.
func roleName(op, name string, l limits) (string, error) {
	switch {
	case name == "":
		return "", connector.Errorf(connector.Rejected, op, "the account name is empty")
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return "", connector.Errorf(connector.Rejected, op,
			"the account name has a control character in it, or is not UTF-8: map the name to one that has none")
	case strings.HasPrefix(name, "pg_"):
		return "", connector.Errorf(connector.Protected, op, "names that begin with pg_ are PostgreSQL's own: map the name to another one")
	case name == "public" || name == "none":
		return "", connector.Errorf(connector.Rejected, op, "PostgreSQL takes no role named %s: map the name to another one", name)
	case !l.unicode && strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }):
		return "", connector.Errorf(connector.Rejected, op,
			"the account name is not ASCII, and the database's encoding is not UTF8, so that others may read the name differently: "+
				"connect to a database in UTF8")
	case len(name) <= l.maxBytes:
		return name, nil
	case l.longNames == HashLong && l.maxBytes > hashDigits+1:
		return hashed(name, l.maxBytes), nil
	}
	return "", connector.Errorf(connector.Rejected, op,
		"the account name has %d bytes, and the server takes %d: map the name to a shorter one, or let long names be hashed", len(name), l.maxBytes)
}

// hashed is as much of the name as leaves room for its hash, cut between characters.
func hashed(name string, maxBytes int) string {
	end := maxBytes - hashDigits - 1
	for !utf8.RuneStart(name[end]) {
		end--
	}
	sum := sha256.Sum256([]byte(name))
	return name[:end] + "~" + hex.EncodeToString(sum[:])[:hashDigits]
}

// password is the verifier that the account should have, and its salt; both are empty when it should have none of ours.
func password(op string, attributes map[string][]string) (text, salt string, err error) {
	for name := range attributes {
		if name != attributeVerifier {
			return "", "", connector.Errorf(connector.Rejected, op, "PostgreSQL keeps no attribute %q; it keeps %s", name, attributeVerifier)
		}
	}
	values := attributes[attributeVerifier]
	if len(values) == 0 {
		return "", "", nil
	}
	var parts []string
	if len(values) == 1 && len(values[0]) <= maxVerifierBytes {
		parts = verifier.FindStringSubmatch(values[0])
	}
	if parts == nil {
		return "", "", connector.Errorf(connector.Rejected, op,
			"%s must be one SCRAM-SHA-256 verifier as PostgreSQL stores it; passwords are not taken", attributeVerifier)
	}
	return values[0], parts[1], nil
}

// checkOwner keeps a caller that forgot the owner from reaching everybody's accounts.
func checkOwner(op string, owner connector.Owner) error {
	for _, part := range []string{owner.App, owner.Person} {
		if part == "" || !utf8.ValidString(part) || strings.ContainsFunc(part, unicode.IsControl) {
			return connector.Errorf(connector.Rejected, op, "the owner's app and person must be given, in UTF-8 and without control characters")
		}
	}
	return nil
}

// checkRoleNames refuses what cannot even be asked for.
func checkRoleNames(op string, names []string) error {
	for _, name := range names {
		if name == "" || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
			return connector.Errorf(connector.Rejected, op, "there can be no role named %q: correct the role mapping", name)
		}
	}
	return nil
}
