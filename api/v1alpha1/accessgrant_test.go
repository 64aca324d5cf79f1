package v1alpha1

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestClusterSpec: the planner knows one spec, so a field that ClusterSpec forgot would be accepted and mean nothing.
func TestClusterSpec(t *testing.T) {
	grant := &AccessGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "g"}}
	fill(t, reflect.ValueOf(&grant.Spec).Elem())
	grant.Spec.ServiceAccounts = []ServiceAccountReference{{Name: "a"}, {Namespace: "ci", Name: "b"}}
	before := grant.DeepCopy()

	got := grant.ClusterSpec()
	want := map[string]any{}
	spec := reflect.ValueOf(grant.Spec)
	for i := range spec.NumField() {
		want[spec.Type().Field(i).Name] = spec.Field(i).Interface()
	}
	want["ServiceAccounts"] = []ServiceAccountReference{{Namespace: "payments", Name: "a"}, {Namespace: "ci", Name: "b"}}
	want["Scope"], want["Namespaces"] = ScopeNamespaces, &NamespaceSelection{Names: []string{"payments"}}

	all := map[string]any{}
	for i := range reflect.TypeOf(got).NumField() {
		all[reflect.TypeOf(got).Field(i).Name] = reflect.ValueOf(got).Field(i).Interface()
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("ClusterSpec (-want +got):\n%s", diff)
	}
	got.Roles[0].DisplayName = "changed"
	if diff := cmp.Diff(before, grant); diff != "" {
		t.Errorf("the grant has changed (-before +after):\n%s", diff)
	}
}

// fill gives every field of a spec a value that is not its zero.
func fill(t *testing.T, value reflect.Value) {
	t.Helper()
	switch value.Kind() {
	case reflect.String:
		value.SetString("x")
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 1, 1))
		fill(t, value.Index(0))
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		if value.Elem().Kind() == reflect.Struct && value.Elem().Type().PkgPath() != reflect.TypeFor[AccessGrant]().PkgPath() {
			return
		}
		fill(t, value.Elem())
	case reflect.Struct:
		for i := range value.NumField() {
			fill(t, value.Field(i))
		}
	default:
		t.Fatalf("a field of kind %s: teach this test to fill it", value.Kind())
	}
}
