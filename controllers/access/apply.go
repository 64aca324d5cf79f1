package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// failure is a write that the API server, or caution, refused.
type failure struct {
	change access.Change
	err    error
	// notAllowed says that the operator's own RBAC lacks the verb bind for the ClusterRole or Role.
	notAllowed bool
	// final says that nobody need know of it but by status: refusedWait says when it is tried again.
	final bool
}

// errForeign is a binding that bears the name of one of ours and was written by somebody else.
var errForeign = errors.New("a binding of this name exists that the operator did not write; delete or rename that binding")

// errStale means that the cache is behind. The next attempt finds it in step.
var errStale = errors.New("the binding has changed since it was read")

// writers is the number of bindings of one grant that are written at the same time.
const writers = 4

// unbroken is the number of additions that are made before the next look whether a revocation waits.
const unbroken = 16

// apply carries the changes out: all that take something away, and then those that only give. A failure of one does not keep the others
// back. When a revocation comes for the same grant, it does not wait until all additions are made.
func (r *Reconciler) apply(ctx context.Context, s *scope) {
	giving := slices.IndexFunc(s.changes, func(change access.Change) bool { return !change.TakesAway() })
	if giving < 0 {
		giving = len(s.changes)
	}
	r.writeAll(ctx, s, s.changes[:giving])
	if slices.ContainsFunc(s.done, access.Change.TakesAway) {
		s.revoked = r.clock.Now()
	}
	for additions := s.changes[giving:]; len(additions) > 0 && !s.broken; {
		n := min(len(additions), unbroken)
		r.writeAll(ctx, s, additions[:n])
		additions = additions[n:]
		s.broken = len(additions) > 0 && r.revocations.wait(s.request)
	}
}

// writeAll makes changes whose order means nothing.
func (r *Reconciler) writeAll(ctx context.Context, s *scope, changes []access.Change) {
	errs := make([]error, len(changes))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(writers, len(changes)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(changes); i = int(next.Add(1)) - 1 {
				errs[i] = r.traced(ctx, s, changes[i])
			}
		})
	}
	workers.Wait()
	for i, change := range changes {
		s.enter(change, errs[i])
	}
}

// enter notes what became of a change.
func (s *scope) enter(change access.Change, err error) {
	switch {
	case err == nil:
		s.done = append(s.done, change)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		// The namespace's own event will take it out of the plan.
	case isTransient(err):
		s.transient = errors.Join(s.transient, fmt.Errorf("%s: %w", describeKey(change.Key), err))
	default:
		s.failures = append(s.failures, newFailure(change, err))
	}
}

// settle ends the revocations that this pass has seen to, or leaves them to the next one.
func (r *Reconciler) settle(s *scope, taken []*revocation) {
	if s.transient != nil || s.keepsAccess() {
		r.revocations.again(s.request, taken)
		return
	}
	r.revocations.done(s.request, taken, s.revoked)
}

func isTransient(err error) bool {
	return errors.Is(err, errStale) || errors.Is(err, context.Canceled) || apierrors.IsConflict(err) || apierrors.IsNotFound(err) ||
		apierrors.IsTooManyRequests(err)
}

func newFailure(change access.Change, err error) failure {
	return failure{
		change:     change,
		err:        fmt.Errorf("%s: %w", describeKey(change.Key), err),
		notAllowed: apierrors.IsForbidden(err) && strings.Contains(err.Error(), "attempting to grant RBAC permissions"),
		final:      errors.Is(err, errForeign) || apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err),
	}
}

func describeKey(key access.Key) string {
	if key.Namespace == "" {
		return "ClusterRoleBinding " + key.Name
	}
	return "RoleBinding " + key.Namespace + "/" + key.Name
}

func (r *Reconciler) write(ctx context.Context, s *scope, change access.Change) error {
	switch change.Action {
	case access.Delete:
		return r.remove(ctx, change)
	case access.Recreate:
		if err := r.remove(ctx, change); err != nil {
			return err
		}
		return r.send(ctx, change.Desired, "", "")
	case access.Update:
		return r.change(ctx, change)
	default:
		uid, version, err := r.own(ctx, s, change.Desired)
		if err != nil {
			return err
		}
		return r.send(ctx, change.Desired, uid, version)
	}
}

// remove deletes exactly the object that was compared, never one that took its name since, nor one that somebody has changed since.
func (r *Reconciler) remove(ctx context.Context, change access.Change) error {
	uid, version := change.UID, r.ahead.latest(change.Key, change.UID, change.Version)
	err := client.IgnoreNotFound(r.writer.Delete(ctx, object(change.Key), client.Preconditions{UID: &uid, ResourceVersion: &version}))
	if err == nil {
		r.ahead.forget(change.Key)
	}
	return err
}

// send applies a binding: to the object with the UID in the version, or, without a UID, to none.
func (r *Reconciler) send(ctx context.Context, want access.Binding, uid types.UID, version string) error {
	config := configuration(want, uid, version)
	err := r.writer.Apply(ctx, config, client.ForceOwnership, client.FieldOwner(v1alpha1.ManagedBy))
	if err == nil && uid != "" {
		r.ahead.wrote(want.Key, uid, version, versionOf(config))
	}
	return err
}

// own looks whether the name of a binding that is to be created is free. The cache holds labelled bindings only, so it cannot say.
// It gives the UID and the version of a binding of ours that is there all the same, because the cache is behind or because somebody took
// the labels off.
func (r *Reconciler) own(ctx context.Context, s *scope, want access.Binding) (uid types.UID, version string, err error) {
	found := object(want.Key)
	err = r.live.Get(ctx, client.ObjectKeyFromObject(found), found)
	if apierrors.IsNotFound(err) {
		return "", "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("looking whether the name is free: %w", err)
	}
	if key, _ := grantOf(found); key != s.key && !wasOurs(found, s.grant.GetUID()) {
		return "", "", errForeign
	}
	if roleRefOf(found) != want.RoleRef {
		return "", "", errStale
	}
	return found.GetUID(), found.GetResourceVersion(), nil
}

// wasOurs recognises a binding of ours without its labels: the grant controls it, and our field manager applied it.
func wasOurs(found client.Object, grant types.UID) bool {
	controller := metav1.GetControllerOf(found)
	if controller == nil || controller.UID != grant {
		return false
	}
	return slices.ContainsFunc(found.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == v1alpha1.ManagedBy && entry.Operation == metav1.ManagedFieldsOperationApply
	})
}
