package bulk

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// service is a SCIM service in its simplest form: resources by id, each with a set of the ids that it refers to.
type service struct {
	next int
	// refs are by id, names the resource that an id belongs to, versions as in an entity tag.
	refs     map[string]map[string]bool
	names    map[string]string
	versions map[string]int
	// fail says which resource cannot be written, and with which status.
	fail map[string]int
}

func newService() *service {
	return &service{refs: map[string]map[string]bool{}, names: map[string]string{}, versions: map[string]int{}, fail: map[string]int{}}
}

func refused(status int) Outcome {
	return Outcome{Status: status, Err: &scim.Error{Status: status, Detail: "refused", RetryAfter: 7 * time.Second}}
}

func (s *service) do(task Task) Outcome {
	if task.Refused != nil {
		return Outcome{Status: task.Refused.Status, Err: task.Refused}
	}
	id := task.ID
	if task.Method == http.MethodPost {
		name := task.Data["displayName"].(string)
		if status := s.fail[name]; status != 0 {
			return refused(status)
		}
		s.next++
		id = fmt.Sprintf("id-%d", s.next)
		s.names[id], s.refs[id] = name, map[string]bool{}
	}
	switch _, ok := s.refs[id]; {
	case !ok:
		return refused(http.StatusNotFound)
	case task.Version != "" && task.Version != strconv.Itoa(s.versions[id]):
		return refused(http.StatusPreconditionFailed)
	case task.Method == http.MethodPut && s.fail["complete "+s.names[id]] != 0:
		return refused(s.fail["complete "+s.names[id]])
	case task.Method == http.MethodDelete && s.fail["delete "+s.names[id]] != 0:
		return refused(s.fail["delete "+s.names[id]])
	case task.Method == http.MethodDelete:
		delete(s.refs, id)
		return Outcome{Status: http.StatusNoContent, ID: id}
	case task.Method == http.MethodPut:
		s.refs[id] = map[string]bool{}
	}
	s.versions[id]++
	for _, m := range task.Data["members"].([]any) {
		s.refs[id][m.(map[string]any)["value"].(string)] = true
	}
	status := http.StatusOK
	if task.Method == http.MethodPost {
		status = http.StatusCreated
	}
	return Outcome{Status: status, ID: id, Version: strconv.Itoa(s.versions[id])}
}

// state is what there is, by names in the place of ids.
func (s *service) state() map[string][]string {
	out := map[string][]string{}
	for id, refs := range s.refs {
		list := []string{}
		for ref := range refs {
			list = append(list, s.names[ref])
		}
		slices.Sort(list)
		out[s.names[id]] = list
	}
	return out
}

func create(name string, refs ...string) map[string]any {
	return map[string]any{"method": "POST", "path": "/Groups", "bulkId": name, "data": map[string]any{"displayName": name, "members": referring(refs)}}
}

// add is a PATCH of a resource that the same request creates; the service takes its members from where a group has them.
func add(name string, refs ...string) map[string]any {
	return map[string]any{"method": "PATCH", "path": "/Groups/bulkId:" + name, "data": map[string]any{"members": referring(refs)}}
}

func referring(refs []string) []any {
	members := []any{}
	for _, ref := range refs {
		members = append(members, map[string]any{"value": "bulkId:" + ref})
	}
	return members
}

func request(t rapid.TB, failOnErrors int, operations ...map[string]any) *Request {
	list := []any{}
	for _, op := range operations {
		list = append(list, op)
	}
	r, err := Parse(scim.Resource{"Operations": list})
	if err != nil {
		t.Fatal(err)
	}
	r.FailOnErrors = failOnErrors
	return r
}

// graph is a drawn request: who refers to whom, at creation and by a later PATCH, and what must come out.
type graph struct {
	operations []map[string]any
	refs, want map[string][]string
}

func drawGraph(t *rapid.T) graph {
	n := rapid.IntRange(1, 12).Draw(t, "resources")
	g := graph{refs: map[string][]string{}, want: map[string][]string{}}
	name := rapid.Map(rapid.IntRange(0, n-1), func(i int) string { return fmt.Sprintf("r%02d", i) })
	for i := range n {
		from := fmt.Sprintf("r%02d", i)
		refs := rapid.SliceOfNDistinct(name, 0, min(n, 3), rapid.ID[string]).Draw(t, "references of "+from)
		added := rapid.SliceOfNDistinct(name, 0, min(n, 2), rapid.ID[string]).Draw(t, "added to "+from)
		g.operations = append(g.operations, create(from, refs...))
		if len(added) > 0 {
			g.operations = append(g.operations, add(from, added...))
		}
		g.refs[from] = refs
		all := append(slices.Clone(refs), added...)
		slices.Sort(all)
		g.want[from] = append([]string{}, slices.Compact(all)...)
	}
	return g
}

// TestAnyOrderGivesTheSameState is the law of RFC 7644 section 3.7: whatever order the operations are in, the outcome is what the
// client meant, circles included.
func TestAnyOrderGivesTheSameState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		operations := rapid.Permutation(g.operations).Draw(t, "order")
		s := newService()
		for i, o := range Run(request(t, 0, operations...), s.do) {
			if o == nil || o.Err != nil {
				t.Fatalf("operation %d: %+v", i, o)
			}
			if want := map[any]int{"POST": 201, "PATCH": 200}[operations[i]["method"]]; o.Status != want {
				t.Errorf("operation %d has the status %d, want %d", i, o.Status, want)
			}
		}
		if diff := cmp.Diff(g.want, s.state()); diff != "" {
			t.Errorf("the state differs from what was asked for (-want +got):\n%s", diff)
		}
	})
}

// doomed are the resources that cannot come to be when those cannot that are in failing: whatever refers to them, at any distance.
func doomed(refs map[string][]string, failing map[string]int) map[string]bool {
	out := map[string]bool{}
	for name := range failing {
		out[name] = true
	}
	for grown := true; grown; {
		grown = false
		for from, to := range refs {
			if !out[from] && slices.ContainsFunc(to, func(name string) bool { return out[name] }) {
				out[from], grown = true, true
			}
		}
	}
	return out
}

// TestFailuresLeaveNothingHalf: a resource exists if and only if its operation says so, and then with all that it refers to.
func TestFailuresLeaveNothingHalf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		var operations []map[string]any
		for _, op := range rapid.Permutation(g.operations).Draw(t, "order") {
			if op["method"] == "POST" {
				operations = append(operations, op)
			}
		}
		s := newService()
		for _, name := range slices.Sorted(maps.Keys(g.refs)) {
			if rapid.IntRange(0, 5).Draw(t, "fails "+name) == 0 {
				s.fail[name] = http.StatusConflict
			}
		}
		want := doomed(g.refs, s.fail)
		outcomes := Run(request(t, 0, operations...), s.do)
		state := s.state()
		for i, o := range outcomes {
			name := operations[i]["bulkId"].(string)
			_, exists := state[name]
			if failed := o.Err != nil; failed != want[name] || exists == failed {
				t.Errorf("%s: failed %v, exists %v; want it to fail: %v", name, failed, exists, want[name])
			}
		}
		for name, refs := range state {
			all := slices.Sorted(slices.Values(g.refs[name]))
			if !slices.Equal(all, refs) {
				t.Errorf("%s refers to %v, want %v", name, refs, all)
			}
		}
	})
}

func statuses(outcomes []*Outcome) []int {
	out := []int{}
	for _, o := range outcomes {
		if o == nil {
			out = append(out, 0)
			continue
		}
		out = append(out, o.Status)
	}
	return out
}

func TestRun(t *testing.T) {
	remove := map[string]any{"method": "DELETE", "path": "/Groups/nothing"}
	cases := map[string]struct {
		reason       string
		failOnErrors int
		operations   []map[string]any
		fail         map[string]int
		want         []int
		left         []string
	}{
		"continue":    {"without failOnErrors the rest is carried out (RFC 7644 section 3.7)", 0, []map[string]any{remove, create("a")}, nil, []int{404, 201}, []string{"a"}},
		"first":       {"failOnErrors 1 ends at the first", 1, []map[string]any{create("a"), remove, create("b")}, nil, []int{201, 404, 0}, []string{"a"}},
		"second":      {"failOnErrors counts", 2, []map[string]any{remove, create("a"), remove, create("b")}, nil, []int{404, 201, 404, 0}, []string{"a"}},
		"reference":   {"what refers to a failed creation fails", 0, []map[string]any{create("a", "b"), create("b"), create("c")}, map[string]int{"b": 409}, []int{400, 409, 201}, []string{"c"}},
		"trouble":     {"passing trouble ends the run and says what is to be sent again", 0, []map[string]any{create("a"), create("b"), create("c")}, map[string]int{"b": 429}, []int{201, 429, 429}, []string{"a"}},
		"circle":      {"a circle fails as a whole", 0, []map[string]any{create("a", "b"), create("b", "c"), create("c", "a"), create("d")}, map[string]int{"b": 409}, []int{400, 409, 400, 201}, []string{"d"}},
		"complete":    {"a circle that cannot be completed is taken back", 0, []map[string]any{create("a", "b"), create("b", "a")}, map[string]int{"complete a": 412}, []int{412, 400}, nil},
		"again":       {"a circle that meets trouble is to be sent again as a whole", 0, []map[string]any{create("a", "b"), create("b", "a"), create("c")}, map[string]int{"b": 429}, []int{429, 429, 429}, nil},
		"left behind": {"what cannot be taken back is named", 0, []map[string]any{create("a", "b"), create("b", "a")}, map[string]int{"b": 409, "delete a": 429}, []int{400, 409}, []string{"a"}},
		"stuck":       {"after trouble no further deletion is tried", 0, []map[string]any{create("a", "b"), create("b", "c"), create("c", "a")}, map[string]int{"c": 409, "delete b": 429}, []int{400, 400, 409}, []string{"a", "b"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newService()
			s.fail = tc.fail
			outcomes := Run(request(t, tc.failOnErrors, tc.operations...), s.do)
			if diff := cmp.Diff(tc.want, statuses(outcomes)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.left, slices.Sorted(maps.Keys(s.state()))); diff != "" {
				t.Errorf("%s: the resources that there are (-want +got):\n%s", tc.reason, diff)
			}
			for i, o := range outcomes {
				if o == nil || o.Err == nil {
					continue
				}
				if o.Status == 429 && o.Err.RetryAfter != 7*time.Second {
					t.Errorf("operation %d is to be sent again after %s, want what the trouble said", i, o.Err.RetryAfter)
				}
				if said := strings.Contains(o.Err.Detail, "could not be deleted"); said != (o.ID != "" && tc.operations[i]["method"] == "POST") {
					t.Errorf("operation %d leaves the resource %q behind and says %q", i, o.ID, o.Err.Detail)
				}
			}
		})
	}
}
