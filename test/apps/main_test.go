// Package apps_test pushes at the real operator as Okta does, and looks into the apps: PostgreSQL, slapd, scimmy and the objects of Argo CD,
// each read by its own protocol. One server process and one controller process run under the accounts and policies that are shipped.
//
// PEOPLE is the number of people of TestAppsLifeCycle and TestStoppedApp, 40 unless it is set; 200 are the company that issue 6 asks for.
// STEP=1 has TestKilledAtEveryCall kill the controller at every exchange; without it only every sixth is tried. BACKLOG is the number of
// creations that wait in BenchmarkSuspension, 5,000 unless it is set.
package apps_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/scim-operator/scim-operator/test/apiserver"
	"github.com/scim-operator/scim-operator/test/install"
)

// patience is how long anything that must happen may take on a busy machine. An app that was away is tried again after minutes.
const patience = 15 * time.Minute

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	log.SetLogger(logr.Discard())
	dir, err := os.MkdirTemp("", "scim-operator-apps-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := install.Build(context.Background(), "scim-operator", filepath.Join(dir, "scim-operator")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shared.dir = dir
	defer stopShared()
	return apiserver.Main(m)
}

// numberOf reads an environment variable.
func numberOf(t testing.TB, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is no positive number", variable, text)
	}
	return n
}

func check(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// eventually polls until look returns nil, and fails with its last error when that takes too long.
func eventually(t testing.TB, what string, look func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(context.WithoutCancel(t.Context()), 100*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		last = look(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v (last: %v)", what, err, last)
	}
}
