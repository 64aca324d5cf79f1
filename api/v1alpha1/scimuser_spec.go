package v1alpha1

import apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

// ScimUserSpec is one identity as its identity provider described it: the User resource and the enterprise extension of RFC 7643
// sections 4.1 and 4.3. Field names are the standard's. What is not typed here is kept in extensions and additionalAttributes and
// returned to the identity provider unchanged. Passwords are never stored.
// +kubebuilder:validation:XValidation:rule="!has(self.directory) || !has(oldSelf.directory) || self.directory == oldSelf.directory",message="spec.directory cannot be changed from one directory to another: clear it to make the user local (kubectl scim detach), and let the other directory take it over"
type ScimUserSpec struct {
	// directory is the name of the ScimDirectory that this user came through, for example okta. The SCIM server sets it when it
	// creates the user. Without it the user is local: people write it by hand or keep it in Git, and no push changes it.
	//
	// It cannot be changed from one directory to another. It can be cleared, which makes the user local: the identity provider then
	// no longer sees the user. Only the SCIM server sets it on a local user, when a directory takes it over as its spec.matching
	// allows.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Directory string `json:"directory,omitempty"`

	// userName is the name that the user signs in with, for example alice@example.com. It is unique in the cluster without
	// regard to case (Unicode NFKC and case folding), and kept as it was sent. It may change: metadata.name is what stays.
	//
	// `kubectl get scimusers --field-selector spec.userName=alice@example.com` finds the user; the selector compares exactly.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.trim() != ''",message="spec.userName must not be blank: give the name that the user signs in with"
	UserName string `json:"userName,omitempty"`

	// externalId is the identity provider's own id of the user, for example Okta's 00ujl29u0le5T6Aj10h7. It is returned as it
	// was sent; the operator never interprets it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	ExternalID string `json:"externalId,omitempty"`

	// active says whether the user may use anything at all. False is how identity providers deactivate people: the user keeps
	// id and memberships, and every binding that names the user is rewritten without it. True brings the same access back.
	// The default is true.
	// +optional
	// +default=true
	Active *bool `json:"active,omitempty"`

	// name holds the components of the user's name.
	// +optional
	Name *Name `json:"name,omitempty"`

	// displayName is the name of the user, suitable for display, for example Alice Jensen.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	DisplayName string `json:"displayName,omitempty"`

	// nickName is the casual way to address the user, for example Al.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	NickName string `json:"nickName,omitempty"`

	// profileUrl is the URL of a page about the user, for example https://people.example.com/alice. It is never fetched.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	ProfileURL string `json:"profileUrl,omitempty"`

	// title is the user's job title, for example Staff Engineer.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Title string `json:"title,omitempty"`

	// userType is the relation between organisation and user, for example Employee or Contractor.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	UserType string `json:"userType,omitempty"`

	// preferredLanguage is the user's preferred written or spoken language, as in an Accept-Language header (RFC 9110 section
	// 12.5.4), for example da, en-gb;q=0.8.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	PreferredLanguage string `json:"preferredLanguage,omitempty"`

	// locale is the user's default location for currency, dates and numbers, a language tag of RFC 5646, for example en-US.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Locale string `json:"locale,omitempty"`

	// timezone is the user's time zone by its IANA name, for example Europe/Copenhagen.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Timezone string `json:"timezone,omitempty"`

	// emails are the user's e-mail addresses, at most 64. Types in use are work, home and other.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.filter(v, has(v.primary) && v.primary).size() <= 1",message="at most one value of spec.emails may be primary: clear primary on the others"
	Emails []MultiValue `json:"emails,omitempty"`

	// phoneNumbers are the user's telephone numbers, at most 64, best written as in RFC 3966, for example
	// tel:+45-3333-4444. Types in use are work, home, mobile, fax, pager and other.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.filter(v, has(v.primary) && v.primary).size() <= 1",message="at most one value of spec.phoneNumbers may be primary: clear primary on the others"
	PhoneNumbers []MultiValue `json:"phoneNumbers,omitempty"`

	// ims are the user's instant messaging addresses, at most 64. The type names the service, for example xmpp.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.filter(v, has(v.primary) && v.primary).size() <= 1",message="at most one value of spec.ims may be primary: clear primary on the others"
	Ims []MultiValue `json:"ims,omitempty"`

	// photos are URIs of images of the user, at most 64. They are never fetched. Types in use are photo and thumbnail.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.filter(v, has(v.primary) && v.primary).size() <= 1",message="at most one value of spec.photos may be primary: clear primary on the others"
	Photos []MultiValue `json:"photos,omitempty"`

	// addresses are the user's postal addresses, at most 64.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.filter(v, has(v.primary) && v.primary).size() <= 1",message="at most one value of spec.addresses may be primary: clear primary on the others"
	Addresses []Address `json:"addresses,omitempty"`

	// entitlements are things that the user has, as the identity provider names them, at most 256. By themselves they grant
	// nothing.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:XValidation:rule="self.filter(v, has(v.primary) && v.primary).size() <= 1",message="at most one value of spec.entitlements may be primary: clear primary on the others"
	Entitlements []MultiValue `json:"entitlements,omitempty"`

	// roles are names that say who the user is, as the identity provider names them, at most 256. By themselves they grant nothing.
	// Where the directory's spec.roleAssignment is Enabled, a value that is the id (metadata.name) of a local ScimRole, or of one of
	// the same directory, makes the user a member of that role.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:XValidation:rule="self.filter(v, has(v.primary) && v.primary).size() <= 1",message="at most one value of spec.roles may be primary: clear primary on the others"
	Roles []MultiValue `json:"roles,omitempty"`

	// x509Certificates are certificates of the user, each DER in base64, at most 16. The operator does not check them, and
	// nobody can sign in with them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.filter(v, has(v.primary) && v.primary).size() <= 1",message="at most one value of spec.x509Certificates may be primary: clear primary on the others"
	X509Certificates []MultiValue `json:"x509Certificates,omitempty"`

	// enterprise is the enterprise extension, urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.
	// +optional
	Enterprise *EnterpriseUser `json:"enterprise,omitempty"`

	// extensions are all other schema extensions, at most 32, keyed by URN, for example
	// urn:okta:lanternfield_1:1.0:user:custom. They are kept and returned as they were sent.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	Extensions map[string]apiextensionsv1.JSON `json:"extensions,omitempty"`

	// additionalAttributes are top-level attributes that no standard names, at most 64, kept and returned as they were sent.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	AdditionalAttributes map[string]apiextensionsv1.JSON `json:"additionalAttributes,omitempty"`
}

// Name holds the components of a user's name (RFC 7643 section 4.1.1).
type Name struct {
	// formatted is the full name, ready for display, for example Dr. Barbara J Jensen III.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Formatted string `json:"formatted,omitempty"`

	// familyName is the family name, or last name, for example Jensen.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	FamilyName string `json:"familyName,omitempty"`

	// givenName is the given name, or first name, for example Barbara.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	GivenName string `json:"givenName,omitempty"`

	// middleName is the middle name or names, for example Jane.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	MiddleName string `json:"middleName,omitempty"`

	// honorificPrefix is a title before the name, for example Dr.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	HonorificPrefix string `json:"honorificPrefix,omitempty"`

	// honorificSuffix is a title after the name, for example III.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	HonorificSuffix string `json:"honorificSuffix,omitempty"`

	// additionalAttributes are parts of the name that no standard names, at most 16, for example phoneticGivenName. They are kept and returned
	// as they were sent.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	AdditionalAttributes map[string]apiextensionsv1.JSON `json:"additionalAttributes,omitempty"`
}

// MultiValue is one value of a multi-valued attribute (RFC 7643 section 2.4).
type MultiValue struct {
	// value is the value itself, for example an e-mail address, a URI, or a certificate: at most 16,384 characters.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Value string `json:"value,omitempty"`

	// display is a name for the value, for display only, for example Work address.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Display string `json:"display,omitempty"`

	// type says what the value is for, for example work or home.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Type string `json:"type,omitempty"`

	// primary marks the preferred value of the attribute. At most one value of an attribute may have it; absent means false.
	// +optional
	Primary *bool `json:"primary,omitempty"`

	// additionalAttributes are parts of the value that no standard names, at most 16, for example verified. They are kept and returned
	// as they were sent.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	AdditionalAttributes map[string]apiextensionsv1.JSON `json:"additionalAttributes,omitempty"`
}

// Address is one postal address (RFC 7643 section 4.1.2).
type Address struct {
	// formatted is the full address, ready for display or a mailing label; lines are separated by newlines.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Formatted string `json:"formatted,omitempty"`

	// streetAddress is street, house number, post-office box and the like; it may have several lines.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	StreetAddress string `json:"streetAddress,omitempty"`

	// locality is the city, for example Copenhagen.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Locality string `json:"locality,omitempty"`

	// region is the state or region, for example CA.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Region string `json:"region,omitempty"`

	// postalCode is the postal code, for example 91608.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	PostalCode string `json:"postalCode,omitempty"`

	// country is the country, normally its ISO 3166-1 alpha-2 code, for example DK.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Country string `json:"country,omitempty"`

	// type says what the address is for: work, home or other by the standard, anything in practice.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Type string `json:"type,omitempty"`

	// primary marks the preferred address. At most one address may have it; absent means false.
	// +optional
	Primary *bool `json:"primary,omitempty"`

	// additionalAttributes are parts of the address that no standard names, at most 16, for example building. They are kept and returned
	// as they were sent.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	AdditionalAttributes map[string]apiextensionsv1.JSON `json:"additionalAttributes,omitempty"`
}

// EnterpriseUser is the enterprise extension (RFC 7643 section 4.3).
type EnterpriseUser struct {
	// employeeNumber is the identifier that the organisation gave the user, usually digits, for example 701984.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	EmployeeNumber string `json:"employeeNumber,omitempty"`

	// costCenter is the name of the user's cost centre, for example 4130.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	CostCenter string `json:"costCenter,omitempty"`

	// organization is the name of the user's organisation, for example Universal Studios.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Organization string `json:"organization,omitempty"`

	// division is the name of the user's division, for example Theme Park.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Division string `json:"division,omitempty"`

	// department is the name of the user's department, for example Tour Operations.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Department string `json:"department,omitempty"`

	// manager is the user's manager. It gives the manager no access to anything.
	// +optional
	Manager *Manager `json:"manager,omitempty"`
}

// Manager is a user's manager (RFC 7643 section 4.3).
type Manager struct {
	// value is the id (metadata.name) of the manager's ScimUser, or whatever the identity provider sends in its place. It need
	// not exist.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Value string `json:"value,omitempty"`

	// $ref is the URI of the manager's SCIM resource, for example ../Users/barbara-jensen-2mpkq7r5ta.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Ref string `json:"$ref,omitempty"`

	// displayName is the manager's name, for display only.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	DisplayName string `json:"displayName,omitempty"`

	// additionalAttributes are parts of the manager that no standard names, at most 16, for example email. They are kept and returned
	// as they were sent.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	AdditionalAttributes map[string]apiextensionsv1.JSON `json:"additionalAttributes,omitempty"`
}
