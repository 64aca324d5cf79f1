package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/echo"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/store"
)

// shelf has objects by kind and name, to be read as a cache or the API server is: what it gives is shared, and replaced, never changed.
type shelf struct {
	client.Reader
	objects map[string]map[string]client.Object
	indexes map[string]client.IndexerFunc
	// meanwhile happens after a number of reads.
	reads     int
	meanwhile func()
}

func newShelf(t testing.TB) *shelf {
	s := &shelf{objects: map[string]map[string]client.Object{}, indexes: map[string]client.IndexerFunc{}}
	if err := errors.Join(addIndexes(t.Context(), s, true), store.SetupIndexes(t.Context(), s)); err != nil {
		t.Fatal(err)
	}
	return s
}

// IndexField takes an index as the manager's cache does.
func (s *shelf) IndexField(_ context.Context, object client.Object, field string, values client.IndexerFunc) error {
	s.indexes[kind(object)+" "+field] = values
	return nil
}

func kind(object runtime.Object) string {
	if gvk := object.GetObjectKind().GroupVersionKind(); gvk.Kind != "" {
		return gvk.Kind
	}
	return fmt.Sprintf("%T", object)
}

func (s *shelf) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if s.reads--; s.reads == 0 {
		defer s.meanwhile()
	}
	found := s.objects[kind(into)][key.Name]
	if found == nil {
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	switch into := into.(type) {
	case *v1alpha1.ScimUser:
		*into = *found.(*v1alpha1.ScimUser)
	case *v1alpha1.ScimClaim:
		*into = *found.(*v1alpha1.ScimClaim)
	case *v1alpha1.ScimRole:
		*into = *found.(*v1alpha1.ScimRole)
	case *v1alpha1.ScimRoleSlice:
		*into = *found.(*v1alpha1.ScimRoleSlice)
	case *v1alpha1.ScimDirectory:
		*into = *found.(*v1alpha1.ScimDirectory)
	}
	return nil
}

func (s *shelf) List(_ context.Context, into client.ObjectList, opts ...client.ListOption) error {
	options := client.ListOptions{LabelSelector: labels.Everything()}
	options.ApplyOptions(opts)
	of := map[string]string{
		"*v1alpha1.ScimUserList": "*v1alpha1.ScimUser", "*v1alpha1.ScimRoleList": "*v1alpha1.ScimRole",
		"*v1alpha1.ScimRoleSliceList": "*v1alpha1.ScimRoleSlice", "*v1alpha1.ScimDirectoryList": "*v1alpha1.ScimDirectory",
	}[kind(into)]
	var items []runtime.Object
	for _, name := range slices.Sorted(maps.Keys(s.objects[of])) {
		object := s.objects[of][name]
		matches := options.LabelSelector.Matches(labels.Set(object.GetLabels()))
		if options.FieldSelector != nil {
			for _, requirement := range options.FieldSelector.Requirements() {
				values := s.indexes[of+" "+requirement.Field]
				matches = matches && values != nil && slices.Contains(values(object), requirement.Value)
			}
		}
		if matches {
			items = append(items, object)
		}
	}
	return apimeta.SetList(into, items)
}

func (s *shelf) put(object client.Object) {
	if s.objects[kind(object)] == nil {
		s.objects[kind(object)] = map[string]client.Object{}
	}
	s.objects[kind(object)][object.GetName()] = object
}

// history is a cluster, a cache of it that may lack something, the events that are on their way, and a reconciler that remembers.
type history struct {
	*rapid.T
	live, cache *shelf
	events      map[string][]func()
	watcher     *watcher
	known       *Reconciler
	grant       *v1alpha1.ClusterAccessGrant
	existing    []access.Binding
	version     int64
}

var (
	historyUsers = []string{"u0", "u1", "u2", "u3", "u4", "u5"}
	historyNames = []string{"ann", "Ann", "bob", "cid", "dan"}
	historyHomes = []string{"", "a", "b"}
	historyRoles = []string{"r", "s"}
	historyKinds = []string{"*v1alpha1.ScimUser", "*v1alpha1.ScimClaim", "*v1alpha1.ScimRole", "*v1alpha1.ScimDirectory"}
)

func newHistory(t *testing.T, rt *rapid.T) *history {
	h := &history{T: rt, live: newShelf(t), cache: newShelf(t), events: map[string][]func(){}, grant: grantFor("g", "R", "view")}
	h.grant.Spec.Roles = append(h.grant.Spec.Roles, v1alpha1.RoleSelector{Name: "s"})
	h.grant.UID, h.grant.Generation = "grant", 1
	h.known = h.reconciler()
	h.known.memory = newMemory()
	h.known.memory.recent = rapid.IntRange(1, 4).Draw(rt, "recent")
	h.known.memory.recentAll = rapid.IntRange(1, 8).Draw(rt, "recent of anybody")
	h.watcher = &watcher{
		echoes: &echo.Echoes{},
		cache:  h.cache, usernames: h.known.usernames, memory: h.known.memory, frozen: h.known.frozen,
		revocations: newRevocations(h.known.clock, func(string, time.Duration) {}), alarm: newAlarm(h.known.clock),
	}
	target := metadata("ClusterRole", rbacGroup)
	target.Name = "view"
	h.live.put(target)
	h.cache.put(target)
	h.directory("a")
	for _, role := range historyRoles {
		h.write(claimOf(v1alpha1.ClaimDisplayName, role, role))
		h.role(role)
	}
	for _, name := range historyNames {
		h.claim(name)
	}
	for _, id := range historyUsers {
		h.user(id)
	}
	return h
}

func (h *history) reconciler() *Reconciler {
	return &Reconciler{
		cache: h.cache, live: h.live, clock: clocktesting.NewFakePassiveClock(time.Unix(0, 0)), bindable: []string{"view"},
		usernames: newUsernames(""), frozen: newFrozenGrants(), gate: openGate{},
	}
}

// write puts an object into the cluster and the cache, and its event on the way. The informers of different kinds know nothing of each other.
func (h *history) write(object client.Object) {
	h.version++
	object.SetGeneration(h.version)
	before := h.cache.objects[kind(object)][object.GetName()]
	if before != nil {
		object.SetUID(before.GetUID())
	} else {
		object.SetUID(types.UID(fmt.Sprint(h.version)))
	}
	h.live.put(object)
	h.cache.put(object)
	h.event(before, object)
}

func (h *history) remove(object client.Object, everywhere bool) {
	before := h.cache.objects[kind(object)][object.GetName()]
	delete(h.cache.objects[kind(object)], object.GetName())
	if everywhere {
		delete(h.live.objects[kind(object)], object.GetName())
	}
	if before != nil {
		h.event(before, nil)
	}
}

func (h *history) event(before, after client.Object) {
	of := map[string]change{
		"*v1alpha1.ScimUser": h.watcher.user, "*v1alpha1.ScimClaim": h.watcher.claim, "*v1alpha1.ScimRole": h.watcher.role,
		"*v1alpha1.ScimDirectory": h.watcher.directory,
	}[kind(either(before, after))]
	if of == nil {
		return // Slices are not watched.
	}
	at := kind(either(before, after))
	h.events[at] = append(h.events[at], func() { h.watcher.hearing(of)(context.Background(), before, after) })
}

// deliver lets the oldest event of a kind arrive.
func (h *history) deliver(kind string) {
	if waiting := h.events[kind]; len(waiting) > 0 {
		h.events[kind] = waiting[1:]
		waiting[0]()
	}
}

// settle lets all events arrive.
func (h *history) settle() {
	for _, kind := range historyKinds {
		for len(h.events[kind]) > 0 {
			h.deliver(kind)
		}
	}
}

func (h *history) some(from []string, label string) []string {
	return slices.Clone(rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, 4, rapid.ID[string]).Draw(h.T, label))
}

func (h *history) user(id string) {
	user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: id}}
	user.Spec.UserName = rapid.SampledFrom(historyNames).Draw(h.T, "userName of "+id)
	user.Spec.Directory = rapid.SampledFrom(historyHomes).Draw(h.T, "directory of "+id)
	user.Spec.Title = rapid.SampledFrom([]string{"", "boss"}).Draw(h.T, "title of "+id)
	user.Spec.Active = new(rapid.IntRange(0, 3).Draw(h.T, "active") > 0)
	h.write(user)
}

func (h *history) claim(name string) {
	h.write(claimOf(v1alpha1.ClaimUserName, name, rapid.SampledFrom(historyUsers).Draw(h.T, "owner of "+name)))
}

func (h *history) directory(name string) {
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: name}}
	directory.Spec.Identity.Username = rapid.SampledFrom([]string{
		"", `"oidc:" + user.userName`, `user.userName.lowerAscii()`, "user.title",
	}).Draw(h.T, "expression")
	h.write(directory)
}

// role rewrites a role: some of its members stand in slices, which are never changed but replaced.
func (h *history) role(name string) {
	role := &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ScimRoleSpec{DisplayName: name}}
	if old, ok := h.cache.objects["*v1alpha1.ScimRole"][name].(*v1alpha1.ScimRole); ok {
		role.Spec.Slices = slices.Clone(old.Spec.Slices)
	}
	role.Spec.Directory = rapid.SampledFrom(historyHomes).Draw(h.T, "directory of the role")
	if len(role.Spec.Slices) > 0 && rapid.Bool().Draw(h.T, "another directory only") {
		h.write(role)
		return
	}
	role.Spec.Members, role.Spec.LocalMembers = h.some(historyUsers, "members"), h.some(historyUsers, "local members")
	if rapid.Bool().Draw(h.T, "new slice") || len(role.Spec.Slices) == 0 {
		slice := &v1alpha1.ScimRoleSlice{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", name, h.version)}}
		slice.Spec = v1alpha1.ScimRoleSliceSpec{Role: name, Members: h.some(historyUsers, "in the slice")}
		h.write(slice)
		role.Spec.Slices = append(role.Spec.Slices, slice.Name)
		role.Spec.Slices = role.Spec.Slices[max(0, len(role.Spec.Slices)-2):]
	}
	h.write(role)
}

// lose makes the cache fall back: it lacks an object that the cluster has, or has it again.
func (h *history) lose() {
	of := rapid.SampledFrom([]string{"*v1alpha1.ScimUser", "*v1alpha1.ScimClaim", "*v1alpha1.ScimRoleSlice"}).Draw(h.T, "kind")
	names := slices.Sorted(maps.Keys(h.live.objects[of]))
	if len(names) == 0 {
		return
	}
	object := h.live.objects[of][rapid.SampledFrom(names).Draw(h.T, "what")]
	if h.cache.objects[of][object.GetName()] != nil {
		h.remove(object, false)
		return
	}
	again := object.DeepCopyObject().(client.Object)
	h.live.put(again)
	h.cache.put(again)
	h.event(nil, again)
}

// decide plans as Reconcile does.
func (h *history) decide(r *Reconciler) *scope {
	s := &scope{
		key: access.GrantKey{Name: "g"}, now: r.clock.Now(), grant: h.grant, planned: planned(h.grant), existing: slices.Clone(h.existing),
		past: r.memory.of(reconcile.Request{NamespacedName: types.NamespacedName{Name: "g"}}),
	}
	if err := r.decide(context.Background(), s); err != nil {
		h.Fatalf("planning: %v", err)
	}
	return s
}

// agree says that what is remembered changes nothing.
func (h *history) agree() {
	known, fresh := h.decide(h.known), h.decide(h.reconciler())
	equal := cmp.Options{cmpopts.EquateEmpty(), cmp.AllowUnexported(access.Removal{})}
	if diff := cmp.Diff(fresh.plan, known.plan, equal); diff != "" {
		h.Fatalf("reason: after any history the plan from memory is the fresh plan; -fresh, +from memory:\n%s", diff)
	}
	if diff := cmp.Diff(fresh.changes, known.changes, equal); diff != "" {
		h.Fatalf("reason: and so are the writes; -fresh, +from memory:\n%s", diff)
	}
	removals := func(s *scope) []access.Removal {
		return s.state.Memory.Removals(s.state.Grants[0], s.outcome(), h.existing, fresh.desired)
	}
	if diff := cmp.Diff(removals(fresh), removals(known), equal); diff != "" {
		h.Fatalf("reason: and so are the removals that the guard is asked about; -fresh, +from memory:\n%s", diff)
	}
	if rapid.Bool().Draw(h.T, "written") {
		h.existing = known.desired
	}
}

// TestMemoryChangesNoPlan: whatever happens, in whatever order events come, and whenever the grant is planned meanwhile.
func TestMemoryChangesNoPlan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(t, rt)
		rt.Repeat(map[string]func(*rapid.T){
			"user":    func(*rapid.T) { h.user(rapid.SampledFrom(historyUsers).Draw(rt, "user")) },
			"claim":   func(*rapid.T) { h.claim(rapid.SampledFrom(historyNames).Draw(rt, "claim")) },
			"role":    func(*rapid.T) { h.role(rapid.SampledFrom(historyRoles).Draw(rt, "role")) },
			"home":    func(*rapid.T) { h.directory(rapid.SampledFrom(historyHomes[1:]).Draw(rt, "home")) },
			"no home": func(*rapid.T) { h.remove(&v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "b"}}, true) },
			"no user": func(*rapid.T) {
				h.remove(&v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: rapid.SampledFrom(historyUsers).Draw(rt, "gone")}}, true)
			},
			"no claim": func(*rapid.T) {
				h.remove(claimOf(v1alpha1.ClaimUserName, rapid.SampledFrom(historyNames).Draw(rt, "free"), ""), true)
			},
			"lose": func(*rapid.T) { h.lose() },
			"grant": func(*rapid.T) {
				h.grant = h.grant.DeepCopy()
				h.grant.Generation++
				h.grant.Spec.Condition = rapid.SampledFrom([]string{"", `user.userName != "ann"`, `user.title == "boss"`}).Draw(rt, "condition")
			},
			"event": func(*rapid.T) { h.deliver(rapid.SampledFrom(historyKinds).Draw(rt, "event of")) },
			"plan":  func(*rapid.T) { h.decide(h.known) },
			"settle": func(*rapid.T) {
				h.settle()
				h.agree()
			},
		})
	})
}
