package scimapp

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Write says by which request something is changed.
type Write string

const (
	// Patch changes what is to be changed, after RFC 7644 section 3.5.2.
	Patch Write = "PATCH"
	// Put writes the whole resource, as it was read a moment before but for the change.
	Put Write = "PUT"
	// PatchValue is Patch, but that a member is removed by its value and not by a filter in the path.
	PatchValue Write = "PATCH by value"
	// Delete is for products whose only way to suspend an account is to delete it.
	Delete Write = "DELETE"
	// Never is for what a product does not have.
	Never Write = ""
)

// Shape is how an attribute looks.
type Shape string

const (
	// Text is one string.
	Text Shape = "text"
	// Texts is an array of strings.
	Texts Shape = "texts"
	// Values is an array of objects with a value and a type. The first is the primary one, and all have the type work.
	Values Shape = "values"
)

// Attribute is one that an app keeps.
type Attribute struct {
	// Name is as in the filter of a query: title, name.givenName, or a schema's URN, a colon and such a name.
	Name  string
	Shape Shape
}

// Profile is what a product takes. It is data: the connector knows no product. Where a product turns out to take less than the profile says,
// an error says so; nothing is lost but that request.
//
// There is no number of members for one request: a request adds or removes one member of one group, which the smallest limit allows, and
// never replaces all.
type Profile struct {
	// Name is the product's.
	Name string
	// Path is what the base URL ends with, or empty.
	Path string
	// Auth are the ways to show a credential.
	Auth []AuthKind
	// Discovers says to ask /ServiceProviderConfig for what the server can do. It can only take away from what the profile says.
	Discovers bool
	// ContentType is that of bodies.
	ContentType string

	// Filters are the attributes of users and groups that a filter with eq finds: externalId, userName, displayName. Without it all are listed.
	Filters []string
	// MemberFilter is the attribute by which a filter finds the groups of a user, or empty: members.value after the standard.
	MemberFilter string
	// PairFilter is the attribute by which, with and, MemberFilter says whether a user is in one group: displayName or id, or empty.
	PairFilter string
	// ShowsGroups says that a user's attribute groups is kept. Without it, and without MemberFilter, groups are read with their members.
	ShowsGroups bool
	// Pages says that lists have pages; without it, one answer has all.
	Pages bool
	// PageSize is the longest page.
	PageSize int

	// Users says how a user is changed: Patch or Put.
	Users Write
	// Suspends says how an account is taken out of use: Patch and Put of active, or Delete.
	Suspends Write
	// Deletes says how an account is deleted: Delete or Never.
	Deletes Write
	// Members says how members of groups are changed: Patch, PatchValue, Put, or Never for products without groups.
	Members Write
	// FoldsNames says that the product keeps userNames in a case of its own, so that names that differ in case only are the same.
	FoldsNames bool
	// Attributes are those that Account.Attributes may have.
	Attributes []Attribute
}

// check refuses a profile that says nothing, or two things.
func (p Profile) check() error {
	for _, choice := range []struct {
		field string
		value Write
		of    []Write
	}{
		{"users", p.Users, []Write{Patch, Put}},
		{"suspends", p.Suspends, []Write{Patch, Put, Delete}},
		{"deletes", p.Deletes, []Write{Delete, Never}},
		{"members", p.Members, []Write{Patch, PatchValue, Put, Never}},
	} {
		if !slices.Contains(choice.of, choice.value) {
			return fmt.Errorf("profile %s: %s is %q, and must be one of %s", p.Name, choice.field, choice.value, join(choice.of))
		}
	}
	if len(p.Auth) == 0 || p.ContentType == "" || p.PageSize <= 0 {
		return fmt.Errorf("profile %s: auth, content type and page size must be given", p.Name)
	}
	if p.PairFilter != "" && p.MemberFilter == "" {
		return fmt.Errorf("profile %s: a pair filter needs a member filter", p.Name)
	}
	for _, a := range p.Attributes {
		if _, ok := parsePath(a.Name); !ok || !slices.Contains([]Shape{Text, Texts, Values}, a.Shape) {
			return fmt.Errorf("profile %s: attribute %q has no name or shape that the connector knows", p.Name, a.Name)
		}
		if slices.Contains(reserved, strings.ToLower(a.Name)) {
			return fmt.Errorf("profile %s: attribute %q is the connector's own, or a secret", p.Name, a.Name)
		}
	}
	return nil
}

// reserved are attributes that an account has anyway, or that no connector sets.
var reserved = []string{"id", "externalid", "username", "active", "meta", "schemas", "groups", "password"}

func (p Profile) takes(kind AuthKind) bool { return slices.Contains(p.Auth, kind) }

func (p Profile) finds(attribute string) bool { return slices.Contains(p.Filters, attribute) }

// attribute is the one of that name.
func (p Profile) attribute(name string) (Attribute, bool) {
	at := slices.IndexFunc(p.Attributes, func(a Attribute) bool { return a.Name == name })
	if at < 0 {
		return Attribute{}, false
	}
	return p.Attributes[at], true
}

func (p Profile) names() []string {
	names := make([]string, 0, len(p.Attributes))
	for _, a := range p.Attributes {
		names = append(names, a.Name)
	}
	return sorted(names)
}

// ProfileNamed finds a profile by its name.
func ProfileNamed(name string) (Profile, error) {
	var names []string
	for _, p := range Profiles() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Profile{}, errors.New("there is no profile of that name; there are " + strings.Join(names, ", "))
}

func join[T ~string](all []T) string {
	var texts []string
	for _, one := range all {
		if one != "" {
			texts = append(texts, string(one))
		}
	}
	return strings.Join(texts, ", ")
}

func sorted(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }
