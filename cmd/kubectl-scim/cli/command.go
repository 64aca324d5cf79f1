package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// Group makes a command that only holds others. Without arguments it prints its help; a command that it does not have is a
// UsageError, which cobra itself would pass over.
func Group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				return Misuse(cmd, "unknown command %q: did you mean %s?", args[0], strings.Join(near, " or "))
			}
			return Misuse(cmd, "unknown command %q", args[0])
		},
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SuggestionsMinimumDistance: 2,
		DisableFlagsInUseLine:      true,
	}
	cmd.AddCommand(commands...)
	return cmd
}

// Args wants exactly so many arguments. The command's usage line names them.
func Args(n int) cobra.PositionalArgs { return ArgsBetween(n, n) }

// ArgsBetween wants at least and at most so many arguments.
func ArgsBetween(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return Misuse(cmd, "an argument is missing: the command is %q", cmd.UseLine())
		case len(args) > most:
			return Misuse(cmd, "unexpected argument %q: the command is %q", args[most], cmd.UseLine())
		}
		return nil
	}
}
