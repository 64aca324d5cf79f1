package server

import (
	"slices"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/schema"
)

// checkCountries refuses a country that is no code of ISO 3166-1 (RFC 7643 section 4.1.2), unless one of the addresses before has it, so
// that what somebody has stored past this server stops no other change. The profiles of the identity providers that have a name here
// hold free text as country, and some of them cannot send anything else: what they send is kept, since nobody shall keep or miss access
// for the sake of an address.
func (c *call) checkCountries(next, before []v1alpha1.Address) error {
	if p := c.directory.Spec.Provider; p != v1alpha1.ProviderGeneric && p != "" {
		return nil
	}
	for i := range next {
		country := next[i].Country
		stored := func(a v1alpha1.Address) bool { return a.Country == country }
		if country == "" || schema.IsCountry(country) || slices.ContainsFunc(before, stored) {
			continue
		}
		return scim.BadRequest(scim.TypeInvalidValue, countryPath(next[i].Type)+" must be a two-letter country code of ISO 3166-1, such as DE "+
			"for Germany. Map the attribute to such a code in the identity provider, or send no country.")
	}
	return nil
}

// countryPath names the country of an address by the address's type, if that is one of the standard's. Others are the client's own words,
// which no error repeats.
func countryPath(kind string) string {
	if slices.Contains(schema.User().Attribute("addresses").Sub("type").CanonicalValues, kind) {
		return `addresses[type eq "` + kind + `"].country`
	}
	return "addresses.country"
}
