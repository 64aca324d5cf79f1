package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// PollEvery is how often an object is read while the controller's answer is waited for.
	PollEvery = 250 * time.Millisecond
	// defaultWait is how long that is waited for. It takes well under a second unless the controller is down.
	defaultWait = time.Minute
	// leastDigest is the number of hexadecimal digits by which a person may name a digest.
	leastDigest = 8
	// digestPrefix stands before the digits.
	digestPrefix = "sha256:"
)

// Choice is how a person says which set of held removals a decision is about.
type Choice struct {
	// Digest names the set, or begins its name; empty for the one that the command shows.
	Digest string
	// Yes decides about what is there without asking.
	Yes bool
	// Wait is how long the controller's answer is waited for; 0 to not wait.
	Wait time.Duration
}

// Bind adds the flags of a choice to a command.
func (c *Choice) Bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&c.Digest, "digest", "", "Digest of the set that you looked at, or its first 8 digits or more")
	flags.BoolVarP(&c.Yes, "yes", "y", false, "Without --digest: decide about the set as it is now, without asking")
	flags.DurationVar(&c.Wait, "wait", defaultWait, "How long to wait for the controller's answer; 0 to not wait")
}

// Check is a UsageError when --digest is none.
func (c *Choice) Check(cmd *cobra.Command) error {
	if c.Digest == "" {
		return nil
	}
	if _, err := digits(c.Digest); err != nil {
		return Misuse(cmd, "--digest=%s: %w", c.Digest, err)
	}
	return nil
}

// HeldSet is a set of held removals that a person decides about.
type HeldSet struct {
	// Verb is what is asked, such as approve; Look is the command that shows the set.
	Verb, Look string
	// Digest is the name of the set as it was last read; empty when nothing is held.
	Digest func() string
	// Show shows the set to the person, and may read it anew.
	Show func()
	// Nothing is the error when nothing is held.
	Nothing error
}

// Seen is the digest of the set that the person decides about: the one that is there, if that is what the person means.
func (c *Choice) Seen(e *Env, set HeldSet) (string, error) {
	if set.Digest() == "" {
		return "", set.Nothing
	}
	named := c.Digest
	if named == "" {
		set.Show()
		if set.Digest() == "" {
			return "", set.Nothing
		}
		if c.Yes {
			return set.Digest(), nil
		}
		var err error
		named, err = e.Ask(fmt.Sprintf("To %s exactly this set, type its digest (8 digits will do): ", set.Verb))
		if err != nil {
			return "", err
		}
		if named == "" {
			return "", errors.New("nothing was decided, because no digest was typed: give --digest, or --yes")
		}
	}
	given, err := digits(named)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(strings.TrimPrefix(set.Digest(), digestPrefix), given) {
		return "", set.Changed(named)
	}
	return set.Digest(), nil
}

// Changed is the error when the set is no longer the one that was seen.
func (s HeldSet) Changed(seen string) error {
	now := s.Digest()
	if now == "" {
		now = "empty"
	}
	return fmt.Errorf("the set has changed since: you named %s, and it is %s now. Nothing was decided: look again with `%s`", seen, now, s.Look)
}

// digits are the hexadecimal digits of a digest that a person gave.
func digits(text string) (string, error) {
	given := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(text), digestPrefix))
	if len(given) < leastDigest || len(given) > 64 || strings.Trim(given, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%q is no digest: give sha256: and 64 hexadecimal digits, or the first %d of these or more", text, leastDigest)
	}
	return given, nil
}
