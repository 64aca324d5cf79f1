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
