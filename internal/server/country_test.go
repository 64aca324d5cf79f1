package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// resident is a user with one address at work.
func resident(userName, country string) string {
	return `{"userName":"` + userName + `","addresses":[{"type":"work","locality":"Town","country":"` + country + `"}]}`
}

// livesIn is a PATCH that replaces the country of the address at work.
func livesIn(country string) string {
	return `{"Operations":[{"op":"replace","path":"addresses[type eq \"work\"].country","value":"` + country + `"}]}`
}

// provider says who is behind the directory, and waits until the server knows it.
func (s *scim) provider(p v1alpha1.Provider) {
	s.t.Helper()
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: s.directory}}
	patch := []byte(`{"spec":{"provider":"` + string(p) + `"}}`)
	must(s.t, s.kube.Patch(s.t.Context(), directory, client.RawPatch("application/merge-patch+json", patch)))
	poll(s.t, "the cache has the provider", func() bool {
		cached := &v1alpha1.ScimDirectory{}
		return s.cache.Get(s.t.Context(), client.ObjectKey{Name: s.directory}, cached) == nil && cached.Spec.Provider == p
	})
}

// TestCountries: without a provider whose profiles hold free text, a country that a request brings is a code of ISO 3166-1 (RFC 7643
// section 4.1.2), whichever way the request goes.
func TestCountries(t *testing.T) {
	s := newSCIM(t)
	created := s.call(201, "POST", "/Users", resident("countries@example.com", "de")).json(t)
	id, _ := created["id"].(string)
	before := s.user(id)
	if got := before.Spec.Addresses[0].Country; got != "de" {
		t.Errorf("the country is %q, want it as it was sent", got)
	}
	for name, tc := range map[string]struct{ reason, method, path, body, where string }{
		"create":  {"a name is no code", "POST", "/Users", resident("other@example.com", "Atlantis"), `addresses[type eq "work"].country`},
		"replace": {"nor is a code that nobody assigned", "PUT", "/Users/" + id, resident("countries@example.com", "XQ"), `addresses[type eq "work"].country`},
		"patch":   {"nor one of three letters", "PATCH", "/Users/" + id, livesIn("DEU"), `addresses[type eq "work"].country`},
		"add": {"words of the client stay out of the error", "PATCH", "/Users/" + id,
			`{"Operations":[{"op":"add","path":"addresses","value":[{"type":"atlantean","country":"XQ"}]}]}`, "addresses.country"},
	} {
		detail := refused(t, s.do(tc.method, s.base()+tc.path, tc.body, "Authorization: Bearer "+token), http.StatusBadRequest, "invalidValue")
		contains(t, detail, tc.where+" ", "ISO 3166-1", "Map")
		for _, private := range []string{"tlant", "XQ", "DEU"} {
			if strings.Contains(detail, private) {
				t.Errorf("%s: %s: the detail repeats what was sent: %s", name, tc.reason, detail)
			}
		}
	}
	got := s.bulk("", post("/Users", "b", resident("bulk@example.com", "Atlantis")),
		`{"method":"PATCH","path":"/Users/`+id+`","data":`+livesIn("Atlantis")+`}`, post("/Users", "c", resident("bulk.good@example.com", "FR")))
	expectStatuses(t, got, "400", "400", "201")
	if diff := cmp.Diff(before, s.user(id)); diff != "" {
		t.Errorf("refused requests have changed the user (-before +after):\n%s", diff)
	}
	s.call(200, "PATCH", "/Users/"+id, livesIn("GB"))
	if got := s.user(id).Spec.Addresses[0].Country; got != "GB" {
		t.Errorf("the country is %q after a PATCH, want GB", got)
	}
}

// TestStoredCountryStopsNothing: a country that is in the store keeps nobody from being deactivated or changed, by an echo of it or
// without it.
func TestStoredCountryStopsNothing(t *testing.T) {
	s := newSCIM(t)
	for name, deactivate := range map[string]func(id string){
		"patch": func(id string) {
			s.call(200, "PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","value":{"active":false}}]}`)
		},
		"put": func(id string) {
			body := s.call(200, "GET", "/Users/"+id, "").json(t)
			body["active"] = false
			s.call(200, "PUT", "/Users/"+id, encoded(t, body))
		},
		"elsewhere": func(id string) {
			s.call(200, "PUT", "/Users/"+id, `{"userName":"stored.elsewhere@example.com","active":false,
				"addresses":[{"type":"home","country":"Atlantis"},{"type":"work","country":"IT"}]}`)
		},
	} {
		id, _ := s.call(201, "POST", "/Users", resident("stored."+name+"@example.com", "IT")).json(t)["id"].(string)
		user := s.user(id)
		user.Spec.Addresses[0].Country = "Atlantis"
		must(t, s.kube.Update(t.Context(), user, client.FieldOwner("kubectl-edit")))
		deactivate(id)
		if user := s.user(id); user.IsActive() || user.Spec.Addresses[0].Country != "Atlantis" {
			t.Errorf("%s: active is %v and the addresses are %+v, want an inactive user whose address stays", name, user.IsActive(), user.Spec.Addresses)
		}
		refused(t, s.call(400, "PATCH", "/Users/"+id, livesIn("Lemuria")), http.StatusBadRequest, "invalidValue")
	}
}

// TestCountriesOfProviders: whoever has a name among the providers sends what its profiles hold, and it is kept.
func TestCountriesOfProviders(t *testing.T) {
	s := newSCIM(t)
	for _, p := range []v1alpha1.Provider{
		v1alpha1.ProviderOkta, v1alpha1.ProviderEntra, v1alpha1.ProviderAuthentik, v1alpha1.ProviderGoogle, v1alpha1.ProviderJumpCloud,
	} {
		s.provider(p)
		id, _ := s.call(201, "POST", "/Users", resident("resident."+string(p)+"@example.com", "Germany")).json(t)["id"].(string)
		s.call(200, "PATCH", "/Users/"+id, livesIn("United Kingdom"))
		if got := s.user(id).Spec.Addresses[0].Country; got != "United Kingdom" {
			t.Errorf("%s: the country is %q, want it as it was sent", p, got)
		}
	}
}
