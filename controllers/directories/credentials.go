package directories

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// minTokenLength is the number of characters below which the SCIM server treats a token or password as absent.
const minTokenLength = 32

// recheckCredentials is how long a credential that cannot be used is left alone. Secrets are not watched, because that takes the
// right to read all of them.
const recheckCredentials = time.Minute

// The keys that a reference without one means (the defaults of the API).
const (
	defaultTokenKey    = "token"
	defaultUsernameKey = "username"
	defaultPasswordKey = "password"
)

// gatherCredentials finds out which credentials cannot be used now.
func (r *reconciler) gatherCredentials(ctx context.Context, directory *v1alpha1.ScimDirectory, f *facts) {
	now := r.clock.Now()
	for i := range directory.Spec.Credentials {
		credential := &directory.Spec.Credentials[i]
		err := outsideValidity(credential, now)
		if err == nil {
			if err = r.checkCredential(ctx, credential); err != nil {
				f.recheck = true
			}
		} else if credential.ExpiresAt != nil && !now.Before(credential.ExpiresAt.Time) {
			f.expired++
		}
		if err != nil {
			f.credentialErrs = append(f.credentialErrs, fmt.Sprintf("credential %q: %v", credential.Name, err))
		}
	}
}

// outsideValidity says why a credential is not valid at a time.
func outsideValidity(credential *v1alpha1.Credential, now time.Time) error {
	switch {
	case credential.ExpiresAt != nil && !now.Before(credential.ExpiresAt.Time):
		return fmt.Errorf("expired at %s: add a new one and remove this one", credential.ExpiresAt.UTC().Format(time.RFC3339))
	case credential.NotBefore != nil && now.Before(credential.NotBefore.Time):
		return fmt.Errorf("not valid before %s", credential.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// nextCheck is the time after which the status can become wrong without any event: a credential begins or ends, or a Secret that was
// missing may have been made. Zero means never.
func nextCheck(directory *v1alpha1.ScimDirectory, f facts, now time.Time) time.Duration {
	var next time.Duration
	sooner := func(d time.Duration) {
		if d > 0 && (next == 0 || d < next) {
			next = d
		}
	}
	if f.recheck {
		sooner(recheckCredentials)
	}
	for _, credential := range directory.Spec.Credentials {
		if credential.NotBefore != nil {
			sooner(credential.NotBefore.Sub(now))
		}
		if credential.ExpiresAt != nil {
			sooner(credential.ExpiresAt.Sub(now))
			sooner(nextNotice(&credential, now))
		}
	}
	return next
}

// checkCredential says why a credential cannot be used. Trouble in reaching the API server is reported as such and is not counted
// against the credential: it is tried again anyhow.
func (r *reconciler) checkCredential(ctx context.Context, credential *v1alpha1.Credential) error {
	if credential.TokenSHA256 != "" {
		return nil
	}
	name := credential.TokenSecretRef.Name
	if credential.BasicSecretRef.Name != "" {
		name = credential.BasicSecretRef.Name
	}
	var secret corev1.Secret
	err := r.live.Get(ctx, client.ObjectKey{Namespace: r.options.Namespace, Name: name}, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("Secret %s/%s does not exist", r.options.Namespace, name) //nolint:staticcheck // Secret is the kind's name
	case apierrors.IsForbidden(err):
		return fmt.Errorf("the operator may not read Secret %s/%s", r.options.Namespace, name)
	case err != nil:
		return errors.New("the Secret cannot be read at present")
	}
	return checkContent(credential, &secret)
}

// checkContent says what is wrong with the Secret of a credential, without saying what is in it.
func checkContent(credential *v1alpha1.Credential, secret *corev1.Secret) error {
	value := func(key string) string { return strings.TrimSpace(string(secret.Data[key])) }
	key := cmp.Or(credential.TokenSecretRef.Key, defaultTokenKey)
	if credential.BasicSecretRef.Name != "" {
		userKey := cmp.Or(credential.BasicSecretRef.UsernameKey, defaultUsernameKey)
		if user := value(userKey); user == "" || strings.Contains(user, ":") {
			return fmt.Errorf("key %q of Secret %s/%s is absent or has a colon in it", userKey, secret.Namespace, secret.Name)
		}
		key = cmp.Or(credential.BasicSecretRef.PasswordKey, defaultPasswordKey)
	}
	if utf8.RuneCountInString(value(key)) < minTokenLength {
		return fmt.Errorf("key %q of Secret %s/%s is absent or shorter than %d characters", key, secret.Namespace, secret.Name, minTokenLength)
	}
	return nil
}
