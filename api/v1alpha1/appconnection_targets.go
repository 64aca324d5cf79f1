package v1alpha1

// AppType names what an app speaks.
// +kubebuilder:validation:Enum=PostgreSQL;LDAP;SCIM;ArgoCD
type AppType string

// What an app speaks.
const (
	AppTypePostgreSQL AppType = "PostgreSQL"
	AppTypeLDAP       AppType = "LDAP"
	AppTypeSCIM       AppType = "SCIM"
	AppTypeArgoCD     AppType = "ArgoCD"
)

// AppTarget is one app: exactly one of its fields.
// +kubebuilder:validation:ExactlyOneOf=postgresql;ldap;scim;argocd
type AppTarget struct {
	// postgresql is a PostgreSQL server, of version 13 or later. Accounts are roles with LOGIN.
	// +optional
	PostgreSQL *PostgreSQLTarget `json:"postgresql,omitempty"`

	// ldap is an LDAP server: OpenLDAP, 389 Directory Server or Active Directory.
	// +optional
	LDAP *LDAPTarget `json:"ldap,omitempty"`

	// scim is an app with a SCIM 2.0 server.
	// +optional
	SCIM *SCIMTarget `json:"scim,omitempty"`

	// argocd is Argo CD in this cluster.
	// +optional
	ArgoCD *ArgoCDTarget `json:"argocd,omitempty"`
}

// Type names the target's kind; empty when there is none.
func (t *AppTarget) Type() AppType {
	switch {
	case t.PostgreSQL != nil:
		return AppTypePostgreSQL
	case t.LDAP != nil:
		return AppTypeLDAP
	case t.SCIM != nil:
		return AppTypeSCIM
	case t.ArgoCD != nil:
		return AppTypeArgoCD
	}
	return ""
}

// AppCredential names keys of a Secret in the AppConnection's own namespace. There is no namespace field, so that nobody can make the
// operator read somebody else's Secret. The Secret must have the annotation scim-operator.io/endpoint with the endpoint that status.endpoint of
// the AppConnection shows: so whoever may edit the AppConnection, and not the Secret, cannot have the credential sent elsewhere.
type AppCredential struct {
	// name of the Secret, in the namespace of the AppConnection.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`

	// usernameKey is the key of the Secret's data that holds the user name. The default is username.
	// +optional
	// +default="username"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	UsernameKey string `json:"usernameKey,omitempty"`

	// passwordKey is the key of the Secret's data that holds the password or the token. The default is password.
	// +optional
	// +default="password"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	PasswordKey string `json:"passwordKey,omitempty"`

	// caKey is the key of the Secret's data that holds the certificates, in PEM, of the authorities that sign the app's certificate. The
	// default is ca.crt; without that key the authorities that the operator's image knows count.
	// +optional
	// +default="ca.crt"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	CAKey string `json:"caKey,omitempty"`
}

// LongNames says what becomes of account names that the app would cut off.
// +kubebuilder:validation:Enum=Refuse;Hash
type LongNames string

// What becomes of account names that the app would cut off.
const (
	// LongNamesRefuse means that the AppAccount fails.
	LongNamesRefuse LongNames = "Refuse"
	// LongNamesHash means that the end of the name is replaced by a hash of it.
	LongNamesHash LongNames = "Hash"
)

// PostgreSQLTarget is a PostgreSQL server.
type PostgreSQLTarget struct {
	// host is the server's DNS name or IP address, which its certificate must have.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9:]([-a-zA-Z0-9.:]*[a-zA-Z0-9:])?$`
	Host string `json:"host,omitempty"`

	// port is the server's port. The default is 5432.
	// +optional
	// +default=5432
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// database is where the operator connects; roles belong to the whole server. All connections to one server must name the same. The
	// default is postgres.
	// +optional
	// +default="postgres"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Database string `json:"database,omitempty"`

	// tls is Verify, with which the server must have a certificate of a known authority for its name, or Disable, with which nothing is
	// encrypted and passwords are never sent in the clear. The default is Verify.
	// +optional
	// +default="Verify"
	TLS PostgreSQLTLS `json:"tls,omitempty"`

	// credentialSecretRef names the Secret with the user name and the password of a role that has CREATEROLE and is a member of
	// pg_signal_backend, and that is no superuser.
	// +required
	CredentialSecretRef AppCredential `json:"credentialSecretRef,omitzero"`

	// longNames says what becomes of names over 63 bytes, which PostgreSQL would cut off silently: Refuse or Hash. The default is Refuse.
	// +optional
	// +default="Refuse"
	LongNames LongNames `json:"longNames,omitempty"`
}

// PostgreSQLTLS says how a PostgreSQL server is verified.
// +kubebuilder:validation:Enum=Verify;Disable
type PostgreSQLTLS string

// How a PostgreSQL server is verified.
const (
	PostgreSQLTLSVerify  PostgreSQLTLS = "Verify"
	PostgreSQLTLSDisable PostgreSQLTLS = "Disable"
)
