package access

import (
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// Result is the plan: what should exist, and what each grant came to.
type Result struct {
	// Bindings should exist, and no other of these grants; sorted by Key. Of a grant that is frozen they are what stays of State.Existing.
	Bindings []Binding `json:"bindings,omitempty"`
	// Proposed are the bindings that grants with mode Plan would have with mode Enforce; sorted by Key.
	Proposed []Binding `json:"proposed,omitempty"`
	// Held are bindings about whose subjects nothing is known, because a part of a role could not be read; sorted. See Keep.
	Held []Key `json:"held,omitempty"`
	// Outcomes has one entry for each grant, sorted by key.
	Outcomes []Outcome `json:"outcomes,omitempty"`
}

// Phase says where a grant stands in time.
type Phase string

// The phases of a grant.
const (
	PhaseInForce     Phase = "InForce"
	PhaseNotYetValid Phase = "NotYetValid"
	PhaseExpired     Phase = "Expired"
)

// Outcome is what one grant came to.
type Outcome struct {
	Grant GrantKey `json:"grant"`
	Phase Phase    `json:"phase"`
	// Next is when the passage of time alone changes the plan; zero for never.
	Next time.Time `json:"next,omitzero"`
	// TargetNotAllowed and TargetNotFound say why nothing can be given.
	TargetNotAllowed bool `json:"targetNotAllowed,omitempty"`
	TargetNotFound   bool `json:"targetNotFound,omitempty"`
	// TargetNotFoundIn are namespaces that the grant selects and that have no Role of the name that it gives, sorted.
	TargetNotFoundIn []string `json:"targetNotFoundIn,omitempty"`
	// Roles are the ids of the roles that were matched, sorted.
	Roles []string `json:"roles,omitempty"`
	// RolesNotFound are the selectors that match no role that counts, in the order of the grant.
	RolesNotFound []v1alpha1.RoleSelector `json:"rolesNotFound,omitempty"`
	// RolesIncomplete are ids of matched roles a part of which could not be read.
	RolesIncomplete []string `json:"rolesIncomplete,omitempty"`
	// Namespaces are those in which the grant takes effect, sorted; none for a grant of scope Cluster.
	Namespaces []string `json:"namespaces,omitempty"`
	// NamespacesNotFound are those listed by name that do not exist or are being deleted, sorted.
	NamespacesNotFound []string `json:"namespacesNotFound,omitempty"`
	// SelectorError says why spec.namespaces.selector cannot be used; it then selects nothing.
	SelectorError string `json:"selectorError,omitempty"`
	// UsersNotFound are the entries of spec.users that name no user who counts or is inactive, in the order of the grant.
	UsersNotFound []v1alpha1.UserSelector `json:"usersNotFound,omitempty"`
	// Users is the number of different users who get access.
	Users int `json:"users"`
	// Refused are the members that were left out because their Kubernetes user names may not be bound, or because the condition fails for
	// them, sorted by id.
	Refused []Refusal `json:"refused,omitempty"`
	// Frozen says that nobody gains and that edits wait, because of spec.mode Plan or because of the ConditionError. What pushes take away
	// goes.
	Frozen bool `json:"frozen,omitempty"`
	// Revoked are bindings of a frozen grant that go because a person wished it: the installer no longer allows what they give, or they
	// belong to an earlier grant of the name; sorted.
	Revoked []Key `json:"revoked,omitempty"`
	// ConditionError says why spec.condition cannot be used.
	ConditionError string `json:"conditionError,omitempty"`
	// GroupRoles are the ids of roles whose pushed members are bound as a group, sorted.
	GroupRoles []string `json:"groupRoles,omitempty"`
	// GroupsRefused are roles whose group may not be bound, sorted. Their pushed members get nothing, or, with subjects Auto, what they get
	// they get one by one.
	GroupsRefused []GroupRefusal `json:"groupsRefused,omitempty"`
}

// Refusal says why a user was left out.
type Refusal struct {
	User   string `json:"user"`
	Reason string `json:"reason"`
}

// Plan says which bindings should exist. It is a pure function of its argument, which it does not change, and it is total: there is
// no input for which it fails.
func Plan(state State) Result {
	p := newPlanner(state)
	var result Result
	for _, grant := range state.Grants {
		result.Outcomes = append(result.Outcomes, p.grant(grant, &result))
	}
	sortBindings(result.Bindings)
	sortBindings(result.Proposed)
	slices.SortFunc(result.Held, Key.Compare)
	slices.SortFunc(result.Outcomes, func(a, b Outcome) int { return a.Grant.Compare(b.Grant) })
	p.state.Memory.Parts = p.parts
	return result
}

// planner is a State with the look-ups that Plan needs, and what was already worked out for a part of a role, which several grants
// may share.
type planner struct {
	state       State
	byID        map[string]Role
	byName      map[string][]string
	byUserName  map[string][]string
	bindable    map[rbacv1.RoleRef]bool
	clusterRole map[string]bool
	resolved    map[resolution][]resolvedPart
	parts       map[PartKey]*Part
	placed      placement
}

// resolution is a role under a condition, of which the zero value is none.
type resolution struct{ role, condition string }

type resolvedPart struct {
	label   string
	missing bool
	// pushed says that the members are whom a directory put into the role.
	pushed bool
	// rule says that the part is all of a rule, however many they are, and must be divided.
	rule     bool
	subjects []rbacv1.Subject
	people   []Person
	users    []string
	refused  []Refusal
}

func newPlanner(state State) *planner {
	p := &planner{
		state:       state,
		byID:        map[string]Role{},
		byName:      map[string][]string{},
		bindable:    bindable(state),
		clusterRole: setOf(state.ClusterRoles),
		resolved:    map[resolution][]resolvedPart{},
		parts:       map[PartKey]*Part{},
	}
	if p.state.Memory == nil {
		p.state.Memory = new(Memory)
	}
	for _, role := range state.Roles {
		if !role.Counts {
			continue
		}
		p.byID[role.ID] = role
		name := v1alpha1.Fold(role.DisplayName)
		p.byName[name] = append(p.byName[name], role.ID)
	}
	return p
}

func (p *planner) grant(grant Grant, result *Result) Outcome {
	outcome := Outcome{Grant: grant.Key()}
	outcome.Phase, outcome.Next = phase(grant.Spec.Validity, p.state.Now)
	var selectors map[string]string
	outcome.Roles, outcome.RolesNotFound, selectors = p.match(grant.Spec)
	p.namespaces(grant.Spec, &outcome)

	p.target(grant.Spec, &outcome)
	condition, err := conditionOf(grant)
	if err != nil {
		outcome.ConditionError = err.Error()
	}
	gives := err == nil && !outcome.TargetNotAllowed && !outcome.TargetNotFound && outcome.Phase == PhaseInForce
	outcome.Frozen = err != nil || grant.Spec.Mode == v1alpha1.ModePlan
	if outcome.Frozen {
		p.propose(grant, gives, condition, selectors, &outcome, result)
		p.freeze(grant, condition, &outcome, result)
		return outcome
	}
	if gives {
		p.bind(grant, condition, selectors, &outcome, result)
	}
	return outcome
}

// propose adds what a frozen grant would give. Bindings about whose subjects nothing is known would stay as they are.
func (p *planner) propose(grant Grant, gives bool, condition *Condition, selectors map[string]string, outcome *Outcome, result *Result) {
	if !gives {
		return
	}
	var proposal Result
	p.bind(grant, condition, selectors, outcome, &proposal)
	for _, old := range p.state.Existing {
		if grantIn(old.Labels) == grant.Key() && slices.Contains(proposal.Held, old.Key) {
			proposal.Bindings = append(proposal.Bindings, old)
		}
	}
	result.Proposed = append(result.Proposed, proposal.Bindings...)
}

// match finds the roles that selectors name, the selectors that name none, and by which selector,
// as selectorLabel has it, each role was found: of several it is the first.
func (p *planner) match(spec v1alpha1.ClusterAccessGrantSpec) (ids []string, notFound []v1alpha1.RoleSelector, by map[string]string) {
	by = map[string]string{}
	for _, selector := range spec.Roles {
		found := p.matchOne(selector)
		if len(found) == 0 {
			notFound = append(notFound, selector)
		}
		for _, id := range found {
			if _, before := by[id]; !before {
				by[id] = selectorLabel(selector, spec.Condition)
			}
		}
		ids = append(ids, found...)
	}
	slices.Sort(ids)
	return slices.Compact(ids), notFound, by
}

func (p *planner) matchOne(selector v1alpha1.RoleSelector) []string {
	if selector.Selector != nil {
		return p.matchLabels(selector)
	}
	if selector.Name != "" {
		if _, ok := p.byID[selector.Name]; ok {
			return []string{selector.Name}
		}
		return nil
	}
	var found []string
	for _, id := range p.byName[v1alpha1.Fold(selector.DisplayName)] {
		if selector.Directory == "" || selector.Directory == p.byID[id].Directory {
			found = append(found, id)
		}
	}
	return found
}

// matchLabels finds the roles that count and that a selector matches, sorted. Whatever selects by no requirement at all, or cannot be used,
// selects nothing: the API refuses the former, because it would hand the access to every group that is ever pushed.
func (p *planner) matchLabels(by v1alpha1.RoleSelector) []string {
	selector, err := metav1.LabelSelectorAsSelector(by.Selector)
	if err != nil || selector.Empty() {
		return nil
	}
	var found []string
	for id, role := range p.byID {
		if selector.Matches(labels.Set(role.Labels)) && (by.Directory == "" || by.Directory == role.Directory) {
			found = append(found, id)
		}
	}
	slices.Sort(found)
	return found
}

// namespaces finds where a grant takes effect.
func (p *planner) namespaces(spec v1alpha1.ClusterAccessGrantSpec, outcome *Outcome) {
	if spec.Scope != v1alpha1.ScopeNamespaces || spec.Namespaces == nil {
		return
	}
	selector, err := NamespaceSelector(spec.Namespaces.Selector)
	if err != nil {
		outcome.SelectorError = err.Error()
	}
	missing, excluded := setOf(spec.Namespaces.Names), setOf(spec.Namespaces.ExcludeNames)
	for _, name := range spec.Namespaces.ExcludeNames {
		delete(missing, name) // Nobody waits for a namespace that is left out.
	}
	for _, ns := range p.state.Namespaces {
		if ns.Terminating || excluded[ns.Name] {
			continue
		}
		if missing[ns.Name] || selector.Matches(labels.Set(ns.Labels)) {
			outcome.Namespaces = append(outcome.Namespaces, ns.Name)
		}
		delete(missing, ns.Name)
	}
	slices.Sort(outcome.Namespaces)
	outcome.Namespaces = slices.Compact(outcome.Namespaces)
	for name := range missing {
		outcome.NamespacesNotFound = append(outcome.NamespacesNotFound, name)
	}
	slices.Sort(outcome.NamespacesNotFound)
}

// NamespaceSelector is the selector of spec.namespaces.selector. Absent it selects nothing, empty it selects all; one that cannot
// be used selects nothing and says why.
func NamespaceSelector(selector *metav1.LabelSelector) (labels.Selector, error) {
	if selector == nil {
		return labels.Nothing(), nil
	}
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return labels.Nothing(), err
	}
	return compiled, nil
}

// resolve turns the members of a role for whom a condition holds, or all of them, into subjects, once for all grants.
func (p *planner) resolve(id string, condition *Condition) []resolvedPart {
	wanted := resolution{role: id}
	if condition != nil {
		wanted.condition = condition.expression
	}
	if done, ok := p.resolved[wanted]; ok {
		return done
	}
	all := []resolvedPart{}
	for _, piece := range parts(p.byID[id]) {
		key := PartKey{Role: id, Label: piece.label}
		part := p.state.Known[key]
		if part == nil || !p.isMain(wanted) {
			part = &Part{p.resolvePart(piece, condition)}
		}
		if p.isMain(wanted) {
			p.parts[key] = part
		}
		all = append(all, part.resolved)
	}
	p.resolved[wanted] = all
	return all
}

// isMain says whether a resolution is under the condition of the one grant whose parts are kept between plans.
func (p *planner) isMain(wanted resolution) bool {
	return len(p.state.Grants) == 1 && p.state.Grants[0].Spec.Condition == wanted.condition
}

func (p *planner) resolvePart(piece part, condition *Condition) resolvedPart {
	resolved := resolvedPart{label: piece.label, missing: piece.missing, rule: piece.rule, pushed: piece.directory != ""}
	var members []member
	for _, id := range piece.members {
		user := p.state.Users[id]
		if user.isStrangerTo(piece.directory) {
			continue
		}
		name, refusal := user.Subject()
		if condition != nil && user.Active && user.Counts {
			holds, err := condition.Of(user.Spec)
			if err != nil {
				name, refusal = "", err.Error()
			}
			if err == nil && !holds {
				continue
			}
		}
		if refusal != "" {
			resolved.refused = append(resolved.refused, Refusal{User: id, Reason: refusal})
		}
		if name != "" {
			members = append(members, member{name: name, id: id, directory: p.state.Users[id].Directory})
			resolved.users = append(resolved.users, id)
		}
	}
	resolved.subjects, resolved.people = subjectsOf(members)
	return resolved
}

// isStrangerTo says whether the user came through another directory than the one that pushed a list. Local users are strangers to
// nobody, and what people list has no directory.
func (u User) isStrangerTo(directory string) bool {
	return directory != "" && u.Directory != "" && u.Directory != directory
}

// Subject gives the name under which a user may be a subject; it is empty when the user may not be one. The refusal is empty unless
// it is the name that stands in the way: a suspended or unknown user is left out without a word.
func (u User) Subject() (name, refusal string) {
	if !u.Active || !u.Counts {
		return "", ""
	}
	if u.Refusal != "" {
		return "", u.Refusal
	}
	if err := SubjectName(u.Name); err != nil {
		return "", err.Error()
	}
	return u.Name, ""
}

func setOf(values []string) map[string]bool {
	set := make(map[string]bool, len(values))
	for _, value := range values {
		set[value] = true
	}
	return set
}
