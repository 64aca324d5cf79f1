package store

import (
	"fmt"
	"net/http"
	"regexp"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/scim"
)

// The refusals of this file tell two people what to do: the administrator of the identity provider, who reads them in a task list,
// and the platform engineer, to whom that person passes them on.

// taken is the 409 for a name that somebody else bears. It says nothing about who: the bearer may be another directory's.
func taken(k kind, value string) *scim.Error {
	if k == userKind {
		return scim.Conflict(fmt.Sprintf("userName %q belongs to another user of the cluster, in this directory or in another. "+
			"If it is the same person and was pushed from here, import the users (in Okta: Import > Import Now) and match the existing "+
			"one instead of creating it; otherwise give one of the two another userName.", value))
	}
	return scim.Conflict(fmt.Sprintf("displayName %q belongs to another group of the cluster, in this directory or in another. "+
		"If it is the same group and was pushed from here: in Okta, open Push Groups, click Refresh App Groups, then push the group with "+
		"Link Group in the place of Create Group, and select %q. Otherwise rename one of the two.", value, value))
}

// takenByLocal is the 409 for a name that a local object bears where the directory takes none over.
func takenByLocal(k kind, value string) *scim.Error {
	if k == userKind {
		return scim.Conflict(fmt.Sprintf("userName %q belongs to a local user of the cluster, and this directory takes no local users over. "+
			"Give one of the two another userName, or ask the platform team to allow it: spec.matching.existingUsers of the ScimDirectory "+
			"is Reject.", value))
	}
	return scim.Conflict(fmt.Sprintf("displayName %q belongs to a local role of the cluster, and this directory takes no local roles over. "+
		"Rename one of the two, or ask the platform team to allow it: spec.matching.existingRoles of the ScimDirectory is Reject; with "+
		"Link, Refresh App Groups shows the role, and Link Group links it.", value))
}

// adoptCommand lets a directory take over a local object.
func adoptCommand(obj client.Object, directory string) string {
	noun := "user"
	if kindOf(obj) == roleKind {
		noun = "role"
	}
	return fmt.Sprintf("`kubectl scim adopt %s %s --directory %s`", noun, obj.GetName(), directory)
}

// plainWord is what every shell takes as it stands. An externalId comes from outside, and people paste what they are told to run, so
// any other one must not stand in a command.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_][-A-Za-z0-9._@:/+=]{0,127}$`)

// newcomerCommand lets a directory give a user another externalId. That of a local user is for people to take off. Without an
// externalId the command does nothing but show the one that waits.
func newcomerCommand(user *v1alpha1.ScimUser, directory, externalID string) string {
	if isLocal(user) {
		return fmt.Sprintf("`kubectl patch scimuser %s --type=json -p '[{\"op\":\"remove\",\"path\":\"/spec/externalId\"}]'`", user.Name)
	}
	command := fmt.Sprintf("kubectl scim adopt user %s --directory %s", user.Name, directory)
	if plainWord.MatchString(externalID) {
		command += " --external-id " + externalID
	}
	return "`" + command + "`"
}

// takeoverUnderReview is the 409 for a name that a local object bears while nobody has agreed to the takeover.
func takeoverUnderReview(obj client.Object, directory string) *scim.Error {
	if kindOf(obj) == userKind {
		return scim.Conflict(fmt.Sprintf("userName %q belongs to a local user of the cluster. If it is the same person, ask the platform "+
			"team to run %s, and then push the user again; the user keeps all access. Otherwise give one of the two another userName.",
			valueOf(obj), adoptCommand(obj, directory)))
	}
	return scim.Conflict(fmt.Sprintf("displayName %q belongs to a local role of the cluster. If it is meant to be the same group, ask the "+
		"platform team to run %s, and then push the group again, or in Okta click Refresh App Groups and choose Link Group; the role keeps "+
		"all access. Otherwise rename one of the two. To see all local roles in Okta, the platform team sets spec.matching.existingRoles "+
		"of the ScimDirectory to Link.", valueOf(obj), adoptCommand(obj, directory)))
}

// newcomerUnderReview is the 409 for a user who would become the bearer of another externalId while nobody has agreed.
func newcomerUnderReview(user *v1alpha1.ScimUser, directory, externalID string) *scim.Error {
	return scim.Conflict(fmt.Sprintf("userName %q was pushed before with another externalId, so this may be another person, who would "+
		"inherit that user's access. If it is the same person, or may have that access, ask the platform team to run %s, and then push "+
		"the user again. Otherwise give this person another userName, or have the old user deleted.",
		user.Spec.UserName, newcomerCommand(user, directory, externalID)))
}

// newcomerRefused is the same where the directory allows it to nobody.
func newcomerRefused(user *v1alpha1.ScimUser) *scim.Error {
	return scim.Conflict(fmt.Sprintf("userName %q was pushed before with another externalId, so this may be another person, who would "+
		"inherit that user's access. Give this person another userName, or ask the platform team to delete the old user: "+
		"spec.matching.recycledUsers of the ScimDirectory is Reject.", user.Spec.UserName))
}

// localStays is the answer to the deletion of a local object. What a directory sees it may take over and then delete; in one step it
// would destroy what it has never said a word about.
func localStays(k kind) *scim.Error {
	noun := "user"
	if k == roleKind {
		noun = "group"
	}
	return &scim.Error{Status: http.StatusForbidden, Detail: fmt.Sprintf("This %s is local to the cluster and was never pushed from this "+
		"directory, so it is not deleted. Push a change to it first, which makes it this directory's, or have it deleted with kubectl.", noun)}
}
