package scimmy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const dirVariable = "SCIMMY_DIR"

var errNoServer = errors.New(dirVariable + " is not set, so there is no scimmy to test against: run make test, or: export " +
	dirVariable + "=$(hack/scimmy.sh)")

// Kind says what scimmy runs on.
type Kind string

const (
	// Express4 is what scimmy's routers were written for.
	Express4 Kind = "express4"
	// Express5 is what they take as well, but that each page of a list is the first one.
	Express5 Kind = "express5"
)

// Token is the bearer token that the server takes.
const Token = "token-of-a-test"

// Server is a running server.
type Server struct {
	// BaseURL is that of the SCIM endpoints.
	BaseURL string
	address string
	process *exec.Cmd
	stdin   io.Closer
	log     *bytes.Buffer
}

// Person is a user as the server has it in its memory.
type Person struct {
	ID       string         `json:"id"`
	UserName string         `json:"userName"`
	Active   bool           `json:"active"`
	Roles    []string       `json:"roles"`
	User     map[string]any `json:"user"`
	// Writes is how often the user or a membership of the user's was written.
	Writes int `json:"writes"`
}

// Start starts a server on a free port of 127.0.0.1. Stop it when it is no longer needed.
func Start(ctx context.Context, kind Kind) (*Server, error) {
	dir := os.Getenv(dirVariable)
	if dir == "" {
		return nil, errNoServer
	}
	// The server must outlive the context of whoever started it: Stop ends it.
	s := &Server{log: &bytes.Buffer{}, process: exec.CommandContext(context.WithoutCancel(ctx), "node", "server.js")}
	s.process.Dir = filepath.Join(dir, string(kind))
	s.process.Env = []string{"PATH=" + os.Getenv("PATH"), "TOKEN=" + Token}
	s.process.Stderr = s.log
	var err error
	if s.stdin, err = s.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		return nil, fmt.Errorf("start scimmy of %s: %w", dir, err)
	}
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.Stop()
		return nil, fmt.Errorf("start scimmy of %s: %w: %s", dir, err, s.log)
	}
	s.address = "http://127.0.0.1:" + strings.TrimSpace(port)
	s.BaseURL = s.address + "/scim/v2"
	return s, nil
}

// Stop ends the server, by its own id.
func (s *Server) Stop() {
	_ = s.stdin.Close()
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

// Truth reads everybody from the server's memory, and not by SCIM.
func (s *Server) Truth(t testing.TB) []Person {
	t.Helper()
	var all []Person
	s.do(t, http.MethodGet, s.address+"/truth", nil, &all)
	return all
}

// Do sends a SCIM request as somebody else than the connector, and wants a 2xx.
func (s *Server) Do(t testing.TB, method, path string, body any) map[string]any {
	t.Helper()
	answer := map[string]any{}
	s.do(t, method, s.BaseURL+path, body, &answer)
	return answer
}

func (s *Server) do(t testing.TB, method, url string, body, into any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if body == nil {
		request.Body = http.NoBody
	}
	request.Header.Set("Content-Type", "application/scim+json")
	request.Header.Set("Authorization", "Bearer "+Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s: %s", method, url, response.Status, answer)
	}
	if len(answer) == 0 {
		return
	}
	if err := json.Unmarshal(answer, into); err != nil {
		t.Fatalf("%s %s: %v: %s", method, url, err, answer)
	}
}
