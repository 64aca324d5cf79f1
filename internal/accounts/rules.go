package accounts

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
	"github.com/scim-operator/scim-operator/internal/connector"
)

// defaultName is the expression of an account's name where there is none.
const defaultName = "user.userName"

// Role is a ScimRole that counts.
type Role struct {
	ID          string
	DisplayName string
	Directory   string
	Labels      map[string]string
}

// Person is one identity and what is known of it.
type Person struct {
	ID string
	// Spec is what the identity provider said; nil for somebody who does not exist any more.
	Spec *v1alpha1.ScimUserSpec
	// Active says that the person exists, is active and counts.
	Active bool
	// Visible says that the person's directory lets the namespace of the app see its people.
	Visible bool
	// Roles are those that the person is in and that count.
	Roles []Role
}

// Wanted is an account as it should be. Without Through there should be none.
type Wanted struct {
	// Through are the ids of the roles by which the person gets the account, in order.
	Through    []string
	Name       string
	Attributes map[string][]string
	// Roles are what the mappings give, in order.
	Roles []string
}

// Rules are a compiled AppConnectionSpec. They may be used by several goroutines at once.
type Rules struct {
	spec       *v1alpha1.AppConnectionSpec
	condition  *access.Condition
	name       expression
	attributes map[string]expression
	match      *expression
	selectors  []matcher
	mappings   []mapping
}

type mapping struct {
	from matcher
	to   []string
}

// Compile compiles what the AppConnection says. The error names the field.
func Compile(spec *v1alpha1.AppConnectionSpec) (*Rules, error) {
	r := &Rules{spec: spec, attributes: map[string]expression{}}
	var err error
	if spec.Condition != "" {
		condition, err := access.CompileCondition(spec.Condition)
		if err != nil {
			return nil, fmt.Errorf("spec.condition: %w", err)
		}
		r.condition = &condition
	}
	name := spec.Account.Name
	if name == "" {
		name = defaultName
	}
	if r.name, err = compileText("spec.account.name", name); err != nil {
		return nil, err
	}
	for _, attribute := range slices.Sorted(maps.Keys(spec.Account.Attributes)) {
		compiled, err := compileText(fmt.Sprintf("spec.account.attributes[%q]", attribute), string(spec.Account.Attributes[attribute]))
		if err != nil {
			return nil, err
		}
		r.attributes[attribute] = compiled
	}
	if spec.Existing.Condition != "" {
		match, err := compileMatch("spec.existing.condition", spec.Existing.Condition)
		if err != nil {
			return nil, err
		}
		r.match = &match
	}
	return r, r.compileSelectors()
}

func (r *Rules) compileSelectors() error {
	for i, selector := range r.spec.Roles {
		compiled, err := compileSelector(selector)
		if err != nil {
			return fmt.Errorf("spec.roles[%d]: %w", i, err)
		}
		r.selectors = append(r.selectors, compiled)
	}
	for i, entry := range r.spec.RoleMappings {
		compiled, err := compileSelector(entry.From)
		if err != nil {
			return fmt.Errorf("spec.roleMappings[%d].from: %w", i, err)
		}
		r.mappings = append(r.mappings, mapping{from: compiled, to: entry.To})
	}
	return nil
}

// matcher is a compiled RoleSelector.
type matcher struct {
	name, displayName, directory string
	labels                       labels.Selector
}

func compileSelector(s v1alpha1.RoleSelector) (matcher, error) {
	m := matcher{name: s.Name, directory: s.Directory}
	if s.DisplayName != "" {
		m.displayName = v1alpha1.Fold(s.DisplayName)
	}
	if s.Selector == nil {
		return m, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(s.Selector)
	if err != nil {
		return m, fmt.Errorf("selector: %w", err)
	}
	if selector.Empty() {
		return m, errors.New("selector: it would select every role; give matchLabels or matchExpressions")
	}
	m.labels = selector
	return m, nil
}

func (m matcher) matches(role Role) bool {
	if m.directory != "" && m.directory != role.Directory {
		return false
	}
	switch {
	case m.name != "":
		return m.name == role.ID
	case m.labels != nil:
		return m.labels.Matches(labels.Set(role.Labels))
	}
	return m.displayName == v1alpha1.Fold(role.DisplayName)
}

// Selects says whether the AppConnection names the role, for who gets an account or for what these get.
func (r *Rules) Selects(role Role) bool {
	for _, m := range r.selectors {
		if m.matches(role) {
			return true
		}
	}
	for _, entry := range r.mappings {
		if entry.from.matches(role) {
			return true
		}
	}
	return false
}

// UsesRoles says whether an expression of an account reads the names of the person's roles, so that any role may matter.
func (r *Rules) UsesRoles() bool {
	for _, text := range r.spec.Account.Attributes {
		if strings.Contains(string(text), "roles") {
			return true
		}
	}
	return strings.Contains(r.spec.Account.Name, "roles")
}

// MappedRoles are all roles of the app that some mapping gives, in order.
func (r *Rules) MappedRoles() []string {
	var all []string
	for _, entry := range r.mappings {
		all = append(all, entry.to...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ErrNoName says that the person cannot have an account, because there is no name for it.
var ErrNoName = errors.New("spec.account.name gives no name for this person: it reads what the person does not have, or gives an empty text")

// Want says what account the person should have. It fails when an expression does, and then nothing is known of the account but Through.
func (r *Rules) Want(p Person) (Wanted, error) {
	var w Wanted
	if !p.Active || !p.Visible {
		return w, nil
	}
	w.Through = r.through(p)
	if len(w.Through) == 0 {
		return w, nil
	}
	return r.Describe(p, w)
}

// through are the roles by which an active person gets an account. A condition that fails lets nobody in.
func (r *Rules) through(p Person) []string {
	var ids []string
	for _, role := range p.Roles {
		for _, m := range r.selectors {
			if m.matches(role) {
				ids = append(ids, role.ID)
				break
			}
		}
	}
	if len(ids) > 0 && r.condition != nil {
		if holds, err := r.condition.Of(p.Spec); err != nil || !holds {
			return nil
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Describe fills in what the account looks like, whether or not the person should have it.
func (r *Rules) Describe(p Person, w Wanted) (Wanted, error) {
	seen, err := variables(p)
	if err != nil {
		return w, err
	}
	names, missing, err := r.name.texts(seen)
	switch {
	case err != nil:
		return w, fmt.Errorf("spec.account.name: %w", err)
	case missing || len(names) == 0:
		return w, ErrNoName
	case len(names) > 1:
		return w, errors.New("spec.account.name gives several names for this person: let it give one")
	}
	w.Name = names[0]
	w.Attributes = map[string][]string{}
	for _, attribute := range slices.Sorted(maps.Keys(r.attributes)) {
		values, _, err := r.attributes[attribute].texts(seen)
		if err != nil {
			return w, fmt.Errorf("spec.account.attributes[%q]: %w", attribute, err)
		}
		if len(values) > 0 {
			w.Attributes[attribute] = values
		}
	}
	if len(w.Through) > 0 {
		w.Roles = r.mapped(p)
	}
	return w, nil
}

func (r *Rules) mapped(p Person) []string {
	var names []string
	for _, entry := range r.mappings {
		if slices.ContainsFunc(p.Roles, entry.from.matches) {
			names = append(names, entry.to...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// MayAdopt says whether an account that nobody marked may become the person's.
func (r *Rules) MayAdopt(p Person, found connector.Observed) bool {
	if r.spec.Existing.Policy != v1alpha1.ExistingAccountsAdopt {
		return false
	}
	if r.match == nil {
		return true
	}
	fields, err := access.Fields(p.Spec)
	if err != nil {
		return false
	}
	holds, err := r.match.holds(map[string]any{"user": fields, "account": accountFields(found)})
	return err == nil && holds
}

// Matches says whether adoption asks for more than the name, so that the account has to be looked at first.
func (r *Rules) Matches() bool { return r.match != nil }
