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

// maxShared bounds how many different maps are kept for sharing. There is one for each directory, and few others.
const maxShared = 1024

// Lean returns a transform for all kinds of a cache. It leaves out managedFields, and lets objects share what thousands of them have in
// common: a decoded object has its own copy of the name of its kind and of its directory, and a map of one label takes as much as half of
// what it is on.
func Lean() toolscache.TransformFunc {
	strip, maps := cache.TransformStripManagedFields(), &sharedMaps{}
	return func(obj any) (any, error) {
		switch o := obj.(type) {
		case *v1alpha1.ScimUser:
			o.Spec.Directory = unique.Make(o.Spec.Directory).Value()
			maps.share(&o.TypeMeta, &o.ObjectMeta)
		case *v1alpha1.ScimRole:
			o.Spec.Directory = unique.Make(o.Spec.Directory).Value()
			maps.share(&o.TypeMeta, &o.ObjectMeta)
		case *v1alpha1.ScimRoleSlice:
			maps.share(&o.TypeMeta, &o.ObjectMeta)
		case *v1alpha1.ScimClaim:
			o.Spec.Attribute = unique.Make(o.Spec.Attribute).Value()
			maps.share(&o.TypeMeta, &o.ObjectMeta)
		}
		return strip(obj)
	}
}

// ServerCacheOptions says what the cache of a SCIM server holds of the kinds that there are most of, for cache.Options.ByObject: of a user
// not the status, which no SCIM client sees and no Update of a user writes, and of a claim only its name, its version and its owner,
// because whatever is written of a claim is decided upon a live read.
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
			claim, ok := obj.(*v1alpha1.ScimClaim)
			if !ok {
				return obj, nil
			}
			return &v1alpha1.ScimClaim{
				ObjectMeta: metav1.ObjectMeta{Name: claim.Name, ResourceVersion: claim.ResourceVersion},
				Spec:       v1alpha1.ScimClaimSpec{Owner: claim.Spec.Owner},
			}, nil
		}},
	}
}

// sharedMaps has one copy of each map of labels or annotations that many objects have. It is safe for concurrent use.
type sharedMaps struct {
	mu sync.Mutex
	// byEntry has the maps by their only key and its value.
	byEntry map[[2]string]map[string]string
}

// share replaces what the object has in common with others by what they have.
func (s *sharedMaps) share(kind *metav1.TypeMeta, object *metav1.ObjectMeta) {
	kind.Kind, kind.APIVersion = unique.Make(kind.Kind).Value(), unique.Make(kind.APIVersion).Value()
	object.Labels, object.Annotations = s.of(object.Labels), s.of(object.Annotations)
}

// of gives the shared copy of a map whose only entry is one that many objects have, and any other map as it is.
func (s *sharedMaps) of(m map[string]string) map[string]string {
	if len(m) != 1 {
		return m
	}
	for key, value := range m {
		if key != v1alpha1.LabelDirectory && key != v1alpha1.AnnotationUncommitted {
			return m
		}
		return s.copyOf([2]string{key, value}, m)
	}
	return m
}

func (s *sharedMaps) copyOf(entry [2]string, m map[string]string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if shared, known := s.byEntry[entry]; known {
		return shared
	}
	if len(s.byEntry) < maxShared {
		if s.byEntry == nil {
			s.byEntry = map[[2]string]map[string]string{}
		}
		s.byEntry[entry] = m
	}
	return m
}
