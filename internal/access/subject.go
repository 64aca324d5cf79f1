package access

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// maxSubjectName is the longest user name that may be bound, in bytes.
const maxSubjectName = 253

// The reasons why a name may not be a subject. Their texts are shown in conditions, so they name no person.
var (
	errNameEmpty   = errors.New("the Kubernetes user name is empty")
	errNameLong    = errors.New("the Kubernetes user name is longer than 253 bytes")
	errNameUTF8    = errors.New("the Kubernetes user name is not valid UTF-8")
	errNameSystem  = errors.New("the Kubernetes user name has the prefix system:, which belongs to Kubernetes")
	errNameControl = errors.New("the Kubernetes user name has control characters")
	errNameSpace   = errors.New("the Kubernetes user name starts or ends with a space")
)

// SubjectName says whether a name may be a User subject of a binding; nil means that it may. An identity provider chooses the
// name, and the API server takes any: without this check a user called system:kube-controller-manager would be that component.
// Refused are names that are empty, longer than 253 bytes, not valid UTF-8, that start with system: in any case and in any of the
// forms that Unicode calls compatible (full width, bold, circled), that have control or invisible formatting characters, or that start or
// end with a space.
func SubjectName(name string) error {
	if name == "" {
		return errNameEmpty
	}
	if len(name) > maxSubjectName {
		return errNameLong
	}
	if !utf8.ValidString(name) {
		return errNameUTF8
	}
	if strings.TrimSpace(name) != name {
		return errNameSpace
	}
	if looksLikeSystem(name) {
		return errNameSystem
	}
	if strings.ContainsFunc(name, isInvisible) {
		return errNameControl
	}
	return nil
}

// looksLikeSystem folds the name as an authenticator might that normalises the names in its tokens. To the API server only the plain
// ASCII form in lower case is the system's. Nearly all names begin with ASCII, for which folding is a waste.
func looksLikeSystem(name string) bool {
	const system = "system:"
	start := name[:min(len(name), len(system))]
	if strings.ContainsFunc(start, func(r rune) bool { return r > unicode.MaxASCII }) {
		return strings.HasPrefix(v1alpha1.Fold(name), system)
	}
	return strings.EqualFold(start, system)
}

// isInvisible finds control characters, and format characters such as right-to-left marks and zero-width spaces, which make two
// different names look the same to the person who reviews a binding. Nearly all characters of names are ASCII, for which no table is searched.
func isInvisible(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == '\x7f'
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
}
