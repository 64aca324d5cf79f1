package store

import (
	"encoding/base32"
	"fmt"
	"io"
	"strings"
)

const (
	// slugLength is how much of a userName or displayName an object name shows.
	slugLength = 32
	// randomLength is the number of base-32 characters, five bits each, that make an object name unique and unguessable.
	randomLength = 10
	// maxNameLength is the longest name that the API server takes.
	maxNameLength = 253
)

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newName makes the name of a new object: what can be read of value, a dash, and fifty random bits. The name is an opaque id to
// SCIM clients; the readable part is for people who look at the cluster, and stays when the user is renamed.
func newName(random io.Reader, value string) (string, error) {
	// Seven bytes give twelve characters, of which ten are used.
	var raw [7]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("read random bytes for an object name: %w", err)
	}
	return slug(value) + "-" + lowerBase32.EncodeToString(raw[:])[:randomLength], nil
}

// slug keeps ASCII letters and digits, in lower case, and joins the rest by single dashes.
func slug(value string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(value) {
		if b.Len() >= slugLength {
			break
		}
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	if s := strings.TrimRight(b.String(), "-"); s != "" {
		return s
	}
	// A name in a script without ASCII letters still needs a first character.
	return "x"
}

// sliceName makes the name of a new slice of a role, which must fit into the API server's limit even for a role that a person
// named at length.
func sliceName(random io.Reader, role string) (string, error) {
	var raw [7]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("read random bytes for a slice name: %w", err)
	}
	if limit := maxNameLength - randomLength - 1; len(role) > limit {
		role = strings.TrimRight(role[:limit], "-.")
	}
	return role + "-" + lowerBase32.EncodeToString(raw[:])[:randomLength], nil
}
