package model

import "fmt"

// claims is the model of one scenario.
type claims struct {
	procs  []process
	start  world
	broken Variant
	// settled remembers which states of the objects repair brings to rest, and what goes wrong with the others.
	settled map[world]string
	targets []target
}

func newClaims(s claimScenario, broken Variant) *claims {
	return &claims{procs: s.procs, start: s.start, broken: broken, settled: map[world]string{}, targets: targets()}
}

// kind is what an actor does. What presumes is a create in all but its beginning.
func (m *claims) kind(p uint8) kind {
	if m.procs[p].kind == presume {
		return create
	}
	return m.procs[p].kind
}

// Start implements Model.
func (m *claims) Start() world { return m.start }

// Next implements Model.
func (m *claims) Next(w world, visit func(Step, world)) {
	for p := range m.procs {
		pc := w.actors[p].pc
		if pc == pcDone {
			continue
		}
		if m.procs[p].kind != repair || pc != pcStart {
			if next, step, _ := m.advance(w, uint8(p), target{}); next != w {
				visit(step, next)
			}
			continue
		}
		for _, t := range m.targets {
			if next, step, _ := m.advance(w, uint8(p), t); next != w {
				visit(step, next)
			}
		}
	}
}

// advance lets one actor make one call.
func (m *claims) advance(w world, p uint8, t target) (next world, step Step, wrote bool) {
	c := &call{m: m, w: &w, p: p, a: &w.actors[p], ok: true}
	before := *c.a
	c.step(t)
	m.excuse(&w)
	if before.pc == pcStart {
		before.pc, before.user, before.name = m.first(p, t)
	}
	step = Step{Actor: p, PC: before.pc, Object: before.user, Name: before.name, OK: c.ok}
	if before.pc == pcGetOwner || before.pc == pcFence || before.pc == pcGuess {
		step.Object = before.other
	}
	return w, step, c.wrote
}

// first is the call that an operation begins with, and what it is about.
func (m *claims) first(p uint8, t target) (pc, user, name uint8) {
	it := m.procs[p]
	switch {
	case it.kind == repair:
		return t.pc, t.user, t.name
	case it.kind == ahead:
		return pcPeek, it.user, it.name
	case it.kind == presume:
		return pcCreateUser, it.user, it.name
	case it.kind == create || it.kind == find || it.kind == give:
		return pcGetClaim, it.user, it.name
	default:
		return pcGetUser, it.user, it.name
	}
}

// Check implements Model.
func (m *claims) Check(w world) string {
	if text := w.wrong(); text != "" {
		return text
	}
	w.actors = [maxActors]actor{}
	for u := range w.users {
		w.users[u].fresh = 0
	}
	for n := range w.claims {
		w.claims[n].fresh = 0
	}
	text, ok := m.settled[w]
	if !ok {
		text = m.settle(w)
		m.settled[w] = text
	}
	return text
}

// settle stops everything and runs repair alone, once with the claims first and once with the users first.
func (m *claims) settle(w world) string {
	alone := &claims{procs: []process{{kind: repair}}, broken: m.broken, targets: m.targets}
	backwards := make([]target, 0, len(m.targets))
	for i := len(m.targets) - 1; i >= 0; i-- {
		backwards = append(backwards, m.targets[i])
	}
	for _, order := range [][]target{m.targets, backwards} {
		if text := alone.rest(w, order); text != "" {
			return "everything stops and repair runs alone: " + text
		}
	}
	return ""
}

// rest runs repair until a whole round writes nothing.
func (m *claims) rest(w world, order []target) string {
	const rounds = 8
	for range rounds {
		quiet := true
		for _, t := range order {
			for first := true; first || w.actors[0].pc != pcStart; first = false {
				next, _, wrote := m.advance(w, 0, t)
				w, quiet = next, quiet && !wrote
				if text := w.wrong(); text != "" {
					return text
				}
			}
		}
		if quiet {
			return w.residue()
		}
	}
	return fmt.Sprintf("it is not quiet after %d rounds", rounds)
}

// Describe implements Model.
func (m *claims) Describe(s Step) string {
	what := claimStepName(m.kind(s.Actor), s.PC)
	if aboutClaim(s.PC) {
		what += " of " + nameText(s.Name)
	} else {
		what += fmt.Sprintf(" of user %d", s.Object)
	}
	return fmt.Sprintf("%s (actor %d): %s%s", m.procs[s.Actor].kind, s.Actor, what, refusal(s.OK))
}
