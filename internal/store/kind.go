package store

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// kind is one of the two kinds that bear a unique name.
type kind struct {
	attribute v1alpha1.ClaimAttribute
	// resource is the SCIM resource type.
	resource string
}

var (
	userKind = kind{attribute: v1alpha1.ClaimUserName, resource: "User"}
	roleKind = kind{attribute: v1alpha1.ClaimDisplayName, resource: "Group"}
)

// object returns an empty object to read into.
func (k kind) object() client.Object {
	if k == userKind {
		return &v1alpha1.ScimUser{}
	}
	return &v1alpha1.ScimRole{}
}

// kindOfClaim tells from a claim's name whose names it is about. The name, not the spec, is what the API server keeps unique.
func kindOfClaim(name string) (kind, bool) {
	for _, k := range []kind{userKind, roleKind} {
		if strings.HasPrefix(name, strings.ToLower(string(k.attribute))+"-") {
			return k, true
		}
	}
	return kind{}, false
}

func kindOf(obj client.Object) kind {
	if _, ok := obj.(*v1alpha1.ScimUser); ok {
		return userKind
	}
	return roleKind
}

// valueOf is the unique name that obj bears: a user's userName, a role's displayName.
func valueOf(obj client.Object) string {
	switch o := obj.(type) {
	case *v1alpha1.ScimUser:
		return o.Spec.UserName
	case *v1alpha1.ScimRole:
		return o.Spec.DisplayName
	default:
		return ""
	}
}

func directoryOf(obj client.Object) string {
	switch o := obj.(type) {
	case *v1alpha1.ScimUser:
		return o.Spec.Directory
	case *v1alpha1.ScimRole:
		return o.Spec.Directory
	default:
		return ""
	}
}

// ClaimNameOf is the name of the ScimClaim that a ScimUser or ScimRole must own in order to count.
func ClaimNameOf(obj client.Object) string {
	return v1alpha1.ClaimName(kindOf(obj).attribute, valueOf(obj))
}

// Counts says whether obj, a ScimUser or ScimRole, counts: it is not being deleted, and claim, which is nil when there is none,
// is the claim of its name and names it.
func Counts(obj client.Object, claim *v1alpha1.ScimClaim) bool {
	return claim != nil && alive(obj) && claim.Spec.Owner == obj.GetName() && claim.Name == ClaimNameOf(obj)
}

// alive is the design note's word: the object exists and is not being deleted.
func alive(obj client.Object) bool { return obj.GetDeletionTimestamp() == nil }

// condemned says whether obj is about to be deleted because it never came to count, or is yet to be acquitted.
func condemned(obj client.Object) bool {
	return obj.GetAnnotations()[v1alpha1.AnnotationCondemned] != ""
}

// belongs says whether obj is one of the directory's. No directory owns local objects, whatever it is called.
func belongs(obj client.Object, directory string) bool {
	return directory != "" && directoryOf(obj) == directory
}

// possibleName says whether id can be the name of an object at all. Ids come from clients, and what cannot exist must not become
// part of a request path.
func possibleName(id string) bool { return len(validation.IsDNS1123Subdomain(id)) == 0 }

// byCreation orders a list as SCIM clients page through it: oldest first, so that a new object does not move the others.
func byCreation[T client.Object](a, b T) int {
	at, bt := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	if c := at.Compare(bt.Time); c != 0 {
		return c
	}
	return strings.Compare(a.GetName(), b.GetName())
}

func sortByName[T client.Object](list []T) {
	slices.SortFunc(list, func(a, b T) int { return strings.Compare(a.GetName(), b.GetName()) })
}

// markFilling is the value of v1alpha1.AnnotationUncommitted on a role that was created empty and has yet to be given its slices. It must not
// come to count: it is a part of what was pushed.
const markFilling = "filling"

// filling says whether obj is such a role.
func filling(obj client.Object) bool {
	return obj.GetAnnotations()[v1alpha1.AnnotationUncommitted] == markFilling && obj.GetGeneration() == 1
}

// untouched says whether obj is, as far as it can tell itself, exactly as the create left it.
func untouched(obj client.Object) bool {
	mark := obj.GetAnnotations()[v1alpha1.AnnotationUncommitted]
	return mark != "" && mark == strconv.FormatInt(obj.GetGeneration(), 10)
}
