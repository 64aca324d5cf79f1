package okta

import "context"

// Call sends one request as the client does everything: with its headers, repeating it while the answer is 429, and turning every
// status outside of 200 to 299 into an *Error. Clients of other makes, whose requests differ and whose wire does not, are built on
// it; Config.Header gives them their own headers.
func (c *Client) Call(ctx context.Context, method, path string, body any) (*Answer, error) {
	return c.call(ctx, method, path, body)
}

// Fetch is Call for a request whose answer must be one whole resource. When the body is a Resource, the answer must have every
// value of it, in the case in which it was sent.
func (c *Client) Fetch(ctx context.Context, method, path string, body any) (Resource, error) {
	return c.fetch(ctx, method, path, body)
}

// List asks for one page of a list and gives its resources and totalResults. The answer must be well-formed in what every client
// reads: integers for numbers, Resources as a list, an id in each.
func (c *Client) List(ctx context.Context, path string) ([]Resource, int, error) {
	p, err := c.list(ctx, path)
	if err != nil {
		return nil, 0, err
	}
	return p.resources, p.total, nil
}
