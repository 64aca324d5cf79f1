package server

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// CachedDirectories finds directories through an informer cache.
type CachedDirectories struct {
	// Reader must read ScimDirectories from a cache.
	Reader client.Reader
}

// Directory implements Directories.
func (d CachedDirectories) Directory(ctx context.Context, name string) (*v1alpha1.ScimDirectory, error) {
	var directory v1alpha1.ScimDirectory
	err := d.Reader.Get(ctx, client.ObjectKey{Name: name}, &directory)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("getting ScimDirectory %s: %w", name, err)
	}
	return &directory, nil
}

// LiveDirectories reads directories themselves.
type LiveDirectories struct {
	// Reader must not be a cache.
	Reader client.Reader
}

// Directory implements Directories.
func (d LiveDirectories) Directory(ctx context.Context, name string) (*v1alpha1.ScimDirectory, error) {
	return CachedDirectories(d).Directory(ctx, name)
}

// LiveSecrets reads Secrets of one namespace by name, and needs no other right than that.
type LiveSecrets struct {
	// Reader must not be a cache: a cache would list and watch every Secret.
	Reader client.Reader
	// Namespace is the operator's own.
	Namespace string
}

// SecretValues implements SecretReader.
func (s LiveSecrets) SecretValues(ctx context.Context, name string, keys ...string) ([][]byte, error) {
	var secret corev1.Secret
	err := s.Reader.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: name}, &secret)
	if client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i] = secret.Data[key]
	}
	return values, nil
}

// StatusSightings writes the times of the last requests to the status of ScimDirectories and ScimRoles.
type StatusSightings struct {
	// Client must not read from a cache.
	Client client.Client
}

// SetLastUsed implements Sightings. Several replicas write here, and each list is written as a whole: so it reads live, and starts over
// when somebody else was faster. It never makes a time earlier, and a time that another replica has just written is left alone. A
// directory or credential that is gone is no error.
func (s StatusSightings) SetLastUsed(ctx context.Context, name, credential string, at time.Time) error {
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		directory := &v1alpha1.ScimDirectory{}
		if err := s.Client.Get(ctx, client.ObjectKey{Name: name}, directory); err != nil {
			return err
		}
		base := directory.DeepCopy()
		if !markUsed(directory, credential, metav1.NewTime(at).Rfc3339Copy()) {
			return nil
		}
		return s.Client.Status().Patch(ctx, directory, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{}))
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("patching the status of ScimDirectory %s: %w", name, err)
	}
	return nil
}

// markUsed sets the times that are older than the interval of writes, and says whether there were any.
func markUsed(directory *v1alpha1.ScimDirectory, credential string, at metav1.Time) bool {
	old := func(last *metav1.Time) bool { return last == nil || at.Sub(last.Time) >= activityInterval }
	status, changed := &directory.Status, false
	if old(status.LastRequestTime) {
		status.LastRequestTime, changed = &at, true
	}
	if !slices.ContainsFunc(directory.Spec.Credentials, func(c v1alpha1.Credential) bool { return c.Name == credential }) {
		return changed
	}
	i := slices.IndexFunc(status.Credentials, func(c v1alpha1.CredentialStatus) bool { return c.Name == credential })
	switch {
	case i < 0:
		status.Credentials, changed = append(status.Credentials, v1alpha1.CredentialStatus{Name: credential, LastUsedTime: &at}), true
	case old(status.Credentials[i].LastUsedTime):
		status.Credentials[i].LastUsedTime, changed = &at, true
	}
	return changed
}

// SetLastSeenTime implements Sightings. A role that is gone is no error.
func (s StatusSightings) SetLastSeenTime(ctx context.Context, name string, at time.Time) error {
	role := &v1alpha1.ScimRole{ObjectMeta: metav1.ObjectMeta{Name: name}}
	base := role.DeepCopy()
	role.Status.LastSeenTime = &metav1.Time{Time: at}
	err := s.Client.Status().Patch(ctx, role, client.MergeFrom(base))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("patching the status of ScimRole %s: %w", name, err)
	}
	return nil
}
