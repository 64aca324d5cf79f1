// Package conformance_test proves, statement by statement, that the operator does what RFC 7642, 7643 and 7644 demand: over HTTPS,
// against a server process as it ships, with a real API server behind it. docs/scim-conformance.md is what comes of it; it is
// written by
//
//	go test ./test/conformance -update
//
// A statement that no test proves and that has no written reason fails the package, and so does a table that is out of date.
package conformance_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	// The server is built by the go command while the tests run. These imports let the go command see that a result which it has in its
	// cache no longer holds.
	_ "github.com/scim-operator/scim-operator/internal/server"
	_ "github.com/scim-operator/scim-operator/internal/store"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

// update is the flag that writes the table in the place of comparing it.
var update = flag.Bool("update", false, "write docs/scim-conformance.md")

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	log.SetLogger(logr.Discard())
	dir, err := os.MkdirTemp("", "scim-operator-conformance-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := build(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stopOperator()
	if code := apiserver.Main(m); code != 0 || !complete() {
		return code
	}
	if err := finish(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// complete says whether all tests were to run: the table cannot be judged by a part of them.
func complete() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return true
}

// finish judges the table once all tests have passed, and compares or writes the document.
func finish() error {
	if err := judge(); err != nil {
		return err
	}
	const path = "../../docs/scim-conformance.md"
	want := document()
	if *update {
		return os.WriteFile(path, want, 0o644)
	}
	have, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if string(have) != string(want) {
		return fmt.Errorf("docs/scim-conformance.md is not what the tests prove: run go test ./test/conformance -update")
	}
	return nil
}
