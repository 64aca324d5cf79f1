package model

import "math/bits"

const (
	maxSlices  = 8
	maxList    = 3
	maxWriters = 4
	// sliceCap stands for the 1,000 ids that fit into one slice.
	sliceCap = 2
	// tailCap stands for the 100 ids that a change leaves in the role itself.
	tailCap = 1
)

// Flags of the role.
const (
	roleExists  = 1 << iota
	roleCounts  // its claim is written
	sliceExists = 1 << 7
)

// role is the ScimRole. Members are a set of up to seven ids, as a mask. A list entry is a slice's index plus one, or nought.
type role struct {
	flags  uint8
	fresh  uint8
	inline uint8
	list   [maxList]uint8
}

// worker is the local state of one process.
type worker struct {
	pc      uint8
	at      uint8 // position in a list, or the slice that repair looks at, plus one
	retries uint8
	expect  uint8          // the true membership when the role was read
	inline  uint8          // as read, then as planned
	list    [maxList]uint8 // as read
	content [maxList]uint8 // as read, then what is still to be created
	next    [maxList]uint8 // as planned
	made    [maxList]uint8 // slices of a failed attempt; only a broken variant keeps them
}

// hall is everything: etcd, the processes, and the true membership, which changes when a role's write succeeds and at no other time.
type hall struct {
	role    role
	slices  [maxSlices]uint8
	workers [maxWriters]worker
	truth   uint8
	fault   bool
}

// content is the membership that the role's list names; complete is false when a slice is missing.
func (h *hall) content() (members uint8, complete bool) {
	members, complete = h.role.inline, true
	for _, entry := range h.role.list {
		if entry == 0 {
			continue
		}
		slice := h.slices[entry-1]
		complete = complete && slice&sliceExists != 0
		members |= slice &^ sliceExists
	}
	return members, complete
}

// free is a slice index that nothing and nobody mentions. Names of slices are random and are never used twice; an index that is
// mentioned nowhere stands for any name that was never used, so it can stand for a new one.
func (h *hall) free() (index uint8, ok bool) {
	for i := range h.slices {
		if h.slices[i]&sliceExists == 0 && !h.mentions(uint8(i)+1) {
			return uint8(i), true
		}
	}
	return 0, false
}

func (h *hall) mentions(entry uint8) bool {
	if in(h.role.list, entry) {
		return true
	}
	for _, w := range h.workers {
		if in(w.list, entry) || in(w.next, entry) || in(w.made, entry) || w.at == entry && w.pc >= mRepairRole {
			return true
		}
	}
	return false
}

func in(list [maxList]uint8, entry uint8) bool {
	for _, e := range list {
		if e == entry {
			return true
		}
	}
	return false
}

// arrange lays a set out over the slices that there are: removals shrink a slice, additions fill the first with room. Which of those
// with room the store prefers doesn't matter to the commit. It returns the content of each position, and false when the set needs more positions than the model has.
func arrange(present [maxList]uint8, target uint8) (planned [maxList]uint8, ok bool) {
	rest := target
	for i, content := range present {
		planned[i] = content & target
		rest &^= content
	}
	for i := range planned {
		for rest != 0 && bits.OnesCount8(planned[i]) < sliceCap {
			lowest := rest & -rest
			planned[i] |= lowest
			rest &^= lowest
		}
	}
	return planned, rest == 0
}
