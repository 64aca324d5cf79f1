package okta

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Resource is a SCIM resource as JSON, with numbers as json.Number, so that an echo repeats them to the digit.
type Resource map[string]any

// ID is the server's id of the resource.
func (r Resource) ID() string { return r.text("id") }

// Active says whether a user is active; absent stands for true.
func (r Resource) Active() bool {
	active, ok := r["active"].(bool)
	return active || !ok
}

// Members are the ids of a group's members, in the server's order.
func (r Resource) Members() []string {
	values, _ := r["members"].([]any)
	ids := make([]string, 0, len(values))
	for _, value := range values {
		if member, ok := value.(map[string]any); ok {
			ids = append(ids, Resource(member).text("value"))
		}
	}
	return ids
}

func (r Resource) text(name string) string {
	s, _ := r[name].(string)
	return s
}

// decode reads one JSON object.
func decode(body []byte) (Resource, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var resource Resource
	if err := decoder.Decode(&resource); err != nil {
		return nil, fmt.Errorf("invalid JSON: %w", err)
	}
	return resource, nil
}

// fetch makes a call whose answer must be one whole resource.
func (c *Client) fetch(ctx context.Context, method, path string, body any) (Resource, error) {
	answer, err := c.call(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	resource, err := decode(answer.Body)
	if err == nil && resource.ID() == "" {
		err = fmt.Errorf("the %s returned an empty resource", method)
	}
	if sent, ok := body.(Resource); ok && err == nil {
		err = checkEcho(sent, resource)
	}
	if err != nil {
		return nil, &ProtocolError{Method: method, Path: path, Status: answer.Status, Reason: err.Error()}
	}
	return resource, nil
}

// patch sends operations. Okta takes 200 with the resource, and 204.
func (c *Client) patch(ctx context.Context, path string, operations []Operation) error {
	body := map[string]any{"schemas": []string{PatchSchema}, "Operations": operations}
	answer, err := c.call(ctx, http.MethodPatch, path, body)
	if err != nil || answer.Status == http.StatusNoContent {
		return err
	}
	if _, err := decode(answer.Body); err != nil {
		return &ProtocolError{Method: http.MethodPatch, Path: path, Status: answer.Status, Reason: err.Error()}
	}
	return nil
}

// neverReturned are the attributes that a server need not, or must not, give back as they were sent.
var neverReturned = []string{"password", "groups", "meta", "schemas", "members", "id"}

// checkEcho demands that the answer has every value that was sent, in the case in which it was sent. Values that stand for
// "unassigned" may be left out (RFC 7643 section 2.5).
func checkEcho(sent, got Resource) error {
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		if slices.Contains(neverReturned, name) || isUnassigned(sent[name]) {
			continue
		}
		if !covers(normal(got[name]), normal(sent[name])) {
			return fmt.Errorf("attribute %s came back as %v, and %v was sent", name, got[name], sent[name])
		}
	}
	return nil
}

func isUnassigned(value any) bool {
	switch v := normal(value).(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// covers says whether got has everything that want has. Objects may have more, lists may not.
func covers(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return false
		}
		for name, value := range want {
			if !isUnassigned(value) && !covers(object[name], value) {
				return false
			}
		}
		return true
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return false
		}
		return !slices.ContainsFunc(want, func(w any) bool {
			return !slices.ContainsFunc(list, func(g any) bool { return covers(g, w) })
		})
	}
	return reflect.DeepEqual(got, want)
}

// normal brings a Go value into the form that decoding its JSON gives, so that values sent and received can be compared.
func normal(value any) any {
	raw, err := json.Marshal(value)
	if err != nil {
		return value
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var out any
	if err := decoder.Decode(&out); err != nil {
		return value
	}
	return out
}

// mergeEcho is the body of a PUT: the server's own answer with Okta's values laid over it. Objects are merged, everything else is
// replaced, and what Okta does not know is repeated as it came.
func mergeEcho(answer, values Resource) Resource {
	merged := maps.Clone(answer)
	if merged == nil {
		merged = Resource{}
	}
	for name, value := range values {
		under, isObject := asObject(merged[name])
		over, bothObjects := asObject(value)
		if isObject && bothObjects {
			merged[name] = map[string]any(mergeEcho(under, over))
			continue
		}
		merged[name] = value
	}
	return merged
}

func asObject(value any) (Resource, bool) {
	switch v := value.(type) {
	case Resource:
		return v, true
	case map[string]any:
		return v, true
	}
	return nil, false
}

// page is a ListResponse that Okta accepts.
type page struct {
	total     int
	resources []Resource
}

// list asks for one page. Okta wants integers, and Resources as a list even when it is empty.
func (c *Client) list(ctx context.Context, path string) (*page, error) {
	answer, err := c.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	p, err := parseList(answer.Body)
	if err != nil {
		return nil, &ProtocolError{Method: http.MethodGet, Path: path, Status: answer.Status, Reason: err.Error()}
	}
	return p, nil
}

func parseList(body []byte) (*page, error) {
	message, err := decode(body)
	if err != nil {
		return nil, err
	}
	if schemas, _ := message["schemas"].([]any); !slices.Contains(schemas, any(ListSchema)) {
		return nil, fmt.Errorf("schemas does not name %s", ListSchema)
	}
	numbers := map[string]int{"totalResults": 0, "startIndex": 0, "itemsPerPage": 0}
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		number, _ := message[name].(json.Number)
		if numbers[name], err = strconv.Atoi(number.String()); err != nil {
			return nil, fmt.Errorf("%s is %#v, not an integer", name, message[name])
		}
	}
	values, ok := message["Resources"].([]any)
	if !ok {
		return nil, fmt.Errorf("the attribute Resources is %T, not a list", message["Resources"])
	}
	if len(values) != numbers["itemsPerPage"] {
		return nil, fmt.Errorf("itemsPerPage is %d for %d resources", numbers["itemsPerPage"], len(values))
	}
	p := &page{total: numbers["totalResults"]}
	for i, value := range values {
		object, ok := asObject(value)
		if !ok || object.ID() == "" {
			return nil, fmt.Errorf("resource %d of the list has no id", i)
		}
		p.resources = append(p.resources, object)
	}
	return p, nil
}

// find looks for the one resource whose attribute has the value. A 404 counts as none.
func (c *Client) find(ctx context.Context, endpoint, attribute, value string) (Resource, error) {
	found, err := c.list(ctx, filterPath(endpoint, attribute, value))
	if StatusOf(err) == http.StatusNotFound {
		return nil, nil
	}
	if err != nil || len(found.resources) == 0 {
		return nil, err
	}
	return found.resources[0], nil
}

// filterPath writes the filter as Okta does: spaces and quotation marks as %20 and %22, filter before paging.
func filterPath(endpoint, attribute, value string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)
	filter := escape(attribute + ` eq "` + quoted + `"`)
	return fmt.Sprintf("/%s?filter=%s&startIndex=1&count=%d", endpoint, filter, PageSize)
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// importAll reads page after page until it has totalResults resources.
func (c *Client) importAll(ctx context.Context, endpoint string) ([]Resource, error) {
	var all []Resource
	for {
		path := fmt.Sprintf("/%s?startIndex=%d&count=%d", endpoint, len(all)+1, PageSize)
		p, err := c.list(ctx, path)
		if err != nil {
			return nil, err
		}
		all = append(all, p.resources...)
		if len(all) >= p.total {
			return all, nil
		}
		if len(p.resources) == 0 {
			reason := fmt.Sprintf("totalResults is %d, but the list ends after %d", p.total, len(all))
			return nil, &ProtocolError{Method: http.MethodGet, Path: path, Status: http.StatusOK, Reason: reason}
		}
	}
}
