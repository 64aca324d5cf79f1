package schema

import (
	"strings"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// Projection says which attributes an answer has (RFC 7644 section 3.9). The zero value is the default: all of them.
type Projection struct {
	t        *ResourceType
	only     []attributePath
	excluded []attributePath
}

type attributePath struct{ urn, name, sub string }

// ParseProjection reads the attributes and excludedAttributes parameters. Names without a meaning are passed over, as RFC 7644
// does; giving both parameters is 400 invalidValue.
func ParseProjection(t *ResourceType, attributes, excluded []string) (Projection, error) {
	p := Projection{t: t, only: paths(t, attributes), excluded: paths(t, excluded)}
	if len(p.only) > 0 && len(p.excluded) > 0 {
		return Projection{}, invalid("attributes and excludedAttributes exclude each other: give one of the two.")
	}
	return p, nil
}

// IsDefault says whether the projection leaves a resource as it is.
func (p Projection) IsDefault() bool { return len(p.only) == 0 && len(p.excluded) == 0 }

// Has says whether a top-level attribute, or a part of it, is in the answer. It tells in advance whether members need be read.
func (p Projection) Has(name string) bool {
	for _, path := range p.excluded {
		if path.urn == "" && path.sub == "" && strings.EqualFold(path.name, name) {
			return false
		}
	}
	if len(p.only) == 0 {
		return true
	}
	for _, path := range p.only {
		if path.urn == "" && strings.EqualFold(path.name, name) {
			return true
		}
	}
	return false
}

// Apply returns what the projection leaves of a resource. Attributes that are always returned (id and schemas) stay. The result
// shares values with r.
func (p Projection) Apply(r scim.Resource) scim.Resource {
	if p.IsDefault() {
		return r
	}
	if len(p.only) > 0 {
		return p.pick(r)
	}
	out := make(scim.Resource, len(r))
	for k, v := range r {
		out[k] = v
	}
	for _, path := range p.excluded {
		p.drop(out, path)
	}
	return out
}

func (p Projection) pick(r scim.Resource) scim.Resource {
	out := scim.Resource{}
	for name, v := range r {
		if p.always(name) {
			out[name] = v
		}
	}
	for _, path := range p.only {
		from, into := map[string]any(r), map[string]any(out)
		if path.urn != "" {
			var ok bool
			urn := keyOf(r, path.urn)
			if from, ok = r[urn].(map[string]any); !ok {
				continue
			}
			if path.name == "" {
				out[urn] = copyMap(from)
				continue
			}
			if into, ok = out[urn].(map[string]any); !ok {
				into = map[string]any{}
			}
			pickInto(into, from, path)
			if len(into) > 0 {
				out[urn] = into
			}
			continue
		}
		pickInto(into, from, path)
	}
	return out
}

// pickInto copies one attribute, or one sub-attribute of it, next to what is there already.
func pickInto(into, from map[string]any, path attributePath) {
	name := keyOf(from, path.name)
	v, ok := from[name]
	if !ok {
		return
	}
	if path.sub == "" {
		into[name] = v
		return
	}
	switch v := v.(type) {
	case map[string]any:
		into[name] = pickSub(into[name], v, path.sub)
	case []any:
		have, _ := into[name].([]any)
		list := make([]any, len(v))
		for i, e := range v {
			var before any
			if i < len(have) {
				before = have[i]
			}
			m, _ := e.(map[string]any)
			list[i] = pickSub(before, m, path.sub)
		}
		into[name] = list
	}
}

func pickSub(before any, from map[string]any, sub string) map[string]any {
	out := map[string]any{}
	if m, ok := before.(map[string]any); ok {
		for k, v := range m {
			out[k] = v
		}
	}
	if name := keyOf(from, sub); name != "" {
		if v, ok := from[name]; ok {
			out[name] = v
		}
	}
	return out
}

func (p Projection) drop(out map[string]any, path attributePath) {
	if path.urn != "" {
		urn := keyOf(out, path.urn)
		if path.name == "" {
			delete(out, urn)
			return
		}
		inner, ok := out[urn].(map[string]any)
		if !ok {
			return
		}
		copied := copyMap(inner)
		dropFrom(copied, path)
		if out[urn] = copied; len(copied) == 0 {
			delete(out, urn)
		}
		return
	}
	if !p.always(path.name) {
		dropFrom(out, path)
	}
}

func dropFrom(out map[string]any, path attributePath) {
	name := keyOf(out, path.name)
	if path.sub == "" {
		delete(out, name)
		return
	}
	switch v := out[name].(type) {
	case map[string]any:
		copied := copyMap(v)
		delete(copied, keyOf(copied, path.sub))
		out[name] = copied
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = e
			if m, ok := e.(map[string]any); ok {
				copied := copyMap(m)
				delete(copied, keyOf(copied, path.sub))
				list[i] = copied
			}
		}
		out[name] = list
	}
}

func copyMap(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

func (p Projection) always(name string) bool {
	a := p.t.Attribute(name)
	return a != nil && a.Returned == Always
}

// keyOf finds the name under which a map has an attribute; the name itself when it has none.
func keyOf(m map[string]any, name string) string {
	if _, ok := m[name]; ok {
		return name
	}
	for k := range m {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	return name
}

func paths(t *ResourceType, names []string) []attributePath {
	var out []attributePath
	for _, name := range names {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, splitPath(t, name))
		}
	}
	return out
}

// splitPath takes a name apart. The dots in the version of a URN are not separators, so the URN is cut off first.
func splitPath(t *ResourceType, name string) attributePath {
	var path attributePath
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		if t.Extension(name) != nil || !strings.Contains(name[:i], ".") {
			return attributePath{urn: name}
		}
		path.urn, name = name[:i], name[i+1:]
		if t.IsCore(path.urn) {
			path.urn = ""
		}
	}
	path.name, path.sub, _ = strings.Cut(name, ".")
	return path
}
