package server

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/internal/scim"
	"github.com/scim-operator/scim-operator/internal/scim/bulk"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

const (
	// bulkDepth leaves the data of an operation as deep as the body of a single request may be.
	bulkDepth = 32 + bulk.Nesting
	// undoTimeout bounds the deletion of what a failed circle has made, which must not be skipped because time is up.
	undoTimeout = 3 * time.Second
)

// bulk carries out a bulk request (RFC 7644 section 3.7). Every operation goes through the function that serves its single form, so
// that it is as atomic, checked and logged as that. When nothing was changed because of passing trouble, the whole request is answered
// 429, which clients send again by themselves; otherwise the answer says it of the operations that are to be sent again.
func (h *Handler) bulk(ctx context.Context, c *call) (*answer, error) {
	body, err := c.body(h.cfg.BulkBodyLimit)
	if err != nil {
		return nil, err
	}
	decoded, err := scim.DecodeObject(body, scim.Limits{Bytes: h.cfg.BulkBodyLimit, Depth: bulkDepth, Memory: manyMemory})
	if err != nil {
		return nil, err
	}
	request, err := bulk.Parse(decoded)
	if err != nil {
		return nil, err
	}
	c.kept = map[string]bool{}
	outcomes := bulk.Run(request, func(task bulk.Task) bulk.Outcome { return h.bulkTask(ctx, c, task) })
	if trouble := nothingDone(request, outcomes); trouble != nil {
		return nil, trouble
	}
	return okAnswer(appendBulkResponse(nil, c.base, request, outcomes)), nil
}

// bulkTask does one task and writes its line of the log.
func (h *Handler) bulkTask(ctx context.Context, c *call, task bulk.Task) bulk.Outcome {
	if task.Undo && c.kept[task.ID] {
		stays := scim.Conflict("The resource was there before, and stays.")
		return bulk.Outcome{Status: stays.Status, ID: task.ID, Err: stays}
	}
	if task.Undo {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
		defer cancel()
	}
	part := c.part(task)
	part.started, part.changes = h.cfg.Clock.Now(), changes{}
	ctx = withChanges(ctx, &part.changes)
	ctx, part.span = tracing.Part(ctx, "operation", tracing.Directory(part.directory.Name))
	var a *answer
	err := part.guard(func() (err error) {
		a, err = h.operate(ctx, part, task)
		return err
	})
	if err != nil {
		failed := asSCIM(ctx, err)
		part.cause = failed.Cause
		h.logRequest(part, errorAnswer(failed))
		return bulk.Outcome{Status: failed.Status, ID: task.ID, Err: failed}
	}
	h.logRequest(part, a)
	return bulk.Outcome{Status: a.status, ID: part.id, Version: a.header.Get("ETag")}
}

// keep notes that a POST has overwritten a resource that was there before.
func (c *call) keep(meta *metav1.ObjectMeta, overwritten bool) {
	if overwritten && c.kept != nil {
		c.kept[meta.Name] = true
	}
}

// part makes the call that an operation would be if it were a request of its own. Its answer has no body, so that members and groups
// need not be read for it.
func (c *call) part(task bulk.Task) *call {
	part := *c
	part.request = &http.Request{Method: task.Method, Header: http.Header{}, Body: http.NoBody}
	if task.Version != "" && task.Method != http.MethodPost {
		part.request.Header.Set("If-Match", task.Version)
	}
	part.operation, part.data, part.id, part.route = task.Operation+1, task.Data, task.ID, task.Endpoint
	part.query = url.Values{}
	switch task.Endpoint {
	case bulk.Users:
		part.query.Set("excludedAttributes", "groups")
	case bulk.Groups:
		part.query.Set("excludedAttributes", "members")
	}
	return &part
}

// operate calls the function that serves the single form of a task.
func (h *Handler) operate(ctx context.Context, part *call, task bulk.Task) (*answer, error) {
	if task.Refused != nil {
		return nil, task.Refused
	}
	if task.Method != http.MethodPost {
		part.route += "/{id}"
	}
	methods := h.endpoints[part.route]
	chosen, ok := choose(methods, task.Method)
	if !ok {
		return nil, (&methodNotAllowed{allow: allowed(methods)}).scimError()
	}
	return chosen.handle(h, ctx, part)
}

// nothingDone returns the passing trouble of a request that has changed nothing because of it, and nil for every other.
func nothingDone(request *bulk.Request, outcomes []*bulk.Outcome) error {
	var trouble *scim.Error
	for i, o := range outcomes {
		switch {
		case o == nil:
		case o.Err == nil:
			return nil
		case request.Operations[i].Method == http.MethodPost && o.ID != "":
			// It was created, and could not be deleted again.
			return nil
		case o.Status == http.StatusTooManyRequests && trouble == nil:
			trouble = o.Err
		}
	}
	if trouble == nil {
		return nil
	}
	return trouble
}

// appendBulkResponse appends the message of RFC 7644 section 3.7.3, with the operations that were processed in the order of the
// request. A status is a string there, and only failures have a response.
func appendBulkResponse(dst []byte, base string, request *bulk.Request, outcomes []*bulk.Outcome) []byte {
	dst = append(dst, `{"schemas":["`+bulk.ResponseSchema+`"],"Operations":[`...)
	first := true
	for i, o := range outcomes {
		if o == nil {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendBulkResult(dst, base, &request.Operations[i], o)
	}
	return append(dst, "]}"...)
}

func appendBulkResult(dst []byte, base string, op *bulk.Operation, o *bulk.Outcome) []byte {
	dst = append(strconv.AppendInt(append(dst, `{"status":"`...), int64(o.Status), 10), '"')
	location := ""
	if o.ID != "" && op.Endpoint != "" {
		location = base + op.Endpoint + "/" + url.PathEscape(o.ID)
	}
	for _, member := range []struct{ name, value string }{
		{"method", op.Method}, {"bulkId", op.BulkID}, {"location", location}, {"version", o.Version},
	} {
		if member.value != "" {
			dst = append(dst, `,"`+member.name+`":`...)
			dst = scim.AppendString(dst, member.value)
		}
	}
	if o.Err != nil {
		dst = scim.AppendError(append(dst, `,"response":`...), o.Err)
	}
	return append(dst, '}')
}
