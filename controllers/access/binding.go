package access

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// readBindings lists what exists of the grant's bindings, from the cache, by label. Nothing of it may be changed: it is the cache's.
func (r *Reconciler) readBindings(ctx context.Context, s *scope) error {
	if s.past == nil {
		s.past = &past{}
	}
	seen := map[types.UID]seenBinding{}
	options := []client.ListOption{client.MatchingFields{indexBindGrant: s.key.String()}, client.UnsafeDisableDeepCopy}
	var wide rbacv1.ClusterRoleBindingList
	if err := r.cache.List(ctx, &wide, options...); err != nil {
		return fmt.Errorf("listing ClusterRoleBindings: %w", err)
	}
	for i := range wide.Items {
		s.existing = append(s.existing, s.past.see(seen, &wide.Items[i], wide.Items[i].RoleRef))
		r.ahead.seen(s.existing[len(s.existing)-1].Key, wide.Items[i].ResourceVersion)
	}
	var narrow rbacv1.RoleBindingList
	if err := r.cache.List(ctx, &narrow, options...); err != nil {
		return fmt.Errorf("listing RoleBindings: %w", err)
	}
	for i := range narrow.Items {
		s.existing = append(s.existing, s.past.see(seen, &narrow.Items[i], narrow.Items[i].RoleRef))
		r.ahead.seen(s.existing[len(s.existing)-1].Key, narrow.Items[i].ResourceVersion)
	}
	s.past.bindings = seen
	return nil
}

// describe turns a binding of the cluster into the planner's terms.
func describe(object client.Object, roleRef rbacv1.RoleRef) access.Binding {
	binding := describeFrame(object, roleRef)
	binding.Subjects = subjectsOf(object)
	binding.People = access.DecodePeople(object.GetAnnotations()[v1alpha1.AnnotationPeople], len(binding.Subjects))
	return binding
}

// describeFrame leaves out whom a binding names.
func describeFrame(object client.Object, roleRef rbacv1.RoleRef) access.Binding {
	binding := access.Binding{
		Key:     access.Key{Namespace: object.GetNamespace(), Name: object.GetName()},
		UID:     object.GetUID(),
		Version: object.GetResourceVersion(),
		Labels:  map[string]string{},
		RoleRef: roleRef,
	}
	binding.Grant, _ = grantOf(object)
	for _, key := range ownLabels {
		if value, ok := object.GetLabels()[key]; ok {
			binding.Labels[key] = value
		}
	}
	for _, owner := range object.GetOwnerReferences() {
		if owner.APIVersion == v1alpha1.GroupVersion.String() && owner.Kind == kindOf(binding.Grant) && owner.Name == binding.Grant.Name {
			binding.Owner = owner.UID
		}
	}
	return binding
}

// ownLabels are the labels that the operator sets on a binding.
var ownLabels = []string{
	v1alpha1.LabelManagedBy, v1alpha1.LabelGrant, v1alpha1.LabelGrantNamespace, v1alpha1.LabelRole, v1alpha1.LabelShard,
	v1alpha1.LabelDirectory, v1alpha1.LabelSelector,
}

// object is an empty binding of the right kind for a key.
func object(key access.Key) client.Object {
	if key.Namespace == "" {
		binding := &rbacv1.ClusterRoleBinding{}
		binding.Name = key.Name
		return binding
	}
	binding := &rbacv1.RoleBinding{}
	binding.Name, binding.Namespace = key.Name, key.Namespace
	return binding
}

func roleRefOf(object client.Object) rbacv1.RoleRef {
	switch binding := object.(type) {
	case *rbacv1.ClusterRoleBinding:
		return binding.RoleRef
	case *rbacv1.RoleBinding:
		return binding.RoleRef
	}
	return rbacv1.RoleRef{}
}

// versionOf is the resourceVersion of what the API server answered to a configuration.
func versionOf(config runtime.ApplyConfiguration) string {
	switch applied := config.(type) {
	case *rbacv1ac.ClusterRoleBindingApplyConfiguration:
		return ptr.Deref(applied.ResourceVersion, "")
	case *rbacv1ac.RoleBindingApplyConfiguration:
		return ptr.Deref(applied.ResourceVersion, "")
	}
	return ""
}

// configuration is what server-side apply sends for a binding. With a UID and a resourceVersion the API server changes that very object in that
// very version or refuses; without them it creates the object if there is none.
func configuration(want access.Binding, uid types.UID, version string) runtime.ApplyConfiguration {
	owner := metav1ac.OwnerReference().WithAPIVersion(v1alpha1.GroupVersion.String()).WithKind(kindOf(want.Grant)).
		WithName(want.Grant.Name).WithUID(want.Owner).WithController(true)
	ref := rbacv1ac.RoleRef().WithAPIGroup(want.RoleRef.APIGroup).WithKind(want.RoleRef.Kind).WithName(want.RoleRef.Name)
	people := map[string]string{v1alpha1.AnnotationPeople: access.EncodePeople(want.People)}
	subjects := make([]*rbacv1ac.SubjectApplyConfiguration, len(want.Subjects))
	for i, subject := range want.Subjects {
		subjects[i] = rbacv1ac.Subject().WithKind(subject.Kind).WithName(subject.Name)
		if subject.Kind == rbacv1.ServiceAccountKind {
			subjects[i].WithNamespace(subject.Namespace)
			continue
		}
		subjects[i].WithAPIGroup(subject.APIGroup)
	}
	if want.Namespace == "" {
		config := rbacv1ac.ClusterRoleBinding(want.Name).WithLabels(want.Labels).WithAnnotations(people).WithOwnerReferences(owner).
			WithRoleRef(ref).WithSubjects(subjects...)
		if uid != "" {
			config.WithUID(uid).WithResourceVersion(version)
		}
		return config
	}
	config := rbacv1ac.RoleBinding(want.Name, want.Namespace).WithLabels(want.Labels).WithAnnotations(people).WithOwnerReferences(owner).
		WithRoleRef(ref).WithSubjects(subjects...)
	if uid != "" {
		config.WithUID(uid).WithResourceVersion(version)
	}
	return config
}
