package argocd

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/scim-operator/scim-operator/internal/connector"
)

const remedyRights = "let the connector get and update the ConfigMaps of Argo CD and, where roles of projects are given, get, list and update " +
	"appprojects, in Argo CD's namespace"

// attempts is how often a call starts again because somebody else wrote in between, which takes about three seconds.
const attempts = 12

// run has do start again until nobody else writes in between. Calls of one connector do so one after the other.
func (c *Connector) run(ctx context.Context, op string, do func() (bool, error)) (changed bool, err error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return false, failed(op, ctx.Err())
	}
	backoff := wait.Backoff{Duration: 5 * time.Millisecond, Factor: 2, Jitter: 1, Cap: 500 * time.Millisecond, Steps: attempts}
	for range attempts {
		var again bool
		again, err = do()
		changed = changed || again
		if !errors.Is(err, errAgain) {
			break
		}
		if err := pause(ctx, backoff.Step()); err != nil {
			return false, failed(op, err)
		}
	}
	if err != nil {
		return false, failed(op, err)
	}
	return changed, nil
}

func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// failed turns any error into one of the contract. It returns those that already are as they are.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	if typed := new(connector.Error); errors.As(err, &typed) {
		return typed
	}
	switch {
	case apierrors.IsUnauthorized(err):
		return connector.Errorf(connector.Denied, op, "%w", err)
	case apierrors.IsForbidden(err):
		return connector.Errorf(connector.Denied, op, "%w: %s", err, remedyRights)
	case apierrors.IsNotFound(err):
		return connector.Errorf(connector.Denied, op, "%w: correct the namespace and the names of Argo CD's ConfigMaps, or install Argo CD", err)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return connector.Errorf(connector.Rejected, op, "%w", err)
	}
	transient := connector.Errorf(connector.Transient, op, "%w", err)
	if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
		transient.RetryAfter = time.Duration(seconds) * time.Second
	}
	return transient
}
