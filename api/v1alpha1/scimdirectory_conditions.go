package v1alpha1

// Further conditions of a ScimDirectory. Each is always there, and True means that a person should look: Ready alone is the other way
// round.
const (
	// DirectorySuspended says whether the endpoint is switched off.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "Suspended"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "AsExpected"
	DirectorySuspended = "Suspended"

	// DirectoryTokenExpiring says whether the identity provider is about to be locked out, because a credential ends within 14 days
	// and no other that may do as much is valid beyond it.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "ExpiresSoon"
	// * "CredentialExpired"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "AsExpected"
	DirectoryTokenExpiring = "TokenExpiring"

	// DirectoryUsernameMismatch says whether there are users who cannot sign in, because of the domain of their userName or because the
	// directory's username expression gives them no name.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "UsersCannotSignIn"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "AsExpected"
	DirectoryUsernameMismatch = "UsernameMismatch"

	// DirectoryNoGroupsPushed says whether users were pushed and groups were not. That is a state and no fault: identity providers push
	// groups only when somebody tells them which.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "NoGroups"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "AsExpected"
	// * "UsersOnly"
	DirectoryNoGroupsPushed = "NoGroupsPushed"

	// DirectoryDefaultRoleInvalid says whether spec.defaultRoles names roles that nobody becomes a member of, because they do not exist
	// or are not local.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "RoleNotLocal"
	// * "RoleNotFound"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "AsExpected"
	DirectoryDefaultRoleInvalid = "DefaultRoleInvalid"

	// ReasonAsExpected means that nobody need look.
	ReasonAsExpected = "AsExpected"
	// ReasonExpiresSoon means that the last credential that may do as much ends within 14 days.
	ReasonExpiresSoon = "ExpiresSoon"
	// ReasonUsersCannotSignIn means that some users' names keep them out of the cluster. They have the condition SignIn, or Ready with
	// the reason UsernameRefused.
	ReasonUsersCannotSignIn = "UsersCannotSignIn"
	// ReasonNoGroups means that no group was pushed yet.
	ReasonNoGroups = "NoGroups"
	// ReasonUsersOnly means that spec.resources is Users, so no group is expected.
	ReasonUsersOnly = "UsersOnly"
	// ReasonRoleNotLocal means that a default role is managed by a directory. Name a local one, or detach it.
	ReasonRoleNotLocal = "RoleNotLocal"
)

// Further conditions of a ScimUser.
const (
	// UserSignIn says whether the userName is of a domain whose people can sign in to the cluster. It is there only while the user's
	// directory has spec.signInDomains. Whatever it says, the user counts.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "DomainListed"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "DomainNotListed"
	UserSignIn = "SignIn"

	// ReasonDomainListed means that spec.signInDomains of the directory has the domain.
	ReasonDomainListed = "DomainListed"
	// ReasonDomainNotListed means that it has not, so the person probably cannot sign in. Correct the userName at the identity
	// provider, or add the domain.
	ReasonDomainNotListed = "DomainNotListed"
)
