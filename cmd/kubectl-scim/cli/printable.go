package cli

import (
	"strconv"
	"unicode"
)

// Printable quotes a text that would not be shown as it is. Identity providers, and whoever writes bindings, choose names, and a terminal
// obeys some characters and hides others.
func Printable(text string) string {
	if IsPrintable(text) {
		return text
	}
	return strconv.QuoteToASCII(text)
}

// IsPrintable says whether a text is shown as it is.
func IsPrintable(text string) bool {
	for _, r := range text {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return false
		}
	}
	return true
}
