package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// state is what the supervisor tells the other subcommands. It holds for as long as the lock is held.
type state struct {
	// Supervisor is the supervisor's process id.
	Supervisor int `json:"supervisor"`
	// Ready is set once everything serves.
	Ready bool `json:"ready"`
	// Assets is the folder with kubectl.
	Assets string `json:"assets"`
	// APIServer is the URL of the API server.
	APIServer string `json:"apiServer,omitempty"`
	// BaseURLs are the SCIM base URLs, one for each server process.
	BaseURLs []string `json:"baseURLs,omitempty"`
	// Processes are the children, in the order in which they were started.
	Processes []processState `json:"processes,omitempty"`
}

type processState struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
}

// write replaces the file at once, so that nobody reads half of it.
func (s *state) write(p place) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the state: %w", err)
	}
	return replaceFile(p.state(), append(data, '\n'))
}

func readState(p place) (*state, error) {
	data, err := os.ReadFile(p.state())
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	s := &state{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("read the state %s: %w", p.state(), err)
	}
	return s, nil
}

// replaceFile writes a file that only its owner can read.
func replaceFile(path string, data []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

// clearPlace removes what a supervisor leaves behind except the logs.
func clearPlace(p place) error {
	return errors.Join(os.RemoveAll(p.data()), removeFile(p.state()), removeFile(p.env()), removeFile(p.kubeconfig()),
		removeFile(p.authority()))
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// environment is the content of the file env: what a shell needs to look around and to push.
func environment(p place, s *state, token string) string {
	var b strings.Builder
	export := func(name, value string) { fmt.Fprintf(&b, "export %s=%s\n", name, shellQuote(value)) }
	export("KUBECONFIG", p.kubeconfig())
	export("SCIM_BASE_URL", s.BaseURLs[0])
	if len(s.BaseURLs) > 1 {
		for i, url := range s.BaseURLs {
			export(fmt.Sprintf("SCIM_BASE_URL_%d", i+1), url)
		}
	}
	export("SCIM_TOKEN", token)
	export("SCIM_CA_FILE", p.authority())
	fmt.Fprintf(&b, "export PATH=%s:\"$PATH\"\n", shellQuote(s.Assets))
	return b.String()
}

// shellQuote makes one word of any POSIX shell out of a value.
func shellQuote(value string) string {
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
