package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// UserState sums up what an identity may do at present.
// +kubebuilder:validation:Enum=Active;Suspended;Conflict;Pending
type UserState string

const (
	// UserActive means that the identity counts: grants give it access.
	UserActive UserState = "Active"
	// UserSuspended means that spec.active is false: the identity is a subject nowhere.
	UserSuspended UserState = "Suspended"
	// UserConflict means that another ScimUser holds the claim of this userName: the identity is a subject nowhere.
	UserConflict UserState = "Conflict"
	// UserPending means that the claim of the userName is not seen yet: the identity is a subject nowhere.
	UserPending UserState = "Pending"
)

// Conditions of a ScimUser.
const (
	// UserReady says whether the identity counts.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "Active"
	// * "Suspended"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "UserNameConflict"
	// * "ClaimPending"
	// * "UsernameRefused"
	UserReady = "Ready"

	// ReasonActive means that the identity counts and is active.
	ReasonActive = "Active"
	// ReasonUserNameConflict means that another ScimUser holds this userName. Rename or delete one of the two.
	ReasonUserNameConflict = "UserNameConflict"
	// ReasonClaimPending means that the ScimClaim of this userName has not been seen yet.
	ReasonClaimPending = "ClaimPending"
	// ReasonUsernameRefused means that the directory's username expression fails for this user, or gives a name that may never
	// be bound (empty, too long, `system:`, control characters).
	ReasonUsernameRefused = "UsernameRefused"
)

// ScimUserSpec is one identity as its identity provider described it: the User resource and the enterprise extension of RFC 7643
// sections 4.1 and 4.3. Field names are the standard's. What is not typed here is kept in extensions and additionalAttributes and
// returned to the identity provider unchanged. Passwords are never stored.
type ScimUserSpec struct {
	// directory is the ScimDirectory that this user came through. It is empty for a local user, which people write by hand or
	// keep in Git.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Directory string `json:"directory,omitempty"`

	// userName is the name that the user signs in with. It is unique in the cluster without regard to case, and kept as it
	// was sent.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	UserName string `json:"userName"`

	// externalId is the identity provider's own id of the user, for example Okta's 00u… id. The operator never interprets it.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	ExternalID string `json:"externalId,omitempty"`

	// active says whether the user may use anything at all. An inactive user keeps id and memberships, and is a subject
	// nowhere.
	// +optional
	// +kubebuilder:default=true
	Active *bool `json:"active,omitempty"`

	// name holds the components of the user's name.
	// +optional
	Name *Name `json:"name,omitempty"`

	// displayName is the name of the user, suitable for display.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	DisplayName string `json:"displayName,omitempty"`

	// nickName is the casual way to address the user.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	NickName string `json:"nickName,omitempty"`

	// profileUrl is a page about the user.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	ProfileURL string `json:"profileUrl,omitempty"`

	// title is the user's job title.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Title string `json:"title,omitempty"`

	// userType is the relation between organisation and user, for example Employee or Contractor.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	UserType string `json:"userType,omitempty"`

	// preferredLanguage is the user's preferred written or spoken language, as in an Accept-Language header.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	PreferredLanguage string `json:"preferredLanguage,omitempty"`

	// locale is the user's default location for currency, dates and numbers, for example en-US.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Locale string `json:"locale,omitempty"`

	// timezone is the user's time zone in IANA form, for example Europe/Berlin.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Timezone string `json:"timezone,omitempty"`

	// emails are the user's e-mail addresses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Emails []MultiValue `json:"emails,omitempty"`

	// phoneNumbers are the user's telephone numbers.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	PhoneNumbers []MultiValue `json:"phoneNumbers,omitempty"`

	// ims are the user's instant messaging addresses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Ims []MultiValue `json:"ims,omitempty"`

	// photos are URIs of images of the user.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Photos []MultiValue `json:"photos,omitempty"`

	// addresses are the user's postal addresses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Addresses []Address `json:"addresses,omitempty"`

	// entitlements are things that the user has, as the identity provider names them. By themselves they grant nothing.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Entitlements []MultiValue `json:"entitlements,omitempty"`

	// roles are names that say who the user is, as the identity provider names them. They are not ScimRoles and by themselves
	// grant nothing.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Roles []MultiValue `json:"roles,omitempty"`

	// x509Certificates are certificates of the user, DER in base64.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	X509Certificates []MultiValue `json:"x509Certificates,omitempty"`

	// enterprise is the enterprise extension, urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.
	// +optional
	Enterprise *EnterpriseUser `json:"enterprise,omitempty"`

	// extensions are all other schema extensions, keyed by URN, kept as they were sent.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	Extensions map[string]apiextensionsv1.JSON `json:"extensions,omitempty"`

	// additionalAttributes are top-level attributes that no standard names, kept as they were sent.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	AdditionalAttributes map[string]apiextensionsv1.JSON `json:"additionalAttributes,omitempty"`
}

// Name holds the components of a user's name (RFC 7643 section 4.1.1).
type Name struct {
	// formatted is the full name, ready for display.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Formatted string `json:"formatted,omitempty"`

	// familyName is the family name, or last name.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	FamilyName string `json:"familyName,omitempty"`

	// givenName is the given name, or first name.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	GivenName string `json:"givenName,omitempty"`

	// middleName is the middle name or names.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	MiddleName string `json:"middleName,omitempty"`

	// honorificPrefix is a title before the name, for example Dr.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	HonorificPrefix string `json:"honorificPrefix,omitempty"`

	// honorificSuffix is a title after the name, for example III.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	HonorificSuffix string `json:"honorificSuffix,omitempty"`
}

// MultiValue is one value of a multi-valued attribute (RFC 7643 section 2.4).
type MultiValue struct {
	// value is the value itself, for example an e-mail address.
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Value string `json:"value,omitempty"`

	// display is a name for the value, for display only.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Display string `json:"display,omitempty"`

	// type says what the value is for, for example work or home.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Type string `json:"type,omitempty"`

	// primary marks the preferred value. At most one value of an attribute has it.
	// +optional
	Primary *bool `json:"primary,omitempty"`
}

// Address is one postal address (RFC 7643 section 4.1.2).
type Address struct {
	// formatted is the full address, ready for display or a label.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Formatted string `json:"formatted,omitempty"`

	// streetAddress is street, house number and the like.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	StreetAddress string `json:"streetAddress,omitempty"`

	// locality is the city.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Locality string `json:"locality,omitempty"`

	// region is the state or region.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Region string `json:"region,omitempty"`

	// postalCode is the postal code.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	PostalCode string `json:"postalCode,omitempty"`

	// country is the country, normally its ISO 3166-1 alpha-2 code.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Country string `json:"country,omitempty"`

	// type says what the address is for, for example work or home.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Type string `json:"type,omitempty"`

	// primary marks the preferred address. At most one address has it.
	// +optional
	Primary *bool `json:"primary,omitempty"`
}

// EnterpriseUser is the enterprise extension (RFC 7643 section 4.3).
type EnterpriseUser struct {
	// employeeNumber is the identifier that the organisation gave the user.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	EmployeeNumber string `json:"employeeNumber,omitempty"`

	// costCenter is the name of a cost centre.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	CostCenter string `json:"costCenter,omitempty"`

	// organization is the name of an organisation.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Organization string `json:"organization,omitempty"`

	// division is the name of a division.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Division string `json:"division,omitempty"`

	// department is the name of a department.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Department string `json:"department,omitempty"`

	// manager is the user's manager.
	// +optional
	Manager *Manager `json:"manager,omitempty"`
}

// Manager is a user's manager (RFC 7643 section 4.3).
type Manager struct {
	// value is the id of the manager's ScimUser, or whatever the identity provider sends in its place.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Value string `json:"value,omitempty"`

	// $ref is the URI of the manager's SCIM resource.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Ref string `json:"$ref,omitempty"`

	// displayName is the manager's name, for display.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	DisplayName string `json:"displayName,omitempty"`
}

// ScimUserStatus is what the operator did about an identity.
type ScimUserStatus struct {
	// conditions of the user; Ready is the summary.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of spec that status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// state sums up what the identity may do at present.
	// +optional
	State UserState `json:"state,omitempty"`

	// kubernetesUser is the user name that bindings name for this identity.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	KubernetesUser string `json:"kubernetesUser,omitempty"`

	// roles is the number of ScimRoles that this user is a member of.
	// +optional
	Roles *int32 `json:"roles,omitempty"`

	// accounts is the number of accounts that this user has in downstream apps.
	// +optional
	Accounts *int32 `json:"accounts,omitempty"`

	// revokedAt is when the last binding that named this user was written without it, after the user was suspended. It is
	// empty while the user is active, and while a revocation is under way.
	// +optional
	RevokedAt *metav1.Time `json:"revokedAt,omitempty"`
}

// ScimUser is one identity. spec is what the identity provider said, status is what the operator did about it. The object's name
// is the SCIM id: it never changes, whatever becomes of the userName. A user counts only while the ScimClaim of its userName names
// it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=scim,shortName=su
// +kubebuilder:selectablefield:JSONPath=`.spec.userName`
// +kubebuilder:selectablefield:JSONPath=`.spec.externalId`
// +kubebuilder:selectablefield:JSONPath=`.spec.directory`
// +kubebuilder:selectablefield:JSONPath=`.spec.active`
// +kubebuilder:printcolumn:name="Username",type=string,JSONPath=`.spec.userName`
// +kubebuilder:printcolumn:name="Active",type=boolean,JSONPath=`.spec.active`
// +kubebuilder:printcolumn:name="Roles",type=integer,JSONPath=`.status.roles`
// +kubebuilder:printcolumn:name="Accounts",type=integer,JSONPath=`.status.accounts`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Email",type=string,priority=1,JSONPath=`.spec.emails[0].value`
// +kubebuilder:printcolumn:name="Directory",type=string,priority=1,JSONPath=`.spec.directory`
// +kubebuilder:printcolumn:name="External-ID",type=string,priority=1,JSONPath=`.spec.externalId`
// +kubebuilder:printcolumn:name="K8s-User",type=string,priority=1,JSONPath=`.status.kubernetesUser`
// +kubebuilder:printcolumn:name="Revoked",type=date,priority=1,JSONPath=`.status.revokedAt`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ScimUser struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the identity as its identity provider described it.
	// +required
	Spec ScimUserSpec `json:"spec"`

	// status is what the operator did about the identity.
	// +optional
	Status ScimUserStatus `json:"status,omitempty,omitzero"`
}

// IsActive says whether spec.active allows the user anything. Absent means true (the API server's default).
func (u *ScimUser) IsActive() bool { return u.Spec.Active == nil || *u.Spec.Active }

// ScimUserList is a list of ScimUsers.
// +kubebuilder:object:root=true
type ScimUserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimUser `json:"items"`
}
