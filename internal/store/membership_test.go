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
	"github.com/scim-operator/scim-operator/internal/scim"
)

// commit gives new shards names, as writing them does.
func commit(l layout, serial *int) layout {
	out := layout{inline: l.inline}
	for _, s := range l.shards {
		if !l.inline && s.name == "" {
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
	total := 0
	seen := map[string]bool{}
	for _, s := range l.shards {
		if len(s.ids) == 0 || len(s.ids) > v1alpha1.MaxMembers || !slices.IsSorted(s.ids) {
			t.Fatalf("a shard of %d ids, sorted %v", len(s.ids), slices.IsSorted(s.ids))
		}
		for _, id := range s.ids {
			if seen[id] {
				t.Fatalf("%s is a member twice", id)
			}
			seen[id] = true
		}
		total += len(s.ids)
	}
	if l.inline != (total <= v1alpha1.MaxMembers) {
		t.Fatalf("%d members, inline %v", total, l.inline)
	}
}

func TestLayoutIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		serial := 0
		l := layout{inline: true}
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
	return a.inline == b.inline && slices.EqualFunc(a.shards, b.shards, func(x, y shard) bool {
		return x.name == y.name && slices.Equal(x.ids, y.ids)
	})
}

func TestIDsStayInTheirSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		serial := 0
		l := commit(layout{inline: true}.apply([]scim.MemberOp{{IDs: drawIDs(t, "start", 6000)}}), &serial)
		next := l.apply(drawOps(t))
		if l.inline || next.inline {
			return
		}
		// Empty slices have gone, so positions are compared by what the slices hold.
		home := l.homes()
		position := 0
		for _, s := range next.shards {
			from := -1
			for _, id := range s.ids {
				k, stayed := home[id]
				switch {
				case !stayed:
				case from == -1:
					from = k
				case from != k:
					t.Fatalf("ids of slices %d and %d are now in one", from, k)
				}
			}
			if from >= 0 {
				if from < position {
					t.Fatalf("slice %d came after slice %d", from, position)
				}
				position = from
			}
			if s.name != "" && !slices.Equal(s.ids, l.shards[home[s.ids[0]]].ids) {
				t.Fatalf("slice %s has kept its name and changed its content", s.name)
			}
		}
	})
}

func TestOneMemberRewritesOneSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		serial := 0
		start := rapid.IntRange(v1alpha1.MaxMembers+2, 6000).Draw(t, "members")
		list := make([]string, start)
		for i := range list {
			list[i] = fmt.Sprintf("id-%05d", i)
		}
		l := commit(layout{inline: true}.apply([]scim.MemberOp{{IDs: list}}), &serial)
		op := rapid.SampledFrom([]scim.MemberOp{
			{Kind: scim.AddMembers, IDs: []string{"new"}},
			{Kind: scim.RemoveMembers, IDs: []string{list[start/2]}},
			{Kind: scim.ReplaceMembers, IDs: list[1:]},
			{Kind: scim.ReplaceMembers, IDs: append(slices.Clone(list), "new")},
		}).Draw(t, "op")
		next := l.apply([]scim.MemberOp{op})
		rewritten := 0
		for _, s := range next.shards {
			if s.name == "" {
				rewritten++
			}
		}
		if rewritten > 1 {
			t.Fatalf("%d slices are rewritten for one member of %d", rewritten, start)
		}
	})
}

func TestUnsortedAndRepeatedMembersAreLeftAloneUntilTheyChange(t *testing.T) {
	byHand := layout{inline: true, shards: []shard{{ids: []string{"b", "a", "b"}}}}
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
