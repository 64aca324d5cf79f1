package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/internal/build"
)

// versionInfo is what the plugin was built from.
type versionInfo struct {
	Version    string `json:"version"`
	Revision   string `json:"revision,omitempty"`
	GoVersion  string `json:"goVersion"`
	Platform   string `json:"platform"`
	APIVersion string `json:"apiVersion"`
}

func newVersionCommand(env *cli.Env) *cobra.Command {
	output := cli.NewOutput(cli.FormatJSON, cli.FormatYAML)
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this plugin",
		Args:  cli.Args(0),
		RunE: func(*cobra.Command, []string) error {
			info := readVersion()
			return output.Print(env.Streams.Out, cli.Result{Data: info, Text: func(out io.Writer) {
				fmt.Fprintf(out, "kubectl-scim %s for %s (%s, %s)\n", info.Version, info.APIVersion, info.GoVersion, info.Platform)
			}})
		},
	}
	output.Bind(cmd)
	return cmd
}

func readVersion() versionInfo {
	from := build.Read()
	return versionInfo{
		Version: from.Version, Revision: from.Revision, GoVersion: from.GoVersion,
		Platform: runtime.GOOS + "/" + runtime.GOARCH, APIVersion: v1alpha1.GroupVersion.String(),
	}
}
