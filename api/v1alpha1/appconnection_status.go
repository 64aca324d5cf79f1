package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Conditions of an AppConnection.
const (
	// AppReady says whether all accounts are as they should be.
	//
	// Possible reasons for this condition to be True are:
	//
	// * "Synced"
	// * "Observed"
	// * "Planned"
	//
	// Possible reasons for this condition to be False are:
	//
	// * "Suspended"
	// * "InvalidExpression"
	// * "CredentialNotFound"
	// * "EndpointNotConfirmed"
	// * "EndpointRefused"
	// * "CredentialRefused"
	// * "Unreachable"
	// * "ListingIncomplete"
	// * "RemovalsHeld"
	// * "AccountsFailed"
	// * "Syncing"
	AppReady = "Ready"

	// ReasonSynced means that every account is as it should be.
	ReasonSynced = "Synced"
	// ReasonObserved means that spec.mode is Observe, and that the app was read.
	ReasonObserved = "Observed"
	// ReasonInvalidExpression means that a CEL expression in spec does not compile. Nothing is changed in the app until it is corrected.
	ReasonInvalidExpression = "InvalidExpression"
	// ReasonEndpointNotConfirmed means that the Secret does not have the annotation scim-operator.io/endpoint with this endpoint, so that its
	// credential is not sent there.
	ReasonEndpointNotConfirmed = "EndpointNotConfirmed"
	// ReasonEndpointRefused means that the endpoint is none that the operator connects to.
	ReasonEndpointRefused = "EndpointRefused"
	// ReasonCredentialRefused means that the app does not take the operator's credential, or its certificate is not trusted.
	ReasonCredentialRefused = "CredentialRefused"
	// ReasonUnreachable means that the app does not answer. What is to be done waits, and goes on by itself.
	ReasonUnreachable = "Unreachable"
	// ReasonListingIncomplete means that the app did not list its accounts to the end, so that nothing was concluded from what is missing.
	ReasonListingIncomplete = "ListingIncomplete"
	// ReasonAccountsFailed means that some accounts are not as they should be: `kubectl scim accounts --failed` lists them.
	ReasonAccountsFailed = "AccountsFailed"
	// ReasonSyncing means that accounts are being worked on.
	ReasonSyncing = "Syncing"
)

// AppConnectionStatus is what the operator knows of an app.
type AppConnectionStatus struct {
	// conditions are what is known about the app, by type. Ready is the summary: its reason names the cause, its message the remedy.
	// `kubectl wait --for=condition=Ready` waits for it.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the metadata.generation that status describes.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// type is what the app speaks: PostgreSQL, LDAP, SCIM or ArgoCD.
	// +optional
	Type AppType `json:"type,omitempty"`

	// endpoint is where the app is. The annotation scim-operator.io/endpoint of the credential's Secret must have the same value.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Endpoint string `json:"endpoint,omitempty"`

	// version is what the app says of itself.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Version string `json:"version,omitempty"`

	// accounts is the number of accounts that are in use.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Accounts *int32 `json:"accounts,omitempty"`

	// suspended is the number of accounts that are suspended.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Suspended *int32 `json:"suspended,omitempty"`

	// failed is the number of accounts that are not as they should be.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Failed *int32 `json:"failed,omitempty"`

	// waiting is the number of accounts that are still to be worked on.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Waiting *int32 `json:"waiting,omitempty"`

	// lastSyncTime is when the whole app was last compared with what it should be.
	// +optional
	LastSyncTime *metav1.Time `json:"lastSyncTime,omitempty"`

	// orphans are accounts that the last comparison found and that nobody here answers for.
	// +optional
	Orphans OrphanReport `json:"orphans,omitempty,omitzero"`

	// guard is the count of removals within the window, and how many are held.
	// +optional
	Guard AppGuardStatus `json:"guard,omitempty,omitzero"`
}

// OrphanReport counts accounts that nobody answers for. `kubectl scim accounts --orphans` prints it.
// +kubebuilder:validation:MinProperties=1
type OrphanReport struct {
	// unmanaged is the number of active accounts without any connection's mark: made by hand, or before the operator came.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Unmanaged *int32 `json:"unmanaged,omitempty"`

	// unmanagedSamples are the names of the first of them, in order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	UnmanagedSamples []string `json:"unmanagedSamples,omitempty"`

	// stray is the number of active accounts that bear this connection's mark and the id of a person for whom there is no AppAccount.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Stray *int32 `json:"stray,omitempty"`

	// straySamples are the names of the first of them, in order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	StraySamples []string `json:"straySamples,omitempty"`
}

// AppGuardStatus is the guard's memory across restarts.
// +kubebuilder:validation:MinProperties=1
type AppGuardStatus struct {
	// passes are the removals that took effect within the window, oldest first, in steps of a sixtieth of the window.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Passes []AppPass `json:"passes,omitempty"`

	// held is the number of accounts whose removal waits.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Held *int32 `json:"held,omitempty"`

	// heldSince is when the first of them was held.
	// +optional
	HeldSince *metav1.Time `json:"heldSince,omitempty"`

	// releaseTime is when they take effect without anybody's word.
	// +optional
	ReleaseTime *metav1.Time `json:"releaseTime,omitempty"`

	// digest names the set of held removals. To let exactly that set pass, set the annotation scim-operator.io/approve-removals of the
	// AppConnection to it; `kubectl scim accounts approve` does.
	// +optional
	// +kubebuilder:validation:MinLength=71
	// +kubebuilder:validation:MaxLength=71
	// +kubebuilder:validation:Pattern=`^sha256:[0-9a-f]{64}$`
	Digest string `json:"digest,omitempty"`

	// samples are the names of the first held AppAccounts, in order, at most 20.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Samples []string `json:"samples,omitempty"`
}

// AppPass is a number of removals that took effect at about the same time.
type AppPass struct {
	// time is the end of the step in which they took effect. They count until a window after it.
	// +required
	Time *metav1.Time `json:"time,omitempty"`

	// count is the number of removals. It is written before they take effect, for a few at once, so it may be too high and never too low.
	// +required
	// +kubebuilder:validation:Minimum=1
	Count int32 `json:"count,omitempty"`
}
