// Command bundle writes the bundle for the Operator Lifecycle Manager and checks it with the validators of the Operator Framework. It reads what
// kustomize renders of config/default from its standard input:
//
//	bundle CONFIG OUT <RENDERED
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

func run(args []string, rendered io.Reader, out io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("want the folder config and the folder to write, got %d arguments", len(args))
	}
	config, dir := args[0], args[1]
	parts, err := sort(rendered)
	if err != nil {
		return err
	}
	csv, err := describe(config, parts)
	if err != nil {
		return err
	}
	if err := write(config, dir, csv, parts); err != nil {
		return err
	}
	return validate(dir, out)
}
