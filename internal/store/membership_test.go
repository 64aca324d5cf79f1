package store

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/scim"
)

// commit gives new shards names, as writing them does.
func commit(l layout, serial *int) layout {
	out := layout{tail: l.tail}
	for _, s := range l.shards {
		if s.name == "" {
			*serial++
			s.name = fmt.Sprintf("slice-%d", *serial)
		}
		out.shards = append(out.shards, s)
	}
	return out
}

func setOf(l layout) map[string]bool {
	set := map[string]bool{}
	for _, id := range l.members() {
		set[id] = true
	}
	return set
}

// model applies the operations to a set, in the obvious way.
func model(set map[string]bool, list []scim.MemberOp) map[string]bool {
	set = maps.Clone(set)
	for _, op := range list {
		if op.Kind == scim.ReplaceMembers {
			set = map[string]bool{}
		}
		for _, id := range op.IDs {
			if op.Kind == scim.RemoveMembers {
				delete(set, id)
			} else {
				set[id] = true
			}
		}
	}
	return set
}

func drawIDs(t *rapid.T, label string, most int) []string {
	from := rapid.IntRange(0, 6000).Draw(t, label+" from")
	n := rapid.IntRange(0, most).Draw(t, label+" number")
	step := rapid.IntRange(1, 3).Draw(t, label+" step")
	list := make([]string, 0, n)
	for i := range n {
		list = append(list, fmt.Sprintf("id-%05d", (from+i*step)%7000))
	}
	if n > 0 && rapid.Bool().Draw(t, label+" repeats") {
		list = append(list, list[0])
	}
	return list
}

func drawOps(t *rapid.T) []scim.MemberOp {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) scim.MemberOp {
		kind := rapid.SampledFrom([]scim.MemberOpKind{scim.AddMembers, scim.RemoveMembers, scim.ReplaceMembers}).Draw(t, "kind")
		return scim.MemberOp{Kind: kind, IDs: drawIDs(t, "op", 4500)}
	}), 0, 3).Draw(t, "ops")
}

func checkShape(t *rapid.T, l layout) {
	seen := map[string]bool{}
	check := func(what string, ids []string, most int) {
		if len(ids) > most || !slices.IsSorted(ids) {
			t.Fatalf("%s of %d ids, sorted %v", what, len(ids), slices.IsSorted(ids))
		}
		for _, id := range ids {
			if seen[id] {
				t.Fatalf("%s is a member twice", id)
			}
			seen[id] = true
		}
	}
	for _, s := range l.shards {
		if check("a slice", s.ids, v1alpha1.MaxMembers); len(s.ids) == 0 {
			t.Fatal("a slice is empty")
		}
	}
	if check("a tail", l.tail, maxTail); len(l.shards) > 0 && len(seen) <= maxTailAgain {
		t.Fatalf("%d members, and %d slices", len(seen), len(l.shards))
	}
}

func TestLayoutIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		serial := 0
		l := layout{}
		want := map[string]bool{}
		for range rapid.IntRange(1, 4).Draw(t, "rounds") {
			list := drawOps(t)
			before := l
			next := l.apply(list)
			want = model(want, list)
			if diff := cmp.Diff(want, setOf(next)); diff != "" {
				t.Fatalf("operations apply in order, as to a set (-want +got):\n%s", diff)
			}
			checkShape(t, next)
			if maps.Equal(setOf(before), want) && !sameLayout(before, next) {
				t.Fatal("an equal set is an identical layout")
			}
			l = commit(next, &serial)
			again := l.apply([]scim.MemberOp{{Kind: scim.ReplaceMembers, IDs: slices.Sorted(maps.Keys(want))}})
			if !sameLayout(l, again) {
				t.Fatal("a replace by the same set is an identical layout")
			}
		}
	})
}

func sameLayout(a, b layout) bool {
	return slices.Equal(a.tail, b.tail) && slices.EqualFunc(a.shards, b.shards, func(x, y shard) bool {
		return x.name == y.name && slices.Equal(x.ids, y.ids)
	})
}

// places is the shard of the bindings that each member is in.
func places(l layout) map[string]int {
	at := map[string]int{}
	for k, s := range l.shards {
		for _, id := range s.ids {
			at[id] = k
		}
	}
	for _, id := range l.tail {
		at[id] = access.TailShard(l.sizes(), len(l.tail))
	}
	return at
}

// grown draws a layout with some history, in which the members in the role and those in slices have come and gone.
func grown(t *rapid.T, serial *int) layout {
	l := layout{}
	if rapid.Bool().Draw(t, "by hand or by an earlier version") {
		n := rapid.IntRange(0, v1alpha1.MaxMembers).Draw(t, "in the role")
		for i := range n {
			l.tail = append(l.tail, fmt.Sprintf("id-%05d", i))
		}
	}
	l = commit(l.apply([]scim.MemberOp{{IDs: drawIDs(t, "start", 4500)}}), serial)
	for range rapid.IntRange(0, 12).Draw(t, "changes") {
		kind := rapid.SampledFrom([]scim.MemberOpKind{scim.AddMembers, scim.RemoveMembers}).Draw(t, "kind")
		l = commit(l.apply([]scim.MemberOp{{Kind: kind, IDs: drawIDs(t, "few", 70)}}), serial)
	}
	return l
}

func TestNobodyIsMovedToAnotherBinding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		serial := 0
		l := grown(t, &serial)
		next := l.apply(drawOps(t))
		if !sameLayout(l, next) {
			checkShape(t, next)
		}
		if len(l.shards) > 0 && len(next.shards) == 0 {
			return // The slices have gone, and with them all bindings but one.
		}
		before, after := places(l), places(next)
		now, kept := map[int]int{}, map[int]bool{}
		for id, k := range before {
			at, stays := after[id]
			if !stays {
				continue
			}
			if other, known := now[k]; known && other != at {
				t.Fatalf("%s of binding %d is now in binding %d, others in %d", id, k, at, other)
			}
			now[k], kept[k] = at, true
		}
		last := -1
		for _, k := range slices.Sorted(maps.Keys(now)) {
			if now[k] <= last {
				t.Fatalf("two bindings are now one, or in another order: %v", now)
			}
			if last = now[k]; len(kept) == len(l.shards) && !kept[len(l.shards)] && k != now[k] {
				t.Fatalf("no slice has gone, and binding %d is now %d", k, now[k])
			}
		}
	})
}

func TestASliceKeepsItsNameOnlyWithItsContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		serial := 0
		l := grown(t, &serial)
		had := map[string][]string{}
		for _, s := range l.shards {
			had[s.name] = s.ids
		}
		for _, s := range l.apply(drawOps(t)).shards {
			if s.name != "" && !slices.Equal(s.ids, had[s.name]) {
				t.Fatalf("slice %s has kept its name and changed its content", s.name)
			}
		}
	})
}

// unnamed is the number of slices that a change would write.
func unnamed(l layout) int {
	n := 0
	for _, s := range l.shards {
		if s.name == "" {
			n++
		}
	}
	return n
}

func TestOneMemberIsCheapInAnyGroup(t *testing.T) {
	tests := []struct {
		reason string
		op     func(l layout) scim.MemberOp
		most   int
	}{
		{"one member less is one slice, and another when the tail must follow", func(l layout) scim.MemberOp {
			return scim.MemberOp{Kind: scim.RemoveMembers, IDs: l.members()[:1]}
		}, 2},
		{"a push of all without the first is no more", func(l layout) scim.MemberOp {
			return scim.MemberOp{Kind: scim.ReplaceMembers, IDs: l.members()[1:]}
		}, 2},
		{"one member more is at most one slice", func(layout) scim.MemberOp { return scim.MemberOp{IDs: []string{"new"}} }, 1},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				serial := 0
				l := grown(t, &serial)
				if l.size() < 2 {
					return
				}
				if n := unnamed(l.apply([]scim.MemberOp{tt.op(l)})); n > tt.most {
					t.Fatalf("%d slices are rewritten for one member of %d", n, l.size())
				}
			})
		})
	}
}

// TestAdditionsAreMostlyOneWrite adds members one by one and counts what is written besides the role.
func TestAdditionsAreMostlyOneWrite(t *testing.T) {
	serial, written, size := 0, 0, 3000
	l := layout{}
	for i := range size {
		next := l.apply([]scim.MemberOp{{IDs: []string{fmt.Sprintf("id-%05d", i)}}})
		written += unnamed(next)
		l = commit(next, &serial)
	}
	if most := size/maxTail + size/v1alpha1.MaxMembers + 1; written > most {
		t.Errorf("%d slices were written for %d additions, want at most %d", written, size, most)
	}
	if most := size/v1alpha1.MaxMembers + 1; len(l.shards) > most {
		t.Errorf("%d members are in %d slices, want at most %d", size, len(l.shards), most)
	}
}

// TestAGroupAtTheBoundDoesNotMove adds and removes members around the size at which slices begin.
func TestAGroupAtTheBoundDoesNotMove(t *testing.T) {
	serial := 0
	start := make([]string, maxTail)
	for i := range start {
		start[i] = fmt.Sprintf("id-%05d", i)
	}
	l := commit(layout{}.apply([]scim.MemberOp{{IDs: start}}), &serial)
	if len(l.shards) != 0 {
		t.Fatalf("%d members are in slices", maxTail)
	}
	for range 10 {
		for _, kind := range []scim.MemberOpKind{scim.AddMembers, scim.RemoveMembers} {
			l = commit(l.apply([]scim.MemberOp{{Kind: kind, IDs: []string{"newcomer"}}}), &serial)
		}
	}
	if serial != 1 || len(l.shards) != 1 {
		t.Errorf("%d slices were written, want the first one only", serial)
	}
	if l = l.apply([]scim.MemberOp{{Kind: scim.RemoveMembers, IDs: start[maxTailAgain:]}}); len(l.shards) != 0 {
		t.Errorf("%d members are still in slices", maxTailAgain)
	}
}

func TestUnsortedAndRepeatedMembersAreLeftAloneUntilTheyChange(t *testing.T) {
	byHand := layout{tail: []string{"b", "a", "b"}}
	same := byHand.apply([]scim.MemberOp{{Kind: scim.ReplaceMembers, IDs: []string{"a", "b"}}})
	if diff := cmp.Diff([]string{"b", "a", "b"}, same.members()); diff != "" {
		t.Errorf("an equal set writes nothing, however it is spelled (-want +got):\n%s", diff)
	}
	changed := byHand.apply([]scim.MemberOp{{Kind: scim.AddMembers, IDs: []string{"c"}}})
	if diff := cmp.Diff([]string{"a", "b", "c"}, changed.members()); diff != "" {
		t.Errorf("a change sorts and drops repetitions (-want +got):\n%s", diff)
	}
}

func TestNewName(t *testing.T) {
	for _, test := range []struct{ reason, value, want string }{
		{"a slug is lower case", "Ada@Example.com", "ada-example-com"},
		{"runs of other characters are one dash", "--A  &  B--", "a-b"},
		{"a name without ASCII still starts with a letter", "Ольга", "x"},
		{"a slug has at most 32 characters", "abcdefghijklmnopqrstuvwxyz-0123456789", "abcdefghijklmnopqrstuvwxyz-01234"},
		{"a slug does not end in a dash", "abcdefghijklmnopqrstuvwxyz01234 x", "abcdefghijklmnopqrstuvwxyz01234"},
	} {
		if diff := cmp.Diff(test.want, slug(test.value)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.String().Draw(t, "value")
		random := rapid.SliceOfN(rapid.Byte(), 7, 7).Draw(t, "random")
		name, err := newName(bytes.NewReader(random), value)
		if err != nil || !possibleName(name) || len(name) > slugLength+1+randomLength {
			t.Fatalf("newName(%q) = %q, %v", value, name, err)
		}
	})
}
