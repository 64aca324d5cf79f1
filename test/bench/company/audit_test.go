package company_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
)

const (
	systemNamespace   = "scim-operator-system"
	serverAccount     = "scim-operator-server"
	controllerAccount = "scim-operator-controller"
	// settled is for how long nothing must be written before the operator counts as at rest: longer than controllers gather.
	settled = 7 * time.Second
)

// auditPolicy logs what the two accounts write, and nothing else: neither the leader's Lease, which is renewed for ever, and the event
// that says who leads, in the older API, nor questions that are asked by POST.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
  - level: None
    resources: [{group: coordination.k8s.io}, {group: authentication.k8s.io}, {group: authorization.k8s.io}]
  - level: None
    resources: [{group: "", resources: [events]}]
  - level: Metadata
    users:
      - system:serviceaccount:` + systemNamespace + ":" + serverAccount + `
      - system:serviceaccount:` + systemNamespace + ":" + controllerAccount + `
    verbs: [create, update, patch, delete, deletecollection]
  - level: None
`

// auditOptions makes an API server keep the log.
func auditOptions(b *testing.B) (controlplane.Options, *auditLog) {
	b.Helper()
	dir := b.TempDir()
	policy, path := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "audit.log")
	must(b, os.WriteFile(policy, []byte(auditPolicy), 0o600))
	return controlplane.Options{
		// A log that is rotated would be counted in part; what many writes leave behind until it is compacted needs room.
		APIServerArgs: []string{"--audit-policy-file=" + policy, "--audit-log-path=" + path, "--audit-log-maxsize=100000"},
		EtcdArgs:      []string{"--quota-backend-bytes=8589934592"},
	}, &auditLog{path: path, counts: map[string]int{}}
}

// auditLog counts the writes that the API server has logged.
type auditLog struct {
	path   string
	offset int64
	// counts has the number of writes by account, verb and kind; total is their sum, and last the time of the last one.
	counts map[string]int
	total  int
	last   time.Time
}

// auditEvent is what is read of a line.
type auditEvent struct {
	Verb      string
	User      struct{ Username string }
	ObjectRef struct{ Resource, Subresource string }
	Stage     time.Time `json:"stageTimestamp"`
}

// read takes in what was logged since the last time.
func (a *auditLog) read() error {
	file, err := os.Open(a.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // Nothing was written yet.
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(a.offset, io.SeekStart); err != nil {
		return err
	}
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // What is left is a part of a line.
		}
		if err != nil {
			return err
		}
		a.offset += int64(len(line))
		if err := a.add(line); err != nil {
			return err
		}
	}
}

func (a *auditLog) add(line []byte) error {
	var event auditEvent
	if err := json.Unmarshal(line, &event); err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	account := event.User.Username[strings.LastIndexByte(event.User.Username, ':')+1:]
	what := event.ObjectRef.Resource
	if event.ObjectRef.Subresource != "" {
		what += "/" + event.ObjectRef.Subresource
	}
	a.counts[strings.TrimPrefix(account, "scim-operator-")+" "+event.Verb+" "+what]++
	a.total++
	if event.Stage.After(a.last) {
		a.last = event.Stage
	}
	return nil
}

// at is the counts at this moment.
func (a *auditLog) at(b *testing.B) map[string]int {
	b.Helper()
	must(b, a.read())
	return maps.Clone(a.counts)
}

// await waits until nothing was logged for some time.
func (a *auditLog) await(b *testing.B, quiet time.Duration) {
	b.Helper()
	must(b, a.read())
	seen, since := a.total, time.Now()
	err := wait.PollUntilContextTimeout(b.Context(), quiet/10, time.Hour, false, func(context.Context) (bool, error) {
		if err := a.read(); err != nil {
			return false, err
		}
		if a.total != seen {
			seen, since = a.total, time.Now()
		}
		return time.Since(since) >= quiet, nil
	})
	must(b, err)
}

// written is what was written between two counts.
func written(before, after map[string]int) (total int, by []string) {
	for _, what := range slices.Sorted(maps.Keys(after)) {
		if n := after[what] - before[what]; n > 0 {
			total += n
			by = append(by, fmt.Sprintf("%d %s", n, what))
		}
	}
	return total, by
}
