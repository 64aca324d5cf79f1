package store

import (
	"encoding/json"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/translate"
)

// sameUserSpec says whether two specs mean the same: nil and empty lists are equal, and so are two spellings of one JSON value.
func sameUserSpec(a, b *v1alpha1.ScimUserSpec) bool {
	a, b = a.DeepCopy(), b.DeepCopy()
	for _, spec := range []*v1alpha1.ScimUserSpec{a, b} {
		for _, entries := range translate.RawEntries(spec) {
			normaliseJSON(entries)
		}
		if spec.Active == nil {
			active := true
			spec.Active = &active
		}
	}
	return apiequality.Semantic.DeepEqual(a, b)
}

func sameRoleSpec(a, b *v1alpha1.ScimRoleSpec) bool {
	a, b = a.DeepCopy(), b.DeepCopy()
	for _, spec := range []*v1alpha1.ScimRoleSpec{a, b} {
		normaliseJSON(spec.Extensions)
		normaliseJSON(spec.AdditionalAttributes)
	}
	return apiequality.Semantic.DeepEqual(a, b)
}

// normaliseJSON spells each value as the API server does: sorted keys, no spaces, and numbers as 64-bit integers or floats. What is
// not JSON stays as it is, and the API server refuses it.
func normaliseJSON(values map[string]apiextensionsv1.JSON) {
	for key, value := range values {
		var v any
		if utiljson.Unmarshal(value.Raw, &v) != nil {
			continue
		}
		if raw, err := json.Marshal(v); err == nil {
			values[key] = apiextensionsv1.JSON{Raw: raw}
		}
	}
}
