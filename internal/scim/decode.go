package scim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Limits bound what a request body may cost. A zero field means the default.
type Limits struct {
	// Bytes is the largest body, 16 MiB by default; a larger one is 413.
	Bytes int64
	// Depth is how deep objects and arrays may nest, 32 by default.
	Depth int
	// Members is the largest membership of one group, 100,000 by default; a larger one is 413.
	Members int
	// Memory is about how many bytes the decoded object may take, 32 MiB by default; a larger one is 413, as soon as that is known. An
	// array of nothing but brackets takes twenty times its text. The members that DecodeGroup reads count one by one, because only
	// their ids are kept.
	Memory int64
}

const (
	defaultBytes   = 16 << 20
	defaultDepth   = 32
	defaultMembers = 100_000
	defaultMemory  = 32 << 20
	// maxNumber is the longest number that is read, in bytes. Nothing that a float64 can tell apart is longer.
	maxNumber = 512
)

// What decoded JSON takes besides its texts, in bytes and about: a value in its array or object with the room that these leave for
// more, what an array and an object add to that, and the name of a member.
const (
	valueMemory  = 32
	arrayMemory  = 24
	objectMemory = 300
	nameMemory   = 64
)

// DecodeObject reads one JSON object and nothing after it. It refuses (400 invalidSyntax, with the position in bytes) what is not
// JSON, text that is not UTF-8, names that repeat in one object, also when they differ in case alone, and what nests too deep. Error
// texts never quote a value, which might be a password.
func DecodeObject(r io.Reader, limits Limits) (Resource, error) {
	d := newDecoder(r, limits)
	if err := d.open(); err != nil {
		return nil, err
	}
	out := Resource{}
	err := d.object(func(key string) error {
		v, err := d.value()
		out[key] = v
		return err
	})
	if err == nil {
		err = d.end()
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// decoder reads JSON byte by byte, so that a large body is never in memory as a whole.
type decoder struct {
	r       *bufio.Reader
	limits  Limits
	offset  int64
	depth   int
	memory  int64
	scratch []byte
}

func newDecoder(r io.Reader, limits Limits) *decoder {
	if limits.Bytes == 0 {
		limits.Bytes = defaultBytes
	}
	if limits.Depth == 0 {
		limits.Depth = defaultDepth
	}
	if limits.Members == 0 {
		limits.Members = defaultMembers
	}
	if limits.Memory == 0 {
		limits.Memory = defaultMemory
	}
	return &decoder{r: bufio.NewReader(r), limits: limits}
}

func (d *decoder) syntax(format string, args ...any) error {
	return BadRequest(TypeInvalidSyntax, fmt.Sprintf("The request body is not the JSON that is expected here, at byte %d: %s.",
		d.offset, fmt.Sprintf(format, args...)))
}

func tooLarge(detail string) error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Detail: detail}
}

func (d *decoder) tooLarge() error {
	return tooLarge("The request body is larger than " + strconv.FormatInt(d.limits.Bytes, 10) + " bytes.")
}

// spend counts memory.
func (d *decoder) spend(bytes int) error {
	if d.memory += int64(bytes); d.memory > d.limits.Memory {
		return tooLarge("The request body says more than one request may: decoded, it takes over " + strconv.FormatInt(d.limits.Memory, 10) +
			" bytes of memory. Send it in several requests.")
	}
	return nil
}

// next reads one byte. The end of the body is an error, since the caller needs the byte.
func (d *decoder) next() (byte, error) {
	c, err := d.r.ReadByte()
	if err != nil {
		return 0, d.readError(err)
	}
	d.offset++
	if d.offset > d.limits.Bytes {
		return 0, d.tooLarge()
	}
	return c, nil
}

func (d *decoder) readError(err error) error {
	var tooBig *http.MaxBytesError
	var known *Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &tooBig):
		return tooLarge("The request body is larger than " + strconv.FormatInt(tooBig.Limit, 10) + " bytes.")
	case errors.Is(err, io.EOF):
		return d.syntax("the body ends too early")
	default:
		e := BadRequest(TypeInvalidSyntax, "The request body could not be read to its end. Send the request again.")
		e.Cause = err
		return e
	}
}

func (d *decoder) back() {
	// UnreadByte cannot fail: it follows a successful ReadByte.
	_ = d.r.UnreadByte()
	d.offset--
}

// token skips white space and reads the byte after it.
func (d *decoder) token() (byte, error) {
	for {
		c, err := d.next()
		if err != nil || c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, err
		}
	}
}

// open reads up to and with the brace that opens the body's one object. A byte order mark is passed over (RFC 8259 section 8.1).
func (d *decoder) open() error {
	if mark, _ := d.r.Peek(3); string(mark) == "\xef\xbb\xbf" {
		_, _ = d.r.Discard(3)
		d.offset += 3
	}
	c, err := d.token()
	if err == nil && c != '{' {
		err = d.syntax("the body must be a JSON object")
	}
	return err
}

// end demands that nothing but white space follows.
func (d *decoder) end() error {
	for {
		c, err := d.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return d.readError(err)
		}
		d.offset++
		if d.offset > d.limits.Bytes {
			return d.tooLarge()
		}
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return d.syntax("something follows the object")
		}
	}
}

func (d *decoder) enter() error {
	d.depth++
	if d.depth > d.limits.Depth {
		return d.syntax("objects and arrays nest deeper than %d", d.limits.Depth)
	}
	return nil
}

// object reads the members of an object whose brace is already read, and calls member at each value.
func (d *decoder) object(member func(key string) error) error {
	if err := d.enter(); err != nil {
		return err
	}
	seen := names{}
	for first := true; ; first = false {
		more, err := d.separator(first, '}')
		if err != nil {
			return err
		}
		if !more {
			d.depth--
			return nil
		}
		key, err := d.key()
		if err != nil {
			return err
		}
		if err := d.spend(nameMemory + len(key)); err != nil {
			return err
		}
		if seen.repeats(key) {
			return d.syntax("the name %.64q appears twice in one object; names are compared without regard to case", key)
		}
		if err := member(key); err != nil {
			return err
		}
	}
}

// array reads the elements of an array whose bracket is already read.
func (d *decoder) array(element func() error) error {
	if err := d.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := d.separator(first, ']')
		if err != nil {
			return err
		}
		if !more {
			d.depth--
			return nil
		}
		if err := element(); err != nil {
			return err
		}
	}
}

// separator reads the comma before all but the first entry, or the closing byte. It leaves the entry itself unread.
func (d *decoder) separator(first bool, closing byte) (more bool, err error) {
	c, err := d.token()
	switch {
	case err != nil:
		return false, err
	case c == closing:
		return false, nil
	case first:
		d.back()
		return true, nil
	case c == ',':
		return true, nil
	default:
		return false, d.syntax("expected a comma or %q", closing)
	}
}

func (d *decoder) key() (string, error) {
	c, err := d.token()
	if err != nil {
		return "", err
	}
	if c != '"' {
		return "", d.syntax("expected a name in double quotes")
	}
	raw, err := d.stringBytes()
	if err != nil {
		return "", err
	}
	key := internedName(raw)
	c, err = d.token()
	if err == nil && c != ':' {
		err = d.syntax("expected a colon after the name")
	}
	return key, err
}

// internedName avoids an allocation for the names that repeat in every member of a large group.
func internedName(raw []byte) string {
	switch string(raw) {
	case "value":
		return "value"
	case "display":
		return "display"
	case "$ref":
		return "$ref"
	case "type":
		return "type"
	default:
		return string(raw)
	}
}

// names finds out whether a name repeats. Objects are nearly always small, so it starts out as a list.
type names struct {
	list   []string
	folded map[string]struct{}
}

const smallObject = 24

func (n *names) repeats(key string) bool {
	if n.folded == nil {
		for _, k := range n.list {
			if len(k) == len(key) && strings.EqualFold(k, key) {
				return true
			}
		}
		if n.list = append(n.list, key); len(n.list) > smallObject {
			n.folded = make(map[string]struct{}, 2*smallObject)
			for _, k := range n.list {
				n.folded[strings.ToLower(k)] = struct{}{}
			}
		}
		return false
	}
	folded := strings.ToLower(key)
	_, found := n.folded[folded]
	n.folded[folded] = struct{}{}
	return found
}
