package bench_test

import (
	"testing"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
	"github.com/scim-operator/scim-operator/internal/translate"
)

// BenchmarkRender turns the object of a user into JSON.
func BenchmarkRender(b *testing.B) {
	user := &v1alpha1.ScimUser{ObjectMeta: object("user", 1), Spec: spec(1)}
	groups := []translate.GroupRef{{ID: "devs-abcdefghij", DisplayName: "Devs"}, {ID: "ops-abcdefghij", DisplayName: "Ops"}}
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	withCPU(b, func() { buf = translate.AppendUser(buf[:0], user, groups, "https://scim.example.com"+base) })
}

// BenchmarkNormalise turns a user's resource into the spec of an object.
func BenchmarkNormalise(b *testing.B) {
	user := &v1alpha1.ScimUser{ObjectMeta: object("user", 1), Spec: spec(1)}
	resource := translate.UserResource(user, nil, "https://scim.example.com"+base)
	if resource["schemas"].([]any)[0] != schema.User().Core.ID {
		b.Fatalf("no user: %v", resource)
	}
	b.ReportAllocs()
	withCPU(b, func() {
		_, err := translate.UserSpec(schema.User(), resource)
		must(b, err)
	})
}
