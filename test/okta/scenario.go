package okta

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

//go:embed recorded/*.json
var recorded embed.FS

// Scenario is one recorded exchange: what a person did in Okta, and the requests and answers that it made. README.md in recorded
// describes the format.
type Scenario struct {
	// Name tells scenarios apart.
	Name string `json:"name"`
	// Dialect is the kind of app that sends these requests.
	Dialect Dialect `json:"dialect"`
	// When says what a person did in Okta.
	When string `json:"when"`
	// Source says where the facts come from: "recorded" from a real tenant, "documented" by Okta, or "reported" in an issue.
	Source string `json:"source"`
	// Steps are the requests, in order.
	Steps []Step `json:"steps"`
}

// Step is one request and what is known of its answer.
type Step struct {
	// Name lets later steps refer to the answer.
	Name string `json:"name,omitempty"`
	// Method and Path say what is asked; Path starts after the base URL.
	Method string `json:"method"`
	Path   string `json:"path"`
	// Headers override those of the client; an empty value leaves a header out.
	Headers map[string]string `json:"headers,omitempty"`
	// Body is what is sent.
	Body any `json:"body,omitempty"`
	// Echo names the step whose answer is sent back, with Set laid over it. It excludes Body.
	Echo string         `json:"echo,omitempty"`
	Set  map[string]any `json:"set,omitempty"`
	// ForEach repeats the step for several values of a variable.
	ForEach *ForEach `json:"forEach,omitempty"`
	// Expect is what is known of the answer.
	Expect Expectation `json:"expect"`
	// Capture sets variables to attributes of the answer.
	Capture map[string]string `json:"capture,omitempty"`
	// Note explains the step.
	Note string `json:"note,omitempty"`
}

// ForEach repeats a step.
type ForEach struct {
	Variable string   `json:"variable"`
	Values   []string `json:"values"`
}

// Expectation holds facts about an answer, and is silent about the rest.
type Expectation struct {
	// Status lists the HTTP statuses that will do.
	Status []int `json:"status"`
	// JSON holds the facts about the body.
	JSON any `json:"json,omitempty"`
	// Absent are top-level attributes that must not be there.
	Absent []string `json:"absent,omitempty"`
}

// values are the values for which the step is run: once when it is not repeated.
func (s Step) values() []string {
	if s.ForEach == nil {
		return []string{""}
	}
	return s.ForEach.Values
}

// LoadRecorded reads all recorded scenarios, in the order of the files' names and of the scenarios in each.
func LoadRecorded() ([]Scenario, error) {
	names, err := fs.Glob(recorded, "recorded/*.json")
	if err != nil {
		return nil, fmt.Errorf("recorded scenarios: %w", err)
	}
	slices.Sort(names)
	var all []Scenario
	for _, name := range names {
		raw, err := recorded.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("recorded scenarios: %w", err)
		}
		scenarios, err := parseScenarios(raw)
		if err != nil {
			return nil, fmt.Errorf("recorded scenarios: %s: %w", path.Base(name), err)
		}
		all = append(all, scenarios...)
	}
	return all, nil
}

func parseScenarios(raw []byte) ([]Scenario, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	var scenarios []Scenario
	if err := decoder.Decode(&scenarios); err != nil {
		return nil, err
	}
	for _, s := range scenarios {
		if err := s.validate(); err != nil {
			return nil, fmt.Errorf("scenario %q: %w", s.Name, err)
		}
	}
	return scenarios, nil
}

// validate refuses a scenario that could not fail, or not run.
func (s Scenario) validate() error {
	if s.Name == "" || s.When == "" || len(s.Steps) == 0 {
		return errors.New("name, when and steps are required")
	}
	if s.Dialect != AIW && s.Dialect != OIN {
		return fmt.Errorf("dialect %q is neither AIW nor OIN", s.Dialect)
	}
	if !slices.Contains([]string{"recorded", "documented", "reported"}, s.Source) {
		return fmt.Errorf("source %q is none of recorded, documented, reported", s.Source)
	}
	named := map[string]bool{}
	for i, step := range s.Steps {
		switch {
		case step.Method == "" || step.Path == "" || len(step.Expect.Status) == 0:
			return fmt.Errorf("step %d: method, path and expect.status are required", i+1)
		case step.Echo != "" && !named[step.Echo]:
			return fmt.Errorf("step %d: echo names no earlier step", i+1)
		case step.Echo != "" && step.Body != nil:
			return fmt.Errorf("step %d: echo and body exclude each other", i+1)
		case s.Dialect == AIW && step.Method == "PATCH":
			return fmt.Errorf("step %d: a custom app never sends PATCH", i+1)
		}
		named[step.Name] = step.Name != ""
	}
	return nil
}
