package scimapp

import "slices"

// Generic is a server that keeps to the standard and says in /ServiceProviderConfig what of it it has.
func Generic() Profile {
	return Profile{
		Name:         "Generic",
		Auth:         []AuthKind{AuthBearer, AuthHeader, AuthBasic, AuthClientCredentials},
		Discovers:    true,
		ContentType:  "application/scim+json",
		Filters:      []string{"externalId", "userName", "displayName"},
		MemberFilter: "members.value",
		PairFilter:   "displayName",
		Pages:        true,
		PageSize:     100,
		Users:        Patch,
		Suspends:     Patch,
		Deletes:      Delete,
		Members:      Patch,
		Attributes:   slices.Concat(coreAttributes, enterpriseAttributes),
	}
}

// Profiles are all profiles. They differ from Generic in what is said here.
func Profiles() []Profile {
	return []Profile{
		Generic(), scimOperator(), aws(), google(), keycloak(), zitadel(), snowflake(), strongDM(), verkada(), cyolo(), cmd(),
	}
}

var coreAttributes = []Attribute{
	{"displayName", Text}, {"emails", Values}, {"locale", Text}, {"name.familyName", Text}, {"name.formatted", Text},
	{"name.givenName", Text}, {"name.middleName", Text}, {"nickName", Text}, {"phoneNumbers", Values}, {"preferredLanguage", Text},
	{"profileUrl", Text}, {"timezone", Text}, {"title", Text}, {"userType", Text},
}

const enterpriseUser = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

var enterpriseAttributes = []Attribute{
	{enterpriseUser + ":costCenter", Text}, {enterpriseUser + ":department", Text}, {enterpriseUser + ":division", Text},
	{enterpriseUser + ":employeeNumber", Text}, {enterpriseUser + ":manager.value", Text}, {enterpriseUser + ":organization", Text},
}

// person are the attributes that every product has, for those that have no others.
var person = []Attribute{{"displayName", Text}, {"emails", Values}, {"name.familyName", Text}, {"name.givenName", Text}}

// scimOperator is the operator's own server. It answers filters by membership in one group from what is written, and a user's groups from
// its cache.
func scimOperator() Profile {
	p := Generic()
	p.Name, p.Discovers = "scim-operator", false
	p.Auth = []AuthKind{AuthBearer, AuthHeader}
	p.ShowsGroups, p.PageSize = true, 1000
	return p
}

// aws is IAM Identity Center: filters with eq and and only, no more than 50 on a page, no more than 100 changes of members in a request and
// no replacing of all, and one value of each attribute.
func aws() Profile {
	p := Generic()
	p.Name, p.Discovers = "AWS", false
	p.Auth = []AuthKind{AuthBearer}
	p.MemberFilter, p.PairFilter = "members", "id"
	p.PageSize = 50
	p.Members = PatchValue
	return p
}

// google has no pages.
func google() Profile {
	p := Generic()
	p.Name, p.Discovers = "Google", false
	p.Auth = []AuthKind{AuthBearer, AuthClientCredentials}
	p.MemberFilter, p.PairFilter, p.ShowsGroups = "", "", true
	p.Pages, p.FoldsNames = false, true
	return p
}

// keycloak has members changed by PATCH only, and does not replace them.
func keycloak() Profile {
	p := Generic()
	p.Name, p.Discovers = "Keycloak", false
	p.Auth = []AuthKind{AuthBearer, AuthClientCredentials}
	p.MemberFilter, p.PairFilter, p.ShowsGroups = "", "", true
	p.FoldsNames = true
	return p
}

// zitadel has groups changed by PUT only.
func zitadel() Profile {
	p := Generic()
	p.Name, p.Discovers = "Zitadel", false
	p.Auth = []AuthKind{AuthBearer, AuthClientCredentials}
	p.MemberFilter, p.PairFilter, p.ShowsGroups = "", "", true
	p.Members = Put
	return p
}

// snowflake has filters with eq and sw, and one of them at a time.
func snowflake() Profile {
	p := Generic()
	p.Name, p.Discovers = "Snowflake", false
	p.Path = "/scim/v2"
	p.Auth = []AuthKind{AuthBearer, AuthClientCredentials}
	p.MemberFilter, p.PairFilter, p.ShowsGroups = "", "", true
	p.FoldsNames = true
	p.Attributes = person
	return p
}

// strongDM suspends and does not delete. Its identity aliases are texts such as "name of the set,alias".
func strongDM() Profile {
	p := Generic()
	p.Name, p.Discovers = "strongDM", false
	p.Path = "/scim/okta/v2"
	p.Auth = []AuthKind{AuthBearer, AuthHeader}
	p.MemberFilter, p.PairFilter, p.ShowsGroups = "", "", true
	p.Deletes = Never
	p.Attributes = append(slices.Clone(person), Attribute{"urn:ietf:params:scim:schemas:extension:strongdm:2.0:User:identityAliases", Texts})
	return p
}

// verkada takes the token as it is, without the word Bearer.
func verkada() Profile {
	p := Generic()
	p.Name, p.Discovers = "Verkada", false
	p.Auth = []AuthKind{AuthHeader}
	p.MemberFilter, p.PairFilter, p.ShowsGroups = "", "", true
	p.Attributes = append(slices.Clone(person), Attribute{"phoneNumbers", Values}, Attribute{"title", Text})
	return p
}

// cyolo takes a key and its secret, and has no groups. It writes users whole and disables them.
func cyolo() Profile {
	p := Generic()
	p.Name, p.Discovers = "Cyolo", false
	p.Auth = []AuthKind{AuthBasic}
	p.MemberFilter, p.PairFilter = "", ""
	p.Users, p.Suspends = Put, Put
	p.Deletes, p.Members = Never, Never
	p.Attributes = person
	return p
}

// cmd has roles that are groups, and deactivates.
func cmd() Profile {
	p := Generic()
	p.Name, p.Discovers = "Cmd", false
	p.Auth = []AuthKind{AuthBearer}
	p.MemberFilter, p.PairFilter, p.ShowsGroups = "", "", true
	p.Deletes = Never
	p.Attributes = person
	return p
}
