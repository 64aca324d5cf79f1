package argocd

import (
	"errors"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Accounts says where people's accounts are.
type Accounts string

const (
	// SSO means that people sign in by single sign-on, so that an account is what the policy says of a name. It is the zero value's meaning.
	SSO Accounts = "SSO"
	// Local makes accounts of Argo CD itself as well. Who has one signs in with a password that somebody sets in Argo CD.
	Local Accounts = "Local"
)

const (
	defaultNamespace = "argocd"
	defaultPolicy    = "argocd-rbac-cm"
	defaultSettings  = "argocd-cm"
)

// The capabilities of local accounts.
const (
	CapabilityLogin  = "login"
	CapabilityAPIKey = "apiKey"
)

// Options are which Argo CD, and how to treat it.
type Options struct {
	// Client reads from the API server of Argo CD's cluster, and from no cache: one that [NewClient] makes does.
	Client client.Client
	// Namespace is Argo CD's. It is "argocd" when it is empty.
	Namespace string
	// PolicyConfigMap has the RBAC policy. It is "argocd-rbac-cm" when it is empty.
	PolicyConfigMap string
	// SettingsConfigMap has the local accounts. It is "argocd-cm" when it is empty. Only Local reads it.
	SettingsConfigMap string

	Accounts Accounts
	// Capabilities are what a local account gets when it is made, login when there are none. Afterwards they are Argo CD's administrators'.
	Capabilities []string
	// Projects says that AppProjects are read as well, so that roles named proj:PROJECT:ROLE can be given and are seen.
	Projects bool
	// Roles are those that may be given. When there are none, all may that exist, but for role:admin and those that lead to it.
	Roles []string
	// Protected are names that nobody gets and that are never touched, beside admin. In SSO mode the names of local accounts belong here: to
	// the policy a local account and a person of one name are the same.
	Protected []string
}

// withDefaults checks the options and fills in what they leave out.
func (o Options) withDefaults() (Options, error) {
	if o.Client == nil {
		return o, errors.New("a client must be given")
	}
	if o.Accounts == "" {
		o.Accounts = SSO
	}
	if !slices.Contains([]Accounts{SSO, Local}, o.Accounts) {
		return o, fmt.Errorf("accounts %q are not known: use %s or %s", o.Accounts, SSO, Local)
	}
	for _, capability := range o.Capabilities {
		if !slices.Contains([]string{CapabilityLogin, CapabilityAPIKey}, capability) {
			return o, fmt.Errorf("accounts have no capability %q: use %s or %s", capability, CapabilityLogin, CapabilityAPIKey)
		}
	}
	if len(o.Capabilities) == 0 {
		o.Capabilities = []string{CapabilityLogin}
	}
	if o.Namespace == "" {
		o.Namespace = defaultNamespace
	}
	if o.PolicyConfigMap == "" {
		o.PolicyConfigMap = defaultPolicy
	}
	if o.SettingsConfigMap == "" {
		o.SettingsConfigMap = defaultSettings
	}
	return o, nil
}
