package bulk

import (
	"encoding/json"
	"strings"
)

// rewritePath rewrites the references in the filter of a path, as in members[value eq "bulkId:alice"]. Only texts in quotes that an
// attribute is compared with are looked at, and only if it is one that can hold a reference; what is malformed stays as it is, for the
// operation to refuse.
func rewritePath(path string, f rewriting) (out string, drop bool) {
	open := strings.IndexByte(path, '[')
	if open < 0 {
		return path, false
	}
	var b strings.Builder
	done := 0
	for at := open + 1; at < len(path); {
		if path[at] != '"' {
			at++
			continue
		}
		end := endOfQuoted(path, at)
		if end < 0 {
			break
		}
		literal, gone := rewriteLiteral(path[done:at], path[at:end], f)
		drop = drop || gone
		b.WriteString(path[done:at])
		b.WriteString(literal)
		at, done = end, end
	}
	b.WriteString(path[done:])
	return b.String(), drop
}

// endOfQuoted is the position behind the quoted text that begins at start; negative when it has no end.
func endOfQuoted(path string, start int) int {
	for i := start + 1; i < len(path); i++ {
		switch path[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// rewriteLiteral rewrites one quoted text behind the name of an attribute and an operator.
func rewriteLiteral(before, literal string, f rewriting) (out string, drop bool) {
	words := strings.FieldsFunc(before, func(r rune) bool { return strings.ContainsRune(" ([", r) })
	var text string
	if len(words) < 2 || json.Unmarshal([]byte(literal), &text) != nil {
		return literal, false
	}
	rewritten, drop := formOf(words[len(words)-2]).text(text, f)
	if rewritten == text {
		return literal, drop
	}
	quoted, err := json.Marshal(rewritten)
	if err != nil {
		return literal, drop
	}
	return string(quoted), drop
}
