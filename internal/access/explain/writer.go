package explain

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// lastWriter says which field manager last wrote a field, given by its path, and when, as far as metadata.managedFields tells: a manager
// keeps what it wrote until another one changes it, and the time is that of its last write to anything that it owns.
func lastWriter(meta *metav1.ObjectMeta, path ...string) (manager string, at *metav1.Time) {
	for i := range meta.ManagedFields {
		entry := &meta.ManagedFields[i]
		if entry.Subresource != "" || entry.FieldsV1 == nil || !owns(entry.FieldsV1.GetRawBytes(), path) {
			continue
		}
		if at == nil || entry.Time != nil && at.Before(entry.Time) {
			manager, at = entry.Manager, entry.Time
		}
	}
	return manager, at
}

// owns says whether a set of fields, as FieldsV1 encodes it, has a path or something below it.
func owns(raw []byte, path []string) bool {
	for _, name := range path {
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) != nil {
			return false
		}
		next, found := fields["f:"+name]
		if !found {
			return false
		}
		raw = next
	}
	return true
}

// lastModified is when an identity provider last changed an object; when it never did, when the object was made.
func lastModified(meta *metav1.ObjectMeta) *metav1.Time {
	text, found := meta.Annotations[v1alpha1.AnnotationLastModified]
	if !found {
		return timeOf(meta.CreationTimestamp)
	}
	var at metav1.Time
	if at.UnmarshalQueryParameter(text) != nil {
		return nil
	}
	return timeOf(at)
}
