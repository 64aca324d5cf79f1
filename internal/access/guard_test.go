package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"pgregory.net/rapid"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

func TestGuardNeverLetsMoreThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBurst(t)
		next := 0
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			b.now = b.now.Add(time.Duration(rapid.IntRange(0, 1500).Draw(t, "pause")) * time.Second / 10)
			var newcomers []string
			for range rapid.SampledFrom([]int{0, 1, 1, 2, 7, 30}).Draw(t, "newcomers") {
				next++
				newcomers = append(newcomers, fmt.Sprintf("user-%03d", next))
			}
			for _, back := range slices.Sorted(maps.Keys(b.waiting)) {
				if rapid.IntRange(0, 9).Draw(t, "back") == 0 {
					delete(b.waiting, back)
				}
			}
			b.ask(newcomers, rapid.IntRange(0, 4).Draw(t, "complete") > 0)
			b.decide()
			switch rapid.IntRange(0, 7).Draw(t, "afterwards") {
			case 0:
				b.crash()
			case 1, 2, 3:
				b.store()
			}
		}
		b.checkWindows()
	})
}

func TestASingleRemovalAlwaysPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBurst(t)
		var crowd []string
		for i := range rapid.IntRange(0, 100).Draw(t, "crowd") {
			crowd = append(crowd, fmt.Sprintf("crowd-%d", i))
		}
		b.ask(crowd, true)
		b.now = b.now.Add(Aloneness)
		if answer := b.ask([]string{"single"}, true); answer.Held["single"].Waits() {
			t.Fatalf("reason: who leaves alone loses access at once, whatever waits")
		}
	})
}

func TestTheGuardAgainstAScript(t *testing.T) {
	people := func(prefix string, n int) []string {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf("%s-%03d", prefix, i))
		}
		return names
	}
	b := &burst{now: epoch, waiting: map[string]Mark{}, passed: map[v1alpha1.PassReason][]time.Time{}}
	b.limits = LimitsOf(v1alpha1.Guard{}, PlanKey{Directory: "okta"})
	ask := func(reason string, newcomers []string, complete bool, held int) {
		t.Helper()
		answer := Decide(b.question(newcomers, complete))
		b.ledger, b.waiting = answer.Ledger, answer.Held
		if answer.Newcomers {
			b.lastNew = b.now
		}
		if len(answer.Held) != held {
			t.Errorf("reason: %s; %d wait, want %d", reason, len(answer.Held), held)
		}
	}
	ask("20 of a burst pass by default, the rest waits", people("first", 100), true, 80)
	b.now = b.now.Add(2 * time.Hour)
	ask("time alone lets nobody through: the burst waits as a whole", nil, true, 80)
	ask("while others wait, two who come together wait, too", people("second", 2), true, 82)
	b.now = b.now.Add(Aloneness - time.Second)
	ask("too soon after the last to be alone", people("third", 1), true, 83)
	b.now = b.now.Add(Aloneness)
	ask("nobody is known to be alone until everybody is known", people("fourth", 1), false, 84)
	b.now = b.now.Add(Aloneness)
	ask("who comes alone passes", people("fifth", 1), true, 84)
	for i := range 40 {
		b.now = b.now.Add(Aloneness)
		ask("a trickle passes as long as its own allowance lasts", people(fmt.Sprint("trickle-", i), 1), true, 84+max(0, i-18))
	}
	before := b.ledger
	b.waiting = map[string]Mark{}
	ask("an unfinished look around ends no hold", nil, false, 0)
	if b.ledger.HeldSince != before.HeldSince {
		t.Error("reason: an unfinished look around ends no hold")
	}
	ask("who is active again leaves the held set, and the last ends the hold", nil, true, 0)
	if !b.ledger.HeldSince.IsZero() {
		t.Error("reason: a hold of nobody is over")
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		reason string
		guard  v1alpha1.Guard
		key    PlanKey
		base   int
		want   int
	}{
		{"20 people of a small directory", v1alpha1.Guard{}, PlanKey{Directory: "d"}, 100, 20},
		{"5 % of a large one", v1alpha1.Guard{}, PlanKey{Directory: "d"}, 1000, 50},
		{"10 members", v1alpha1.Guard{}, PlanKey{Directory: "d", Role: "r"}, 12, 10},
		{"half of a large role", v1alpha1.Guard{}, PlanKey{Directory: "d", Role: "r"}, 40, 20},
		{"as configured", v1alpha1.Guard{Users: v1alpha1.GuardLimit{Count: 3, Percent: new(int32(1))}}, PlanKey{Directory: "d"}, 1000, 10},
		{"no percentage", v1alpha1.Guard{Users: v1alpha1.GuardLimit{Percent: new(int32(0))}}, PlanKey{Directory: "d"}, 9999, 20},
	} {
		if got := LimitsOf(c.guard, c.key).of(c.base); got != c.want {
			t.Errorf("reason: %s: %d, want %d", c.reason, got, c.want)
		}
	}
}

func TestRolesAreHeldAsAWhole(t *testing.T) {
	decide := func(size int) int {
		q := Question{Limits: LimitsOf(v1alpha1.Guard{}, PlanKey{Directory: "d", Role: "r"}), Active: size, Now: epoch, Complete: true}
		for i := range size {
			q.Candidates = append(q.Candidates, Candidate{Name: fmt.Sprint(i)})
		}
		return len(Decide(q).Held)
	}
	for size, want := range map[int]int{1: 0, 5: 0, 9: 0, 10: 0, 11: 11, 40: 40} {
		if got := decide(size); got != want {
			t.Errorf("reason: a role of %d that loses all: %d wait, want %d", size, got, want)
		}
	}
}

func TestTheBaseIsTheHighestOfTheDay(t *testing.T) {
	var ledger Ledger
	for hour, active := range []int{1000, 950, 960, 900, 800} {
		ledger.count(active, epoch.Add(time.Duration(hour)*time.Hour))
	}
	at := func(hours int) int { return ledger.at(epoch.Add(time.Duration(hours)*time.Hour), time.Hour).base() }
	got := map[int]int{5: at(5), 24: at(24), 26: at(26), 27: at(27), 29: at(29)}
	if diff := cmp.Diff(map[int]int{5: 1000, 24: 960, 26: 900, 27: 800, 29: 0}, got); diff != "" {
		t.Errorf("reason: a slow drain does not shrink the base before a day has passed\n%s", diff)
	}
	for minute := range 3 * 24 * 60 {
		ledger.count(100_000-minute, epoch.Add(time.Duration(minute)*time.Minute))
		ledger = ledger.at(epoch.Add(time.Duration(minute)*time.Minute), time.Hour)
	}
	if len(ledger.Peaks) > 25 {
		t.Errorf("reason: the memory of a day is bounded; %d peaks", len(ledger.Peaks))
	}
}

func TestTheLedgerIsStoredAndBounded(t *testing.T) {
	ledger := Ledger{Epoch: 63, Discarded: []int32{0}, HeldSince: epoch}
	ledger.count(100_000, epoch)
	for minute := range 60 {
		var names []string
		for i := range 1000 {
			names = append(names, fmt.Sprint(minute, "-", i))
		}
		ledger.pass(names, v1alpha1.PassLimit, epoch.Add(time.Duration(minute)*time.Minute), time.Hour)
	}
	plan := &v1alpha1.AccessPlan{}
	ledger.Write(&plan.Status)
	if diff := cmp.Diff(ledger, ReadLedger(plan)); diff != "" {
		t.Errorf("reason: what is stored is what is read\n%s", diff)
	}
	size := 0
	for _, pass := range plan.Status.Passes {
		size += len(pass.People) + 60
	}
	if size > 100_000 || ledger.Passed() != 60_000 {
		t.Errorf("reason: the object stays below 100 kB and counts all the same; %d bytes, %d passes", size, ledger.Passed())
	}
	known := ledger.remembered()
	if !known[Print("59-999")] || known[Print("0-0")] || len(known) != maxRemembered {
		t.Errorf("reason: the latest are remembered by name; %d are", len(known))
	}
	if next := ledger.Release(false); next.Epoch != 1 || !next.holds(0) || next.holds(63) {
		t.Errorf("reason: an epoch that is discarded is not begun again; got %+v", next.Epoch)
	}
}

func TestPeopleComeBackFromTheAnnotation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var people []Person
		for range rapid.IntRange(0, 20).Draw(t, "people") {
			person := Person{Directory: rapid.SampledFrom([]string{"", "okta", "entra", "a-1"}).Draw(t, "directory")}
			if rapid.Bool().Draw(t, "known") {
				person.Print = Print(rapid.String().Draw(t, "id"))
			}
			if kind := rapid.SampledFrom([]MarkKind{0, MarkUsers, MarkMembers, MarkKept}).Draw(t, "kind"); kind != 0 {
				person.Mark = Mark{Kind: kind, Epoch: rapid.Int32Range(0, Epochs-1).Draw(t, "epoch")}
			}
			people = append(people, person)
		}
		text := EncodePeople(people)
		got := DecodePeople(text, len(people))
		if !slices.Equal(people, got) {
			t.Fatalf("reason: who was written is who is read\n%s", cmp.Diff(people, got))
		}
		if DecodePeople(text, len(people)+1) != nil {
			t.Fatal("reason: an annotation that does not fit the subjects says nothing about any of them")
		}
		_ = DecodePeople(rapid.String().Draw(t, "noise"), rapid.IntRange(0, 3).Draw(t, "n")) // must not panic
	})
}

func TestHeldReadsBindings(t *testing.T) {
	plan := &v1alpha1.AccessPlan{Spec: v1alpha1.AccessPlanSpec{Directory: "okta"}}
	plan.Status.Epoch, plan.Status.DiscardedEpochs = new(int32(5)), []int32{2}
	names := []string{"in-force", "now", "discarded", "released", "other-directory", "member"}
	people := []Person{
		{Directory: "okta", Print: Print("a")},
		{Directory: "okta", Mark: Mark{MarkUsers, 5}}, {Directory: "okta", Print: Print("c"), Mark: Mark{MarkUsers, 2}}, {Directory: "okta", Mark: Mark{MarkUsers, 4}},
		{Directory: "entra", Mark: Mark{MarkUsers, 5}}, {Directory: "okta", Mark: Mark{MarkMembers, 5}},
	}
	var subjects []rbacv1.Subject
	for _, name := range names {
		subjects = append(subjects, rbacv1.Subject{Kind: rbacv1.UserKind, Name: name})
	}
	labels := map[string]string{v1alpha1.LabelDirectory: "okta", v1alpha1.LabelRole: "ops"}
	annotations := map[string]string{v1alpha1.AnnotationPeople: EncodePeople(people)}
	if diff := cmp.Diff([]HeldPerson{{Name: "now"}, {Name: "discarded", Print: Print("c"), Discarded: true}}, Held(plan, labels, annotations, subjects)); diff != "" {
		t.Errorf("reason: who waits for a plan can be read from the bindings\n%s", diff)
	}
	plan.Spec.Role = "ops"
	if diff := cmp.Diff([]HeldPerson{{Name: "member"}}, Held(plan, labels, annotations, subjects)); diff != "" {
		t.Errorf("reason: members wait for the plan of their role\n%s", diff)
	}
}

func TestDigest(t *testing.T) {
	if Digest(nil) != "" || Digest([]string{"a", "b"}) != Digest([]string{"b", "a", "a"}) || Digest([]string{"a", "b"}) == Digest([]string{"ab"}) {
		t.Error("reason: a digest names a set, whatever its order")
	}
	if digest := Digest([]string{"a"}); !strings.HasPrefix(digest, "sha256:") || len(digest) != 71 {
		t.Errorf("reason: a digest has the form that the API asks for; got %s", digest)
	}
}
