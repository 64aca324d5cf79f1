package patch

import (
	"maps"
	"slices"
	"strings"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/filter"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// Options are the points in which identity providers differ from the standard.
type Options struct {
	// CreateOnUnmatchedReplace lets a replacement whose filter matches nothing create the element, as Entra expects; the standard
	// demands 400 noTarget.
	CreateOnUnmatchedReplace bool
}

// Apply applies operations in order to a resource as UserResource and GroupResource give it, and returns its writable attributes,
// normalised: without id, meta, schemas and groups. All operations take effect or none: the resource that is passed in never
// changes. Operations on members are not for Apply; SplitMembers takes them out first.
//
// Errors are 400: noTarget, invalidPath, invalidFilter, invalidValue, and mutability for what a client may not write or remove.
// Attempts to write a password succeed and are forgotten, and so do those to write an id, meta or groups without a path, unless the
// id is another than the resource's.
func Apply(t *schema.ResourceType, in scim.Resource, ops []Op, options Options) (scim.Resource, error) {
	id, _ := in["id"].(string)
	// What is stored is let through even where a person has spoilt it: only what the operations bring is checked.
	out, err := schema.NormalizeOver(t, in, in)
	if err != nil {
		return nil, err
	}
	a := applier{t: t, stored: in, out: out, id: id, options: options}
	for i := range ops {
		if err := a.apply(&ops[i]); err != nil {
			return nil, ops[i].wrap(err)
		}
	}
	if out, err = schema.NormalizeOver(t, a.out, in); err != nil {
		return nil, err
	}
	return out, schema.RequireAll(t, out)
}

type applier struct {
	t *schema.ResourceType
	// stored is the resource before the first operation, out what the operations have made of it.
	stored, out scim.Resource
	id          string
	options     Options
}

func refuse(t scim.ErrorType, detail string) error { return scim.BadRequest(t, detail) }

func (a *applier) apply(op *Op) error {
	if op.Path != nil {
		return a.target(op.Kind, *op.Path, op.Value, op.HasValue, false)
	}
	object, _ := op.Value.(map[string]any)
	return a.object(op.Kind, object)
}

// object applies a value without a path: every member is an operation of its own, its name being the path. So dotted names, names
// under a URN and names with brackets, which Entra sends, need no case of their own.
func (a *applier) object(kind Kind, object map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		value := object[key]
		if inner, ok := value.(map[string]any); ok && a.t.IsCore(key) {
			if err := a.object(kind, inner); err != nil {
				return err
			}
			continue
		}
		if isUnknownURN(a.t, key, value, a.out) {
			if err := a.target(kind, filter.Path{Raw: key, URN: key}, value, true, true); err != nil {
				return err
			}
			continue
		}
		path, err := filter.ParsePath(a.t, key)
		if err != nil {
			return err
		}
		if err := a.target(kind, path, value, true, true); err != nil {
			return err
		}
	}
	return nil
}

// isUnknownURN says whether a name with colons is that of a whole extension that no schema names. The name alone does not tell: its
// last part might be an attribute.
func isUnknownURN(t *schema.ResourceType, name string, value any, r scim.Resource) bool {
	if !schema.IsURN(name) || strings.ContainsAny(name, "[ ") || t.Extension(name) != nil {
		return false
	}
	if _, ok := r.Get(name); ok {
		return true
	}
	_, ok := value.(map[string]any)
	i := strings.LastIndexByte(name, ':')
	_, underKnown := r.Get(name[:i])
	return ok && !underKnown && t.Extension(name[:i]) == nil && !t.IsCore(name[:i])
}

// target applies one change to one path. lenient is set for paths that are the names of a value without a path.
func (a *applier) target(kind Kind, path filter.Path, value any, hasValue, lenient bool) error {
	if path.Name != "" && isUnknownURN(a.t, path.Raw, value, a.out) {
		path = filter.Path{Raw: path.Raw, URN: path.Raw}
	}
	done, err := a.guard(kind, &path, value, lenient)
	if done || err != nil {
		return err
	}
	if value == nil {
		// To set null is to remove (RFC 7643 section 2.5).
		if kind == Add {
			return nil
		}
		kind, hasValue = Remove, false
	}
	if path.Name == "" {
		return a.extension(kind, path.URN, value, lenient)
	}
	into, err := a.container(&path, kind)
	if into == nil || err != nil {
		return err
	}
	c := change{kind: kind, path: &path, value: value, hasValue: hasValue, stored: a.storedValue(&path), createMissing: a.options.CreateOnUnmatchedReplace}
	if err := c.applyTo(into); err != nil {
		return err
	}
	if path.URN != "" && len(into) == 0 {
		delete(a.out, a.key(path.URN))
	}
	return nil
}

// storedValue is what the attribute of a path was before the request; nil for one that no schema names, which is not checked anyway.
func (a *applier) storedValue(path *filter.Path) any {
	if path.Attribute == nil {
		return nil
	}
	if path.URN == "" {
		return a.stored[path.Name]
	}
	inner, _ := a.stored[path.URN].(map[string]any)
	return inner[path.Name]
}

// guard refuses what a client may not write, and reports true for what is accepted and has no effect.
func (a *applier) guard(kind Kind, path *filter.Path, value any, lenient bool) (done bool, err error) {
	attr := path.Attribute
	if attr == nil {
		return false, nil
	}
	switch {
	case attr.Name == "password" || attr.Name == "schemas":
		// Passwords are never kept, and schemas is derived from what the resource has.
		return true, nil
	case attr.Name == "id" && kind != Remove && value == any(a.id):
		return true, nil
	case attr.Name == "id":
		return false, refuse(scim.TypeMutability, "id is given by this server and cannot be changed.")
	case attr.Mutability == schema.ReadOnly && lenient:
		return true, nil
	case attr.Mutability == schema.ReadOnly:
		return false, refuse(scim.TypeMutability, attr.Name+" is read-only.")
	case attr.Name == membersName && a.t.Same(schema.Group()):
		return false, refuse(scim.TypeInvalidPath, "this change of members is not supported.")
	case kind != Add && attr.Required && path.Sub == "" && (kind == Remove || value == nil):
		return false, refuse(scim.TypeMutability, attr.Name+" is required and cannot be removed.")
	}
	return false, nil
}

// key finds the name under which the resource has an extension.
func (a *applier) key(urn string) string {
	if _, ok := a.out[urn]; ok {
		return urn
	}
	for _, k := range slices.Sorted(maps.Keys(a.out)) {
		if strings.EqualFold(k, urn) {
			return k
		}
	}
	return urn
}

// container is the object that holds the attribute: the resource, or an extension, which is created unless the change is a
// removal; then it may be nil.
func (a *applier) container(path *filter.Path, kind Kind) (map[string]any, error) {
	if path.URN == "" {
		return a.out, nil
	}
	key := a.key(path.URN)
	switch inner := a.out[key].(type) {
	case map[string]any:
		return inner, nil
	case nil:
		if kind == Remove {
			return nil, nil
		}
		created := map[string]any{}
		a.out[key] = created
		return created, nil
	default:
		return nil, refuse(scim.TypeInvalidPath, "the extension is not an object and has no attributes.")
	}
}

// extension applies a change to an extension as a whole: its attributes are set one by one, and those that are not named stay, as
// with any complex attribute (RFC 7644 section 3.5.2.3).
func (a *applier) extension(kind Kind, urn string, value any, lenient bool) error {
	if kind == Remove {
		delete(a.out, a.key(urn))
		return nil
	}
	object, ok := value.(map[string]any)
	if !ok {
		if a.t.Extension(urn) == nil {
			a.out[a.key(urn)] = value
			return nil
		}
		return refuse(scim.TypeInvalidValue, urn+" must be an object of attributes.")
	}
	s := a.t.Extension(urn)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		path := filter.Path{URN: urn, Name: name}
		if s != nil {
			// A dotted name, such as manager.displayName, is a path within the extension.
			parsed, err := filter.ParsePath(a.t, urn+":"+name)
			if err != nil {
				return err
			}
			path = parsed
		}
		path.Raw = ""
		if err := a.target(kind, path, object[name], true, lenient); err != nil {
			return err
		}
	}
	return nil
}
