package store

import (
	"sync"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// maxShared bounds how many different strings, and how many different maps, are kept for sharing. There are a few for each directory, and the titles,
// departments and so on of a company.
const maxShared = 4096

// Lean returns a transform for all kinds of a cache. It leaves out managedFields, and lets objects share what thousands of them have in
// common: a decoded object has its own copy of the name of its kind, of its directory and of each member, and a map of one label takes as much as
// half of what it is on.
func Lean() toolscache.TransformFunc {
	strip, common := cache.TransformStripManagedFields(), &shared{words: map[string]string{}, maps: map[[2]string]map[string]string{}}
	return func(obj any) (any, error) {
		switch o := obj.(type) {
		case *v1alpha1.ScimUser:
			o.Name = sharedID(o.Name)
			common.user(o)
			common.meta(&o.TypeMeta, &o.ObjectMeta)
		case *v1alpha1.ScimRole:
			common.strings(&o.Spec.Directory)
			shareIDs(o.Spec.Members)
			common.meta(&o.TypeMeta, &o.ObjectMeta)
		case *v1alpha1.ScimRoleSlice:
			shareIDs(o.Spec.Members)
			common.meta(&o.TypeMeta, &o.ObjectMeta)
		case *v1alpha1.ScimClaim:
			common.strings((*string)(&o.Spec.Attribute))
			common.meta(&o.TypeMeta, &o.ObjectMeta)
		}
		return strip(obj)
	}
}

// shareIDs replaces the ids of users by shared ones.
func shareIDs(ids []string) {
	for i, id := range ids {
		ids[i] = sharedID(id)
	}
}

// sharedID is the copy of a user's id that was made since the last garbage collection. Most of a cache comes with its first lists, a few thousand
// objects at a time. To keep one copy of each id for good takes more memory than it spares.
func sharedID(id string) string { return unique.Make(id).Value() }

// ServerCacheOptions says what the cache of a SCIM server holds of the kinds that there are most of, for cache.Options.ByObject: of a user
// not the status, which no SCIM client sees and no Update of a user writes, and of a claim what Watch needs, because whatever is written of a
// claim is decided upon a live read.
func ServerCacheOptions() map[client.Object]cache.ByObject {
	lean := Lean()
	return map[client.Object]cache.ByObject{
		&v1alpha1.ScimUser{}: {Transform: func(obj any) (any, error) {
			if user, ok := obj.(*v1alpha1.ScimUser); ok {
				user.Status = v1alpha1.ScimUserStatus{}
			}
			return lean(obj)
		}},
		&v1alpha1.ScimClaim{}: {Transform: func(obj any) (any, error) {
			if claim, ok := obj.(*v1alpha1.ScimClaim); ok {
				return shown(claim), nil
			}
			return obj, nil
		}},
	}
}

// claimShown is what the cache of a SCIM server holds of a claim, in a fifth of the memory that a ScimClaim takes. Who asks such a cache for a
// ScimClaim gets an error.
type claimShown struct {
	// ObjectMeta is what an informer may ask for besides, and the same for all: nothing.
	*metav1.ObjectMeta
	name, version, owner string
}

var noMeta = &metav1.ObjectMeta{}

// shown is what to hold of a claim, which may be held already; nothing of what is no claim.
func shown(object metav1.Object) *claimShown {
	switch claim := object.(type) {
	case *claimShown:
		return claim
	case *v1alpha1.ScimClaim:
		return &claimShown{ObjectMeta: noMeta, name: claim.Name, version: claim.ResourceVersion, owner: sharedID(claim.Spec.Owner)}
	}
	return noClaim
}

// GetName implements metav1.Object.
func (c *claimShown) GetName() string { return c.name }

// GetResourceVersion implements metav1.Object.
func (c *claimShown) GetResourceVersion() string { return c.version }

// GetObjectMeta implements metav1.ObjectMetaAccessor.
func (c *claimShown) GetObjectMeta() metav1.Object { return c }

// shared is what many objects have in common. It is safe for concurrent use.
type shared struct {
	mu sync.Mutex
	// words are strings, by themselves.
	words map[string]string
	// maps are the labels or annotations of objects that have one, by its key and value.
	maps map[[2]string]map[string]string
}

// user shares what users have in common. Most have their userName as an address.
func (s *shared) user(user *v1alpha1.ScimUser) {
	spec := &user.Spec
	s.strings(&spec.Directory, &spec.Title, &spec.UserType, &spec.Locale, &spec.PreferredLanguage, &spec.Timezone)
	if e := spec.Enterprise; e != nil {
		s.strings(&e.CostCenter, &e.Organization, &e.Division, &e.Department)
	}
	for i := range spec.Emails {
		email := &spec.Emails[i]
		if s.strings(&email.Type); email.Value == spec.UserName {
			email.Value = spec.UserName
		}
	}
}

// meta replaces what the metadata has in common with that of others.
func (s *shared) meta(kind *metav1.TypeMeta, object *metav1.ObjectMeta) {
	s.strings(&kind.Kind, &kind.APIVersion)
	object.Labels, object.Annotations = s.ofOne(object.Labels), s.ofOne(object.Annotations)
}

// strings replaces strings by the shared copy of each.
func (s *shared) strings(fields ...*string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, field := range fields {
		if *field != "" {
			*field = kept(s.words, *field, *field)
		}
	}
}

// ofOne gives the shared copy of a map whose only entry is one that many objects have, and any other map as it is.
func (s *shared) ofOne(m map[string]string) map[string]string {
	if len(m) != 1 {
		return m
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, value := range m {
		if key == v1alpha1.LabelDirectory || key == v1alpha1.AnnotationUncommitted {
			return kept(s.maps, [2]string{key, value}, m)
		}
	}
	return m
}

// kept is what is kept under a key, which is the value from now on where nothing was and there is room.
func kept[K comparable, V any](all map[K]V, key K, value V) V {
	if known, ok := all[key]; ok {
		return known
	}
	if len(all) < maxShared {
		all[key] = value
	}
	return value
}
