package bulk

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/scim-operator/scim-operator/internal/scim"
)

const (
	// RequestSchema is the URN of a bulk request (RFC 7644 section 3.7).
	RequestSchema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	// ResponseSchema is the URN of the answer to it.
	ResponseSchema = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
	// MaxOperations is the largest number of operations in one request.
	MaxOperations = 1000
	// Nesting is how many objects and arrays a request puts around the data of an operation.
	Nesting = 3
)

// The endpoints that operations may name.
const (
	Users  = "/Users"
	Groups = "/Groups"
)

// Request is a bulk request.
type Request struct {
	// FailOnErrors is the number of failed operations after which no further one is begun; 0 is no such number.
	FailOnErrors int
	Operations   []Operation
}

// Operation is one operation of a request.
type Operation struct {
	// Method is POST, PUT, PATCH or DELETE unless the operation is refused.
	Method string
	// Endpoint is Users or Groups. It is followed by either ID or Target, unless the method is POST.
	Endpoint string
	// ID is the id in the path, Target the bulkId of a creation of this request that stands in its place.
	ID, Target string
	// BulkID is the name that the client gave to the operation, and Version the entity tag that it expects of the resource.
	BulkID, Version string
	// Data is the body that the operation would have if it were a request of its own. It must not be changed.
	Data scim.Resource
	// References are the bulkIds that Data refers to, each once.
	References []string
	// Refused is set if the operation cannot be carried out whatever the others do; the fields that it is about are then empty.
	Refused *scim.Error
}

// Parse reads a decoded bulk request. What is no such message at all is 400 invalidSyntax, a bulkId that two operations bear is 400
// invalidValue, and more than MaxOperations are 413. A fault in one operation is kept in its Refused, since the others are to be
// carried out all the same (RFC 7644 section 3.7). The message's schemas may be absent.
func Parse(body scim.Resource) (*Request, error) {
	if schemas, _ := body.Get("schemas"); schemas != nil && !names(schemas, RequestSchema) {
		return nil, scim.BadRequest(scim.TypeInvalidSyntax, "schemas of a bulk request must name "+RequestSchema+".")
	}
	operations, _ := body.Get("Operations")
	list, ok := operations.([]any)
	if !ok || len(list) == 0 {
		return nil, scim.BadRequest(scim.TypeInvalidSyntax, "Operations must be an array of at least one operation.")
	}
	if len(list) > MaxOperations {
		return nil, &scim.Error{
			Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("The bulk request has %d operations; maxOperations is %d.", len(list), MaxOperations),
		}
	}
	request := &Request{Operations: make([]Operation, len(list))}
	var err error
	if request.FailOnErrors, err = failOnErrors(body); err != nil {
		return nil, err
	}
	for i, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return nil, scim.BadRequest(scim.TypeInvalidSyntax, fmt.Sprintf("Operation %d must be an object.", i+1))
		}
		request.Operations[i] = parseOperation(m)
	}
	return request, request.checkReferences()
}

func names(schemas any, urn string) bool {
	list, _ := schemas.([]any)
	return slices.ContainsFunc(list, func(e any) bool {
		s, ok := e.(string)
		return ok && strings.EqualFold(s, urn)
	})
}

func failOnErrors(body scim.Resource) (int, error) {
	v, _ := body.Get("failOnErrors")
	if v == nil {
		return 0, nil
	}
	number, _ := v.(json.Number)
	n, err := strconv.Atoi(string(number))
	if err != nil || n < 1 {
		return 0, scim.BadRequest(scim.TypeInvalidValue, "failOnErrors must be an integer of at least 1.")
	}
	return n, nil
}

func parseOperation(m scim.Resource) Operation {
	var op Operation
	op.BulkID = op.text(m, "bulkId")
	op.Version = op.text(m, "version")
	op.Method = strings.ToUpper(op.text(m, "method"))
	path := op.text(m, "path")
	switch op.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		op.Method = ""
		op.refuse(http.StatusBadRequest, scim.TypeInvalidSyntax, "The method of the operation must be POST, PUT, PATCH or DELETE.")
	}
	if op.Method == http.MethodPost && op.BulkID == "" {
		op.refuse(http.StatusBadRequest, scim.TypeInvalidValue, "A POST in a bulk request needs a bulkId.")
	}
	op.parsePath(path)
	op.parseData(m)
	return op
}

// text reads a string; one that is absent or null is empty.
func (op *Operation) text(m scim.Resource, name string) string {
	v, _ := m.Get(name)
	text, ok := v.(string)
	if v != nil && !ok {
		op.refuse(http.StatusBadRequest, scim.TypeInvalidSyntax, "The "+name+" of the operation must be a string.")
	}
	return text
}

// refuse keeps the first fault.
func (op *Operation) refuse(status int, t scim.ErrorType, detail string) {
	if op.Refused == nil {
		op.Refused = &scim.Error{Status: status, Type: t, Detail: detail}
	}
}

// parsePath reads /Users, /Users/<id> and /Users/bulkId:<bulkId>, and the same of groups, with or without the slash in front.
func (op *Operation) parsePath(path string) {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	switch endpoint := "/" + segments[0]; {
	case strings.ContainsAny(path, "?#"):
		op.refuse(http.StatusBadRequest, scim.TypeInvalidValue, "The path of the operation must not have a query or a fragment.")
		return
	case (endpoint != Users && endpoint != Groups) || len(segments) > 2:
		op.refuse(http.StatusNotFound, "", "The path of the operation must be /Users, /Users/<id>, /Groups or /Groups/<id>; other endpoints take no part in bulk requests.")
		return
	default:
		op.Endpoint = endpoint
	}
	if hasID := len(segments) == 2; hasID == (op.Method == http.MethodPost) {
		op.refuse(http.StatusMethodNotAllowed, "", "The path of a POST is /Users or /Groups, and that of every other method ends in the id of a resource.")
		return
	} else if !hasID {
		return
	}
	id, err := url.PathUnescape(segments[1])
	if err != nil {
		op.refuse(http.StatusBadRequest, scim.TypeInvalidValue, "The path of the operation is not correctly encoded.")
		return
	}
	if bulkID, ok := reference(id); ok {
		op.Target = bulkID
		return
	}
	op.ID = id
}

// parseData reads the data. A PATCH may bring the array of its operations alone, as in the example of RFC 7644 section 3.7.3.
func (op *Operation) parseData(m scim.Resource) {
	if op.Method == http.MethodDelete {
		return
	}
	v, _ := m.Get("data")
	switch data := v.(type) {
	case map[string]any:
		op.Data = data
	case []any:
		if op.Method == http.MethodPatch {
			op.Data = scim.Resource{"Operations": data}
		}
	}
	if op.Data == nil {
		op.refuse(http.StatusBadRequest, scim.TypeInvalidSyntax, "The data of the operation must be an object: the body of the single request.")
		return
	}
	op.References = references(op.Data)
}

// checkReferences finds bulkIds that are there twice, and refuses the operations that refer to one that no creation bears.
func (r *Request) checkReferences() error {
	created, seen := map[string]bool{}, map[string]bool{}
	for i := range r.Operations {
		op := &r.Operations[i]
		if op.BulkID == "" {
			continue
		}
		if seen[op.BulkID] {
			return scim.BadRequest(scim.TypeInvalidValue, "The bulkId "+quote(op.BulkID)+" is that of two operations; each needs one of its own.")
		}
		seen[op.BulkID] = true
		created[op.BulkID] = op.Method == http.MethodPost
	}
	for i := range r.Operations {
		op := &r.Operations[i]
		for _, bulkID := range op.needs() {
			if !created[bulkID] {
				op.refuse(http.StatusBadRequest, scim.TypeInvalidValue, "No POST of this bulk request has the bulkId "+quote(bulkID)+", to which the operation refers.")
			}
		}
	}
	return nil
}

// needs lists the bulkIds that must be resolved before the operation can be carried out in full. One that is refused needs none.
func (op *Operation) needs() []string {
	switch {
	case op.Refused != nil:
		return nil
	case op.Target == "":
		return op.References
	}
	return append([]string{op.Target}, op.References...)
}

// quote bounds what a client's text adds to an error.
func quote(s string) string {
	const limit = 128
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return strconv.Quote(s)
}
