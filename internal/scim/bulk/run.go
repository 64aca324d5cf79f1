package bulk

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// Task is one thing to do.
type Task struct {
	// Operation is the position in the request, from 0.
	Operation int
	// Method, Endpoint, ID, Version and Data are those of the single request that it stands for. ID is empty for a POST.
	Method, Endpoint, ID, Version string
	Data                          scim.Resource
	// Refused is set if there is nothing to do but to note the operation's failure.
	Refused *scim.Error
	// Undo is set for the deletion of what an operation of a failed circle has made. It should be tried even when time is up.
	Undo bool
}

// Outcome is what came of a task, or of an operation.
type Outcome struct {
	// Status is the HTTP status code.
	Status int
	// ID and Version are those of the resource; empty when there is none or they are not known.
	ID, Version string
	// Err is set if it failed.
	Err *scim.Error
}

// Run carries out a request by calling do for one task at a time, and returns the outcome of each operation, in the order of the
// request: nil for those that were not begun because of FailOnErrors. Passing trouble, a 429, ends the run: what was not begun by
// then has the outcome 429 as well, so that the client knows what it has to send again.
func Run(request *Request, do func(Task) Outcome) []*Outcome {
	r := run{operations: request.Operations, do: do, outcomes: make([]*Outcome, len(request.Operations)), ids: map[string]string{}, endpoints: map[string]string{}}
	for i := range request.Operations {
		r.endpoints[request.Operations[i].BulkID] = request.Operations[i].Endpoint
	}
	for _, u := range plan(request.Operations) {
		if r.trouble != nil || request.FailOnErrors > 0 && r.failed >= request.FailOnErrors {
			break
		}
		if u.circle {
			r.circle(u.operations)
			continue
		}
		r.single(u.operations[0])
	}
	if r.trouble != nil {
		r.leave()
	}
	return r.outcomes
}

type run struct {
	operations []Operation
	do         func(Task) Outcome
	outcomes   []*Outcome
	// ids are those of the resources that were created, by bulkId, and endpoints those under which they are.
	ids, endpoints map[string]string
	failed         int
	trouble        *scim.Error
}

func (r *run) note(i int, o Outcome) {
	r.outcomes[i] = &o
	if o.Err == nil {
		return
	}
	r.failed++
	if o.Err.Status == http.StatusTooManyRequests && r.trouble == nil {
		r.trouble = o.Err
	}
}

// leave marks what was not begun.
func (r *run) leave() {
	for i, o := range r.outcomes {
		if o == nil {
			r.outcomes[i] = &Outcome{Status: http.StatusTooManyRequests, ID: r.operations[i].ID, Err: r.again("The operation was not begun, because one before it met passing trouble. Please send it again.")}
		}
	}
}

func (r *run) again(detail string) *scim.Error {
	after := time.Second
	if r.trouble != nil {
		after = r.trouble.RetryAfter
	}
	return scim.TryAgain(after, detail, nil)
}

// task makes the request that an operation stands for, with the references that are known resolved. Those of which pending is true
// are left out; any other that is not known refuses the operation.
func (r *run) task(i int, pending func(bulkID string) bool) Task {
	op := &r.operations[i]
	task := Task{Operation: i, Method: op.Method, Endpoint: op.Endpoint, ID: op.ID, Version: op.Version, Data: op.Data, Refused: op.Refused}
	for _, bulkID := range op.needs() {
		if _, ok := r.ids[bulkID]; !ok && !pending(bulkID) && task.Refused == nil {
			task.Refused = scim.BadRequest(scim.TypeInvalidValue, "The POST with the bulkId "+quote(bulkID)+", to which the operation refers, has failed.")
		}
	}
	if task.Refused != nil {
		return task
	}
	if op.Target != "" {
		task.ID = r.ids[op.Target]
	}
	if len(op.References) > 0 {
		task.Data = rewrite(op.Data, func(bulkID string) (target, bool) {
			id, ok := r.ids[bulkID]
			return target{endpoint: r.endpoints[bulkID], id: id}, !ok
		})
	}
	return task
}

func never(string) bool { return false }

func (r *run) single(i int) {
	o := r.do(r.task(i, never))
	if op := &r.operations[i]; o.Err == nil && op.Method == http.MethodPost {
		r.ids[op.BulkID] = o.ID
	}
	r.note(i, o)
}

// circle makes the resources of a circle without what is not known yet, and then completes them. Whatever fails, all of them fail,
// and those that were made are deleted: half a circle is what nobody asked for, and it would be in the way of the next attempt.
func (r *run) circle(operations []int) {
	slices.Sort(operations)
	c := circle{run: r, positions: operations, inside: map[string]bool{}, made: map[int]Outcome{}, lacking: map[int]bool{}}
	for _, i := range operations {
		c.inside[r.operations[i].BulkID] = true
	}
	for _, step := range []func(int) (Outcome, bool){c.check, c.create, c.complete} {
		for _, i := range c.positions {
			if o, ok := step(i); !ok {
				c.fail(i, o)
				return
			}
		}
	}
	for _, i := range c.positions {
		r.note(i, c.made[i])
	}
}

type circle struct {
	*run
	positions []int
	// inside are the bulkIds of the circle, made is what there is of it already, and lacking what of that is to be completed.
	inside  map[string]bool
	made    map[int]Outcome
	lacking map[int]bool
	// stuck is set once a deletion has met passing trouble. The next ones would take their time to meet the same.
	stuck bool
}

func (c *circle) pending(bulkID string) bool { return c.inside[bulkID] }

// check finds what makes an attempt needless.
func (c *circle) check(i int) (Outcome, bool) {
	task := c.task(i, c.pending)
	if task.Refused == nil {
		return Outcome{}, true
	}
	return c.do(task), false
}

func (c *circle) create(i int) (Outcome, bool) {
	o := c.do(c.task(i, c.pending))
	if o.Err != nil {
		return o, false
	}
	for _, bulkID := range c.operations[i].References {
		if _, known := c.ids[bulkID]; !known {
			c.lacking[i] = true
		}
	}
	c.made[i], c.ids[c.operations[i].BulkID] = o, o.ID
	return o, true
}

// complete replaces a resource by what the client asked for, if that could not be created at once. Nobody else can have changed it
// in between without the version telling.
func (c *circle) complete(i int) (Outcome, bool) {
	made := c.made[i]
	if !c.lacking[i] {
		return made, true
	}
	task := c.task(i, never)
	task.Method, task.ID, task.Version = http.MethodPut, made.ID, made.Version
	task.Data = withoutID(task.Data)
	o := c.do(task)
	if o.Err != nil {
		return o, false
	}
	made.Version = o.Version
	c.made[i] = made
	return made, true
}

// withoutID drops an id, which a creation passes over and a replacement refuses.
func withoutID(data scim.Resource) scim.Resource {
	out := scim.Resource{}
	for name, v := range data {
		if !strings.EqualFold(name, "id") {
			out[name] = v
		}
	}
	return out
}

// fail takes back what was made, and notes that operation i has failed with o, and all others because of it.
func (c *circle) fail(i int, o Outcome) {
	o.ID, o.Version = "", ""
	c.note(i, o)
	for _, j := range c.positions {
		if j == i {
			continue
		}
		c.note(j, c.because(c.operations[i].BulkID))
	}
	for _, j := range slices.Backward(c.positions) {
		delete(c.ids, c.operations[j].BulkID)
		if made, ok := c.made[j]; ok {
			c.undo(j, made)
		}
	}
}

// because is the outcome of an operation whose circle has failed at another. After passing trouble it is to be sent again with it.
func (c *circle) because(bulkID string) Outcome {
	detail := "The operations that refer to each other in a circle succeed or fail together, and that with the bulkId " + quote(bulkID) + " has failed."
	err := scim.BadRequest(scim.TypeInvalidValue, detail)
	if c.trouble != nil {
		err = c.again(detail + " Please send them again.")
	}
	return Outcome{Status: err.Status, Err: err}
}

// undo deletes a resource that was made. One that cannot be deleted is named in the outcome, so that the client can find it.
func (c *circle) undo(j int, made Outcome) {
	if !c.stuck {
		o := c.do(Task{Operation: j, Method: http.MethodDelete, Endpoint: c.operations[j].Endpoint, ID: made.ID, Version: made.Version, Undo: true})
		if o.Err == nil || o.Status == http.StatusNotFound {
			return
		}
		c.stuck = o.Status == http.StatusTooManyRequests
	}
	left := *c.outcomes[j]
	failure := *left.Err
	failure.Detail += " The resource was created and could not be deleted again; its location says where it is."
	left.ID, left.Err = made.ID, &failure
	c.outcomes[j] = &left
}
