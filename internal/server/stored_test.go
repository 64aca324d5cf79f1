package server_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// TestSpoiltObjectStopsNothing changes users into whose objects a person has written what no client may send: everybody can be
// deactivated, and the rest stays as it is.
func TestSpoiltObjectStopsNothing(t *testing.T) {
	s := newSCIM(t)
	spoil := func(name string) (id string, spec v1alpha1.ScimUserSpec) {
		id = s.create(name)
		user := s.user(id)
		user.Spec.ProfileURL = "not a URI"
		user.Spec.Photos = []v1alpha1.MultiValue{{Value: "a b", Type: "photo"}}
		user.Spec.X509Certificates = []v1alpha1.MultiValue{{Value: "?"}}
		user.Spec.Enterprise = &v1alpha1.EnterpriseUser{Manager: &v1alpha1.Manager{Value: "m", Ref: "../Users/m m"}}
		must(t, s.kube.Update(t.Context(), user, client.FieldOwner("kubectl-edit")))
		return id, s.user(id).Spec
	}
	no := false
	for _, c := range []struct {
		reason string
		change func(id string)
		want   func(*v1alpha1.ScimUserSpec)
	}{
		{"patch", func(id string) {
			s.call(200, "PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","value":{"active":false}}]}`)
		}, func(spec *v1alpha1.ScimUserSpec) { spec.Active = &no }},
		{"put", func(id string) {
			body := s.call(200, "GET", "/Users/"+id, "").json(t)
			body["active"] = false
			s.call(200, "PUT", "/Users/"+id, encoded(t, body))
		}, func(spec *v1alpha1.ScimUserSpec) { spec.Active = &no }},
		{"echo", func(id string) {
			s.call(200, "PUT", "/Users/"+id, string(s.call(200, "GET", "/Users/"+id, "").body))
		}, func(*v1alpha1.ScimUserSpec) {}},
		{"other", func(id string) {
			s.call(200, "PATCH", "/Users/"+id, `{"Operations":[{"op":"add","path":"title","value":"new"}]}`)
		}, func(spec *v1alpha1.ScimUserSpec) { spec.Title = "new" }},
		{"new", func(id string) {
			refused(t, s.call(400, "PATCH", "/Users/"+id, `{"Operations":[{"op":"add","path":"profileUrl","value":"a c"}]}`), 400, "invalidValue")
			body := s.call(200, "GET", "/Users/"+id, "").json(t)
			body["profileUrl"] = "a c"
			refused(t, s.call(400, "PUT", "/Users/"+id, encoded(t, body)), 400, "invalidValue")
		}, func(*v1alpha1.ScimUserSpec) {}},
	} {
		id, want := spoil("spoilt." + c.reason + "@example.com")
		c.change(id)
		c.want(&want)
		if diff := cmp.Diff(want, s.user(id).Spec); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.reason, diff)
		}
	}
}

func encoded(t *testing.T, body map[string]any) string {
	t.Helper()
	text, err := json.Marshal(body)
	must(t, err)
	return string(text)
}
