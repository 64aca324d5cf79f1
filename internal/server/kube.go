package server

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	Client client.Client
}

// SetLastRequestTime implements Sightings. A directory that is gone is no error.
func (s StatusSightings) SetLastRequestTime(ctx context.Context, name string, at time.Time) error {
	directory := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: name}}
	base := directory.DeepCopy()
	directory.Status.LastRequestTime = &metav1.Time{Time: at}
	err := s.Client.Status().Patch(ctx, directory, client.MergeFrom(base))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("patching the status of ScimDirectory %s: %w", name, err)
	}
	return nil
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
