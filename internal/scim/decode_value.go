package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

func (d *decoder) value() (any, error) {
	c, err := d.token()
	if err != nil {
		return nil, err
	}
	if err := d.spend(valueMemory); err != nil {
		return nil, err
	}
	switch c {
	case '{':
		return d.objectValue()
	case '[':
		return d.arrayValue()
	case '"':
		raw, err := d.stringBytes()
		if err == nil {
			err = d.spend(len(raw))
		}
		return string(raw), err
	case 't':
		return true, d.literal("rue")
	case 'f':
		return false, d.literal("alse")
	case 'n':
		return nil, d.literal("ull")
	default:
		return d.number(c)
	}
}

func (d *decoder) objectValue() (any, error) {
	if err := d.spend(objectMemory); err != nil {
		return nil, err
	}
	out := map[string]any{}
	err := d.object(func(key string) (err error) {
		out[key], err = d.value()
		return err
	})
	return out, err
}

func (d *decoder) arrayValue() (any, error) {
	if err := d.spend(arrayMemory); err != nil {
		return nil, err
	}
	out := []any{}
	err := d.array(func() error {
		v, err := d.value()
		out = append(out, v)
		return err
	})
	return out, err
}

func (d *decoder) literal(rest string) error {
	for i := range len(rest) {
		c, err := d.next()
		if err != nil {
			return err
		}
		if c != rest[i] {
			return d.syntax("expected a value")
		}
	}
	return nil
}

// number reads a number whose first byte is c. One that no float64 holds is refused, because it could not be stored.
func (d *decoder) number(c byte) (any, error) {
	if c != '-' && (c < '0' || c > '9') {
		return nil, d.syntax("expected a value")
	}
	d.scratch = append(d.scratch[:0], c)
	for {
		c, err := d.r.ReadByte()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, d.readError(err)
		}
		if !bytes.ContainsRune([]byte("0123456789+-.eE"), rune(c)) {
			_ = d.r.UnreadByte()
			break
		}
		if d.offset++; d.offset > d.limits.Bytes {
			return nil, d.tooLarge()
		}
		if d.scratch = append(d.scratch, c); len(d.scratch) > maxNumber {
			return nil, d.syntax("a number is longer than %d bytes", maxNumber)
		}
	}
	if !json.Valid(d.scratch) {
		return nil, d.syntax("a number is malformed")
	}
	n := json.Number(d.scratch)
	if _, ok := CanonicalNumber(n); !ok {
		return nil, d.syntax("a number is too large")
	}
	return n, nil
}
