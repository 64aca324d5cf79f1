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
		return nil, tooLarge(limit)
	}
	return http.MaxBytesReader(c.writer, c.request.Body, limit), nil
}

// object decodes the body as one JSON object of at most limit bytes.
func (c *call) object(limit int64) (scim.Resource, error) {
	if c.operation > 0 {
		return c.decoded(limit)
	}
	body, err := c.body(limit)
	if err != nil {
		return nil, err
	}
	return scim.DecodeObject(body, scim.Limits{Bytes: limit})
}

// decoded gives the body of an operation of a bulk request, which the limit of its single form bounds as well.
func (c *call) decoded(limit int64) (scim.Resource, error) {
	if int64(len(scim.AppendValue(nil, c.data))) > limit {
		return nil, tooLarge(limit)
	}
	return c.data, nil
}

// group decodes the body as a group of at most limit bytes, whose members are apart from the rest; given tells an empty list of them
// from none.
func (c *call) group(limit int64) (attributes scim.Resource, members []string, given bool, err error) {
	limits := scim.Limits{Bytes: limit}
	if c.operation > 0 {
		body, err := c.decoded(limit)
		if err != nil {
			return nil, nil, false, err
		}
		return scim.SplitGroup(body, limits)
	}
	body, err := c.body(limit)
	if err != nil {
		return nil, nil, false, err
	}
	return scim.DecodeGroup(body, limits)
}

func tooLarge(limit int64) *scim.Error {
	return &scim.Error{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("The request body is larger than %d bytes.", limit)}
}
