package scimapp

import (
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// markPrefix begins the externalId of every user that is an account of ours.
const markPrefix = "scim-operator/"

// mark is the externalId: scim-operator/<app>/<person>. It has no character in it that means something in a filter, in a URL or in SQL's
// LIKE but for the underscore, and none that a server could fold: capitals are written as codes.
func mark(owner connector.Owner) string {
	return markPrefix + escape(owner.App) + "/" + escape(owner.Person)
}

const escapeSign = '_'

func isPlain(b byte) bool {
	return 'a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '-' || b == '.'
}

func escape(text string) string {
	var escaped strings.Builder
	for i := range len(text) {
		if b := text[i]; isPlain(b) {
			escaped.WriteByte(b)
		} else {
			escaped.WriteByte(escapeSign)
			escaped.WriteString(hex.EncodeToString([]byte{b}))
		}
	}
	return escaped.String()
}

// unescape undoes escape, and nothing else: there is one way to write a text.
func unescape(escaped string) (text string, ok bool) {
	var plain []byte
	for i := 0; i < len(escaped); i++ {
		if escaped[i] != escapeSign {
			plain = append(plain, escaped[i])
			continue
		}
		if len(escaped) < i+3 {
			return "", false
		}
		b, err := hex.DecodeString(escaped[i+1 : i+3])
		if err != nil {
			return "", false
		}
		plain = append(plain, b...)
		i += 2
	}
	text = string(plain)
	return text, escape(text) == escaped
}

// parseMark reads an externalId. One that does not begin like a mark is somebody else's. One that does and is none has broken set.
func parseMark(externalID string) (owner connector.Owner, broken bool) {
	rest, ok := strings.CutPrefix(externalID, markPrefix)
	if !ok {
		return connector.Owner{}, false
	}
	app, person, _ := strings.Cut(rest, "/")
	var okApp, okPerson bool
	owner.App, okApp = unescape(app)
	owner.Person, okPerson = unescape(person)
	if !okApp || !okPerson || checkOwner("", owner) != nil {
		return connector.Owner{}, true
	}
	return owner, false
}

// checkOwner keeps a caller that forgot the owner from reaching everybody's accounts.
func checkOwner(op string, owner connector.Owner) error {
	for _, part := range []string{owner.App, owner.Person} {
		if part == "" || !isText(part) {
			return connector.Errorf(connector.Rejected, op, "the owner's app and person must be given, in UTF-8 and without control characters")
		}
	}
	return nil
}

// isText says that a text can be sent, and is the same to everybody who reads it.
func isText(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
