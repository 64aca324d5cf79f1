package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

// kubectlScript is what kubectl runs to complete the arguments of a plugin: an executable kubectl_complete-scim on the PATH.
const kubectlScript = `#!/bin/sh
exec kubectl-scim __complete "$@"
`

const kubectlCompletionText = `Prints the script that lets kubectl complete the arguments of "kubectl scim". kubectl looks for it on the PATH:

  kubectl scim completion kubectl > /usr/local/bin/kubectl_complete-scim
  chmod +x /usr/local/bin/kubectl_complete-scim`

// addCompletion adds cobra's own command for the shells, and the script that kubectl asks for.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		cmd.AddCommand(&cobra.Command{
			Use:   "kubectl",
			Short: "Generate the autocompletion script for kubectl scim",
			Long:  kubectlCompletionText,
			Args:  cli.Args(0),
			RunE: func(cmd *cobra.Command, _ []string) error {
				_, err := fmt.Fprint(cmd.OutOrStdout(), kubectlScript)
				return err
			},
		})
	}
}
