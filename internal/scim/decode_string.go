package scim

import (
	"unicode/utf16"
	"unicode/utf8"
)

// stringBytes reads a string whose opening quote is already read. The result is good until the next call.
func (d *decoder) stringBytes() ([]byte, error) {
	d.scratch = d.scratch[:0]
	for {
		c, err := d.next()
		if err != nil {
			return nil, err
		}
		switch {
		case c == '"':
			if !utf8.Valid(d.scratch) {
				return nil, d.syntax("a string is not UTF-8")
			}
			return d.scratch, nil
		case c == '\\':
			if err := d.escape(); err != nil {
				return nil, err
			}
		case c < 0x20:
			return nil, d.syntax("a string has a control character that is not escaped")
		default:
			d.scratch = append(d.scratch, c)
		}
	}
}

// escape reads what follows a backslash.
func (d *decoder) escape() error {
	c, err := d.next()
	if err != nil {
		return err
	}
	switch c {
	case '"', '\\', '/':
		d.scratch = append(d.scratch, c)
	case 'b':
		d.scratch = append(d.scratch, '\b')
	case 'f':
		d.scratch = append(d.scratch, '\f')
	case 'n':
		d.scratch = append(d.scratch, '\n')
	case 'r':
		d.scratch = append(d.scratch, '\r')
	case 't':
		d.scratch = append(d.scratch, '\t')
	case 'u':
		return d.unicodeEscape()
	default:
		return d.syntax("a string has an unknown escape")
	}
	return nil
}

// unicodeEscape reads the digits of a \u escape, and the second half of a surrogate pair. Half a pair is no character, and is
// refused: two different strings must not become the same.
func (d *decoder) unicodeEscape() error {
	r, err := d.hex4()
	if err != nil {
		return err
	}
	if utf16.IsSurrogate(r) {
		if err := d.literalEscape(); err != nil {
			return err
		}
		low, err := d.hex4()
		if err != nil {
			return err
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return d.syntax("a string has half a surrogate pair")
		}
	}
	d.scratch = utf8.AppendRune(d.scratch, r)
	return nil
}

func (d *decoder) literalEscape() error {
	for _, want := range []byte(`\u`) {
		c, err := d.next()
		if err != nil {
			return err
		}
		if c != want {
			return d.syntax("a string has half a surrogate pair")
		}
	}
	return nil
}

func (d *decoder) hex4() (rune, error) {
	var r rune
	for range 4 {
		c, err := d.next()
		if err != nil {
			return 0, err
		}
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, d.syntax("a string has a malformed \\u escape")
		}
		r = r<<4 | rune(c)
	}
	return r, nil
}
