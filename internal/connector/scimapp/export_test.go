package scimapp

import "net/http"

// WrapTransport puts something between the connector and the network.
func (c *Connector) WrapTransport(wrap func(http.RoundTripper) http.RoundTripper) {
	c.client.Transport = wrap(c.client.Transport)
}
