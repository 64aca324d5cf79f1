package store

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/internal/scim"
)

func TestFewMembersAreAppliedLikeMany(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		serial := 0
		l := grown(t, &serial)
		for range rapid.IntRange(1, 5).Draw(t, "rounds") {
			list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) scim.MemberOp {
				kind := rapid.SampledFrom([]scim.MemberOpKind{scim.AddMembers, scim.RemoveMembers}).Draw(t, "kind")
				return scim.MemberOp{Kind: kind, IDs: drawIDs(t, "op", fewMembers)}
			}), 0, 3).Draw(t, "ops")
			want := l.applyAny(list)
			got, ok := l.applyFew(list)
			if !ok && mentions(list) <= fewMembers && len(l.shards) > 0 {
				t.Fatalf("a group of %d members left %d ids to the long way", len(setOf(l)), mentions(list))
			}
			if ok && !sameLayout(want, got) {
				t.Fatalf("the short way is not the long way (-long +short):\n%s", cmp.Diff(want.members(), got.members()))
			}
			if !sameLayout(l, want) {
				checkShape(t, want)
			}
			l = commit(want, &serial)
		}
	})
}

func BenchmarkAddOneMember(b *testing.B) {
	for _, size := range []int{10, 1000, 50_000} {
		b.Run(fmt.Sprintf("members=%d", size), func(b *testing.B) {
			all := make([]string, size+1)
			for i := range all {
				all[i] = fmt.Sprintf("somebody-at-example-com-%05d", i)
			}
			newcomer := all[size/2]
			serial := 0
			l := commit(layout{}.apply([]scim.MemberOp{{Kind: scim.ReplaceMembers, IDs: slices.Delete(all, size/2, size/2+1)}}), &serial)
			op := []scim.MemberOp{{Kind: scim.AddMembers, IDs: []string{newcomer}}}
			b.ReportAllocs()
			for b.Loop() {
				_ = l.apply(op)
			}
		})
	}
}
