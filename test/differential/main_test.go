// Package differential_test asks one question in two ways: may this user do this? One answer is the API server's, with the operator at work
// under the accounts, rights and policies of an installation. The other comes from what was pushed and granted, read from the API by an
// evaluation that is slow, obvious, and shares nothing with the operator's planner. After a random history of pushes the two must agree.
//
//	SEED=42 go test ./test/differential
//
// repeats the history of a run that failed.
package differential_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	// The operator is built by the go command while the test runs. These imports let the go command see that a result which it has in
	// its cache no longer holds.
	_ "github.com/scim-operator/scim-operator/controllers"
	_ "github.com/scim-operator/scim-operator/internal/server"
	_ "github.com/scim-operator/scim-operator/internal/store"
	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/install"
)

// built is where the operator's binary, its certificates and its logs are. It is set once, before the test runs.
var built string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	log.SetLogger(logr.Discard())
	dir, err := os.MkdirTemp("", "scim-operator-differential-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	built = dir
	if err := install.Build(context.Background(), "scim-operator", filepath.Join(dir, "scim-operator")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return apiserver.Main(m)
}
