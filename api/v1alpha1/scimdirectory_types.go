package v1alpha1

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Provider names the identity provider behind a directory. It selects the dialect where providers disagree with each other or
// with the RFCs.
// +kubebuilder:validation:Enum=Okta;Entra;Authentik;Google;JumpCloud;Generic
type Provider string

// The identity providers whose dialects are known.
const (
	ProviderOkta      Provider = "Okta"
	ProviderEntra     Provider = "Entra"
	ProviderAuthentik Provider = "Authentik"
	ProviderGoogle    Provider = "Google"
	ProviderJumpCloud Provider = "JumpCloud"
	ProviderGeneric   Provider = "Generic"
)

// Conditions of a ScimDirectory.
const (
	// DirectoryReady says whether the directory's SCIM endpoint answers its identity provider.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "Serving"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "Suspended"
	// * "NoCredentials"
	// * "CredentialNotFound"
	// * "CredentialExpired"
	// * "InvalidUsernameExpression"
	DirectoryReady = "Ready"

	// ReasonServing means that requests with one of the directory's credentials are served.
	ReasonServing = "Serving"
	// ReasonSuspended means that spec.suspend is true: every request is refused and nothing is deleted.
	ReasonSuspended = "Suspended"
	// ReasonNoCredentials means that spec.credentials is empty, so every request is refused.
	ReasonNoCredentials = "NoCredentials"
	// ReasonCredentialNotFound means that a Secret or key named in spec.credentials does not exist or is too short.
	ReasonCredentialNotFound = "CredentialNotFound"
	// ReasonCredentialExpired means that no credential can be used, and that each of them is past its expiresAt.
	ReasonCredentialExpired = "CredentialExpired"
	// ReasonInvalidUsernameExpression means that spec.identity.username does not compile.
	ReasonInvalidUsernameExpression = "InvalidUsernameExpression"
)

// ScimDirectorySpec says how one identity provider may push.
type ScimDirectorySpec struct {
	// provider names the identity provider behind this directory: Okta, Entra, Authentik, Google, JumpCloud, or Generic for any
	// other. It selects the dialect where providers disagree with each other or with the RFCs. The default is Generic.
	// +optional
	// +default="Generic"
	Provider Provider `json:"provider,omitempty"`

	// suspend switches the SCIM endpoint off: every request is answered 403 with a text that says so. Nothing is deleted and
	// no access changes; set it back to false and the identity provider goes on. Absent means false.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// credentials are what the identity provider may present, at most 8. Several may be live at once, so that a token can be
	// rotated without a refused request: add the new one here, change it in the identity provider, remove the old one. With none,
	// every request is answered 401.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Credentials []Credential `json:"credentials,omitempty"`

	// identity says how a user of this directory appears in Kubernetes. Without it a user's Kubernetes user name is the
	// userName as the identity provider sent it.
	// +optional
	Identity Identity `json:"identity,omitempty,omitzero"`

	// discovery says who may read what the endpoint can do (ServiceProviderConfig, Schemas, ResourceTypes): Authenticated for
	// callers with a credential only, Public for everybody, as RFC 7643 section 5 recommends for clients that look before they sign
	// in. No person's data is in it. The default is Authenticated.
	// +optional
	// +default="Authenticated"
	Discovery DiscoveryAccess `json:"discovery,omitempty"`

	// resources says what the identity provider may push: UsersAndGroups, or Users for a directory without groups, in which
	// every request to change a group is answered 403 and no group is ever listed. The default is UsersAndGroups.
	// +optional
	// +default="UsersAndGroups"
	Resources DirectoryResources `json:"resources,omitempty"`

	// groups says which groups are accepted, by displayName. Without it every group is.
	// +optional
	Groups GroupAcceptance `json:"groups,omitempty,omitzero"`

	// signInDomains are the domains that userNames of this directory must end in so that their bearers can sign in to the
	// cluster, for example [example.com]: at most 64, without regard to case. A user of another domain is accepted, because
	// the identity provider would otherwise stop pushing, but gets a warning condition, and the directory's condition
	// UsernameMismatch counts such users. Without it no userName is warned of.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	SignInDomains []string `json:"signInDomains,omitempty"`

	// defaultRoles are the metadata.names of ScimRoles, at most 16, that every active user of this directory is a member of, as
	// long as the name stands here. They must be local roles, so that no push can widen what everybody gets. The identity
	// provider does not see these memberships.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	DefaultRoles []string `json:"defaultRoles,omitempty"`

	// roleAssignment says whether the identity provider may read the cluster's roles and give them to users without groups:
	// Enabled serves /Roles and /Entitlements in Okta's entitlement schemas, lists the local ScimRoles and those of this directory under
	// /Roles (and nothing under /Entitlements, because whatever can be given is a role), and makes a user of this directory a member of
	// those roles whose ids are values of its attribute roles. The default is Disabled: both answer 404 and the attribute roles is kept
	// and returned without effect.
	// +optional
	// +default="Disabled"
	RoleAssignment RoleAssignment `json:"roleAssignment,omitempty"`

	// extensionSchemas describe attributes that this identity provider sends beyond the standard, at most 8. They are announced
	// under /Schemas, so that the identity provider can map them, and their values are checked. Attributes that are described nowhere
	// are kept and returned as they were sent all the same.
	// +optional
	// +listType=map
	// +listMapKey=schema
	// +kubebuilder:validation:MaxItems=8
	ExtensionSchemas []ExtensionSchema `json:"extensionSchemas,omitempty"`

	// matching says what happens when the identity provider pushes somebody who is here already. Without it such pushes wait
	// for a person's review.
	// +optional
	Matching Matching `json:"matching,omitempty,omitzero"`

	// guard holds back the effects of a burst of removals, so that a mistake at the identity provider does not lock a company
	// out. Without it the guard is on, with the defaults that its fields name.
	// +optional
	Guard Guard `json:"guard,omitempty,omitzero"`

	// apps says which namespaces may see the people of this directory: AppConnections there can give them accounts, which tells the app their
	// names and attributes. Without it no namespace may.
	// +optional
	Apps AppConsent `json:"apps,omitempty,omitzero"`
}

// AppConsent says which namespaces may see the people of a directory.
// +kubebuilder:validation:MinProperties=1
type AppConsent struct {
	// namespaces are names of namespaces, at most 256, for example [payments].
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespaces []string `json:"namespaces,omitempty"`
}

// CredentialAccess says what may be done with a credential.
// +kubebuilder:validation:Enum=ReadOnly;ReadWrite
type CredentialAccess string

// What may be done with a credential.
const (
	// AccessReadOnly means GET, HEAD and the searches. Everything else is answered 403.
	AccessReadOnly CredentialAccess = "ReadOnly"
	// AccessReadWrite means everything.
	AccessReadWrite CredentialAccess = "ReadWrite"
)

// Credential is one token, or one user name with its password, that an identity provider may present. Exactly one of tokenSecretRef,
// tokenSHA256 and basicSecretRef says which.
// +kubebuilder:validation:ExactlyOneOf=tokenSecretRef;tokenSHA256;basicSecretRef
// +kubebuilder:validation:XValidation:rule="!has(self.notBefore) || !has(self.expiresAt) || self.notBefore < self.expiresAt",message="notBefore of a credential must be before expiresAt: move one of the two"
type Credential struct {
	// name tells the credentials of a directory apart, in the audit log and in status, for example 2026-01: at most 63
	// lower-case letters, digits and dashes.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`

	// tokenSecretRef names the Secret, in the operator's namespace, that holds the bearer token. The token must be at least 32
	// characters long; a shorter one is treated as absent. `openssl rand -hex 32` makes a good one.
	// +optional
	TokenSecretRef SecretKeyRef `json:"tokenSecretRef,omitzero"`

	// tokenSHA256 is the SHA-256 of a bearer token, in hex or base64, so that the token itself is stored nowhere in the cluster.
	// It is no secret as long as the token is random: make the token with `openssl rand -hex 32` and never choose it by hand.
	// `printf %s "$TOKEN" | sha256sum` prints the hash.
	// +optional
	// +kubebuilder:validation:MinLength=44
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^([0-9a-fA-F]{64}|[A-Za-z0-9+/]{43}=)$`
	TokenSHA256 string `json:"tokenSHA256,omitempty"`

	// basicSecretRef names the Secret, in the operator's namespace, that holds a user name and a password for an identity provider
	// that signs in with HTTP Basic. The password must be at least 32 characters long, because it is a token under another name.
	// +optional
	BasicSecretRef BasicSecretRef `json:"basicSecretRef,omitzero"`

	// access is what may be done with the credential: ReadWrite for everything, ReadOnly for reading and searching. With ReadOnly
	// every request that would change something is answered 403. The default is ReadWrite.
	// +optional
	// +default="ReadWrite"
	Access CredentialAccess `json:"access,omitempty"`

	// userID is the id (metadata.name) of the ScimUser that /Me stands for with this credential (RFC 7644 section 3.11), for
	// example scim-admin-k3v9x2m4qa. It gives the credential no right and takes none. Without it /Me is answered 501.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	UserID string `json:"userID,omitempty"`

	// notBefore is the time from which the credential is valid. Absent means from now on.
	// +optional
	NotBefore *metav1.Time `json:"notBefore,omitempty"`

	// expiresAt is the time from which the credential is no longer valid. Absent means that it is valid until it is removed here.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}

// ValidAt says whether a time lies in the credential's validity: notBefore belongs to it and expiresAt does not.
func (c *Credential) ValidAt(at time.Time) bool {
	return (c.NotBefore == nil || !at.Before(c.NotBefore.Time)) && (c.ExpiresAt == nil || at.Before(c.ExpiresAt.Time))
}

// BasicSecretRef names two keys of a Secret in the operator's own namespace. The defaults fit Secrets of the type
// kubernetes.io/basic-auth.
type BasicSecretRef struct {
	// name of the Secret, in the namespace that the operator runs in.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`

	// usernameKey is the key of the Secret's data that holds the user name, which has no colon (RFC 7617). The default is username.
	// +optional
	// +default="username"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	UsernameKey string `json:"usernameKey,omitempty"`

	// passwordKey is the key of the Secret's data that holds the password. The default is password.
	// +optional
	// +default="password"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	PasswordKey string `json:"passwordKey,omitempty"`
}

// SecretKeyRef names one key of a Secret in the operator's own namespace. There is no namespace field, so that a directory can
// never make the operator read somebody else's Secret.
type SecretKeyRef struct {
	// name of the Secret, in the namespace that the operator runs in.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`

	// key of the Secret's data that holds the value. The default is token.
	// +optional
	// +default="token"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	Key string `json:"key,omitempty"`
}

// ScimDirectoryStatus is what the operator knows of a directory.
type ScimDirectoryStatus struct {
	// conditions are what is known about the directory, by type. Ready is the summary: its reason names the cause, its message the
	// remedy. `kubectl wait --for=condition=Ready` waits for it.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the metadata.generation that status describes. While it is lower than metadata.generation, status
	// is about an earlier spec.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// url is the SCIM base URL to paste into the identity provider, for example https://scim.example.com/scim/okta/v2.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url,omitempty"`

	// users is the number of ScimUsers that came through this directory, active or not.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Users *int32 `json:"users,omitempty"`

	// suspendedUsers is the number of those users whose spec.active is false.
	// +optional
	// +kubebuilder:validation:Minimum=0
	SuspendedUsers *int32 `json:"suspendedUsers,omitempty"`

	// roles is the number of ScimRoles that came through this directory.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Roles *int32 `json:"roles,omitempty"`

	// lastRequestTime is when the identity provider was last heard with a valid credential. It is written at most every ten
	// minutes, so it can be that much too early.
	// +optional
	LastRequestTime *metav1.Time `json:"lastRequestTime,omitempty"`

	// credentials say when each of spec.credentials was last used, so that an old token can be removed without fear. One that
	// was never used is absent.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Credentials []CredentialStatus `json:"credentials,omitempty"`
}

// CredentialStatus says when a credential was last used.
type CredentialStatus struct {
	// name of the credential in spec.credentials.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// lastUsedTime is when a request with this credential was last accepted. It is written at most every ten minutes, so it can be
	// that much too early.
	// +optional
	LastUsedTime *metav1.Time `json:"lastUsedTime,omitempty"`
}

// ScimDirectory is one identity provider's endpoint: where it may push, with which credentials, and how its people appear in
// Kubernetes. The base URL is https://HOST/scim/NAME/v2. Deleting a directory deletes none of its people.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=scim,shortName=sdir
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.url`,description="SCIM base URL to paste into the identity provider"
// +kubebuilder:printcolumn:name="Users",type=integer,JSONPath=`.status.users`,description="Users that came through this directory"
// +kubebuilder:printcolumn:name="Suspended",type=integer,JSONPath=`.status.suspendedUsers`,description="Users that are not active"
// +kubebuilder:printcolumn:name="Roles",type=integer,JSONPath=`.status.roles`,description="Roles that came through this directory"
// +kubebuilder:printcolumn:name="Last-Request",type=date,JSONPath=`.status.lastRequestTime`,description="When the identity provider was last heard"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether the endpoint answers its identity provider"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why the endpoint answers or does not"
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,description="What is wrong and what to do"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= 63",message="metadata.name is part of the SCIM URL: use at most 63 lower-case letters, digits and dashes"
type ScimDirectory struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of every Kubernetes object: name, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says how the identity provider may push.
	// +optional
	Spec ScimDirectorySpec `json:"spec,omitempty,omitzero"`

	// status is what the operator knows of the directory.
	// +optional
	Status ScimDirectoryStatus `json:"status,omitempty,omitzero"`
}

// HasDefaultRole says whether every active user of the directory is a member of the ScimRole of that metadata.name, if that is a local
// role.
func (d *ScimDirectory) HasDefaultRole(name string) bool {
	return slices.Contains(d.Spec.DefaultRoles, name)
}

// ScimDirectoryList is a list of ScimDirectories.
// +kubebuilder:object:root=true
type ScimDirectoryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimDirectory `json:"items"`
}
