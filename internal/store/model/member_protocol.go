package model

import "math/bits"

// Where a worker is. Those from mRepairRole on are repair's.
const (
	mStart uint8 = iota
	mDone
	mGetRole
	mGetSlice
	mCreateSlice
	mCommit
	mDropSlice
	mCreateRole
	mClaim
	mDeleteRole
	mRepairRole
	mRepairFence
	mRepairDelete
	mCount
)

// task is what a worker does.
type task uint8

const (
	addMembers task = iota
	removeMembers
	replaceMembers
	createRole
	deleteRole
	readMembers
	repairSlices
)

// job is one worker of a scenario.
type job struct {
	task    task
	members uint8
}

// change is what the job makes of a membership.
func (j job) change(members uint8) uint8 {
	switch j.task {
	case addMembers:
		return members | j.members
	case removeMembers:
		return members &^ j.members
	default:
		return j.members
	}
}

// turn is one step of one worker. Its methods are the API server's and the protocol's.
type turn struct {
	m     *members
	h     *hall
	p     uint8
	w     *worker
	job   job
	wrote bool
	ok    bool
}

func (t *turn) bit() uint8 { return 1 << t.p }

// knows says whether a write of the role at the resourceVersion that the worker has read would succeed.
func (t *turn) knows() bool {
	return t.h.role.flags&roleExists != 0 && t.h.role.fresh&t.bit() != 0
}

func (t *turn) end() {
	t.h.role.fresh &^= t.bit()
	*t.w = worker{pc: mDone}
	if t.job.task == repairSlices {
		t.w.pc = mStart
	}
}

// step makes the next call. entry is the slice that repair turns to.
func (t *turn) step(entry uint8) {
	if t.w.pc == mStart {
		t.begin(entry)
	}
	switch t.w.pc {
	case mGetRole:
		t.getRole()
	case mGetSlice:
		t.getSlice()
	case mCreateSlice:
		t.createSlice()
	case mCommit:
		t.commit()
	case mDropSlice:
		t.dropSlice()
	case mCreateRole:
		t.createRole()
	case mClaim:
		t.claim()
	case mDeleteRole:
		t.deleteRole()
	default:
		t.repair()
	}
}

func (t *turn) begin(entry uint8) {
	switch {
	case t.job.task == repairSlices:
		t.w.pc, t.w.at = mRepairRole, entry
	case t.job.task == createRole && t.m.broken == CreateRoleAfterSlices:
		t.w.content, _ = arrange(t.w.content, t.job.members)
		t.w.pc = mCreateSlice
	case t.job.task == createRole:
		t.w.pc = mCreateRole
	default:
		t.w.pc = mGetRole
	}
}

func (t *turn) getRole() {
	r := &t.h.role
	if r.flags&roleExists == 0 || r.flags&roleCounts == 0 && t.job.task != createRole {
		t.end()
		return
	}
	r.fresh |= t.bit()
	*t.w = worker{retries: t.w.retries, made: t.w.made, expect: t.h.truth, inline: r.inline, list: r.list}
	if t.job.task == readMembers {
		r.fresh &^= t.bit()
	}
	if t.job.task == deleteRole {
		t.w.pc = mDeleteRole
		return
	}
	t.nextSlice()
}

// nextSlice goes on to the next slice that is to be read, or to the plan.
func (t *turn) nextSlice() {
	for ; t.w.at < maxList; t.w.at++ {
		if t.w.list[t.w.at] != 0 {
			t.w.pc = mGetSlice
			return
		}
	}
	t.w.at = 0
	t.plan()
}

func (t *turn) getSlice() {
	slice := t.h.slices[t.w.list[t.w.at]-1]
	if slice&sliceExists == 0 && !(t.job.task == readMembers && t.m.broken == ReaderSkipsMissing) {
		t.ok = false
		t.again()
		return
	}
	t.w.content[t.w.at] = slice &^ sliceExists
	t.w.at++
	t.nextSlice()
}

// again reads the role again.
func (t *turn) again() {
	t.h.role.fresh &^= t.bit()
	*t.w = worker{pc: mGetRole, retries: t.w.retries, made: t.w.made}
}

// plan answers a reader, or decides what a writer has to write.
func (t *turn) plan() {
	present := t.w.inline
	for _, content := range t.w.content {
		present |= content
	}
	t.h.fault = t.h.fault || present != t.w.expect
	target := t.job.change(present)
	if t.job.task == readMembers || target == present && t.job.task != createRole {
		t.end()
		return
	}
	t.w.inline, t.w.next = t.w.tail(present, target), [maxList]uint8{}
	planned, ok := arrange(t.w.content, target&^t.w.inline)
	if !ok {
		panic("a scenario of the membership model needs longer lists")
	}
	for i, content := range planned {
		switch {
		case content == t.w.content[i]:
			t.w.next[i], planned[i] = t.w.list[i], 0
		case t.reuse(i, content):
			planned[i] = 0
		}
	}
	t.w.content = planned
	t.afterSlice()
}

// tail is what a change leaves in the role itself: all members, or those that were there and those that are added, or only the latter, or
// nobody.
func (w *worker) tail(present, target uint8) uint8 {
	for _, tail := range []uint8{target, w.inline&target | target&^present, target &^ present} {
		if bits.OnesCount8(tail) <= tailCap {
			return tail
		}
	}
	return 0
}

// reuse takes a slice that a failed attempt has made, in the variant that does so.
func (t *turn) reuse(position int, content uint8) bool {
	for _, entry := range t.w.made {
		if entry != 0 && content != 0 && t.h.slices[entry-1]&^sliceExists == content {
			t.w.next[position] = entry
			return true
		}
	}
	return false
}

// afterSlice goes on to the next slice that is to be created, or to the commit.
func (t *turn) afterSlice() {
	t.w.pc = mCommit
	if t.m.broken == DropBeforeCommit && t.obsolete() >= 0 {
		t.w.pc = mDropSlice
	}
	for _, content := range t.w.content {
		if content != 0 {
			t.w.pc = mCreateSlice
		}
	}
	if t.w.pc != mCreateSlice && t.job.task == createRole && t.m.broken == CreateRoleAfterSlices {
		t.w.pc = mCreateRole
	}
}

func (t *turn) createSlice() {
	index, ok := t.h.free()
	if !ok {
		t.ok = false
		t.end()
		return
	}
	for i, content := range t.w.content {
		if content != 0 {
			t.h.slices[index] = content | sliceExists
			t.w.next[i], t.w.content[i] = index+1, 0
			break
		}
	}
	t.wrote = true
	t.afterSlice()
}

// commit writes the role at the resourceVersion that was read.
func (t *turn) commit() {
	r := &t.h.role
	blind := t.m.broken == RoleWithoutVersion && r.flags&roleExists != 0
	if !t.knows() && !blind {
		t.ok = false
		t.lost()
		return
	}
	r.inline, r.list, r.fresh = t.w.inline, t.w.next, t.bit()
	t.h.truth = t.job.change(t.h.truth)
	t.wrote = true
	if t.job.task == createRole {
		*t.w = worker{pc: mClaim}
		return
	}
	t.afterDrop()
}

// lost starts over after a conflict, as often as the scenario's bound allows.
func (t *turn) lost() {
	if t.w.retries >= t.m.retries {
		t.end()
		return
	}
	made := [maxList]uint8{}
	if t.m.broken == RetryReusesSlices {
		for i, entry := range t.w.next {
			if !in(t.w.list, entry) {
				made[i] = entry
			}
		}
	}
	t.w.retries++
	t.w.made = made
	t.again()
}

// obsolete is the position of an old slice that the new list doesn't name, or -1.
func (t *turn) obsolete() int {
	for i, entry := range t.w.list {
		if entry != 0 && !in(t.w.next, entry) {
			return i
		}
	}
	return -1
}

func (t *turn) afterDrop() {
	switch {
	case t.obsolete() >= 0:
		t.w.pc = mDropSlice
	case t.m.broken == DropBeforeCommit && t.w.pc == mDropSlice:
		t.w.pc = mCommit
	default:
		t.end()
	}
}

func (t *turn) dropSlice() {
	position := t.obsolete()
	t.drop(t.w.list[position])
	t.w.list[position] = 0
	t.afterDrop()
}

// drop deletes a slice. Slices never change, so the UID is all that the delete needs.
func (t *turn) drop(entry uint8) {
	t.ok = t.h.slices[entry-1]&sliceExists != 0
	t.wrote = t.wrote || t.ok
	if t.m.broken == RetryReusesSlices {
		t.h.slices[entry-1] &^= sliceExists
		return
	}
	t.h.slices[entry-1] = 0
}

func (t *turn) createRole() {
	t.h.role = role{flags: roleExists, fresh: t.bit()}
	t.h.truth = 0
	t.wrote = true
	if t.m.broken == CreateRoleAfterSlices {
		t.h.role.list, t.h.truth = t.w.next, t.job.members
		*t.w = worker{pc: mClaim}
		return
	}
	t.plan()
}

// claim makes the role count. How claims work is the other model's business; here nobody else wants the name.
func (t *turn) claim() {
	if t.h.role.flags&roleExists != 0 {
		t.h.role.flags |= roleCounts
		t.wrote = true
	}
	t.end()
}

// deleteRole deletes the role and then its slices.
func (t *turn) deleteRole() {
	if !t.knows() {
		t.ok = false
		t.again()
		return
	}
	t.h.role, t.h.truth = role{}, 0
	t.wrote = true
	t.afterDrop()
}

// repair removes a slice that nobody refers to. The fence makes a writer that is about to refer to it fail.
func (t *turn) repair() {
	switch t.w.pc {
	case mRepairRole:
		switch {
		case t.h.role.flags&roleExists == 0, t.m.broken == SliceWithoutFence && !in(t.h.role.list, t.w.at):
			t.w.pc = mRepairDelete
		case in(t.h.role.list, t.w.at):
			t.end()
		default:
			t.h.role.fresh |= t.bit()
			t.w.pc = mRepairFence
		}
	case mRepairFence:
		t.ok = t.knows()
		if !t.ok {
			t.end()
			return
		}
		t.h.role.fresh = 0
		t.wrote = true
		t.w.pc = mRepairDelete
	default:
		t.drop(t.w.at)
		t.end()
	}
}
