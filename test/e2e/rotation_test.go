package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

// rotating is the directory whose tokens are rotated.
const rotating = "rotating"

// TestTokenRotationRefusesNothing pushes at both servers without a pause while tokens are made, rotated and revoked with kubectl-scim, and
// wants not one request refused: a token is good on every replica when the command that made it returns, and the old one until it is
// revoked. Then it looks for the tokens' text wherever it could have been left.
func TestTokenRotationRefusesNothing(t *testing.T) {
	o := sharedOperator(t)
	scim := buildPlugin(t)
	check(t, "make a directory", o.kube.Create(t.Context(), &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: rotating}}))
	base := "/scim/" + rotating + "/v2"
	for _, server := range o.servers {
		eventually(t, "the server knows the directory", func(context.Context) error {
			if got := o.raw(t, server, rawRequest{method: "GET", path: base + "/Users"}).status; got != http.StatusUnauthorized {
				return fmt.Errorf("status %d, want 401", got)
			}
			return nil
		})
	}
	tokens := []string{scim(t, "token", "create", rotating, "--name=round-0")}
	p := &pusher{operator: o}
	p.use(tokens[0])
	p.start(t, base)
	const rounds, requests = 5, 25
	for round := 1; round <= rounds; round++ {
		fresh := scim(t, "token", "rotate", rotating, fmt.Sprintf("--name=round-%d", round), "--overlap=24h")
		// At once, as a person who has the token in the clipboard, and without a look at whether any server knows it.
		p.use(fresh)
		p.await(t, requests)
		old := tokens[len(tokens)-1]
		scim(t, "token", "revoke", rotating, fmt.Sprintf("round-%d", round-1), "--yes")
		p.await(t, requests)
		for _, server := range o.servers {
			eventually(t, "the old token is dead", func(context.Context) error {
				header := "Bearer " + old
				if got := o.raw(t, server, rawRequest{method: "GET", path: base + "/Users", authorization: &header}).status; got != http.StatusUnauthorized {
					return fmt.Errorf("status %d, want 401", got)
				}
				return nil
			})
		}
		tokens = append(tokens, fresh)
	}
	p.stop()
	if refused := p.refused.Load(); refused > 0 || p.done.Load() < rounds*2*requests {
		t.Errorf("%d of %d requests were refused, want none: %s", refused, p.done.Load(), *p.example.Load())
	}
	t.Logf("%d requests during %d rotations and revocations, %d refused", p.done.Load(), rounds, p.refused.Load())
	for i, token := range tokens {
		o.assertLeftNowhere(t, token, i == 0)
	}
}

// buildPlugin gives a function that runs kubectl-scim and returns its standard output.
func buildPlugin(t *testing.T) func(t *testing.T, args ...string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "kubectl-scim")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", binary, "github.com/scim-operator/scim-operator/cmd/kubectl-scim")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build kubectl-scim: %v\n%s", err, output)
	}
	kubeconfig := apiserver.Kubeconfig(t, apiserver.Config())
	return func(t *testing.T, args ...string) string {
		t.Helper()
		var stderr bytes.Buffer
		command := exec.CommandContext(t.Context(), binary, append(args, "--kubeconfig="+kubeconfig)...)
		command.Stderr = &stderr
		output, err := command.Output()
		if err != nil {
			t.Fatalf("kubectl-scim %v: %v\n%s", args, err, stderr.String())
		}
		return strings.TrimSpace(string(output))
	}
}

// pusher pushes at both servers with the token that it is given, and counts.
type pusher struct {
	operator *operator
	token    atomic.Pointer[string]
	// done counts all requests, refused those that were not answered with success, and example is one of the latter.
	done, refused atomic.Int64
	example       atomic.Pointer[string]
	// since counts, for each server, the requests that began with the present token.
	since  [2]atomic.Int64
	cancel context.CancelFunc
	group  sync.WaitGroup
}

// use makes all further requests with a token.
func (p *pusher) use(token string) {
	p.token.Store(&token)
	for i := range p.since {
		p.since[i].Store(0)
	}
}

func (p *pusher) start(t *testing.T, base string) {
	t.Helper()
	none := ""
	p.example.Store(&none)
	ctx, cancel := context.WithCancel(t.Context())
	p.cancel = cancel
	t.Cleanup(p.stop)
	for i, server := range p.operator.servers {
		client := p.operator.httpClient()
		p.group.Go(func() {
			defer client.CloseIdleConnections()
			for n := 0; ctx.Err() == nil; n++ {
				token := *p.token.Load()
				p.push(ctx, client, "https://"+server.address+base, token, fmt.Sprintf("rotor-%d-%d@example.com", i, n))
				if token == *p.token.Load() {
					p.since[i].Add(1)
				}
			}
		})
	}
}

// push looks a user up, and makes one every tenth time.
func (p *pusher) push(ctx context.Context, client *http.Client, base, token, userName string) {
	method, url, body := http.MethodGet, base+"/Users?count=1", ""
	if strings.HasSuffix(userName, "0@example.com") {
		method, url, body = http.MethodPost, base+"/Users", `{"userName":"`+userName+`"}`
	}
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		p.refuse(err.Error())
		return
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/scim+json")
	response, err := client.Do(request)
	if err != nil {
		if ctx.Err() == nil {
			p.refuse(err.Error())
		}
		return
	}
	answer, _ := io.ReadAll(response.Body)
	response.Body.Close()
	p.done.Add(1)
	if response.StatusCode >= http.StatusMultipleChoices {
		p.refuse(fmt.Sprintf("%s %s: %d %s", method, url, response.StatusCode, answer))
	}
}

func (p *pusher) refuse(why string) {
	p.refused.Add(1)
	p.example.Store(&why)
}

// await waits until each server has answered that many more requests with the present token.
func (p *pusher) await(t *testing.T, requests int64) {
	t.Helper()
	for i := range p.since {
		before := p.since[i].Load()
		eventually(t, "requests are answered", func(context.Context) error {
			if got := p.since[i].Load() - before; got < requests {
				return fmt.Errorf("%d requests at server %d, want %d", got, i+1, requests)
			}
			return nil
		})
	}
}

// stop ends the pushing; it may be called twice.
func (p *pusher) stop() {
	p.cancel()
	p.group.Wait()
}

// assertLeftNowhere looks for a token in all that etcd ever wrote down, events included, in the logs of all processes and in the metrics of
// the servers. That the search finds what is there is shown by the token's hash, when it is still stored, or was.
func (o *operator) assertLeftNowhere(t *testing.T, token string, metrics bool) {
	t.Helper()
	sum := sha256.Sum256([]byte(token))
	if !foundBelow(t, apiserver.EtcdDir(), hex.EncodeToString(sum[:])) {
		t.Error("the hash of a token is not in etcd, so the search would not find the token either")
	}
	if foundBelow(t, apiserver.EtcdDir(), token) {
		t.Error("a token is in etcd")
	}
	o.assertNowhere(t, token)
	if !metrics {
		return
	}
	for _, server := range o.servers {
		text := o.scrape(t, server)
		if !bytes.Contains(text, []byte("go_goroutines")) {
			t.Errorf("the metrics of a server are not there: %.200s", text)
		}
		if bytes.Contains(text, []byte(token)) {
			t.Error("a token is in the metrics of a server")
		}
	}
}

// foundBelow says whether a text is in a file below a directory.
func foundBelow(t *testing.T, dir, text string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || found {
			return err
		}
		content, err := os.ReadFile(path)
		found = bytes.Contains(content, []byte(text))
		return err
	})
	check(t, "search "+dir, err)
	return found
}

// scrape reads the metrics of a server as an account does that is allowed to.
func (o *operator) scrape(t *testing.T, server *process) []byte {
	t.Helper()
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "scrape-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "scim-operator-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: namespace, Name: controllerAccount}},
	}
	check(t, "let an account read metrics", o.kube.Create(t.Context(), binding))
	t.Cleanup(func() { _ = o.kube.Delete(context.WithoutCancel(t.Context()), binding) })
	config, err := accountConfig(t.Context(), o.kube, controllerAccount)
	check(t, "sign in as that account", err)
	// The certificate of the metrics is made at the start, so that nobody can know its authority.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	var text []byte
	eventually(t, "the metrics are served", func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+server.metrics+"/metrics", http.NoBody)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+config.BearerToken)
		response, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", response.StatusCode)
		}
		text, err = io.ReadAll(response.Body)
		return err
	})
	return text
}
