package v1alpha1

// LDAPProfile names what an LDAP server is.
// +kubebuilder:validation:Enum=OpenLDAP;DirectoryServer389;ActiveDirectory
type LDAPProfile string

// What an LDAP server is.
const (
	LDAPOpenLDAP        LDAPProfile = "OpenLDAP"
	LDAP389             LDAPProfile = "DirectoryServer389"
	LDAPActiveDirectory LDAPProfile = "ActiveDirectory"
)

// LDAPGroupClass is the object class of the groups that roles are mapped to.
// +kubebuilder:validation:Enum=groupOfNames;posixGroup;group
type LDAPGroupClass string

// The object classes of groups.
const (
	LDAPGroupOfNames LDAPGroupClass = "groupOfNames"
	LDAPPosixGroup   LDAPGroupClass = "posixGroup"
	LDAPGroup        LDAPGroupClass = "group"
)

// LDAPSuspension says how an account is taken out of use.
// +kubebuilder:validation:Enum=PPolicyLock;Attribute;Move
type LDAPSuspension string

// How an account is taken out of use.
const (
	LDAPSuspendPPolicy   LDAPSuspension = "PPolicyLock"
	LDAPSuspendAttribute LDAPSuspension = "Attribute"
	LDAPSuspendMove      LDAPSuspension = "Move"
)

// LDAPTarget is an LDAP server. Nothing is sent without TLS: ldaps, or StartTLS where the URL says ldap.
// +kubebuilder:validation:XValidation:rule="!has(self.suspension) || (self.suspension.method == 'Attribute') == has(self.suspension.attribute)",message="spec.target.ldap.suspension.attribute goes with method Attribute: give it, or change the method"
// +kubebuilder:validation:XValidation:rule="!has(self.suspension) || (self.suspension.method == 'Move') == has(self.suspension.moveTo)",message="spec.target.ldap.suspension.moveTo goes with method Move: give it, or change the method"
type LDAPTarget struct {
	// url is ldaps://host, or ldap://host for StartTLS, with a port if it is not the usual one.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^ldaps?://[-a-zA-Z0-9.\[\]:]+/?$`
	URL string `json:"url,omitempty"`

	// profile is what the server is: OpenLDAP, DirectoryServer389 or ActiveDirectory. The default is OpenLDAP.
	// +optional
	// +default="OpenLDAP"
	Profile LDAPProfile `json:"profile,omitempty"`

	// credentialSecretRef names the Secret with the DN to bind as, under its usernameKey, and the password.
	// +required
	CredentialSecretRef AppCredential `json:"credentialSecretRef,omitzero"`

	// usersBaseDN is the entry below which accounts are made, for example ou=people,dc=example,dc=com.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	UsersBaseDN string `json:"usersBaseDN,omitempty"`

	// groupsBaseDN is the entry below which the groups are that roles are mapped to. They are found by their cn.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	GroupsBaseDN string `json:"groupsBaseDN,omitempty"`

	// objectClasses are classes that accounts have beside the profile's own, at most 16.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	ObjectClasses []string `json:"objectClasses,omitempty"`

	// attributes are names of attributes that spec.account.attributes may give beside those of the profile's own classes, at most 64.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Attributes []string `json:"attributes,omitempty"`

	// posix makes accounts posixAccounts as well. Without it they are not.
	// +optional
	Posix *LDAPPosix `json:"posix,omitempty"`

	// groupClass is the object class of the groups: groupOfNames, posixGroup, or group for ActiveDirectory. The default is the profile's own.
	// +optional
	GroupClass LDAPGroupClass `json:"groupClass,omitempty"`

	// placeholderMember is the DN that keeps a groupOfNames valid that nobody is in, for example cn=nobody,dc=example,dc=com. Without it
	// that is the group itself.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	PlaceholderMember string `json:"placeholderMember,omitempty"`

	// suspension says how an account is taken out of use. Without it that is the profile's own way: PPolicyLock with OpenLDAP, nsAccountLock
	// with DirectoryServer389, userAccountControl with ActiveDirectory.
	// +optional
	Suspension LDAPSuspensionMethod `json:"suspension,omitempty,omitzero"`

	// markAttribute is the attribute in which accounts are marked as the operator's. The default is the profile's own: description with OpenLDAP,
	// businessCategory with DirectoryServer389, adminDescription with ActiveDirectory. Nobody but the operator and administrators may write it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	MarkAttribute string `json:"markAttribute,omitempty"`
}

// LDAPPosix says how posixAccounts get what their class requires and spec.account.attributes does not give.
// +kubebuilder:validation:XValidation:rule="self.firstUID <= self.lastUID",message="spec.target.ldap.posix.firstUID must not be above lastUID: exchange the two"
type LDAPPosix struct {
	// firstUID is the lowest uidNumber that is given.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4294967294
	FirstUID int64 `json:"firstUID,omitempty"`

	// lastUID is the highest uidNumber that is given.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4294967294
	LastUID int64 `json:"lastUID,omitempty"`

	// gid is the gidNumber of the group that people belong to from the beginning.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4294967294
	GID int64 `json:"gid,omitempty"`

	// homeBase is the folder that home directories are in. The default is /home.
	// +optional
	// +default="/home"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	HomeBase string `json:"homeBase,omitempty"`

	// loginShell is the shell of accounts, for example /bin/bash. Without it there is none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	LoginShell string `json:"loginShell,omitempty"`
}

// LDAPSuspensionMethod says how an account is taken out of use.
type LDAPSuspensionMethod struct {
	// method is PPolicyLock (pwdAccountLockedTime of the ppolicy overlay), Attribute (an attribute that the server, or whoever uses it, looks
	// at; with ActiveDirectory userAccountControl by itself), or Move (to another branch).
	// +required
	Method LDAPSuspension `json:"method,omitempty"`

	// attribute is what says whether an account is in use.
	// +optional
	Attribute *LDAPStateAttribute `json:"attribute,omitempty"`

	// moveTo is the entry below which suspended accounts are.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	MoveTo string `json:"moveTo,omitempty"`
}

// LDAPStateAttribute is what says whether an account is in use.
type LDAPStateAttribute struct {
	// name of the attribute, for example employeeType.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// active is its value while the account is in use. Without it the attribute is absent then.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Active string `json:"active,omitempty"`

	// suspended is its value while the account is suspended.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Suspended string `json:"suspended,omitempty"`
}

// SCIMAuthentication says how the operator signs in to a SCIM server.
// +kubebuilder:validation:Enum=Bearer;Header;Basic;OAuth2
type SCIMAuthentication string

// How the operator signs in to a SCIM server.
const (
	SCIMBearer SCIMAuthentication = "Bearer"
	SCIMHeader SCIMAuthentication = "Header"
	SCIMBasic  SCIMAuthentication = "Basic"
	SCIMOAuth2 SCIMAuthentication = "OAuth2"
)

// SCIMProfile names a product whose SCIM server has limits of its own.
// +kubebuilder:validation:Enum=Generic;ScimOperator;AWS;Google;Keycloak;Zitadel;Snowflake;StrongDM;Verkada;Cyolo;Cmd
type SCIMProfile string

// SCIMTarget is an app with a SCIM 2.0 server.
// +kubebuilder:validation:XValidation:rule="(has(self.authentication) && self.authentication == 'OAuth2') == has(self.tokenURL)",message="spec.target.scim.tokenURL goes with authentication OAuth2: give it, or change the authentication"
type SCIMTarget struct {
	// url is the base URL, for example https://app.example.com/scim/v2, without a query.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^https://[^?#@\s]+$`
	URL string `json:"url,omitempty"`

	// profile is the product, where its limits are known: AWS, Google, Keycloak, Zitadel, Snowflake, StrongDM, Verkada, Cyolo, Cmd or
	// ScimOperator; or Generic, with which the server is asked what it can do. The default is Generic.
	// +optional
	// +default="Generic"
	Profile SCIMProfile `json:"profile,omitempty"`

	// authentication is Bearer, Header (the value of passwordKey as it is), Basic, or OAuth2 (client credentials: usernameKey holds the
	// client id and passwordKey the secret). The default is Bearer.
	// +optional
	// +default="Bearer"
	Authentication SCIMAuthentication `json:"authentication,omitempty"`

	// tokenURL is where client credentials are exchanged for a token; required with OAuth2. It is part of the endpoint that the Secret
	// must confirm.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^https://[^?#@\s]+$`
	TokenURL string `json:"tokenURL,omitempty"`

	// credentialSecretRef names the Secret with the token, or with user name and password.
	// +required
	CredentialSecretRef AppCredential `json:"credentialSecretRef,omitzero"`
}

// ArgoCDAccounts says what people are in Argo CD.
// +kubebuilder:validation:Enum=SSO;Local
type ArgoCDAccounts string

// What people are in Argo CD.
const (
	ArgoCDSSO   ArgoCDAccounts = "SSO"
	ArgoCDLocal ArgoCDAccounts = "Local"
)

// ArgoCDTarget is the Argo CD in the AppConnection's own namespace. It needs no credential: the operator's own account must be allowed to
// change its two ConfigMaps and its AppProjects (apps.argocdNamespaces of the chart).
// +kubebuilder:validation:MinProperties=1
type ArgoCDTarget struct {
	// accounts is SSO, with which people sign in at the identity provider and get roles by their name, or Local, with which each gets an
	// account in argocd-cm as well.
	// +required
	Accounts ArgoCDAccounts `json:"accounts,omitempty"`
}
