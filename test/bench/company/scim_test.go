package company_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// scimClient pushes as an identity provider does.
type scimClient struct {
	base, token string
	http        *http.Client
}

// send sends a request, again when it is told to come again, and wants a status.
func (c *scimClient) send(ctx context.Context, method, path, body string, want int) error {
	for {
		status, answer, pause, err := c.once(ctx, method, path, body)
		if err != nil {
			return err
		}
		if status == want {
			return nil
		}
		if status != http.StatusTooManyRequests {
			return fmt.Errorf("%s %s: status %d, want %d: %.300s", method, path, status, want, answer)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

func (c *scimClient) once(ctx context.Context, method, path, body string) (status int, answer []byte, pause time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, 0, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/scim+json")
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, 0, err
	}
	defer func() { _ = response.Body.Close() }()
	if answer, err = io.ReadAll(response.Body); err != nil {
		return 0, nil, 0, err
	}
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil {
		seconds = 1
	}
	return response.StatusCode, answer, time.Duration(seconds) * time.Second, nil
}

const patchHead = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`

// deactivate sends what Okta sends when somebody leaves.
func (c *scimClient) deactivate(ctx context.Context, id string) error {
	return c.send(ctx, http.MethodPatch, "/Users/"+id, patchHead+`{"op":"replace","value":{"active":false}}]}`, http.StatusOK)
}

func (c *scimClient) addMember(ctx context.Context, role, id string) error {
	return c.send(ctx, http.MethodPatch, "/Groups/"+role,
		patchHead+fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q}]}]}`, id), http.StatusNoContent)
}

func (c *scimClient) removeMember(ctx context.Context, role, id string) error {
	return c.send(ctx, http.MethodPatch, "/Groups/"+role,
		patchHead+fmt.Sprintf(`{"op":"remove","path":%q}]}`, fmt.Sprintf("members[value eq %q]", id)), http.StatusNoContent)
}

// retitle changes something that no access depends on.
func (c *scimClient) retitle(ctx context.Context, id, title string) error {
	return c.send(ctx, http.MethodPatch, "/Users/"+id, patchHead+fmt.Sprintf(`{"op":"replace","path":"title","value":%q}]}`, title), http.StatusOK)
}
