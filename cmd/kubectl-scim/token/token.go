// Package token makes, lists, rotates and revokes the tokens that identity providers present.
package token

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

const (
	// tokenBytes is how much of a token is random.
	tokenBytes = 32
	// tokenPrefix lets people and scanners recognise a token where it should not be.
	tokenPrefix = "scim_"
	// maxCredentials is how many a directory takes.
	maxCredentials = 8
)

// NewCommand is `kubectl scim token`.
func NewCommand(env *cli.Env) *cobra.Command {
	return cli.Group("token", "Make, list, rotate and revoke the tokens of a directory",
		newCreateCommand(env), newListCommand(env), newRotateCommand(env), newRevokeCommand(env))
}

// newToken makes a token and the hash of it that the directory keeps.
func newToken(random io.Reader) (text, hash string, err error) {
	raw := make([]byte, tokenBytes)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", "", fmt.Errorf("making a random token: %w", err)
	}
	text = tokenPrefix + hex.EncodeToString(raw)
	sum := sha256.Sum256([]byte(text))
	return text, hex.EncodeToString(sum[:]), nil
}
