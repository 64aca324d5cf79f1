package access

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/controllers/echo"
	"github.com/scim-operator/scim-operator/internal/access"
)

// The limits of status fields, from the API.
const (
	maxRoleNames    = 4096
	maxRefusedUsers = 10
	// maxListed is how many things a message lists before it only counts.
	maxListed = 5
)

// tell speaks of what was written since it last did.
func (r *Reconciler) tell(s *scope) {
	if done := r.untold.take(s.request); len(done) > 0 {
		r.recorder.Eventf(s.grant, nil, corev1.EventTypeNormal, "BindingsChanged", "Enforce", "%s", done)
	}
}

// report sets the grant's status from what the reconcile found out, and speaks of what is wrong for the first time. It writes nothing.
func (r *Reconciler) report(s *scope) {
	before := apimeta.FindStatusCondition(statusOf(s.grant).Conditions, v1alpha1.GrantReady)
	s.grant = s.grant.DeepCopyObject().(client.Object)
	setStatus(statusOf(s.grant), s)
	after := apimeta.FindStatusCondition(statusOf(s.grant).Conditions, v1alpha1.GrantReady)
	if after.Status == metav1.ConditionFalse && (before == nil || before.Reason != after.Reason || before.Message != after.Message) {
		r.recorder.Eventf(s.grant, nil, corev1.EventTypeWarning, after.Reason, "Enforce", "%s", shorten(after.Message, 1000))
	}
}

// writeStatus writes status if it differs from what the API server is known to have.
func (r *Reconciler) writeStatus(ctx context.Context, s *scope) error {
	old := newGrant(s.key)
	err := r.cache.Get(ctx, objectKey(s.key), old)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading the grant: %w", err)
	}
	old = echo.Newest(r.echoes, old)
	if err != nil || old.GetUID() != s.grant.GetUID() || apiequality.Semantic.DeepEqual(statusOf(old), statusOf(s.grant)) {
		return nil
	}
	next := old.DeepCopyObject().(client.Object)
	*statusOf(next) = *statusOf(s.grant)
	err = r.writer.Status().Patch(ctx, next, client.MergeFrom(old), client.FieldOwner(v1alpha1.ManagedBy))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("writing status: %w", err)
	}
	r.echoes.Wrote(next)
	return nil
}

// setStatus derives status from the scope and nothing else.
func setStatus(status *v1alpha1.GrantStatus, s *scope) {
	outcome := s.outcome()
	status.ObservedGeneration = s.grant.GetGeneration()
	status.RoleNames = shorten(strings.Join(roleNames(s), ", "), maxRoleNames)
	status.ScopeSummary, status.Namespaces = scopeSummary(s.spec().Scope, len(outcome.Namespaces))
	status.Users = number(outcome.Users + len(s.held))
	status.Bindings = number(len(s.desired) - failedCreates(s.failures))
	status.RefusedUsers = nil
	for _, refusal := range outcome.Refused {
		if n := len(status.RefusedUsers); n < maxRefusedUsers && (n == 0 || status.RefusedUsers[n-1] != refusal.User) {
			status.RefusedUsers = append(status.RefusedUsers, refusal.User)
		}
	}
	status.Plan = nil
	if s.spec().Mode == v1alpha1.ModePlan {
		status.Plan = access.Proposal(s.desired, access.Hold(s.existing, s.plan.Proposed, s.stay))
	}
	revocation := revocationOf(outcome)
	revocation.ObservedGeneration, revocation.LastTransitionTime = s.grant.GetGeneration(), metav1.NewTime(s.now)
	apimeta.SetStatusCondition(&status.Conditions, revocation)
	ready := verdict(s, status.Plan)
	ready.Type, ready.ObservedGeneration = v1alpha1.GrantReady, s.grant.GetGeneration()
	ready.LastTransitionTime = metav1.NewTime(s.now)
	apimeta.SetStatusCondition(&status.Conditions, ready)
	setAdopted(status, s)
}

func number(n int) *int32 {
	value := int32(n) //nolint:gosec // etcd holds far fewer than two thousand million objects
	return &value
}

func failedCreates(failures []failure) int {
	n := 0
	for _, failed := range failures {
		if failed.change.Action == access.Create {
			n++
		}
	}
	return n
}

func scopeSummary(scope v1alpha1.GrantScope, namespaces int) (string, *int32) {
	if scope == v1alpha1.ScopeCluster {
		return "cluster-wide", nil
	}
	return count(namespaces, "namespace"), number(namespaces)
}

// roleNames are the display names of the roles, or the selectors that find them, in the order of spec.
func roleNames(s *scope) []string {
	displayNames := map[string]string{}
	for _, role := range s.state.Roles {
		displayNames[role.ID] = role.DisplayName
	}
	var names []string
	for _, selector := range s.spec().Roles {
		if selector.Selector != nil {
			names = append(names, metav1.FormatLabelSelector(selector.Selector))
			continue
		}
		name := selector.DisplayName
		if selector.Name != "" {
			name = displayNames[selector.Name]
		}
		if name == "" {
			name = selector.Name
		}
		names = append(names, name)
	}
	return names
}

// revocationOf is the condition RevocationImmediate without its times.
func revocationOf(outcome access.Outcome) metav1.Condition {
	condition := is(v1alpha1.ReasonUserSubjects, "Every person stands in the bindings by name, so that whoever leaves loses access with the next write.")
	if len(outcome.GroupRoles) > 0 {
		condition = isNot(v1alpha1.ReasonGroupSubjects, "ScimRole "+list(quote(outcome.GroupRoles))+" stands in the bindings as a group, so "+
			"that whoever leaves it has access until the person's token expires.")
	}
	condition.Type = v1alpha1.GrantRevocationImmediate
	return condition
}

// verdict is the condition Ready without its times. What is most in need of a person comes first; of a grant that is planned only, that it
// is, and then what is amiss with the plan.
func verdict(s *scope, plan *v1alpha1.GrantPlan) metav1.Condition {
	ready := judge(s)
	outcome := s.outcome()
	decided := outcome.Phase == access.PhaseExpired || outcome.TargetNotAllowed || outcome.TargetNotFound || outcome.ConditionError != "" ||
		len(s.failures) > 0
	if plan == nil || decided {
		return ready
	}
	planned := isNot(v1alpha1.ReasonPlanned, fmt.Sprintf("Enforcing the grant would change %s: %s would gain, %s would lose. See status.plan; "+
		"set spec.mode to Enforce to make it so.", count(int(*plan.Bindings), "binding"), count(int(*plan.Gained), "subject"),
		count(int(*plan.Lost), "subject")))
	if ready.Status == metav1.ConditionFalse || outcome.Phase == access.PhaseNotYetValid {
		planned.Message += " Besides: " + ready.Message
	}
	return planned
}

func judge(s *scope) metav1.Condition {
	outcome, spec, target := s.outcome(), s.spec(), access.RoleRef(s.spec().To)
	switch {
	case outcome.Phase == access.PhaseExpired && len(s.failures) == 0:
		return is(v1alpha1.ReasonExpired, "The grant expired at "+instant(spec.Validity.ExpiresAt)+" and gives nothing. "+
			"Delete it, or set a later spec.validity.expiresAt.")
	case outcome.ConditionError != "":
		return isNot(v1alpha1.ReasonConditionInvalid, "Nobody gains access, because spec.condition cannot be used: "+
			shorten(outcome.ConditionError, 1000)+". Correct it.")
	case outcome.TargetNotAllowed:
		return isNot(v1alpha1.ReasonRoleNotAllowed, fmt.Sprintf("The operator may not give %s %q. Ask whoever installs the "+
			"operator to add it to %s.", target.Kind, target.Name, allowList(target)))
	case outcome.TargetNotFound:
		return isNot(v1alpha1.ReasonTargetNotFound, fmt.Sprintf("%s %q does not exist. Create it, or correct spec.to.", target.Kind, target.Name))
	case len(s.failures) > 0:
		return failed(s.failures, target)
	case outcome.Phase == access.PhaseNotYetValid:
		return is(v1alpha1.ReasonNotYetValid, "The grant gives nothing before "+instant(spec.Validity.NotBefore)+".")
	case len(outcome.RolesIncomplete) > 0:
		return isNot(v1alpha1.ReasonSliceNotFound, "Some members of ScimRole "+list(quote(outcome.RolesIncomplete))+" cannot be read, "+
			"because a ScimRoleSlice is missing. Their bindings stay as they are. Push the group again from the identity provider.")
	case len(outcome.RolesNotFound) > 0:
		return isNot(v1alpha1.ReasonRoleNotFound, "No ScimRole counts with "+list(selectors(outcome.RolesNotFound))+
			". Push the group from the identity provider, or correct spec.roles.")
	case len(outcome.UsersNotFound) > 0:
		return isNot(v1alpha1.ReasonUserNotFound, "No ScimUser counts with "+list(userSelectors(outcome.UsersNotFound))+
			". Push the user from the identity provider, or correct spec.users.")
	case outcome.SelectorError != "":
		return isNot(v1alpha1.ReasonNamespaceNotFound, "spec.namespaces.selector selects nothing: "+outcome.SelectorError+". Correct it.")
	case len(outcome.NamespacesNotFound) > 0:
		return isNot(v1alpha1.ReasonNamespaceNotFound, "Namespace "+list(quote(outcome.NamespacesNotFound))+" does not exist, or is being "+
			"deleted. Create it, or correct spec.namespaces.names.")
	case len(outcome.TargetNotFoundIn) > 0:
		return isNot(v1alpha1.ReasonTargetNotFound, fmt.Sprintf("Role %q does not exist in namespace %s. Create it there, or leave the "+
			"namespace out.", target.Name, list(quote(outcome.TargetNotFoundIn))))
	case len(outcome.GroupsRefused) > 0:
		return isNot(v1alpha1.ReasonSubjectsRefused, count(len(outcome.GroupsRefused), "group")+" left out: "+
			list(groupRefusals(outcome.GroupsRefused))+". Rename the group, or correct spec.identity.group of its ScimDirectory.")
	case len(outcome.Refused) > 0:
		return isNot(v1alpha1.ReasonSubjectsRefused, count(len(outcome.Refused), "user")+" left out: "+list(refusals(outcome.Refused))+
			". Correct their userName or spec.identity.username of their ScimDirectory, or spec.condition.")
	}
	return is(v1alpha1.ReasonEnforced, "Every binding is as the grant asks.")
}

func is(reason, message string) metav1.Condition {
	return metav1.Condition{Status: metav1.ConditionTrue, Reason: reason, Message: message}
}

func isNot(reason, message string) metav1.Condition {
	return metav1.Condition{Status: metav1.ConditionFalse, Reason: reason, Message: message}
}

// failed says what the API server refused. A missing bind permission comes first, because it explains all the rest.
func failed(failures []failure, target rbacv1.RoleRef) metav1.Condition {
	var texts []string
	for _, failed := range failures {
		if failed.notAllowed {
			return isNot(v1alpha1.ReasonRoleNotAllowed, fmt.Sprintf("The API server does not let the operator bind %s %q. Ask "+
				"whoever installs the operator to add it to %s, which gives it the verb bind.", target.Kind, target.Name, allowList(target)))
		}
		texts = append(texts, shorten(failed.err.Error(), 1000))
	}
	return isNot(v1alpha1.ReasonApplyFailed, count(len(failures), "binding")+" could not be written: "+list(texts)+".")
}

func instant(at *metav1.Time) string { return at.UTC().Format("2006-01-02 15:04:05 MST") }

func selectors(all []v1alpha1.RoleSelector) []string {
	texts := make([]string, len(all))
	for i, selector := range all {
		switch {
		case selector.Selector != nil && selector.Directory != "":
			texts[i] = fmt.Sprintf("labels %q in directory %q", metav1.FormatLabelSelector(selector.Selector), selector.Directory)
		case selector.Selector != nil:
			texts[i] = fmt.Sprintf("labels %q", metav1.FormatLabelSelector(selector.Selector))
		case selector.Name != "":
			texts[i] = fmt.Sprintf("name %q", selector.Name)
		case selector.Directory != "":
			texts[i] = fmt.Sprintf("displayName %q in directory %q", selector.DisplayName, selector.Directory)
		default:
			texts[i] = fmt.Sprintf("displayName %q", selector.DisplayName)
		}
	}
	return texts
}

func userSelectors(all []v1alpha1.UserSelector) []string {
	texts := make([]string, len(all))
	for i, selector := range all {
		switch {
		case selector.Name != "":
			texts[i] = fmt.Sprintf("name %q", selector.Name)
		case selector.Directory != "":
			texts[i] = fmt.Sprintf("userName %q in directory %q", selector.UserName, selector.Directory)
		default:
			texts[i] = fmt.Sprintf("userName %q", selector.UserName)
		}
	}
	return texts
}

// allowList is the value of the chart that lets the operator give something.
func allowList(target rbacv1.RoleRef) string {
	if target.Kind == v1alpha1.KindRole {
		return "access.bindableRoles"
	}
	return "access.bindableClusterRoles"
}

func refusals(all []access.Refusal) []string {
	texts := make([]string, len(all))
	for i, refusal := range all {
		texts[i] = refusal.User + " (" + shorten(refusal.Reason, 300) + ")"
	}
	return texts
}

func groupRefusals(all []access.GroupRefusal) []string {
	texts := make([]string, len(all))
	for i, refusal := range all {
		texts[i] = refusal.Role + " (" + shorten(refusal.Reason, 300) + ")"
	}
	return texts
}

func quote(values []string) []string {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = fmt.Sprintf("%q", value)
	}
	return quoted
}

// list joins a few texts, and counts the rest, so that a message stays readable and within its limit.
func list(texts []string) string {
	if len(texts) <= maxListed {
		return strings.Join(texts, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(texts[:maxListed], ", "), len(texts)-maxListed)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// shorten cuts a text to a number of characters.
func shorten(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit-1]) + "…"
}
