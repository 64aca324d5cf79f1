package model

import "testing"

// claimLaw is what every scenario of the claim protocol is held to.
const claimLaw = "RFC 7643 section 4.1.1: userName is unique; RFC 7644 section 3.3: what 201 or 200 has told a client stays so"

func TestClaimProtocol(t *testing.T) {
	for _, row := range claimRows() {
		t.Run(row.scenario, func(t *testing.T) { row.mustPass(t, claimLaw) })
	}
}

func TestHarmlessVariantsPass(t *testing.T) {
	tests := []struct {
		variant Variant
		reason  string
	}{
		{RollForwardWithoutBump, "the bump of a roll forward is caution, not law"},
		{RollForwardReadsAgain, "reading the claim once more after the bump is as good as relying on the first reading"},
	}
	for _, tt := range tests {
		for _, s := range claimScenarios() {
			t.Run(tt.reason+"/"+s.name, func(t *testing.T) { explored(s.name, newClaims(s, tt.variant)).mustPass(t, tt.reason) })
		}
	}
}

func TestRepairAloneWritesNothingAtRest(t *testing.T) {
	tests := []struct {
		reason string
		start  world
	}{
		{"nothing exists", having()},
		{"every user has its claim", having(nameA, nameB, nameC)},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			m := newClaims(claimScenario{start: tt.start, procs: []process{{kind: repair}}}, AsDesigned)
			for _, target := range m.targets {
				w := tt.start
				for first := true; first || w.actors[0].pc != pcStart; first = false {
					next, step, wrote := m.advance(w, 0, target)
					if wrote {
						t.Fatalf("%s: repair writes: %s", tt.reason, m.Describe(step))
					}
					w = next
				}
			}
		})
	}
}

// TestInvariantsSpeak shows that each invariant of the claim protocol finds the state that it is there to find.
func TestInvariantsSpeak(t *testing.T) {
	tests := []struct {
		reason string
		spoil  func(*world)
	}{
		{"a user of which a client was told must not be lost", func(w *world) { w.users[0].flags &^= alive }},
		{"a user of which a client was told must be visible", func(w *world) { w.claims[nameA].owner = 2 }},
		{"two users of which clients were told must not bear one name", func(w *world) { w.users[1].name = nameA }},
		{"an acknowledged rename must not be lost", func(w *world) { w.users[0].may = 1 << nameC }},
		{"an acknowledged change must not be lost", func(w *world) { w.users[0].flags |= updated }},
		{"409 must have been true at some instant", func(w *world) { w.fault = faultConflict }},
		{"a search that finds nothing must have been true at some instant", func(w *world) { w.fault = faultNotFound }},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			w := having(nameA, nameB)
			if text := w.wrong(); text != "" {
				t.Fatalf("the state is wrong before it is spoilt: %s", text)
			}
			tt.spoil(&w)
			if w.wrong() == "" {
				t.Errorf("%s: no invariant speaks", tt.reason)
			}
		})
	}
}
