package v1alpha1

// Labels on objects that the operator writes. Their values are object names, never what an identity provider sent.
const (
	// LabelManagedBy marks every object that the operator derives; its value is ManagedBy.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of LabelManagedBy, and the field owner of the operator's server-side applies.
	ManagedBy = "scim-operator"
	// LabelDirectory is the ScimDirectory that a ScimUser or ScimRole came through; on a binding, that of its role, and empty for
	// a local role.
	LabelDirectory = GroupName + "/directory"
	// LabelRole is the ScimRole that a ScimRoleSlice or a binding belongs to.
	LabelRole = GroupName + "/role"
	// LabelGrant is the ClusterAccessGrant that a binding was derived from, or, with LabelGrantNamespace, the AccessGrant.
	LabelGrant = GroupName + "/grant"
	// LabelGrantNamespace is the namespace of the AccessGrant that a binding was derived from; the bindings of ClusterAccessGrants
	// lack it.
	LabelGrantNamespace = GroupName + "/grant-namespace"
	// LabelShard is the position, from 0, of a binding's subjects among the role's slices; it is `local` for the local members,
	// `group` for the group itself, and `direct` for those whom the grant names.
	LabelShard = GroupName + "/shard"
	// LabelSelector is a hash of the entry in the grant's spec.roles that matched the role of a binding, so that the removal of the
	// entry can be told from the removal of the role.
	LabelSelector = GroupName + "/selector"
	// LabelAdoptedBy is set by people, together with LabelManagedBy, on a binding that the operator did not write: the grant of this name
	// (an AccessGrant of the binding's namespace, or a ClusterAccessGrant) may delete the binding once it gives all that the binding
	// gives, if its spec.existing is Adopt.
	LabelAdoptedBy = GroupName + "/adopted-by"
)

// Annotations that the SCIM server and the repair controller write. None of them changes metadata.generation, so none of them
// changes the version (ETag) that a SCIM client sees.
const (
	// AnnotationLastModified is the time (RFC 3339, milliseconds, UTC) of the last change of spec that was made over SCIM. It is
	// meta.lastModified of the SCIM resource; when it is absent, the resource was never modified.
	AnnotationLastModified = GroupName + "/last-modified"
	// AnnotationFence is rewritten to move an object's resourceVersion, which makes every write that is still under way from an
	// older read fail. Its value means nothing.
	AnnotationFence = GroupName + "/fence"
	// AnnotationCondemned marks an object that repair is about to delete because it never came to count. A create that finds
	// its own object condemned must not acknowledge it.
	AnnotationCondemned = GroupName + "/condemned"
	// AnnotationUncommitted marks an object that the SCIM server created and that, as far as the object itself can tell, nothing else
	// has touched since. Its value is the metadata.generation that the create leaves behind, so any later change of spec, by whomever,
	// makes it void; every fence and every update over SCIM takes it off. Repair deletes no object without a valid mark.
	AnnotationUncommitted = GroupName + "/uncommitted"
	// AnnotationTraceparent is the W3C trace context (traceparent) of the write that made a ScimUser, ScimRole, ScimClaim or AppAccount as
	// it is, where that belongs to a trace which is recorded. It is written with what is written anyway, and the next write of the object
	// by the operator that is not recorded takes it off.
	AnnotationTraceparent = GroupName + "/traceparent"
	// AnnotationPeople says, on a binding, who stands behind each subject and whether the guard holds it (docs/design/0003-guard.md).
	AnnotationPeople = GroupName + "/people"
)

// Annotations of takeovers, on ScimUsers and ScimRoles. The SCIM server writes the first two; people write the approvals, best with
// `kubectl scim adopt`, and the server removes them in the write that makes use of them. None of them changes the version (ETag)
// that a SCIM client sees.
const (
	// AnnotationPreviousOwner says whose the object was before a directory took it over, and since when it no longer is: the word
	// `local`, a space, and the time of the takeover (RFC 3339, milliseconds, UTC), as in `local 2026-02-03T04:05:06.000Z`. A later
	// takeover replaces it.
	AnnotationPreviousOwner = GroupName + "/previous-owner"
	// AnnotationReviewRequested says that a push waits for a person's word about this object. On a local object its value is the
	// directory that would take it over, or several, in order and separated by commas; for a recycled userName it is the directory, a
	// space, and the new externalId that the push carries. It is written once for the same request, however often the identity
	// provider repeats that, and removed with the approval that answers it.
	AnnotationReviewRequested = GroupName + "/review-requested"
	// AnnotationApprovedTakeover lets one directory, whose name is its value, take over this local user or role, where the
	// directory's spec.matching says Review. It is ignored where that says Reject, and where it names another directory.
	AnnotationApprovedTakeover = GroupName + "/approved-takeover"
	// AnnotationApprovedExternalID lets the directory of this user give the user the externalId that is its value, and no other,
	// where the directory's spec.matching.recycledUsers says Review: a person has seen that the newcomer is who bore the userName
	// before, or may inherit that person's access.
	AnnotationApprovedExternalID = GroupName + "/approved-external-id"
	// AnnotationFormerExternalID is the externalId that a push took from this user without giving another, so that the next one is
	// compared with it as if it were still there. The SCIM server writes it, and removes it when the user has an externalId again.
	AnnotationFormerExternalID = GroupName + "/former-external-id"
)

// Annotations about accounts in apps. People write them, best with `kubectl scim`; the operator removes those that it has heard.
const (
	// AnnotationEndpoint says, on the Secret of an AppConnection's credential, to which endpoint the credential may be sent: the value of
	// the AppConnection's status.endpoint.
	AnnotationEndpoint = GroupName + "/endpoint"
	// AnnotationApproveRemovals lets the guard of an AppConnection release the held removals whose digest (status.guard.digest) is its
	// value, and no other set.
	AnnotationApproveRemovals = GroupName + "/approve-removals"
	// AnnotationRetry has an AppAccount tried again, or all of an AppConnection. Its value means nothing.
	AnnotationRetry = GroupName + "/retry"
)

// PreviousOwnerLocal is the first word of AnnotationPreviousOwner for an object that belonged to no directory.
const PreviousOwnerLocal = "local"
