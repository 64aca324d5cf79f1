package store

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// TestDelta: what is counted without looking at shards that stayed is what comparing everybody would count.
func TestDelta(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(kind scim.MemberOpKind, label string) scim.MemberOp {
			from := rapid.IntRange(0, 900).Draw(t, label+" from")
			return scim.MemberOp{Kind: kind, IDs: numbered(from, rapid.IntRange(0, 1400).Draw(t, label))}
		}
		serial := 0
		before := commit(layout{}.apply([]scim.MemberOp{draw(scim.ReplaceMembers, "present")}), &serial)
		before = commit(before.apply([]scim.MemberOp{{Kind: scim.AddMembers, IDs: numbered(2500, rapid.IntRange(0, 120).Draw(t, "last"))}}), &serial)
		kind := rapid.SampledFrom([]scim.MemberOpKind{scim.AddMembers, scim.RemoveMembers, scim.ReplaceMembers}).Draw(t, "kind")
		after := before.apply([]scim.MemberOp{draw(kind, "change")})
		was, is := map[string]bool{}, map[string]bool{}
		for _, id := range before.members() {
			was[id] = true
		}
		want := scim.MemberChange{}
		for _, id := range after.members() {
			if is[id] = true; !was[id] {
				want.Added++
			}
		}
		for id := range was {
			if !is[id] {
				want.Removed++
			}
		}
		if got := before.delta(after); got != want {
			t.Fatalf("delta is %+v, want %+v", got, want)
		}
	})
}

func numbered(from, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("member-%06d", from+i)
	}
	return list
}
