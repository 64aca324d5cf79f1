package chaos_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// request is one that a client sends: what, to whom, with which name or people.
type request struct {
	what string
	// resource is the endpoint, /Users or /Groups, of what has a name that others want too; empty for requests about the members of the one group.
	resource string
	// id is that of a user or group; empty where the name says who.
	id string
	// name is a userName or displayName.
	name string
	// active is what a user is to be.
	active bool
	// people are the members that a request names, sorted.
	people []string
	// shared says of a delete that another one of the same was under way at the same time. When the answer to one of them is lost, its server
	// finds nothing any more and cannot know which of the two did it. It says that it is done, as it is.
	shared bool
}

func (r request) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s%s %s %s %v", r.what, r.resource, r.id, r.name, r.people))
}

// answer is what became of a request.
type answer struct {
	// status is 0 where nobody knows whether the request took effect.
	status int
	// id is who was made or found; empty for nobody.
	id     string
	name   string
	active bool
	people []string
}

// done is the status of every answer that says so, whatever the number.
const done = 200

// bearer is a user or a group in the model.
type bearer struct {
	id, name string
	active   bool
}

// unnamed is the id of a bearer whose create was never answered; there may be one to a name.
const unnamed = "?"

// society is a state of the model: users or groups by id, or the members of the group.
type society struct {
	bearers []bearer
	members []string
}

// model says what answers are right, one request after the other.
func model() porcupine.Model {
	nondeterministic := porcupine.NondeterministicModel{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			parts := map[string][]porcupine.Operation{}
			for _, o := range history {
				resource := o.Input.(request).resource
				parts[resource] = append(parts[resource], o)
			}
			return slices.Collect(maps.Values(parts))
		},
		Init: func() []any { return []any{society{}} },
		Step: func(state, input, output any) []any {
			return answered(state.(society), input.(request), output.(answer))
		},
		Equal: func(a, b any) bool {
			x, y := a.(society), b.(society)
			return slices.Equal(x.bearers, y.bearers) && slices.Equal(x.members, y.members)
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v: %+v", input, output) },
	}
	return nondeterministic.ToModel()
}

// answered gives the states in which a request can leave the world when it is answered so; none where the answer is wrong.
func answered(s society, in request, out answer) []any {
	after, status := s.apply(in, out)
	switch {
	case out.status == 0 && status == done && len(after) > 0:
		return append(after, s)
	case out.status == 0:
		return []any{s}
	case out.status != status:
		return nil
	case status == done:
		return after
	}
	return []any{s}
}

// apply carries a request out, and says how it must be answered.
func (s society) apply(in request, out answer) (after []any, status int) {
	switch in.what {
	case "create":
		if s.named(in.name) >= 0 {
			return nil, 409
		}
		id := out.id
		if out.status == 0 {
			id = unnamed + in.name
		}
		return []any{s.with(bearer{id: id, name: in.name, active: true})}, done
	case "find":
		return s.find(in, out)
	case "get", "rename", "activate", "delete":
		at := slices.IndexFunc(s.bearers, func(u bearer) bool { return u.id == in.id })
		if at < 0 && in.shared && out.status == done {
			return []any{s}, done
		}
		if at < 0 {
			return nil, 404
		}
		return s.change(at, in, out)
	case "group adds":
		return []any{s.having(append(slices.Clone(s.members), in.people...))}, done
	case "group removes":
		return []any{s.having(slices.DeleteFunc(slices.Clone(s.members), func(m string) bool { return slices.Contains(in.people, m) }))}, done
	case "group replaced":
		return []any{s.having(in.people)}, done
	case "group":
		if !slices.Equal(s.members, out.people) {
			return nil, done
		}
		return []any{s}, done
	}
	panic(in.what)
}

// find is a search by name. Who was made without an answer is known from then on.
func (s society) find(in request, out answer) ([]any, int) {
	at := s.named(in.name)
	switch {
	case at < 0 && out.id == "":
		return []any{s}, done
	case at < 0 || out.id == "":
		return nil, done
	case strings.HasPrefix(s.bearers[at].id, unnamed):
		known := s.bearers[at]
		known.id = out.id
		return []any{s.without(at).with(known)}, done
	case s.bearers[at].id == out.id:
		return []any{s}, done
	}
	return nil, done
}

// change is a request about somebody that there is.
func (s society) change(at int, in request, out answer) ([]any, int) {
	u := s.bearers[at]
	switch in.what {
	case "get":
		if out.status != 0 && (u.name != out.name || u.active != out.active) {
			return nil, done
		}
		return []any{s}, done
	case "delete":
		return []any{s.without(at)}, done
	case "activate":
		u.active = in.active
	case "rename":
		if other := s.named(in.name); other >= 0 && other != at {
			return nil, 409
		}
		u.name = in.name
	}
	return []any{s.without(at).with(u)}, done
}

func (s society) named(name string) int {
	return slices.IndexFunc(s.bearers, func(u bearer) bool { return u.name == name })
}

func (s society) without(at int) society {
	return society{bearers: slices.Delete(slices.Clone(s.bearers), at, at+1), members: s.members}
}

func (s society) with(u bearer) society {
	bearers := append(slices.Clone(s.bearers), u)
	slices.SortFunc(bearers, func(a, b bearer) int { return strings.Compare(a.id, b.id) })
	return society{bearers: bearers, members: s.members}
}

func (s society) having(members []string) society {
	set := map[string]bool{}
	for _, m := range members {
		set[m] = true
	}
	return society{bearers: s.bearers, members: slices.Sorted(maps.Keys(set))}
}
