package scim

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			dst = append(append(dst, s[start:i]...), "\ufffd"...)
		} else {
			dst = appendEscape(append(dst, s[start:i]...), c)
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	default:
		return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
	}
}

// AppendValue appends a JSON value in its one canonical form: compact, object members sorted by name, numbers as CanonicalNumber
// has them. A value of another type than those of Resource is appended as null.
func AppendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return AppendString(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case json.Number, float64:
		text, ok := CanonicalNumber(v)
		if !ok {
			text = "null"
		}
		return append(dst, text...)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case map[string]any:
		return appendObject(dst, v)
	case Resource:
		return appendObject(dst, v)
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendValue(dst, e)
		}
		return append(dst, ']')
	default:
		return append(dst, "null"...)
	}
}

func appendObject(dst []byte, m map[string]any) []byte {
	dst = append(dst, '{')
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendString(dst, k), ':')
		dst = AppendValue(dst, m[k])
	}
	return append(dst, '}')
}

// AppendError appends the body of an error answer (RFC 7644 section 3.12). The status is a string there. The cause is never sent.
func AppendError(dst []byte, e *Error) []byte {
	dst = append(dst, `{"schemas":["`+ErrorSchema+`"],"status":"`...)
	dst = append(strconv.AppendInt(dst, int64(e.Status), 10), '"')
	if e.Type != "" {
		dst = AppendString(append(dst, `,"scimType":`...), string(e.Type))
	}
	dst = AppendString(append(dst, `,"detail":`...), e.Detail)
	return append(dst, '}')
}

// Page is what a ListResponse says about itself.
type Page struct {
	// TotalResults is the number of resources on all pages, Items that on this one.
	TotalResults, Items int
	// StartIndex is the position, from 1, of the first resource; 0 leaves it out, as a page by cursor does.
	StartIndex int
	// NextCursor leads to the next page; empty on the last one, and on pages by index.
	NextCursor string
}

// AppendList appends a ListResponse (RFC 7644 section 3.4.2) with items resources, each of which the function appends.
func AppendList(dst []byte, totalResults, startIndex, items int, each func(dst []byte, i int) []byte) []byte {
	return AppendPage(dst, Page{TotalResults: totalResults, StartIndex: startIndex, Items: items}, each)
}

// maxPageGuess bounds, in bytes, what AppendPage reserves before it knows how long a page gets.
const maxPageGuess = 1 << 20

// AppendPage appends a ListResponse (RFC 7644 section 3.4.2, RFC 9865 section 2) with the resources that the function appends. Okta
// reads the three numbers as integers, and Resources as an array even when there is none.
func AppendPage(dst []byte, page Page, each func(dst []byte, i int) []byte) []byte {
	dst = append(dst, `{"schemas":["`+ListResponseSchema+`"],"totalResults":`...)
	dst = strconv.AppendInt(dst, int64(page.TotalResults), 10)
	if page.StartIndex > 0 {
		dst = strconv.AppendInt(append(dst, `,"startIndex":`...), int64(page.StartIndex), 10)
	}
	dst = strconv.AppendInt(append(dst, `,"itemsPerPage":`...), int64(page.Items), 10)
	if page.NextCursor != "" {
		dst = AppendString(append(dst, `,"nextCursor":`...), page.NextCursor)
	}
	dst = append(dst, `,"Resources":[`...)
	for i := range page.Items {
		if i > 0 {
			dst = append(dst, ',')
		}
		before := len(dst)
		dst = each(dst, i)
		if i == 0 {
			// The others are about as long as the first one, so that the page need not move again and again as it grows.
			// Where the first is a group of fifty thousand, they are not, and a guess must not cost more memory than it saves.
			dst = slices.Grow(dst, min((len(dst)-before)*(page.Items-1)*9/8+len("]}"), maxPageGuess))
		}
	}
	return append(dst, "]}"...)
}
