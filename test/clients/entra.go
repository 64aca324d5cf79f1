package clients

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/scim-operator/scim-operator/test/okta"
)

// Entra is Microsoft Entra ID. It comes in two dialects: by default operations have capitals, booleans are strings, every attribute
// has a path and members are removed by a list of values; with the flag aadOptscim062020 in the tenant URL it follows the standard
// more closely.
type Entra struct {
	wire      *wire
	compliant bool
}

var _ Client = (*Entra)(nil)

// NewEntra makes a client. compliant stands for the flag, which this client repeats in the query of every request.
func NewEntra(config Config, compliant bool) (*Entra, error) {
	w, err := newWire(config, map[string]string{
		"User-Agent": "", "Accept": "application/scim+json", "Accept-Charset": "", "Accept-Encoding": "", "Content-Type": "application/scim+json; charset=utf-8",
	})
	if err == nil && compliant {
		w.query = "aadOptscim062020"
	}
	return &Entra{wire: w, compliant: compliant}, err
}

// op writes the operation as the dialect does.
func (e *Entra) op(name string) string {
	if e.compliant {
		return name
	}
	return map[string]string{"add": "Add", "remove": "Remove", "replace": "Replace"}[name]
}

// Connect looks for a user who cannot exist, and wants an empty list: a 404 fails the test.
func (e *Entra) Connect(ctx context.Context) error {
	found, err := e.wire.find(ctx, "/Users", fmt.Sprintf("userName eq %q", rand.Text()))
	if err == nil && found != nil {
		err = errors.New("a name that nobody has finds somebody")
	}
	return err
}

// CreateUser looks for the user by the attribute that matches and creates or updates. The manager is sent afterwards, on its own.
func (e *Entra) CreateUser(ctx context.Context, p Person) (string, error) {
	found, err := e.wire.find(ctx, "/Users", fmt.Sprintf("userName eq %q", p.UserName))
	if err != nil || found != nil {
		return found.ID(), err
	}
	manager := p.Manager
	p.Manager = ""
	user := fullUser(p)
	user["schemas"] = []any{okta.UserSchema, okta.EnterpriseSchema}
	user["meta"] = map[string]any{"resourceType": "User"}
	user["roles"] = []any{}
	user["addresses"] = []any{map[string]any{"type": "work", "locality": "Springfield", "formatted": nil, "country": nil}}
	created, err := e.wire.create(ctx, "/Users", user)
	if err != nil || manager == "" {
		return created.ID(), err
	}
	_, err = e.wire.patch(ctx, "/Users/"+created.ID(), e.set("add", okta.EnterpriseSchema+":manager", manager))
	return created.ID(), err
}

// FindByWorkEmail is the look-up by an e-mail address, without quotation marks if bare is set.
func (e *Entra) FindByWorkEmail(ctx context.Context, address string, bare bool) (okta.Resource, error) {
	return e.wire.find(ctx, "/Users", `emails[type eq "work"].value eq `+quote(address, bare))
}

// FindByExternalID is the look-up by Entra's own id, without quotation marks if bare is set.
func (e *Entra) FindByExternalID(ctx context.Context, id string, bare bool) (okta.Resource, error) {
	return e.wire.find(ctx, "/Users", "externalId eq "+quote(id, bare))
}

func quote(value string, bare bool) string {
	if bare {
		return value
	}
	return fmt.Sprintf("%q", value)
}

// UpdateUser reads the user, and sends the differences in one PATCH. What is no longer assigned is removed.
func (e *Entra) UpdateUser(ctx context.Context, id string, before, after Person) error {
	if _, err := e.wire.get(ctx, "/Users/"+id); err != nil {
		return err
	}
	operations := e.differences(before, after)
	if len(operations) == 0 {
		return nil
	}
	answer, err := e.wire.patch(ctx, "/Users/"+id, operations...)
	if err == nil && answer.Status != http.StatusOK && answer.Status != http.StatusNoContent {
		err = fmt.Errorf("PATCH of a user: %d", answer.Status)
	}
	return err
}

// attribute is one attribute of a person and its path.
type attribute struct {
	path string
	of   func(Person) string
}

func entraAttributes() []attribute {
	return []attribute{
		{"userName", func(p Person) string { return p.UserName }},
		{"displayName", func(p Person) string { return p.DisplayName }},
		{`emails[type eq "work"].value`, func(p Person) string { return p.Email }},
		{`phoneNumbers[type eq "mobile"].value`, func(p Person) string { return p.Mobile }},
		{"name.givenName", func(p Person) string { return p.GivenName }},
		{"name.familyName", func(p Person) string { return p.FamilyName }},
		{"title", func(p Person) string { return p.Title }},
		{"externalId", func(p Person) string { return p.ExternalID }},
		{okta.EnterpriseSchema + ":department", func(p Person) string { return p.Department }},
		{okta.EnterpriseSchema + ":employeeNumber", func(p Person) string { return p.EmployeeNumber }},
		{okta.EnterpriseSchema + ":manager", func(p Person) string { return p.Manager }},
	}
}

func (e *Entra) differences(before, after Person) []okta.Operation {
	var operations []okta.Operation
	together := map[string]any{}
	for _, a := range entraAttributes() {
		from, to := a.of(before), a.of(after)
		switch {
		case from == to:
		case to == "":
			operations = append(operations, okta.Operation{Op: e.op("remove"), Path: a.path})
		case e.compliant && !strings.Contains(a.path, "["):
			together[a.path] = to
		default:
			// Entra sends Replace also for a value that the server does not have, behind a filter that matches nothing.
			operations = append(operations, e.set("replace", a.path, to))
		}
	}
	if len(together) > 0 {
		operations = append(operations, okta.Operation{Op: e.op("replace"), Value: together})
	}
	if before.Active != after.Active {
		operations = append(operations, e.set("replace", "active", e.boolean(after.Active)))
	}
	return operations
}

func (e *Entra) set(op, path string, value any) okta.Operation {
	return okta.Operation{Op: e.op(op), Path: path, Value: value}
}

// boolean is how the dialect writes a boolean.
func (e *Entra) boolean(b bool) any {
	switch {
	case e.compliant:
		return b
	case b:
		return "True"
	default:
		return "False"
	}
}

// RemoveUser is the hard deletion that follows the soft one after thirty days.
func (e *Entra) RemoveUser(ctx context.Context, id string) error {
	return e.wire.remove(ctx, "/Users/"+id)
}

// FindGroup looks for a group by name without its members, and fails when the answer has them.
func (e *Entra) FindGroup(ctx context.Context, name string) (okta.Resource, error) {
	found, err := e.wire.list(ctx, "/Groups?excludedAttributes=members&filter="+url.QueryEscape(fmt.Sprintf("displayName eq %q", name)))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if _, ok := found[0]["members"]; ok {
		return nil, errors.New("excludedAttributes=members gave members")
	}
	return found[0], nil
}

// CreateGroup creates the group without members, under a schema of Microsoft's too, and adds them.
func (e *Entra) CreateGroup(ctx context.Context, g Group, ids []string) (string, error) {
	found, err := e.FindGroup(ctx, g.Name)
	if err != nil {
		return "", err
	}
	if found == nil {
		found, err = e.wire.create(ctx, "/Groups", okta.Resource{
			"schemas":    []any{okta.GroupSchema, entraGroupSchema},
			"externalId": g.ExternalID, "displayName": g.Name, "meta": map[string]any{"resourceType": "Group"},
		})
		if err != nil {
			return "", err
		}
	}
	return found.ID(), e.ChangeMembers(ctx, found.ID(), g, nil, ids)
}

// RenameGroup replaces the name.
func (e *Entra) RenameGroup(ctx context.Context, id string, g Group) error {
	if e.compliant {
		return e.patchGroup(ctx, id, okta.Operation{Op: "replace", Value: map[string]any{"displayName": g.Name, "externalId": g.ExternalID}})
	}
	return e.patchGroup(ctx, id, e.set("replace", "displayName", g.Name), e.set("replace", "externalId", g.ExternalID))
}

// ChangeMembers adds in one request and removes in another. Entra does not read the members before.
func (e *Entra) ChangeMembers(ctx context.Context, id string, _ Group, before, after []string) error {
	if add := without(after, before); len(add) > 0 {
		var list []any
		for _, member := range add {
			list = append(list, map[string]any{"$ref": nil, "value": member})
		}
		if err := e.patchGroup(ctx, id, e.set("add", "members", list)); err != nil {
			return err
		}
	}
	var operations []okta.Operation
	for _, member := range without(before, after) {
		if e.compliant {
			operations = append(operations, okta.Operation{Op: "remove", Path: fmt.Sprintf("members[value eq %q]", member)})
			continue
		}
		operations = append(operations, e.set("remove", "members", []any{map[string]any{"$ref": nil, "value": member}}))
	}
	if len(operations) == 0 {
		return nil
	}
	return e.patchGroup(ctx, id, operations...)
}

// patchGroup wants the answer that Entra's documentation demands: 204.
func (e *Entra) patchGroup(ctx context.Context, id string, operations ...okta.Operation) error {
	answer, err := e.wire.patch(ctx, "/Groups/"+id, operations...)
	if err == nil && answer.Status != http.StatusNoContent {
		err = fmt.Errorf("PATCH of a group: %d, want 204", answer.Status)
	}
	return err
}

// RemoveGroup deletes the group.
func (e *Entra) RemoveGroup(ctx context.Context, id string) error {
	return e.wire.remove(ctx, "/Groups/"+id)
}

// Maps is everything.
func (e *Entra) Maps(p Person) Person { return p }
