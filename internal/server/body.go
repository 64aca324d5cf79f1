package server

import (
	"fmt"
	"io"
	"net/http"

	"github.com/scim-operator/scim-operator/internal/scim"
)

// body gives a request's body up to limit bytes; the rest is an error 413. The media type is not looked at: clients send scim+json, json,
// other things and nothing, and mean JSON.
func (c *call) body(limit int64) (io.Reader, error) {
	if c.request.ContentLength > limit {
		return nil, &scim.Error{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("The request body is larger than %d bytes.", limit)}
	}
	return http.MaxBytesReader(c.writer, c.request.Body, limit), nil
}

// object decodes the body as one JSON object of at most limit bytes.
func (c *call) object(limit int64) (scim.Resource, error) {
	body, err := c.body(limit)
	if err != nil {
		return nil, err
	}
	return scim.DecodeObject(body, scim.Limits{Bytes: limit})
}
