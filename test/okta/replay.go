package okta

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Replay runs a recorded scenario against the client's server, with the client's address, token and headers, and compares every
// answer with what was recorded. 429 is retried as in all that the client does. The error names the scenario and the step.
//
// Names in a scenario end in {{run}}, which differs from replay to replay, so that one can be replayed any number of times.
func Replay(ctx context.Context, c *Client, s Scenario) error {
	run := &replay{client: c, variables: map[string]string{"run": strings.ToLower(rand.Text()[:10])}, answers: map[string]Resource{}}
	for i, step := range s.Steps {
		for _, value := range step.values() {
			if step.ForEach != nil {
				run.variables[step.ForEach.Variable] = value
			}
			if err := run.step(ctx, step); err != nil {
				return fmt.Errorf("scenario %s, step %d (%s %s): %w", s.Name, i+1, step.Method, run.expand(step.Path), err)
			}
		}
	}
	return nil
}

// replay is the state between the steps of one scenario.
type replay struct {
	client    *Client
	variables map[string]string
	answers   map[string]Resource
}

func (r *replay) step(ctx context.Context, step Step) error {
	payload, err := encode(r.body(step))
	if err != nil {
		return err
	}
	answer, err := r.send(ctx, step, payload)
	if err != nil {
		return err
	}
	if !slices.Contains(step.Expect.Status, answer.Status) {
		return fmt.Errorf("status %d, want one of %v: %.500s", answer.Status, step.Expect.Status, answer.Body)
	}
	if len(answer.Body) == 0 {
		if answer.Status == http.StatusNoContent {
			return nil
		}
		return fmt.Errorf("status %d without a body", answer.Status)
	}
	resource, err := decode(answer.Body)
	if err != nil {
		return err
	}
	if step.Name != "" {
		r.answers[step.Name] = resource
	}
	return r.check(step, resource)
}

// send sends one step with the headers that it overrides.
func (r *replay) send(ctx context.Context, step Step, payload []byte) (*Answer, error) {
	override := make(map[string]string, len(step.Headers))
	for name, value := range step.Headers {
		override[name] = r.expand(value)
	}
	path := r.expandPath(step.Path)
	for retry := 0; ; retry++ {
		answer, err := r.client.send(ctx, step.Method, path, payload, override, retry)
		if err != nil || answer.Status != http.StatusTooManyRequests || retry == MaxRetries {
			return answer, err
		}
		if err := r.client.config.Sleep(ctx, retryDelay(answer.Header.Get("Retry-After"), retry)); err != nil {
			return nil, fmt.Errorf("waiting to retry: %w", err)
		}
	}
}

// body is what a step sends: its body, or the answer to an earlier step with values laid over it; nil for none.
func (r *replay) body(step Step) any {
	if step.Echo == "" {
		return r.expandAll(step.Body)
	}
	values, _ := r.expandAll(step.Set).(map[string]any)
	return mergeEcho(r.answers[step.Echo], values)
}

func (r *replay) check(step Step, got Resource) error {
	if diff := mismatch("", r.expandAll(step.Expect.JSON), map[string]any(got)); diff != "" {
		return fmt.Errorf("answer: %s", diff)
	}
	for _, name := range step.Expect.Absent {
		if _, ok := got[name]; ok {
			return fmt.Errorf("answer: attribute %s must not be there", name)
		}
	}
	for name, attribute := range step.Capture {
		value := got.text(attribute)
		if value == "" {
			return fmt.Errorf("answer: %s is empty or no string", attribute)
		}
		r.variables[r.expand(name)] = value
	}
	return nil
}

// expand replaces {{x}} by the variable x.
func (r *replay) expand(s string) string {
	for name, value := range r.variables {
		s = strings.ReplaceAll(s, "{{"+name+"}}", value)
	}
	return strings.ReplaceAll(s, "{{random}}", randomPassword())
}

// expandPath does the same with values escaped for a URL.
func (r *replay) expandPath(s string) string {
	for name, value := range r.variables {
		s = strings.ReplaceAll(s, "{{"+name+"}}", escape(value))
	}
	return s
}

// expandAll expands every string in a JSON value, keys included.
func (r *replay) expandAll(value any) any {
	switch v := value.(type) {
	case string:
		return r.expand(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = r.expandAll(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, item := range v {
			out[r.expand(name)] = r.expandAll(item)
		}
		return out
	}
	return value
}

// mismatch says where got differs from the facts in want, or nothing. Objects may have more than want names; lists must be equal
// but for their order. "<integer>", "<list>", "<string>" and "<time>" stand for any value of that kind; a string must not be
// empty.
func mismatch(at string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is %v, want an object", at, got)
		}
		for _, name := range slices.Sorted(maps.Keys(w)) {
			if diff := mismatch(at+"/"+name, w[name], object[name]); diff != "" {
				return diff
			}
		}
		return ""
	case []any:
		return listMismatch(at, w, got)
	case string:
		if ok, isKind := isOfKind(w, got); isKind {
			if !ok {
				return fmt.Sprintf("%s is %v, want %s", at, got, w)
			}
			return ""
		}
	}
	if !covers(normal(got), normal(want)) {
		return fmt.Sprintf("%s is %v, want %v", at, got, want)
	}
	return ""
}

func listMismatch(at string, want []any, got any) string {
	list, ok := got.([]any)
	if !ok || len(list) != len(want) {
		return fmt.Sprintf("%s is %v, want a list of %d", at, got, len(want))
	}
	for i, w := range want {
		found := slices.ContainsFunc(list, func(g any) bool { return mismatch("", w, g) == "" })
		if !found {
			return fmt.Sprintf("%s/%d: nothing in %v is %v", at, i, list, w)
		}
	}
	return ""
}

func isOfKind(kind string, got any) (ok, isKind bool) {
	text, isText := got.(string)
	switch kind {
	case "<integer>":
		number, _ := got.(json.Number)
		_, err := number.Int64()
		return err == nil, true
	case "<list>":
		_, ok := got.([]any)
		return ok, true
	case "<string>":
		return isText && text != "", true
	case "<time>":
		_, err := time.Parse(time.RFC3339, text)
		return isText && err == nil, true
	}
	return false, false
}
