//go:build failpoints

package failpoint

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		reason, value string
		want          plan
		ok            bool
	}{
		{"nothing arms nothing", "", plan{}, true},
		{"the first hit is the default", "create-user.claim:before", plan{CreateUserClaim, Before, 1}, true},
		{"the hit can be chosen", "update-role.slice:after:3", plan{UpdateRoleSlice, After, 3}, true},
		{"an unknown name is refused", "create-user.nothing:before", plan{}, false},
		{"an unknown side is refused", "create-user.claim:during", plan{}, false},
		{"the side is needed", "create-user.claim", plan{}, false},
		{"hits count from one", "create-user.claim:before:0", plan{}, false},
	} {
		got, err := parse(test.value)
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(plan{})); diff != "" || (err == nil) != test.ok {
			t.Errorf("%s: %v (-want +got):\n%s", test.reason, err, diff)
		}
	}
}

// TestHitKills runs itself in a process of its own, which must die by SIGKILL at the second hit and not before.
func TestHitKills(t *testing.T) {
	if os.Getenv(Variable) != "" {
		Hit(CreateUserClaim, After)
		Hit(CreateUserClaim, Before)
		if _, err := os.Stdout.WriteString("alive"); err != nil {
			t.Fatal(err)
		}
		Hit(CreateUserClaim, Before)
		t.Fatal("survived the second hit")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), self, "-test.run=^TestHitKills$")
	command.Env = append(os.Environ(), Variable+"=create-user.claim:before:2")
	output, err := command.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("ended with %v, want SIGKILL", err)
	}
	if string(output) != "alive" {
		t.Fatalf("wrote %q before it died, want to survive the first hit", output)
	}
}
