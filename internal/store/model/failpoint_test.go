package model

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scim-operator/scim-operator/internal/store/failpoint"
)

func TestStepsAreTheStoresFailpoints(t *testing.T) {
	var names []string
	for _, name := range failpoint.Names() {
		names = append(names, string(name))
	}
	slices.Sort(names)
	if diff := cmp.Diff(Steps(), names); diff != "" {
		t.Errorf("every write of the store is a step of the model and the other way round; for the steps see "+
			"\"What the model checker changed\" in docs/design/0001-main-path.md (-model +store):\n%s", diff)
	}
}
