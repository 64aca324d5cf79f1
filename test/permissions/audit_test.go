package permissions_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/scim-operator/scim-operator/test/release"
)

// auditPolicy has the API server write down who asked for what, and nothing of what was in it.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: ["system:serviceaccounts:` + release.Namespace + `"]
- level: None
`

// audit is the audit log of an API server.
type audit struct{ path string }

// newAudit gives the flags that have an API server write one.
func newAudit(t *testing.T) (a audit, flags []string) {
	t.Helper()
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.yaml")
	check(t, "write the audit policy", os.WriteFile(policy, []byte(auditPolicy), 0o600))
	a = audit{path: filepath.Join(dir, "audit.log")}
	return a, []string{"--audit-policy-file=" + policy, "--audit-log-path=" + a.path}
}

// event is what is read of an entry.
type event struct {
	Verb string `json:"verb"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
		APIGroup    string `json:"apiGroup"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	Annotations map[string]string `json:"annotations"`
}

// resource is what was asked for, as a rule names it.
func (e *event) resource() string {
	if e.ObjectRef.Subresource != "" {
		return e.ObjectRef.Resource + "/" + e.ObjectRef.Subresource
	}
	return e.ObjectRef.Resource
}

// account is the ServiceAccount that asked.
func (e *event) account() string { return e.User.Username[strings.LastIndex(e.User.Username, ":")+1:] }

// refused says whether the account had no right to it.
func (e *event) refused() bool { return e.ResponseStatus.Code == http.StatusForbidden }

func (e *event) String() string {
	return fmt.Sprintf("%s: %s %s %s/%s", e.account(), e.Verb, e.resource(), e.ObjectRef.Namespace, e.ObjectRef.Name)
}

// each visits the entries from an offset on, and gives the offset of the end. A last line that is half written is left for the next time.
func (a audit) each(from int64, visit func(*event)) (int64, error) {
	file, err := os.Open(a.path)
	if err != nil {
		return from, err
	}
	defer file.Close()
	if _, err := file.Seek(from, 0); err != nil {
		return from, err
	}
	for reader := bufio.NewReader(file); ; {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			return from, nil
		}
		from += int64(len(line))
		found := &event{}
		if err := json.Unmarshal(line, found); err != nil {
			return from, fmt.Errorf("read the audit log: %w", err)
		}
		visit(found)
	}
}

// allowedBy is what the API server's authoriser notes: the role by which it allowed a request.
var allowedBy = regexp.MustCompile(`^RBAC: allowed by .* of (ClusterRole|Role) "([^"]+)" to `)

// use is one verb that an account used by the right of a role. The namespace is that of a Role, and empty of a ClusterRole.
type use struct{ role, namespace, group, resource, name, verb string }

// uses are what the accounts of the operator did, and refused what the API server did not let them do.
func (a audit) uses(t *testing.T) (used map[use]bool, refused []string) {
	t.Helper()
	used = map[use]bool{}
	_, err := a.each(0, func(e *event) {
		if e.refused() {
			refused = append(refused, e.String())
			return
		}
		by := allowedBy.FindStringSubmatch(e.Annotations["authorization.k8s.io/reason"])
		if by == nil {
			return
		}
		u := use{role: by[2], group: e.ObjectRef.APIGroup, resource: e.resource(), name: e.ObjectRef.Name, verb: e.Verb}
		if by[1] == "Role" {
			u.namespace = e.ObjectRef.Namespace
		}
		used[u] = true
		u.name = ""
		used[u] = true
		// To apply what does not exist takes the right to create it, which the API server asks for without a word in the log.
		if e.Verb == "patch" && e.ResponseStatus.Code == http.StatusCreated {
			u.verb = "create"
			used[u] = true
		}
	})
	check(t, "read the audit log", err)
	return used, refused
}
