package directory

import (
	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// field is one field of an identity provider's form, under the name that the form gives it, and what to enter.
type field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// form is what to enter in the identity provider.
type form struct {
	// Where is the way to the form.
	Where  string  `json:"where"`
	Fields []field `json:"fields"`
}

const unknownURL = "not known yet: give the operator its external URL (--external-url; server.externalUrl in the chart)"

// formOf says what the form of the directory's identity provider asks for.
func formOf(directory *v1alpha1.ScimDirectory) form {
	url := directory.Status.URL
	if url == "" {
		url = unknownURL
	}
	if directory.Spec.Provider == v1alpha1.ProviderEntra {
		return form{
			Where: "Microsoft Entra: Enterprise applications > the application > Provisioning",
			Fields: []field{
				{"Tenant URL", url},
				{"Secret Token", tokenHint(directory)},
				{"Matching attribute (mapping of userName)", "userName"},
			},
		}
	}
	where := "the identity provider's SCIM settings"
	if directory.Spec.Provider == v1alpha1.ProviderOkta {
		where = "Okta: the application > Provisioning > Integration"
	}
	mode, header, value := authentication(directory)
	return form{
		Where: where,
		Fields: []field{
			{"SCIM connector base URL", url},
			{"Unique identifier field for users", "userName"},
			{"Supported provisioning actions", actions(directory)},
			{"Authentication Mode", mode},
			{header, value},
		},
	}
}

// actions are the ones to tick, by Okta's names.
func actions(directory *v1alpha1.ScimDirectory) string {
	users := "Import New Users and Profile Updates, Push New Users, Push Profile Updates"
	if directory.Spec.Resources == v1alpha1.ResourcesUsers {
		return users
	}
	return users + ", Push Groups, Import Groups"
}

// authentication is how requests are signed in. One credential of each kind is rare, so the first decides.
func authentication(directory *v1alpha1.ScimDirectory) (mode, header, value string) {
	if credentials := directory.Spec.Credentials; len(credentials) > 0 && credentials[0].BasicSecretRef.Name != "" {
		return "Basic Auth", "Username and Password", "those in Secret " + credentials[0].BasicSecretRef.Name
	}
	return "HTTP Header", "Authorization", "Bearer " + tokenHint(directory)
}

func tokenHint(directory *v1alpha1.ScimDirectory) string {
	if len(directory.Spec.Credentials) == 0 {
		return "TOKEN (there is none yet: `kubectl scim token create " + directory.Name + "` makes one)"
	}
	return "TOKEN (without Bearer where the form shows that word; `kubectl scim token create " + directory.Name + "` shows a token once)"
}
