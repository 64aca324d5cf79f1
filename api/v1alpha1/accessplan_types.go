package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Conditions of an AccessPlan.
const (
	// PlanHolds says whether removals wait.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "LimitExceeded"
	// * "Discarded"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "WithinLimit"
	PlanHolds = "Held"

	// ReasonLimitExceeded means that more people would lose access within the window than the limit lets pass.
	ReasonLimitExceeded = "LimitExceeded"
	// ReasonDiscarded means that a person discarded what waits.
	ReasonDiscarded = "Discarded"
	// ReasonWithinLimit means that nothing waits.
	ReasonWithinLimit = "WithinLimit"

	// PlanDecided says what became of the last decision.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "Approved"
	// * "Discarded"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "DigestChanged"
	// * "TooManyDiscarded"
	PlanDecided = "Decided"

	// ReasonApproved means that the set was approved and takes effect.
	ReasonApproved = "Approved"
	// ReasonDigestChanged means that the set is another than the one that the decision names, so nothing happened. Look at the plan
	// again, and decide about the present digest.
	ReasonDigestChanged = "DigestChanged"
	// ReasonTooManyDiscarded means that sets of 62 holds wait discarded already, so nothing happened. Approve these, or
	// give the people back at the identity provider.
	ReasonTooManyDiscarded = "TooManyDiscarded"
)

// PlanState is what has become of an AccessPlan.
// +kubebuilder:validation:Enum=Watching;Held;Released;Discarded
type PlanState string

// What has become of an AccessPlan.
const (
	// PlanWatching means that removals are within the limit: the plan only counts them.
	PlanWatching PlanState = "Watching"
	// PlanHeld means that removals wait for a person, or for the end of holdTimeout.
	PlanHeld PlanState = "Held"
	// PlanReleased means that the removals were approved, or that holdTimeout has passed, and are taking effect.
	PlanReleased PlanState = "Released"
	// PlanDiscarded means that a person refused the removals: those who are in it keep their access until the identity provider
	// takes them back, or somebody approves after all.
	PlanDiscarded PlanState = "Discarded"
)

// PlanDecision is a person's word on a set of held removals.
// +kubebuilder:validation:Enum=Approve;Discard
type PlanDecision string

// A person's word on a set of held removals.
const (
	// DecisionApprove lets the removals take effect.
	DecisionApprove PlanDecision = "Approve"
	// DecisionDiscard keeps the access of those who are in the set.
	DecisionDiscard PlanDecision = "Discard"
)

// AccessPlanSpec says whose removals the plan watches, and what a person decided.
// +kubebuilder:validation:XValidation:rule="self.directory == oldSelf.directory && has(self.role) == has(oldSelf.role) && (!has(self.role) || self.role == oldSelf.role)",message="spec.directory and spec.role of an AccessPlan cannot change: the operator makes one plan for each directory and role"
type AccessPlanSpec struct {
	// directory is the name of the ScimDirectory whose users are watched, or whose role.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Directory string `json:"directory,omitempty"`

	// role is the metadata.name of the ScimRole whose members are watched. Absent in the plan of the directory's users.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Role string `json:"role,omitempty"`

	// decision is a person's word on the removals that are held. It holds for exactly the set whose digest it names: when the set
	// has changed meanwhile, it is refused and the condition Decided says so. It is heard once, when it is written: to decide the
	// same about the same set again, remove it first. Whoever writes it needs the verb approve on accessplans. `kubectl scim plan
	// approve NAME` writes it.
	// +optional
	Decision Decision `json:"decision,omitempty,omitzero"`
}

// Decision is a person's word on one set of held removals.
type Decision struct {
	// digest is status.digest of the set that the decision is about.
	// +required
	// +kubebuilder:validation:MinLength=71
	// +kubebuilder:validation:MaxLength=71
	// +kubebuilder:validation:Pattern=`^sha256:[0-9a-f]{64}$`
	Digest string `json:"digest,omitempty"`

	// verdict is Approve or Discard.
	// +required
	Verdict PlanDecision `json:"verdict,omitempty"`

	// reason says why, for whoever reads it next year.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`
}

// AccessPlanStatus is the count of removals within the window, and those that are held.
type AccessPlanStatus struct {
	// conditions are what is known about the plan, by type: Held says whether removals wait, Decided what became of the last
	// decision.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the metadata.generation that status describes.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// state is what has become of the plan: Watching, Held, Released or Discarded.
	// +optional
	State PlanState `json:"state,omitempty"`

	// digest names the set of held removals, whatever the order: sha256: and 64 hexadecimal digits. Empty while nothing is held.
	// +optional
	// +kubebuilder:validation:MinLength=71
	// +kubebuilder:validation:MaxLength=71
	// +kubebuilder:validation:Pattern=`^sha256:[0-9a-f]{64}$`
	Digest string `json:"digest,omitempty"`

	// passed is the number of different people whose removal took effect within the window, without those whose removal was
	// approved or whose holdTimeout has passed.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Passed *int32 `json:"passed,omitempty"`

	// held is the number of different people whose removal waits.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Held *int32 `json:"held,omitempty"`

	// limit is the number of removals that pass within the window.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Limit *int32 `json:"limit,omitempty"`

	// samples are the Kubernetes user names of the first people whose removal waits, sorted, at most 20. `kubectl scim plan show NAME`
	// lists all of them, which it reads from the annotation scim-operator.io/people of the bindings that they are held in.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Samples []string `json:"samples,omitempty"`

	// heldSince is when the first of the held removals was held.
	// +optional
	HeldSince *metav1.Time `json:"heldSince,omitempty"`

	// releaseTime is when the held removals take effect without anybody's word: heldSince and the directory's holdTimeout. Absent
	// when only discarded removals wait.
	// +optional
	ReleaseTime *metav1.Time `json:"releaseTime,omitempty"`

	// epoch is the number of the present hold, from 0 to 63 and then from 0 again. Bindings mark each held subject with the epoch in
	// which it was held, in the annotation scim-operator.io/people; a mark of an epoch that is over, and not discarded, is released.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=63
	Epoch *int32 `json:"epoch,omitempty"`

	// discardedEpochs are the epochs whose holds a person discarded: those who bear their marks wait until somebody approves.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=63
	// +kubebuilder:validation:items:Minimum=0
	// +kubebuilder:validation:items:Maximum=63
	DiscardedEpochs []int32 `json:"discardedEpochs,omitempty"`

	// passes are the removals that took effect within the window, oldest first. They are the operator's memory across restarts.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Passes []PlanPass `json:"passes,omitempty"`

	// peaks are the largest numbers of active people, or members, of the last 24 hours, oldest first and each smaller than the
	// one before. The limit's percentage is of the first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Peaks []PlanPeak `json:"peaks,omitempty"`

	// reservedBy names the process of the operator that may let one more person pass before this status says so: whoever leaves alone loses
	// access without waiting for it to be written. A process that takes over counts that person as passed, because it cannot know.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	ReservedBy string `json:"reservedBy,omitempty"`
}

// PassReason says why a removal was let through.
// +kubebuilder:validation:Enum=Limit;Alone
type PassReason string

// Why a removal was let through.
const (
	// PassLimit means that the limit had room.
	PassLimit PassReason = "Limit"
	// PassAlone means that it came alone while the limit was used up or others were held.
	PassAlone PassReason = "Alone"
)

// PlanPass is a number of removals that took effect at about the same time.
type PlanPass struct {
	// time is the end of the step, a sixtieth of the window, in which the removals took effect. They count until a window after it.
	// +required
	Time *metav1.Time `json:"time,omitempty"`

	// reason is Limit, or Alone for removals that came by themselves while the limit was used up or others were held.
	// +required
	Reason PassReason `json:"reason,omitempty"`

	// count is the number of different people.
	// +required
	// +kubebuilder:validation:Minimum=1
	Count int32 `json:"count,omitempty"`

	// people are eight characters for each of them, in order: a hash of the Kubernetes user name, by which the operator knows whom it
	// has let through. Shorter, or absent, when the plan has more passes than it can remember by name, and when it counts somebody whom
	// a former process may have let through.
	// +optional
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=80000
	// +kubebuilder:validation:Pattern=`^([-_A-Za-z0-9]{8})+$`
	People string `json:"people,omitempty"`
}

// PlanPeak is a number of active people, or members, at a time.
type PlanPeak struct {
	// time is when it was counted.
	// +required
	Time *metav1.Time `json:"time,omitempty"`

	// count is the number.
	// +required
	// +kubebuilder:validation:Minimum=0
	Count *int32 `json:"count,omitempty"`
}

// AccessPlan counts the people who lose access because of what an identity provider pushed, and holds back what goes beyond the
// directory's guard. The operator makes it; a person approves or discards what it holds.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=scim,shortName=plan
// +kubebuilder:selectablefield:JSONPath=`.spec.directory`
// +kubebuilder:selectablefield:JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Directory",type=string,JSONPath=`.spec.directory`,description="Directory whose removals are watched"
// +kubebuilder:printcolumn:name="Role",type=string,JSONPath=`.spec.role`,description="Role whose members are watched; empty for the users of the directory"
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`,description="What has become of the removals"
// +kubebuilder:printcolumn:name="Held",type=integer,JSONPath=`.status.held`,description="People whose removal waits"
// +kubebuilder:printcolumn:name="Passed",type=integer,JSONPath=`.status.passed`,description="People whose removal took effect within the window"
// +kubebuilder:printcolumn:name="Limit",type=integer,JSONPath=`.status.limit`,description="Removals that pass within the window"
// +kubebuilder:printcolumn:name="Release",type=string,JSONPath=`.status.releaseTime`,description="When held removals take effect without anybody's word"
// +kubebuilder:printcolumn:name="Digest",type=string,priority=1,JSONPath=`.status.digest`,description="Name of the held set, to approve exactly that"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type AccessPlan struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of every Kubernetes object: name, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says whose removals the plan watches, and what a person decided.
	// +required
	Spec AccessPlanSpec `json:"spec,omitzero"`

	// status is the count of removals within the window, and those that are held.
	// +optional
	Status AccessPlanStatus `json:"status,omitempty,omitzero"`
}

// AccessPlanList is a list of AccessPlans.
// +kubebuilder:object:root=true
type AccessPlanList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AccessPlan `json:"items"`
}
