package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
)

const (
	// benchmark is the one that is read, and sized what precedes the number of users in its name.
	benchmark, sized = "Server", "/users="
	// heap is the part of it that measures the server's heap, in bytes.
	heap, heapUnit = "Heap", "server-heap-B"
)

// results are what was measured: by operation, in the order in which they came, and by the number of users.
type results struct {
	operations []string
	// values are by operation, users and unit.
	values map[string]map[int]map[string]float64
	// heaps are the bytes on the server's heap, by the number of users.
	heaps map[int]float64
	// date and cpu say when and where.
	date, cpu string
}

func read(in io.Reader, name string) (*results, error) {
	r := &results{values: map[string]map[int]map[string]float64{}, heaps: map[int]float64{}}
	reader := benchfmt.NewReader(in, name)
	for reader.Scan() {
		one, ok := reader.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		r.date, r.cpu = one.GetConfig("date"), strings.TrimSpace(one.GetConfig("cpu"))
		operation, users, ok := parse(one.Name)
		switch {
		case !ok:
		case operation == heap:
			r.heaps[users], _ = one.Value(heapUnit)
		default:
			r.add(operation, users, one.Values)
		}
	}
	if err := reader.Err(); err != nil {
		return nil, err
	}
	if len(r.operations) == 0 {
		return nil, fmt.Errorf("%s has nothing of Benchmark%s in it", name, benchmark)
	}
	return r, nil
}

func (r *results) add(operation string, users int, values []benchfmt.Value) {
	if r.values[operation] == nil {
		r.operations, r.values[operation] = append(r.operations, operation), map[int]map[string]float64{}
	}
	units := map[string]float64{}
	for _, v := range values {
		units[v.Unit] = v.Value
		if v.OrigUnit != "" {
			units[v.OrigUnit] = v.OrigValue
		}
	}
	r.values[operation][users] = units
}

// sizes are the numbers of users, from the smallest.
func (r *results) sizes() []int {
	all := map[int]bool{}
	for _, of := range r.values {
		for users := range of {
			all[users] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// parse takes a name like Server/users=1000/GET_by_id-2 apart.
func parse(name benchfmt.Name) (operation string, users int, ok bool) {
	base, parts := name.Parts()
	if string(base) != benchmark || len(parts) < 2 {
		return "", 0, false
	}
	text, ok := strings.CutPrefix(string(parts[0]), sized)
	if !ok {
		return "", 0, false
	}
	users, err := strconv.Atoi(text)
	return strings.ReplaceAll(strings.TrimPrefix(string(parts[1]), "/"), "_", " "), users, err == nil
}
