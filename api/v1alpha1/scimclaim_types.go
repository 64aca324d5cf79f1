package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClaimAttribute is an attribute whose values are unique in the cluster.
// +kubebuilder:validation:Enum=userName;displayName
type ClaimAttribute string

const (
	// ClaimUserName is the userName of a ScimUser.
	ClaimUserName ClaimAttribute = "userName"
	// ClaimDisplayName is the displayName of a ScimRole.
	ClaimDisplayName ClaimAttribute = "displayName"
)

// ScimClaimSpec says who owns a unique value.
// +kubebuilder:validation:XValidation:rule="self.attribute == oldSelf.attribute && self.value == oldSelf.value",message="spec.attribute and spec.value of a ScimClaim are immutable: its name is derived from them"
type ScimClaimSpec struct {
	// attribute is the attribute that is unique: userName of a ScimUser, displayName of a ScimRole. It never changes.
	// +required
	Attribute ClaimAttribute `json:"attribute,omitempty"`

	// value is the unique value, folded (Unicode NFKC and case folding), at most 4,096 characters. It never changes.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Value string `json:"value,omitempty"`

	// owner is the metadata.name of the ScimUser or ScimRole that has the value. It need not exist: a claim whose owner is gone
	// is free to be taken.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Owner string `json:"owner,omitempty"`
}

// ScimClaim records that one userName or displayName is taken, and by whom. Its name is derived from the value, so the API server
// itself makes the value unique. The operator writes claims and repairs them; there is no reason to write one by hand.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,categories=scim
// +kubebuilder:selectablefield:JSONPath=`.spec.attribute`
// +kubebuilder:selectablefield:JSONPath=`.spec.owner`
// +kubebuilder:printcolumn:name="Attribute",type=string,JSONPath=`.spec.attribute`,description="Attribute that is unique"
// +kubebuilder:printcolumn:name="Value",type=string,JSONPath=`.spec.value`,description="Value that is taken, folded"
// +kubebuilder:printcolumn:name="Owner",type=string,JSONPath=`.spec.owner`,description="ScimUser or ScimRole that has the value"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.startsWith(self.spec.attribute.lowerAscii() + '-') && self.metadata.name.matches('^[a-z]+-[a-z2-7]{52}$')",message="metadata.name of a ScimClaim is derived from spec.attribute and spec.value: let the operator write it"
type ScimClaim struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of every Kubernetes object: name, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says who owns the value.
	// +required
	Spec ScimClaimSpec `json:"spec,omitzero"`
}

// ScimClaimList is a list of ScimClaims.
// +kubebuilder:object:root=true
type ScimClaimList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimClaim `json:"items"`
}
