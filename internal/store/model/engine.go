package model

import "fmt"

// Model is a system to explore. Start and Next must be pure: the same state always has the same successors.
type Model[S comparable] interface {
	// Start is the first state.
	Start() S
	// Next calls visit with every step that is possible in s and the state that it leads to.
	Next(s S, visit func(Step, S))
	// Check returns what is wrong with s, or nothing. It is called once for every state.
	Check(s S) string
	// Describe puts a step into words.
	Describe(step Step) string
}

// Step is one call of the API server by one actor. What PC, Object and Name mean is the model's business.
type Step struct {
	Actor, PC, Object, Name uint8
	// OK is false for a call that was refused: Conflict, AlreadyExists or NotFound.
	OK bool
}

// Result says what an exploration found.
type Result struct {
	// States is the number of different states that were visited.
	States int
	// Exhausted is true when every reachable state was visited.
	Exhausted bool
	// Violation is what is wrong with the last state of the trace; it is empty when nothing is.
	Violation string
	// Trace is a shortest sequence of steps that leads to the violation, in words.
	Trace []string
}

// String gives the trace and the violation, a line each.
func (r Result) String() string {
	text := ""
	for i, line := range r.Trace {
		text += fmt.Sprintf("%3d. %s\n", i+1, line)
	}
	return text + "  => " + r.Violation
}

// origin tells how a state was reached first.
type origin struct {
	parent int32
	step   Step
}

// Explore visits every state breadth first, until one is wrong or limit states were visited. Breadth first makes the trace a
// shortest one.
func Explore[S comparable](m Model[S], limit int) Result {
	start := m.Start()
	seen := map[S]struct{}{start: {}}
	queue := []S{start}
	origins := []origin{{parent: -1}}
	violation, at := m.Check(start), 0
	head := 0
	for ; head < len(queue) && violation == "" && len(origins) < limit; head++ {
		m.Next(queue[head], func(step Step, next S) {
			if _, ok := seen[next]; ok || violation != "" {
				return
			}
			seen[next] = struct{}{}
			queue = append(queue, next)
			origins = append(origins, origin{parent: int32(head), step: step}) //nolint:gosec // head is below the limit of states
			violation, at = m.Check(next), len(origins)-1
		})
	}
	result := Result{States: len(origins), Violation: violation}
	if violation == "" {
		result.Exhausted = head == len(queue)
		return result
	}
	result.Trace = trace(m, origins, at)
	return result
}

// trace walks back from a state to the start.
func trace[S comparable](m Model[S], origins []origin, at int) []string {
	length := 0
	for i := at; origins[i].parent >= 0; i = int(origins[i].parent) {
		length++
	}
	lines := make([]string, length)
	for i := at; origins[i].parent >= 0; i = int(origins[i].parent) {
		length--
		lines[length] = m.Describe(origins[i].step)
	}
	return lines
}
