package v1alpha1

// DiscoveryAccess says who may read what a directory's endpoint can do.
// +kubebuilder:validation:Enum=Authenticated;Public
type DiscoveryAccess string

// Who may read what a directory's endpoint can do.
const (
	// DiscoveryAuthenticated means callers with a credential.
	DiscoveryAuthenticated DiscoveryAccess = "Authenticated"
	// DiscoveryPublic means everybody who reaches the endpoint (RFC 7643 section 5).
	DiscoveryPublic DiscoveryAccess = "Public"
)

// DirectoryResources says what an identity provider may push.
// +kubebuilder:validation:Enum=Users;UsersAndGroups
type DirectoryResources string

// What an identity provider may push.
const (
	// ResourcesUsers means users only.
	ResourcesUsers DirectoryResources = "Users"
	// ResourcesUsersAndGroups means users and groups.
	ResourcesUsersAndGroups DirectoryResources = "UsersAndGroups"
)

// RoleAssignment says whether an identity provider may give roles to users without groups.
// +kubebuilder:validation:Enum=Disabled;Enabled
type RoleAssignment string

// Whether an identity provider may give roles to users without groups.
const (
	// RoleAssignmentDisabled means no.
	RoleAssignmentDisabled RoleAssignment = "Disabled"
	// RoleAssignmentEnabled means that /Roles and /Entitlements are served and the attribute roles takes effect.
	RoleAssignmentEnabled RoleAssignment = "Enabled"
)

// GroupAcceptance says which groups are accepted. A pattern is compared with the whole displayName without regard to case; * stands for any
// number of characters and ? for one.
// +kubebuilder:validation:MinProperties=1
type GroupAcceptance struct {
	// include are patterns, at most 64, one of which the displayName must match, for example ["k8s-*"]. Absent means that any will
	// do.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Include []string `json:"include,omitempty"`

	// exclude are patterns, at most 64, none of which the displayName may match, for example ["*-admins"]. It goes before include. A
	// group that is not accepted is answered 403 with a text that says why; one that was accepted earlier stays, but cannot
	// be renamed to a name that is not accepted.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Exclude []string `json:"exclude,omitempty"`
}

// MatchPolicy says what happens when a push meets an object that is here already.
// +kubebuilder:validation:Enum=Link;Review;Reject
type MatchPolicy string

// What happens when a push meets an object that is here already.
const (
	// MatchLink means that the directory takes the object over, with an event that names the previous owner.
	MatchLink MatchPolicy = "Link"
	// MatchReview means that the push is refused until a person has agreed with `kubectl scim adopt`.
	MatchReview MatchPolicy = "Review"
	// MatchReject means that the push is refused.
	MatchReject MatchPolicy = "Reject"
)

// Matching says what happens when the identity provider pushes somebody who is here already. Objects of another directory are
// never matched: they answer as if they did not exist, and their names are taken.
// +kubebuilder:validation:MinProperties=1
type Matching struct {
	// existingUsers says what happens when the identity provider pushes the userName of a local user. With Link it also sees local
	// users in its searches and lists, so that it can import and match them, and its first change to one takes the user
	// over, roles and access included. With Review the push is answered 409 until somebody runs `kubectl scim adopt`; with Reject
	// always. The default is Review.
	// +optional
	// +default="Review"
	ExistingUsers MatchPolicy `json:"existingUsers,omitempty"`

	// existingRoles says the same of groups and local roles, matched by displayName or, where the identity provider links a group to
	// a role of another name that it has listed, by id. localMembers of a role that is taken over stay. The default is Review.
	// +optional
	// +default="Review"
	ExistingRoles MatchPolicy `json:"existingRoles,omitempty"`

	// recycledUsers says what happens when a push would give a user of this directory another externalId: the userName is the same
	// and the person probably is not, so the newcomer would inherit the access of somebody who left. Link lets it through. The
	// default is Review.
	// +optional
	// +default="Review"
	RecycledUsers MatchPolicy `json:"recycledUsers,omitempty"`
}

// The condition of a ScimDirectory that its guard sets.
const (
	// DirectoryGuardTripped says whether removals of the directory's people or members wait in an AccessPlan. It is absent until that
	// happens for the first time.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "RemovalsHeld"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "NothingHeld"
	DirectoryGuardTripped = "GuardTripped"

	// ReasonRemovalsHeld means that more people would lose access than the guard lets pass. Look at the AccessPlans, and approve or
	// discard; for an AppConnection, status.guard says how many it is, and how to let them pass.
	ReasonRemovalsHeld = "RemovalsHeld"
	// ReasonNothingHeld means that no removal waits.
	ReasonNothingHeld = "NothingHeld"
)

// GuardMode says what the guard does.
// +kubebuilder:validation:Enum=Hold;Off
type GuardMode string

// What the guard does.
const (
	// GuardHold means that removals beyond the limits wait for a person, or for holdTimeout.
	GuardHold GuardMode = "Hold"
	// GuardOff means that every removal takes effect at once, except those of breakGlass.
	GuardOff GuardMode = "Off"
)

// Guard limits how many people may lose access within an hour without a person's word. What the identity provider said is always
// stored at once; what waits is the effect on bindings, in an AccessPlan. One person who leaves alone, with nobody else within ten
// seconds before, loses access at once even while others are held, up to count of them within the window.
// +kubebuilder:validation:MinProperties=1
type Guard struct {
	// mode is Hold or Off. The default is Hold.
	// +optional
	// +default="Hold"
	Mode GuardMode `json:"mode,omitempty"`

	// users limits deactivations and deletions of users of this directory. Beyond max(count, percent of the active users) within
	// the window they are held. The defaults are 20 and 5.
	// +optional
	Users GuardLimit `json:"users,omitempty,omitzero"`

	// members limits removals of members from one role, the deletion of the role included, for roles through which at least 10
	// people have access. Beyond max(count, percent of the members) within the window they are held; one change that does not fit
	// in is held as a whole. The defaults are 10 and 50.
	// +optional
	Members GuardLimit `json:"members,omitempty,omitzero"`

	// windowSeconds is the time, in seconds, over which removals are counted: from 60 to 86,400 (a day). The default is 3,600 (an
	// hour).
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=86400
	WindowSeconds int32 `json:"windowSeconds,omitempty"`

	// holdTimeoutSeconds is how long, in seconds, a set of removals is held before it takes effect without anybody's word: from 60 to
	// 2,592,000 (thirty days). The default is 86,400 (a day).
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=2592000
	HoldTimeoutSeconds int32 `json:"holdTimeoutSeconds,omitempty"`

	// breakGlass are the ids (metadata.name of ScimUsers), at most 32, of identities that never lose a binding to a push: neither
	// deactivation nor removal from a role nor the deletion of a role takes anything from them, whatever the mode. Only a change
	// to this list, or to a grant, does. Keep it short, and watch it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	BreakGlass []string `json:"breakGlass,omitempty"`
}

// GuardLimit is the larger of a number and a percentage.
// +kubebuilder:validation:MinProperties=1
type GuardLimit struct {
	// count of removals that always pass, from 1 to 100,000.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	Count int32 `json:"count,omitempty"`

	// percent of the largest number of active users, or members, that the guard counted within the last 24 hours, from 0 to 100.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Percent *int32 `json:"percent,omitempty"`
}

// Identity says how a user appears in Kubernetes.
// +kubebuilder:validation:MinProperties=1
type Identity struct {
	// username is a CEL expression that gives the Kubernetes user name, which must be the one that the API server's
	// authenticator makes of the user's token, prefix included, for example `"oidc:" + user.userName` for
	// --oidc-username-prefix=oidc:, or `user.externalId`. The variable `user` has the fields of ScimUser.spec. The default is
	// `user.userName`.
	//
	// A result that is empty, over 253 bytes, starts with `system:`, or has control characters is refused: the user then gets
	// no access, and the grant's condition says so.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Username string `json:"username,omitempty"`

	// group is a CEL expression that gives the Kubernetes group name of a pushed group, which must be the one that the API server's
	// authenticator makes of the groups claim of its members' tokens, prefix included, for example `"oidc:" + role.displayName`
	// for --oidc-groups-prefix=oidc:. The variable `role` has the fields displayName, externalId and name (metadata.name) of the
	// ScimRole. Only grants with subjects Group or Auto use it. The default is `role.displayName`.
	//
	// A result that is empty, over 253 bytes, starts with `system:`, or has control characters is refused: the group is
	// not bound, and the grant's condition says so; with subjects Auto its members stay bound one by one.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Group string `json:"group,omitempty"`
}
