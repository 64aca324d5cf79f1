package v1alpha1

// ExtensionSchema describes attributes that an identity provider sends under a URN of their own (RFC 7643 section 3.3).
type ExtensionSchema struct {
	// schema is the URN, for example urn:ietf:params:scim:schemas:extension:strongdm:2.0:User.
	// +required
	// +kubebuilder:validation:MinLength=5
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[uU][rR][nN]:[A-Za-z0-9][-A-Za-z0-9]{0,31}:[^ ]+$`
	// +kubebuilder:validation:XValidation:rule="!self.lowerAscii().startsWith('urn:ietf:params:scim:schemas:core:') && !self.lowerAscii().startsWith('urn:ietf:params:scim:schemas:extension:enterprise:') && !self.lowerAscii().startsWith('urn:ietf:params:scim:api:')",message="the standard's own schemas are built in: remove the entry, or give a URN of your own"
	Schema string `json:"schema,omitempty"`

	// resource says what the attributes belong to: User or Group. The default is User.
	// +optional
	// +default="User"
	// +kubebuilder:validation:Enum=User;Group
	Resource string `json:"resource,omitempty"`

	// name is what an administrator sees in a list of schemas, for example strongDM User.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name,omitempty"`

	// description says in a sentence what the attributes are for.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Description string `json:"description,omitempty"`

	// attributes of the extension: at least 1, at most 64.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Attributes []ExtensionAttribute `json:"attributes,omitempty"`
}

// ExtensionAttribute describes one attribute of an extension (RFC 7643 section 7).
// +kubebuilder:validation:XValidation:rule="(has(self.type) && self.type == 'complex') == (has(self.subAttributes) && self.subAttributes.size() > 0)",message="subAttributes are for type complex, which needs at least one: add them, or change type"
type ExtensionAttribute struct {
	ExtensionSubAttribute `json:",inline"`

	// subAttributes of an attribute of type complex, at most 32.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	SubAttributes []ExtensionSubAttribute `json:"subAttributes,omitempty"`
}

// ExtensionSubAttribute describes an attribute, or a sub-attribute of a complex one.
type ExtensionSubAttribute struct {
	// name as it is sent, for example identityAliases.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z$][-_A-Za-z0-9$]*$`
	Name string `json:"name,omitempty"`

	// type of the value: string, boolean, decimal, integer, dateTime, reference, binary or complex. The default is string. A
	// sub-attribute cannot be complex.
	// +optional
	// +default="string"
	// +kubebuilder:validation:Enum=string;boolean;decimal;integer;dateTime;reference;binary;complex
	Type string `json:"type,omitempty"`

	// multiValued says that the value is an array. The default is false.
	// +optional
	MultiValued bool `json:"multiValued,omitempty"`

	// required says that a resource that has the extension must have a value. The default is false.
	// +optional
	Required bool `json:"required,omitempty"`

	// caseExact says that case matters when strings are compared. The default is false.
	// +optional
	CaseExact bool `json:"caseExact,omitempty"`

	// description says in a sentence what the value is.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Description string `json:"description,omitempty"`
}
