package patch

import (
	"maps"
	"slices"
	"strings"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// foldedKey finds a name in an object without regard to case; the name itself when it is new.
func foldedKey(m map[string]any, name string) string {
	if _, ok := m[name]; ok {
		return name
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	return name
}

func setList(into map[string]any, name string, list []any) {
	if len(list) == 0 {
		delete(into, name)
		return
	}
	into[name] = list
}

// overlaid is a copy of an object with the members of another. A name that no schema has may be spelt in another case there.
func overlaid(before, given map[string]any) map[string]any {
	after := maps.Clone(before)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		delete(after, foldedKey(after, name))
		after[name] = given[name]
	}
	return after
}

// addAll adds elements to a list. One that is there already changes nothing (RFC 7644 section 3.5.2.1); one with the same value and
// type as another is merged into it, so that no combination of the two appears twice (RFC 7643 section 2.4). A new primary element
// pushes the others back.
func addAll(list, given []any) []any {
	out := slices.Clone(list)
	for _, g := range given {
		at := slices.IndexFunc(out, func(e any) bool { return sameElement(e, g) })
		if at < 0 {
			out = append(out, g)
			at = len(out) - 1
		} else if m, ok := g.(map[string]any); ok {
			before, _ := out[at].(map[string]any)
			out[at] = overlaid(before, m)
		}
		if m, ok := g.(map[string]any); ok && m["primary"] == true {
			onlyPrimary(out, at)
		}
	}
	return out
}

// sameElement says whether two elements are the same one: equal, or with the same value and type.
func sameElement(a, b any) bool {
	x, okX := a.(map[string]any)
	y, okY := b.(map[string]any)
	if !okX || !okY || x["value"] == nil {
		return scim.Equal(a, b)
	}
	return scim.Equal(x["value"], y["value"]) && scim.Equal(x["type"], y["type"])
}

// covers says whether an element has everything that a client named of it.
func covers(element, named any) bool {
	e, okE := element.(map[string]any)
	n, okN := named.(map[string]any)
	if !okE || !okN {
		return scim.Equal(element, named)
	}
	for k, v := range n {
		if !scim.Equal(e[k], v) {
			return false
		}
	}
	return len(n) > 0
}

// onlyPrimary takes the mark off all elements but one (RFC 7644 section 3.5.2).
func onlyPrimary(list []any, keep int) {
	for i, e := range list {
		m, ok := e.(map[string]any)
		if i == keep || !ok || m["primary"] != true {
			continue
		}
		other := maps.Clone(m)
		other["primary"] = false
		list[i] = other
	}
}
