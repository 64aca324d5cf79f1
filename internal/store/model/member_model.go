package model

import "fmt"

// members is the model of one scenario.
type members struct {
	jobs    []job
	start   hall
	retries uint8
	broken  Variant
	// settled remembers which states of the objects repair brings to rest, and what goes wrong with the others.
	settled map[hall]string
}

func newMembers(s memberScenario, broken Variant) *members {
	return &members{jobs: s.jobs, start: s.start, retries: s.retries, broken: broken, settled: map[hall]string{}}
}

// Start implements Model.
func (m *members) Start() hall { return m.start }

// Next implements Model.
func (m *members) Next(h hall, visit func(Step, hall)) {
	for p := range m.jobs {
		pc := h.workers[p].pc
		if pc == mDone {
			continue
		}
		if m.jobs[p].task != repairSlices || pc != mStart {
			next, step, _ := m.advance(h, uint8(p), 0)
			visit(step, next)
			continue
		}
		for i := range h.slices {
			if h.slices[i]&sliceExists != 0 {
				next, step, _ := m.advance(h, uint8(p), uint8(i)+1)
				visit(step, next)
			}
		}
	}
}

// advance lets one worker make one call.
func (m *members) advance(h hall, p, entry uint8) (next hall, step Step, wrote bool) {
	t := &turn{m: m, h: &h, p: p, w: &h.workers[p], job: m.jobs[p], ok: true}
	pc := t.w.pc
	t.step(entry)
	if pc == mStart {
		pc = m.first(m.jobs[p])
	}
	return h, Step{Actor: p, PC: pc, Object: entry, OK: t.ok}, t.wrote
}

// first is where a job begins.
func (m *members) first(j job) uint8 {
	switch {
	case j.task == repairSlices:
		return mRepairRole
	case j.task == createRole && m.broken == CreateRoleAfterSlices:
		return mCreateSlice
	case j.task == createRole:
		return mCreateRole
	default:
		return mGetRole
	}
}

// Check implements Model.
func (m *members) Check(h hall) string {
	if text := h.wrong(); text != "" {
		return text
	}
	h.workers, h.role.fresh = [maxWriters]worker{}, 0
	text, ok := m.settled[h]
	if !ok {
		text = m.settle(h)
		m.settled[h] = text
	}
	return text
}

// wrong returns what is wrong with a state of the objects, or nothing.
func (h *hall) wrong() string {
	if h.fault {
		return "a reader got a membership that the role never had"
	}
	if h.role.flags&roleExists == 0 {
		return ""
	}
	present, complete := h.content()
	switch {
	case !complete:
		return "the role names a slice that doesn't exist"
	case present != h.truth:
		return "a change of the membership that was acknowledged is lost"
	}
	return ""
}

// settle stops everything and runs repair alone, until a whole round writes nothing.
func (m *members) settle(h hall) string {
	alone := &members{jobs: []job{{task: repairSlices}}, broken: m.broken}
	const rounds = 3
	for range rounds {
		quiet := true
		for i := range h.slices {
			if h.slices[i]&sliceExists == 0 {
				continue
			}
			for first := true; first || h.workers[0].pc != mStart; first = false {
				next, _, wrote := alone.advance(h, 0, uint8(i)+1)
				h, quiet = next, quiet && !wrote
				if text := h.wrong(); text != "" {
					return "everything stops and repair runs alone: " + text
				}
			}
		}
		if quiet {
			return h.residue()
		}
	}
	return "everything stops, and repair running alone is never quiet"
}

// residue returns what is left over when repair is quiet, or nothing.
func (h *hall) residue() string {
	for i := range h.slices {
		if h.slices[i]&sliceExists != 0 && !in(h.role.list, uint8(i)+1) {
			return "everything stops, and repair leaves a slice that no role names"
		}
	}
	return ""
}

// Describe implements Model.
func (m *members) Describe(s Step) string {
	return fmt.Sprintf("%s (worker %d): %s%s", m.jobs[s.Actor].task, s.Actor, memberStepName(m.jobs[s.Actor].task, s.PC), refusal(s.OK))
}
