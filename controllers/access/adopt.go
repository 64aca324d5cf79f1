package access

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// staying is a binding that was handed over to a grant and stays for now.
type staying struct {
	key access.Key
	ref rbacv1.RoleRef
	// uncovered are those to whom the grant does not give what the binding gives.
	uncovered []rbacv1.Subject
	// refused is what the API server said to the deletion.
	refused error
}

// adopt deletes the bindings that people have handed over to the grant, as far as it gives everybody in them the same. It is the last
// thing that a pass writes: what the grant gives is there before what it replaces goes. An error means that the same is tried again.
func (r *Reconciler) adopt(ctx context.Context, s *scope) error {
	if s.spec().Existing != v1alpha1.ExistingAdopt {
		return nil
	}
	foreign, err := r.handedOver(ctx, s.key)
	if err != nil {
		return err
	}
	for _, binding := range foreign {
		stays, err := r.adoptOne(ctx, s, binding)
		if err != nil {
			return fmt.Errorf("taking over %s: %w", describeKey(binding.Key), err)
		}
		if stays != nil {
			s.staying = append(s.staying, *stays)
			continue
		}
		log.FromContext(ctx).Info("took a binding over", "binding", describeKey(binding.Key))
		r.recorder.Eventf(s.grant, nil, corev1.EventTypeNormal, "BindingAdopted", "Adopt", "%s", describeKey(binding.Key)+" is deleted: the grant gives all that it gave.")
	}
	return nil
}

// handedOver lists the bindings that carry the grant's name, from the cache, sorted. An AccessGrant has those of its namespace.
func (r *Reconciler) handedOver(ctx context.Context, key access.GrantKey) ([]access.Binding, error) {
	options := []client.ListOption{client.MatchingFields{indexBindAdopted: key.Name}, client.UnsafeDisableDeepCopy}
	var all []access.Binding
	if key.Namespace == "" {
		var wide rbacv1.ClusterRoleBindingList
		if err := r.cache.List(ctx, &wide, options...); err != nil {
			return nil, fmt.Errorf("listing ClusterRoleBindings to take over: %w", err)
		}
		for i := range wide.Items {
			all = append(all, describe(&wide.Items[i], wide.Items[i].RoleRef))
		}
	}
	var narrow rbacv1.RoleBindingList
	if err := r.cache.List(ctx, &narrow, append(options, client.InNamespace(key.Namespace))...); err != nil {
		return nil, fmt.Errorf("listing RoleBindings to take over: %w", err)
	}
	for i := range narrow.Items {
		all = append(all, describe(&narrow.Items[i], narrow.Items[i].RoleRef))
	}
	slices.SortFunc(all, func(a, b access.Binding) int { return a.Compare(b.Key) })
	return all, nil
}

// adoptOne deletes one binding, or says why it stays. The cache only says that a look is worth while. Whether somebody would lose access
// the API server's own word decides, about this binding and about those of the grant, and the deletion holds for exactly the version
// that was looked at. Nobody but this worker writes the grant's bindings meanwhile.
func (r *Reconciler) adoptOne(ctx context.Context, s *scope, cached access.Binding) (*staying, error) {
	stays := &staying{key: cached.Key, ref: cached.RoleRef}
	if stays.uncovered = access.Uncovered(cached, s.desired); len(stays.uncovered) > 0 || s.spec().Mode == v1alpha1.ModePlan {
		return stays, nil
	}
	found := object(cached.Key)
	err := r.live.Get(ctx, client.ObjectKeyFromObject(found), found)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the binding: %w", err)
	case found.GetUID() != cached.UID || access.AdoptedBy(found.GetName(), found.GetLabels()) != s.key.Name:
		return nil, errStale
	}
	own, err := r.ownLive(ctx, s.key, cached.Namespace)
	if err != nil {
		return nil, err
	}
	if stays.uncovered = access.Uncovered(describe(found, roleRefOf(found)), own); len(stays.uncovered) > 0 {
		return stays, nil
	}
	uid, version := found.GetUID(), found.GetResourceVersion()
	err = r.writer.Delete(ctx, found, client.Preconditions{UID: &uid, ResourceVersion: &version})
	if apierrors.IsForbidden(err) {
		stays.refused = err
		return stays, nil
	}
	return nil, client.IgnoreNotFound(err)
}

// ownLive reads the grant's bindings in one place from the API server.
func (r *Reconciler) ownLive(ctx context.Context, key access.GrantKey, namespace string) ([]access.Binding, error) {
	mine := client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelGrant: key.Name}
	var all []access.Binding
	add := func(object client.Object, ref rbacv1.RoleRef) {
		if binding := describe(object, ref); binding.Grant == key {
			all = append(all, binding)
		}
	}
	if namespace == "" {
		var wide rbacv1.ClusterRoleBindingList
		if err := r.live.List(ctx, &wide, mine); err != nil {
			return nil, fmt.Errorf("reading the grant's ClusterRoleBindings: %w", err)
		}
		for i := range wide.Items {
			add(&wide.Items[i], wide.Items[i].RoleRef)
		}
		return all, nil
	}
	var narrow rbacv1.RoleBindingList
	if err := r.live.List(ctx, &narrow, mine, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("reading the grant's RoleBindings: %w", err)
	}
	for i := range narrow.Items {
		add(&narrow.Items[i], narrow.Items[i].RoleRef)
	}
	return all, nil
}

// setAdopted sets the condition Adopted of a grant that takes bindings over, and removes that of one that does not.
func setAdopted(status *v1alpha1.GrantStatus, s *scope) {
	if s.spec().Existing != v1alpha1.ExistingAdopt {
		apimeta.RemoveStatusCondition(&status.Conditions, v1alpha1.GrantAdopted)
		return
	}
	adopted := adoptionVerdict(s)
	adopted.Type, adopted.ObservedGeneration = v1alpha1.GrantAdopted, s.grant.GetGeneration()
	adopted.LastTransitionTime = metav1.NewTime(s.now)
	apimeta.SetStatusCondition(&status.Conditions, adopted)
}

func adoptionVerdict(s *scope) metav1.Condition {
	var texts []string
	refused := false
	for _, stays := range s.staying {
		texts = append(texts, stays.String())
		refused = refused || stays.refused != nil
	}
	switch {
	case len(texts) == 0:
		return is(v1alpha1.ReasonNothingLeft, "No binding of somebody else is labelled for the grant.")
	case s.spec().Mode == v1alpha1.ModePlan:
		return isNot(v1alpha1.ReasonPlanned, count(len(texts), "binding")+" labelled for the grant: none is deleted while spec.mode is Plan.")
	case refused:
		return isNot(v1alpha1.ReasonNotDeleted, list(texts)+".")
	}
	return isNot(v1alpha1.ReasonNotCovered, list(texts)+". Add them to the grant, or take them out of the binding.")
}

// String says in a message why a binding stays.
func (s staying) String() string {
	if s.refused != nil {
		return describeKey(s.key) + " could not be deleted: " + shorten(s.refused.Error(), 500)
	}
	subjects := make([]string, len(s.uncovered))
	for i, subject := range s.uncovered {
		name := subject.Name
		if subject.Kind == rbacv1.ServiceAccountKind {
			name = cmp.Or(subject.Namespace, "?") + "/" + name
		}
		subjects[i] = fmt.Sprintf("%s %q", subject.Kind, name)
	}
	return fmt.Sprintf("%s stays, because the grant does not give %s %q in the same place to %s", describeKey(s.key), s.ref.Kind, s.ref.Name, list(subjects))
}

// adopters are the grants to which a binding may have been handed over.
func adopters(object client.Object) []access.GrantKey {
	name := access.AdoptedBy(object.GetName(), object.GetLabels())
	switch {
	case name == "":
		return nil
	case object.GetNamespace() == "":
		return []access.GrantKey{{Name: name}}
	}
	return []access.GrantKey{{Name: name}, {Namespace: object.GetNamespace(), Name: name}}
}

func bindingAdopted(object client.Object) []string {
	if name := access.AdoptedBy(object.GetName(), object.GetLabels()); name != "" {
		return []string{name}
	}
	return nil
}
