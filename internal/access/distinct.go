package access

// distinct counts the different names in several lists. It remembers the lists, so that counting again, when one of them has changed,
// costs as much as that one is long. What it answers never depends on what it remembers. The lists must not be changed afterwards.
type distinct[T any] struct {
	name  func(T) string
	lists map[string][]T
	times map[string]int
}

func newDistinct[T any](name func(T) string) *distinct[T] {
	return &distinct[T]{name: name, lists: map[string][]T{}, times: map[string]int{}}
}

// count gives the number of different names in lists, each of which has a key that it keeps when it changes.
func (d *distinct[T]) count(lists map[string][]T) int {
	for key, old := range d.lists {
		now, ok := lists[key]
		if ok && sameList(old, now) {
			continue
		}
		// A list nearly always changes by one or two names, so only what is between the same beginning and the same end is looked at.
		gone, come := between(old, now, func(a, b T) bool { return d.name(a) == d.name(b) })
		d.enter(come)
		d.drop(gone)
		delete(d.lists, key)
		if ok {
			d.lists[key] = now
		}
	}
	for key, now := range lists {
		if _, known := d.lists[key]; !known {
			d.lists[key] = now
			d.enter(now)
		}
	}
	return len(d.times)
}

func (d *distinct[T]) enter(list []T) {
	for i := range list {
		d.times[d.name(list[i])]++
	}
}

func (d *distinct[T]) drop(list []T) {
	for i := range list {
		name := d.name(list[i])
		if d.times[name]--; d.times[name] == 0 {
			delete(d.times, name)
		}
	}
}

// sameList says whether two lists are one and the same in memory. It costs nothing, and a false no only costs a comparison.
func sameList[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
