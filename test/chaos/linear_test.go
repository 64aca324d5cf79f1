package chaos_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/scim-operator/scim-operator/test/chaos/fault"
	"github.com/scim-operator/scim-operator/test/okta"
)

const (
	// clients are those of one history, and requests what each of them sends.
	clients, requests = 5, 9
	// names are for how many names of people, and of groups, the clients compete.
	names = 3
	// checking is how long one history may be thought about.
	checking = time.Minute
)

// histories is how many are recorded: some with all other tests, more in make chaos, a thousand in a full run.
func histories(t *testing.T) int {
	t.Helper()
	usual := 8
	switch {
	case os.Getenv("FULL") == "1":
		usual = 1000
	case asked():
		usual = 100
	}
	return positive(t, "HISTORIES", usual)
}

// TestLinearizable has clients of three servers compete for names of users and groups, and for the members of a group, while writes, watches and servers fail, and asks whether there
// is an order of the requests, each between its beginning and its end, in which every answer is right.
func TestLinearizable(t *testing.T) {
	all, count := startShards(t), histories(t)
	for _, o := range all {
		o.join(t, "third")
	}
	var mu sync.Mutex
	unknown, asked, undecided := 0, 0, 0
	all.each(count, func(o *operator, i int) {
		if t.Failed() && os.Getenv("FULL") == "" {
			return
		}
		h := o.newHistory(i)
		if err := h.record(t.Context()); err != nil {
			t.Errorf("history %d: %v", i, err)
			return
		}
		result := h.check()
		if result == porcupine.Illegal {
			t.Errorf("history %d has no order in which its answers are right\n%s", i, h)
		}
		mu.Lock()
		defer mu.Unlock()
		asked += len(h.operations)
		unknown += h.unknown
		if result == porcupine.Unknown {
			undecided++
		}
	})
	t.Logf("%d histories, %d at a time, %d requests, %d of which nobody knows what became of them, %d histories undecided",
		count, len(all), asked, unknown, undecided)
}

// history is what some clients asked, and were answered, at what time.
type history struct {
	*operator
	random *rand.Rand
	tag    string
	group  string
	http   *http.Client

	mu         sync.Mutex
	operations []porcupine.Operation
	unknown    int
	// ids are those that somebody was told of, by resource.
	ids map[string][]string
}

// newHistory prepares one. The seed is the number, so that it can be recorded again, as far as time allows.
func (o *operator) newHistory(number int) *history {
	return &history{operator: o, random: rand.New(rand.NewPCG(1, uint64(number))), tag: fmt.Sprintf("linear%04dx", number), ids: map[string][]string{}}
}

func (h *history) check() porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(model(), h.operations, checking)
}

// record lets the clients loose.
func (h *history) record(ctx context.Context) error {
	s, err := h.newScene(ctx, flow{name: "linear"}, h.tag)
	if err != nil {
		return err
	}
	if err := s.group(ctx, "team"); err != nil {
		return err
	}
	h.group = s.ids["team"]
	h.http = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: h.roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}}
	seeds := make([]uint64, clients)
	for i := range seeds {
		seeds[i] = h.random.Uint64()
	}
	stop := h.trouble(ctx)
	began := time.Now()
	var all sync.WaitGroup
	for i, seed := range seeds {
		all.Go(func() { h.client(ctx, i, began, rand.New(rand.NewPCG(seed, 0))) })
	}
	all.Wait()
	if err := stop(); err != nil {
		return err
	}
	noteShared(h.operations) // by the times of the requests themselves
	h.settleEnds(time.Since(began).Nanoseconds())
	return s.close(ctx)
}

// String lists the requests by the time at which they began.
func (h *history) String() string {
	sorted := slices.Clone(h.operations)
	slices.SortFunc(sorted, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var text strings.Builder
	for _, o := range sorted {
		fmt.Fprintf(&text, "%8.1f to %8.1f ms, client %d: %v: %+v\n", float64(o.Call)/1e6, float64(o.Return)/1e6, o.ClientId, o.Input, o.Output)
	}
	return text.String()
}

// settleEnds has requests of unknown outcome last until after everything else, because they may take effect as late as that.
func (h *history) settleEnds(last int64) {
	for i := range h.operations {
		if h.operations[i].Output.(answer).status == 0 {
			h.operations[i].Return = last + 1
			h.unknown++
		}
	}
}

// noteShared finds the deletes that were under way while another one of the same was.
func noteShared(operations []porcupine.Operation) {
	for i := range operations {
		in := operations[i].Input.(request)
		in.shared = in.what == "delete" && slices.ContainsFunc(slices.Concat(operations[:i], operations[i+1:]), func(other porcupine.Operation) bool {
			its := other.Input.(request)
			return its.what == "delete" && its.id == in.id && other.Call < operations[i].Return && operations[i].Call < other.Return
		})
		operations[i].Input = in
	}
}

// TestSharedDeletes: two deletes of one user may both say that it is done, but not one after the other.
func TestSharedDeletes(t *testing.T) {
	for second, want := range map[int64]porcupine.CheckResult{15: porcupine.Ok, 25: porcupine.Illegal} {
		history := []porcupine.Operation{
			{ClientId: 0, Call: 0, Return: 5, Input: request{what: "create", resource: "/Users", name: "ada"}, Output: answer{status: done, id: "ada-1"}},
			{ClientId: 0, Call: 10, Return: 20, Input: request{what: "delete", resource: "/Users", id: "ada-1"}, Output: answer{status: done}},
			{ClientId: 1, Call: second, Return: second + 10, Input: request{what: "delete", resource: "/Users", id: "ada-1"}, Output: answer{status: done}},
		}
		noteShared(history)
		if got := porcupine.CheckOperationsTimeout(model(), history, checking); got != want {
			t.Errorf("a second delete from %d on, the first being over at 20: %s, want %s", second, got, want)
		}
	}
}

// trouble makes writes go wrong, holds watches back and kills a server now and then, until it is stopped.
func (h *history) trouble(ctx context.Context) (stop func() error) {
	servers := h.servers()
	for _, p := range servers {
		dice := rand.New(rand.NewPCG(h.random.Uint64(), 0))
		p.proxy.OnWrite(func(w fault.Write) *fault.Plan { return misfortune(dice, w) })
	}
	victim := servers[h.random.IntN(len(servers))]
	switch h.random.IntN(4) {
	case 0:
		victim.proxy.Hold("")
	case 1:
		victim.proxy.CutWatches()
	case 2:
		victim.kill()
	}
	return func() error {
		for _, p := range servers {
			p.proxy.OnWrite(nil)
			p.proxy.Release()
			if err := p.ready(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// misfortune is what happens to one write: mostly nothing.
func misfortune(dice *rand.Rand, w fault.Write) *fault.Plan {
	plan := &fault.Plan{Write: w, When: fault.Before}
	if dice.IntN(2) == 0 {
		plan.When = fault.After
	}
	switch dice.IntN(24) {
	case 0:
		plan.Do = fault.Cut(nil)
	case 1:
		plan.Do = fault.Refuse(http.StatusInternalServerError, "InternalError", 0)
	case 2:
		plan.When, plan.Do = fault.Before, fault.Refuse(http.StatusConflict, "Conflict", 0)
	case 3:
		plan.When, plan.Do = fault.Before, fault.Refuse(http.StatusTooManyRequests, "TooManyRequests", 1)
	case 4, 5, 6:
		late := time.Duration(dice.IntN(60)) * time.Millisecond
		plan.Meanwhile = func() { _ = pause(context.Background(), late) }
	default:
		return nil
	}
	return plan
}

// client sends requests, one after the other, each to a server that it draws.
func (h *history) client(ctx context.Context, number int, began time.Time, dice *rand.Rand) {
	for range requests {
		in := h.draft(dice)
		servers := h.servers()
		address := servers[dice.IntN(len(servers))].address
		call := time.Since(began).Nanoseconds()
		out := h.send(ctx, address, in)
		h.mu.Lock()
		h.operations = append(h.operations, porcupine.Operation{
			ClientId: number, Input: in, Output: out, Call: call, Return: time.Since(began).Nanoseconds(),
		})
		if known := h.ids[in.resource]; out.id != "" && !slices.Contains(known, out.id) {
			h.ids[in.resource] = append(known, out.id)
		}
		h.mu.Unlock()
	}
}

// draft draws a request: of the members of the group, or of somebody's name.
func (h *history) draft(dice *rand.Rand) request {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch dice.IntN(5) {
	case 0, 1:
		return h.draftMembers(dice)
	case 2:
		return h.draftNamed(dice, "/Groups", fmt.Sprintf("squad %d of %s", dice.IntN(names), h.tag))
	default:
		return h.draftNamed(dice, "/Users", fmt.Sprintf("n%d.%s@example.com", dice.IntN(names), h.tag))
	}
}

// draftMembers draws a request about the members of the one group.
func (h *history) draftMembers(dice *rand.Rand) request {
	kinds := []string{"group adds", "group removes", "group replaced", "group", "group"}
	in := request{what: kinds[dice.IntN(len(kinds))], people: []string{fmt.Sprintf("%s-member-%d", h.tag, dice.IntN(4))}}
	if in.what == "group replaced" {
		in.people = append(in.people, h.tag+"-member-9")
	}
	return in
}

// draftNamed draws a request about one of those who want names.
func (h *history) draftNamed(dice *rand.Rand, resource, name string) request {
	kinds, ids := []string{"create", "find"}, h.ids[resource]
	if len(ids) > 0 {
		kinds = append(kinds, "create", "find", "get", "get", "rename", "rename", "delete")
	}
	if len(ids) > 0 && resource == "/Users" {
		kinds = append(kinds, "activate")
	}
	in := request{what: kinds[dice.IntN(len(kinds))], resource: resource, name: name}
	if in.what != "create" && in.what != "find" {
		in.id, in.active = ids[dice.IntN(len(ids))], dice.IntN(2) == 0
	}
	return in
}

// send makes one try of a request. What is not an answer, and what the server says of its own state, leaves open what happened.
func (h *history) send(ctx context.Context, address string, in request) answer {
	method, path, body := h.wire(in)
	var payload io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		payload = bytes.NewReader(text)
	}
	message, err := http.NewRequestWithContext(ctx, method, "https://"+address+"/scim/"+h.tag+"/v2"+path, payload)
	if err != nil {
		panic(err)
	}
	message.Header.Set("Authorization", "Bearer "+h.token)
	message.Header.Set("Content-Type", "application/scim+json")
	response, err := h.http.Do(message)
	if err != nil {
		return answer{}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests {
		return answer{}
	}
	if response.StatusCode >= 300 {
		return answer{status: response.StatusCode}
	}
	return read(in, text)
}

// read is what the body of a success says. What cannot be read leaves open what happened.
func read(in request, text []byte) answer {
	var got struct {
		ID, UserName, DisplayName string
		Active                    bool
		Members                   []struct{ Value string }
		Resources                 []struct{ ID string }
	}
	if len(text) > 0 && json.Unmarshal(text, &got) != nil {
		return answer{}
	}
	out := answer{status: done}
	switch in.what {
	case "group adds", "group removes":
	case "group", "group replaced":
		for _, m := range got.Members {
			out.people = append(out.people, m.Value)
		}
		slices.Sort(out.people)
	case "find":
		if len(got.Resources) > 0 {
			out.id = got.Resources[0].ID
		}
	default:
		out.id, out.name, out.active = got.ID, cmp.Or(got.UserName, got.DisplayName), got.Active || in.resource == "/Groups"
	}
	return out
}

// wire is a request as it is sent.
func (h *history) wire(in request) (method, path string, body any) {
	members := make([]any, 0, len(in.people))
	for _, p := range in.people {
		members = append(members, map[string]any{"value": p})
	}
	schema, attribute := okta.UserSchema, "userName"
	if in.resource == "/Groups" {
		schema, attribute = okta.GroupSchema, "displayName"
	}
	switch in.what {
	case "create":
		body := map[string]any{"schemas": []string{schema}, attribute: in.name}
		if in.resource == "/Users" {
			body["active"], body["name"] = true, map[string]any{"givenName": "N", "familyName": "N"}
		}
		return http.MethodPost, in.resource, body
	case "find":
		return http.MethodGet, in.resource + "?filter=" + url.QueryEscape(fmt.Sprintf("%s eq %q", attribute, in.name)), nil
	case "get":
		return http.MethodGet, in.resource + "/" + in.id, nil
	case "rename":
		return http.MethodPatch, in.resource + "/" + in.id, patchOf("replace", attribute, in.name)
	case "activate":
		return http.MethodPatch, in.resource + "/" + in.id, patchOf("replace", "active", in.active)
	case "delete":
		return http.MethodDelete, in.resource + "/" + in.id, nil
	case "group adds":
		return http.MethodPatch, "/Groups/" + h.group, patchOf("add", "members", members)
	case "group removes":
		return http.MethodPatch, "/Groups/" + h.group, patchOf("remove", fmt.Sprintf("members[value eq %q]", in.people[0]), nil)
	case "group replaced":
		return http.MethodPut, "/Groups/" + h.group, map[string]any{
			"schemas": []string{okta.GroupSchema}, "displayName": "team " + h.tag, "members": members,
		}
	}
	return http.MethodGet, "/Groups/" + h.group, nil
}
