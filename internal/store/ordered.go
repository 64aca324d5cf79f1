package store

import (
	"slices"
	"sort"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxRun bounds what one insertion moves. Runs split in half, so that a list of fifty thousand has some two hundred of them.
const maxRun = 512

// ordered keeps objects in the order of byCreation, and gives any part of it for the price of that part. It is a list of sorted runs,
// none of them empty: one sorted slice would make filling it quadratic. No two objects may be equal in that order.
type ordered[T client.Object] struct {
	runs [][]T
	size int
}

// place finds where obj is, or belongs: the run, and the position in it. With runs empty both are zero.
func (o *ordered[T]) place(obj T) (run, at int, found bool) {
	if len(o.runs) == 0 {
		return 0, 0, false
	}
	run = sort.Search(len(o.runs)-1, func(i int) bool { return byCreation(o.runs[i][len(o.runs[i])-1], obj) >= 0 })
	at, found = slices.BinarySearchFunc(o.runs[run], obj, byCreation[T])
	return run, at, found
}

// put inserts obj, or puts it in the place of the one that is equal to it.
func (o *ordered[T]) put(obj T) {
	run, at, found := o.place(obj)
	switch {
	case found:
		o.runs[run][at] = obj
		return
	case len(o.runs) == 0:
		o.runs = [][]T{{obj}}
	default:
		o.runs[run] = slices.Insert(o.runs[run], at, obj)
	}
	o.size++
	if full := o.runs[run]; len(full) > maxRun {
		half := len(full) / 2
		o.runs[run] = slices.Clone(full[:half])
		o.runs = slices.Insert(o.runs, run+1, slices.Clone(full[half:]))
	}
}

// remove takes out the object that is equal to obj, if there is one.
func (o *ordered[T]) remove(obj T) {
	run, at, found := o.place(obj)
	if !found {
		return
	}
	o.size--
	if o.runs[run] = slices.Delete(o.runs[run], at, at+1); len(o.runs[run]) == 0 {
		o.runs = slices.Delete(o.runs, run, run+1)
	}
}

// part copies at most count objects from position from on, which counts from 0. What lies outside of the list is not there.
func (o *ordered[T]) part(from, count int) []T {
	from = min(max(from, 0), o.size)
	count = min(max(count, 0), o.size-from)
	out := make([]T, 0, count)
	for _, run := range o.runs {
		if len(out) == count {
			break
		}
		if from >= len(run) {
			from -= len(run)
			continue
		}
		out = append(out, run[from:min(len(run), from+count-len(out))]...)
		from = 0
	}
	return out
}

// length is the number of objects; a nil list has none.
func (o *ordered[T]) length() int {
	if o == nil {
		return 0
	}
	return o.size
}

// before is the number of objects that come before obj.
func (o *ordered[T]) before(obj T) int {
	run, at, _ := o.place(obj)
	for _, earlier := range o.runs[:run] {
		at += len(earlier)
	}
	return at
}

// partOfBoth copies at most count objects from position from on of two lists, either of which may be nil, as if they were one. It
// costs what is on the part, and little more. No object may be on both.
func partOfBoth[T client.Object](a, b *ordered[T], from, count int) []T {
	switch {
	case b.length() == 0 && a.length() == 0:
		return nil
	case b.length() == 0:
		return a.part(from, count)
	case a.length() == 0:
		return b.part(from, count)
	}
	from = min(max(from, 0), a.size+b.size)
	// inB is how many of the first from objects are of b: the i-th of b has i of b and some of a before it.
	inB := sort.Search(b.size, func(i int) bool { return i+a.before(b.part(i, 1)[0]) >= from })
	left, right := a.part(from-inB, count), b.part(inB, count)
	out := make([]T, 0, min(count, len(left)+len(right)))
	for len(out) < count && len(left)+len(right) > 0 {
		if len(right) == 0 || len(left) > 0 && byCreation(left[0], right[0]) < 0 {
			out, left = append(out, left[0]), left[1:]
		} else {
			out, right = append(out, right[0]), right[1:]
		}
	}
	return out
}
