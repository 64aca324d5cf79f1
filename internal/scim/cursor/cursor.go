// Package cursor seals the position of a client in a list into a text that the client sends back for the next page (RFC 9865). The
// server keeps nothing: any replica can open what another one has sealed.
package cursor

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// maxLength is the length of the longest text that is looked at. What Seal makes of a key and an id is shorter.
const maxLength = 2048

// version is the first byte of what is sealed, so that a later form of it is not taken for this one.
const version = 1

// encoding has unreserved characters only (RFC 9865 section 2, RFC 3986 section 2.3), and one text for each value.
var encoding = base64.RawURLEncoding.Strict()

// Position is the last resource of a page, and what the next page must agree with.
type Position struct {
	// Key is the resource's place in the order of the list, Type and ID its resource type and id, which decide among equal keys.
	Key, ID, Type string
	// Count is the size of the page.
	Count int
	// Issued is when the cursor was made, to the second.
	Issued time.Time
}

// Sealer seals and opens the cursors of one list for one client. The zero value must not be used.
type Sealer struct {
	aead    cipher.AEAD
	binding []byte
}

// New makes a Sealer. The secret is something that only this client and the replicas know; the binding is whatever must be the same
// on every page. A cursor that was sealed with another secret or binding is like one that never existed.
func New(secret, binding []byte) (*Sealer, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "scim-operator cursor", sha256.Size)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Sealer{aead: aead, binding: binding}, nil
}

// Seal makes the cursor of a position. It is encrypted, since a key may be a name or an address, and URLs end up in logs.
func (s *Sealer) Seal(p Position) string {
	return encoding.EncodeToString(s.aead.Seal(nil, nil, p.encode(), s.binding))
}

// Open reads a cursor. One that this Sealer, on whatever replica, has not made is 400 invalidCursor; one that is older than the
// timeout is 400 expiredCursor.
func (s *Sealer) Open(text string, now time.Time, timeout time.Duration) (Position, error) {
	// The decoder passes over line breaks.
	if len(text) > maxLength || strings.ContainsAny(text, "\r\n") {
		return Position{}, foreign(nil)
	}
	sealed, err := encoding.DecodeString(text)
	if err != nil {
		return Position{}, foreign(err)
	}
	plain, err := s.aead.Open(nil, nil, sealed, s.binding)
	if err != nil {
		return Position{}, foreign(err)
	}
	p, err := decode(plain)
	if err != nil {
		return Position{}, foreign(err)
	}
	// Both are cut to seconds, or a cursor would be short of a part of one.
	if now.Truncate(time.Second).Sub(p.Issued) > timeout {
		return Position{}, scim.BadRequest(scim.TypeExpiredCursor, "The cursor is older than "+timeout.String()+
			", which ServiceProviderConfig names as cursorTimeout. Start again with an empty cursor.")
	}
	return p, nil
}

// foreign says the same for a cursor that was forged, one of another client, and one of another query.
func foreign(cause error) error {
	e := scim.BadRequest(scim.TypeInvalidCursor, "The cursor is not one that this server has issued to this client for this query. Send the value of "+
		"nextCursor as it came, with all other parameters as before, or start again with an empty cursor.")
	e.Cause = cause
	return e
}

func (p Position) encode() []byte {
	dst := []byte{version}
	dst = binary.AppendVarint(dst, p.Issued.Unix())
	dst = binary.AppendVarint(dst, int64(p.Count))
	for _, text := range []string{p.Key, p.ID, p.Type} {
		dst = binary.AppendUvarint(dst, uint64(len(text)))
		dst = append(dst, text...)
	}
	return dst
}

var errMalformed = errors.New("the content of a cursor is malformed")

// decode is the inverse of encode. It gets only what was sealed, perhaps by another release, and still trusts nothing.
func decode(src []byte) (Position, error) {
	if len(src) == 0 || src[0] != version {
		return Position{}, errMalformed
	}
	src = src[1:]
	var numbers [2]int64
	for i := range numbers {
		n, size := binary.Varint(src)
		if size <= 0 {
			return Position{}, errMalformed
		}
		numbers[i], src = n, src[size:]
	}
	if numbers[1] < 0 || numbers[1] > math.MaxInt32 {
		return Position{}, errMalformed
	}
	var texts [3]string
	for i := range texts {
		n, size := binary.Uvarint(src)
		if size <= 0 || n > maxLength || int(n) > len(src)-size {
			return Position{}, errMalformed
		}
		src = src[size:]
		texts[i], src = string(src[:n]), src[n:]
	}
	if len(src) > 0 {
		return Position{}, errMalformed
	}
	return Position{Key: texts[0], ID: texts[1], Type: texts[2], Count: int(numbers[1]), Issued: time.Unix(numbers[0], 0)}, nil
}
