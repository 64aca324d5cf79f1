package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group of all kinds of this package.
const GroupName = "scim-operator.io"

var (
	// GroupVersion is the group and version of all kinds of this package.
	GroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1alpha1"}

	// SchemeGroupVersion is GroupVersion under the name that generated clients expect.
	SchemeGroupVersion = GroupVersion

	schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme registers the kinds of this package.
	AddToScheme = schemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&ScimDirectory{}, &ScimDirectoryList{},
		&ScimUser{}, &ScimUserList{},
		&ScimRole{}, &ScimRoleList{},
		&ScimRoleSlice{}, &ScimRoleSliceList{},
		&ScimClaim{}, &ScimClaimList{},
		&ClusterAccessGrant{}, &ClusterAccessGrantList{},
		&AccessGrant{}, &AccessGrantList{},
		&AccessPlan{}, &AccessPlanList{},
		&AppConnection{}, &AppConnectionList{},
		&AppAccount{}, &AppAccountList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
