package bench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

// sizes is how many users the API server holds, one measurement after the other.
func sizes() []int {
	if os.Getenv("BENCH_LARGE") != "" {
		return []int{1000, 50_000}
	}
	return []int{1000}
}

// live is a world whose API server is a real one.
func live(b *testing.B) *world {
	b.Helper()
	w := newWorld(b, apiserver.Start(b), cache.Options{Scheme: newScheme(b)})
	must(b, w.live.Create(b.Context(), directory()))
	poll(b, "the directory is in the cache", func() bool {
		return w.cache.Get(b.Context(), client.ObjectKey{Name: directoryName}, &v1alpha1.ScimDirectory{}) == nil
	})
	return w
}

// BenchmarkLookUp compares what identity providers do before a write with a GET by id.
func BenchmarkLookUp(b *testing.B) {
	w, have := live(b), 0
	for _, n := range sizes() {
		w.push(b, have, n)
		have = n
		b.Run(fmt.Sprintf("users=%d", n), w.lookUp)
	}
}

// BenchmarkMembership is what a push of a group costs.
func BenchmarkMembership(b *testing.B) {
	w := live(b)
	b.Run("PatchAddsOneMember", w.patchAddsOneMember)
	b.Run("PatchAddsMembersWhoStay", w.patchAddsMembersWhoStay)
	b.Run("PatchRemovesOneMember", w.patchRemovesOneMember)
	b.Run("PutOf50000Members", w.putOf50000Members)
}

// push creates the users from..to, several at once, as a first synchronisation does, and waits until all are listed.
func (w *world) push(b *testing.B, from, to int) {
	b.Helper()
	var group errgroup.Group
	group.SetLimit(8)
	for i := from; i < to; i++ {
		group.Go(func() error {
			w.text(b, http.StatusCreated, "POST", "/Users", fmt.Sprintf(
				`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user.%05d@example.com","externalId":"00u%017d",
				"active":true,"displayName":"User %d","name":{"givenName":"User","familyName":"%d"},
				"emails":[{"value":"user.%05d@example.com","type":"work","primary":true}]}`, i, i, i, i, i))
			return nil
		})
	}
	must(b, group.Wait())
	poll(b, "all users are listed", func() bool {
		return strings.Contains(w.text(b, http.StatusOK, "GET", "/Users?count=0", ""), fmt.Sprintf(`"totalResults":%d,`, to))
	})
}

func (w *world) lookUp(b *testing.B) {
	query := func(filter string) string { return "/Users?filter=" + url.QueryEscape(filter) }
	byName, byExternal := query(`userName eq "USER.00500@example.com"`), query(`externalId eq "00u00000000000000500"`)
	var list struct{ Resources []struct{ ID string } }
	must(b, json.Unmarshal([]byte(w.text(b, http.StatusOK, "GET", byName, "")), &list))
	if len(list.Resources) != 1 {
		b.Fatalf("the filter finds %d users, want one", len(list.Resources))
	}
	path := "/Users/" + list.Resources[0].ID
	get := func(path string) func() { return func() { w.send(b, http.StatusOK, "GET", path, nil, nil) } }
	compare(b, &timed{name: "get", do: get(path)}, &timed{name: "userName", do: get(byName)}, &timed{name: "externalId", do: get(byExternal)},
		&timed{name: "page100", do: get("/Users?count=100")})
}

// group creates a group and returns its path.
func (w *world) group(b *testing.B, members int) string {
	b.Helper()
	w.groups++
	var made struct{ ID string }
	must(b, json.Unmarshal([]byte(w.text(b, http.StatusCreated, "POST", "/Groups?attributes=displayName", groupBody(fmt.Sprintf("Group %d", w.groups), members))), &made))
	return "/Groups/" + made.ID
}

func groupBody(name string, members int) string {
	var body strings.Builder
	fmt.Fprintf(&body, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"members":[`, name)
	for i := range members {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"value":"user-%06d-example-com-abcdefghij","display":"user.%06d@example.com"}`, i, i)
	}
	body.WriteString("]}")
	return body.String()
}

// patchBody is one operation; member is empty for one without a value.
func patchBody(op, path, member string) *strings.Reader {
	value := ""
	if member != "" {
		value = fmt.Sprintf(`,"value":[{"value":%q}]`, member)
	}
	return strings.NewReader(fmt.Sprintf(
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":%q,"path":%q%s}]}`, op, path, value))
}

// patchAddsOneMember adds and removes one member in groups of all sizes in turn; the removal is not measured. A role holds 100 members
// before it has slices.
func (w *world) patchAddsOneMember(b *testing.B) {
	var things []*timed
	for _, size := range []int{10, 99, 100, 990, 1000, 49_500, 50_000} {
		path, serial := w.group(b, size), 0
		thing := &timed{name: fmt.Sprintf("add-to-%d", size)}
		thing.prepare = func() {
			if serial > 0 {
				remove := fmt.Sprintf(`members[value eq "newcomer-%06d"]`, serial)
				w.send(b, http.StatusNoContent, "PATCH", path, patchBody("remove", remove, ""), nil)
			}
			serial++
		}
		thing.do = func() {
			w.send(b, http.StatusNoContent, "PATCH", path, patchBody("add", "members", fmt.Sprintf("newcomer-%06d", serial)), nil)
		}
		things = append(things, thing)
	}
	compare(b, things...)
}

// patchAddsMembersWhoStay adds one member after the other, so that now and then those who came before go into a slice, which is in the
// means and not in the medians. A group of 10 is made anew before it is large.
func (w *world) patchAddsMembersWhoStay(b *testing.B) {
	var things []*timed
	for _, size := range []int{10, 1000, 49_500} {
		path, serial := w.group(b, size), 0
		thing := &timed{name: fmt.Sprintf("join-%d", size)}
		thing.prepare = func() {
			if serial++; size == 10 && serial%50 == 0 {
				path = w.group(b, size)
			}
		}
		thing.do = func() {
			w.send(b, http.StatusNoContent, "PATCH", path, patchBody("add", "members", fmt.Sprintf("newcomer-%06d", serial)), nil)
		}
		things = append(things, thing)
	}
	compare(b, things...)
	for _, thing := range things[1:] {
		b.ReportMetric(float64(thing.mean())/float64(things[0].mean()), "mean-"+thing.name+"/"+things[0].name)
	}
}

// patchRemovesOneMember removes members with whom the group was pushed, who are in its slices if it has any. A group of 10 is made anew
// each time.
func (w *world) patchRemovesOneMember(b *testing.B) {
	var things []*timed
	for _, size := range []int{10, 1000, 49_500} {
		path, serial := w.group(b, size), 0
		thing := &timed{name: fmt.Sprintf("leave-%d", size)}
		thing.prepare = func() {
			if serial++; size == 10 && serial > 1 {
				path, serial = w.group(b, size), 1
			}
		}
		thing.do = func() {
			remove := fmt.Sprintf(`members[value eq "user-%06d-example-com-abcdefghij"]`, serial)
			w.send(b, http.StatusNoContent, "PATCH", path, patchBody("remove", remove, ""), nil)
		}
		things = append(things, thing)
	}
	compare(b, things...)
}

// putOf50000Members pushes a whole group anew, with all members exchanged each time, and reports how far the memory of the process,
// which is that of the server, its caches and the request's own text, goes above that at rest.
func (w *world) putOf50000Members(b *testing.B) {
	const members = 50_000
	path := w.group(b, 1)
	bodies := []string{groupBody("Exchanged", members), strings.ReplaceAll(groupBody("Exchanged", members), "abcdefghij", "klmnopqrst")}
	var worst, answered float64
	round := 0
	for b.Loop() {
		runtime.GC()
		debug.FreeOSMemory()
		idle, watched := memory(), make(chan struct{})
		peaks := make(chan float64, 1)
		go func() { peaks <- peak(watched) }()
		body := bytes.NewReader([]byte(bodies[round%2]))
		answered = float64(w.send(b, http.StatusOK, "PUT", path, body, nil).bytes)
		close(watched)
		worst = max(worst, <-peaks-idle)
		round++
	}
	b.ReportMetric(worst/(1<<20), "peak-MiB-above-idle")
	b.ReportMetric(answered/(1<<20), "answer-MiB")
}

// peak samples the memory until stop is closed.
func peak(stop <-chan struct{}) float64 {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	highest := 0.0
	for {
		highest = max(highest, memory())
		select {
		case <-stop:
			return highest
		case <-ticker.C:
		}
	}
}

// memory is what the Go runtime holds of the system's memory, in bytes.
func memory() float64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return float64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}
