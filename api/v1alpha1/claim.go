package v1alpha1

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold brings a userName or displayName into the form in which two of them are compared: Unicode NFKC and full case folding
// (RFC 7643 section 7, caseExact false; RFC 8265 section 3.2). It is the only place that decides when two names are the same.
func Fold(value string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(value)))
}

// ClaimName is the name of the ScimClaim of a value: the attribute in lower case, a dash, and the base-32 SHA-256 of the folded
// value. Equal values in the sense of Fold have equal claim names, and no value can choose the claim of another.
func ClaimName(attribute ClaimAttribute, value string) string {
	sum := sha256.Sum256([]byte(Fold(value)))
	encoded := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])
	return strings.ToLower(string(attribute) + "-" + encoded)
}
