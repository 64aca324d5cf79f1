package schema

import (
	"encoding/asn1"
	"encoding/base64"
	"maps"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// checkString refuses a text that is not of the attribute's type, and gives canonical values their spelling (RFC 7643 sections 2.3 and
// 2.4).
func checkString(a *Attribute, path, v string) (any, error) {
	switch a.Type {
	case Binary:
		return v, checkBinary(a, path, v)
	case Reference:
		return v, checkReference(path, v)
	case DateTime:
		return v, checkDateTime(path, v)
	}
	for _, canonical := range a.CanonicalValues {
		if strings.EqualFold(canonical, v) {
			return canonical, nil
		}
	}
	return v, nil
}

// checkBinary wants base64 (RFC 7643 section 2.3.6), and of certificates one whole DER value in it (section 4.1.2).
func checkBinary(a *Attribute, path, v string) error {
	raw, err := base64.StdEncoding.DecodeString(v)
	if err != nil {
		return invalid(path + " must be base64 (RFC 4648 section 4).")
	}
	if !a.certificate {
		return nil
	}
	var der asn1.RawValue
	rest, err := asn1.Unmarshal(raw, &der)
	if err != nil || len(rest) > 0 || der.Class != asn1.ClassUniversal || der.Tag != asn1.TagSequence || !der.IsCompound {
		return invalid(path + " must be one certificate, DER in base64.")
	}
	return nil
}

// checkDateTime wants a date and a time as xsd:dateTime has them, in which the time zone may be missing (RFC 7643 section 2.3.5).
func checkDateTime(path, v string) error {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05"} {
		if _, err := time.Parse(layout, v); err == nil {
			return nil
		}
	}
	return invalid(path + " must be a date and time, such as 2026-01-31T12:00:00Z.")
}

// checkReference wants a URI, absolute or relative (RFC 7643 section 2.3.7). Characters beyond ASCII are let through, because clients
// send them as people type them.
func checkReference(path, v string) error {
	forbidden := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
	if _, err := url.Parse(v); err != nil || strings.ContainsFunc(v, forbidden) {
		return invalid(path + " must be a URI.")
	}
	return nil
}

// pair is what makes an element of a multi-valued attribute the same as another one (RFC 7643 section 2.4).
type pair struct{ kind, value any }

// pairOf gives the pair of an element; false for one without a value, which has nothing to be compared by.
func pairOf(element any) (pair, bool) {
	m, ok := element.(map[string]any)
	value, _ := m["value"].(string)
	return pair{m["type"], value}, ok && value != ""
}

// merged joins elements with the same type and value into the first of them. The elements are not changed.
func merged(list []any) []any {
	first := make(map[pair]int, len(list))
	out := make([]any, 0, len(list))
	for _, e := range list {
		p, ok := pairOf(e)
		at, known := first[p]
		if !ok || !known {
			if ok {
				first[p] = len(out)
			}
			out = append(out, e)
			continue
		}
		before, _ := out[at].(map[string]any)
		again, _ := e.(map[string]any)
		both := maps.Clone(again)
		maps.Copy(both, before)
		both["primary"] = before["primary"] == true || again["primary"] == true
		if both["primary"] == false && before["primary"] == nil && again["primary"] == nil {
			delete(both, "primary")
		}
		out[at] = both
	}
	return out
}
