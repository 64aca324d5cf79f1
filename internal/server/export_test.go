package server

import "github.com/scim-operator/scim-operator/api/v1alpha1"

// Endpoint is one entry of the route table, for tests that walk it.
type Endpoint struct{ Method, Path string }

// Endpoints lists the route table.
func Endpoints() []Endpoint {
	var out []Endpoint
	for _, r := range routes() {
		out = append(out, Endpoint{r.method, r.path})
	}
	return out
}

// Glob says whether a pattern of spec.groups matches a displayName.
func Glob(pattern, displayName string) bool {
	return newGlob(pattern).matches([]rune(v1alpha1.Fold(displayName)))
}
