package access

import (
	"cmp"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// The bounds of v1alpha1.GrantPlan.
const (
	maxPlannedChanges = 20
	maxPlannedNames   = 10
)

// gift is what a subject has, and where.
type gift struct {
	namespace string
	target    rbacv1.RoleRef
	subject   rbacv1.Subject
}

// row is who has something through one role in one place.
type row struct {
	namespace, role string
	target          rbacv1.RoleRef
}

// Proposal says what would change if the bindings of one grant were to become others: nil when nobody would gain or lose, and no binding
// come or go. Somebody who would have the same in the same place by another binding, or through another role, neither gains nor loses.
// It lists the first twenty changes, by namespace and role, and of each the first ten names.
func Proposal(current, proposed []Binding) *v1alpha1.GrantPlan {
	bindings := 0
	for _, change := range Diff(current, proposed) {
		if change.Action != Update || len(change.Missing)+len(change.Extra) > 0 {
			bindings++
		}
	}
	if bindings == 0 {
		return nil
	}
	gained, lost := gains(current, proposed), gains(proposed, current)
	plan := &v1alpha1.GrantPlan{Bindings: number(bindings), Gained: number(different(gained)), Lost: number(different(lost))}
	for _, at := range rows(gained, lost) {
		if len(plan.Changes) == maxPlannedChanges {
			break
		}
		plan.Changes = append(plan.Changes, plannedChange(at, gained[at], lost[at]))
	}
	return plan
}

// gains gives, by row, the subjects of which one list of bindings gives something that another does not; each list is sorted.
func gains(without, with []Binding) map[row][]rbacv1.Subject {
	have := map[gift]bool{}
	for _, binding := range without {
		for _, subject := range binding.Subjects {
			have[gift{binding.Namespace, binding.RoleRef, subject}] = true
		}
	}
	found := map[row][]rbacv1.Subject{}
	for _, binding := range with {
		at := row{binding.Namespace, binding.Labels[v1alpha1.LabelRole], binding.RoleRef}
		for _, subject := range binding.Subjects {
			if !have[gift{binding.Namespace, binding.RoleRef, subject}] {
				found[at] = append(found[at], subject)
			}
		}
	}
	for at, subjects := range found {
		slices.SortFunc(subjects, compareSubjects)
		found[at] = slices.Compact(subjects)
	}
	return found
}

func different(found map[row][]rbacv1.Subject) int {
	all := map[rbacv1.Subject]bool{}
	for _, subjects := range found {
		for _, subject := range subjects {
			all[subject] = true
		}
	}
	return len(all)
}

// rows are those in which anybody gains or loses, in order.
func rows(gained, lost map[row][]rbacv1.Subject) []row {
	var all []row
	for at := range gained {
		all = append(all, at)
	}
	for at := range lost {
		if gained[at] == nil {
			all = append(all, at)
		}
	}
	slices.SortFunc(all, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.role, b.role), cmp.Compare(a.target.Kind, b.target.Kind),
			cmp.Compare(a.target.Name, b.target.Name))
	})
	return all
}

func plannedChange(at row, gained, lost []rbacv1.Subject) v1alpha1.PlannedChange {
	return v1alpha1.PlannedChange{
		Namespace: at.namespace, Role: at.role, Target: at.target.Kind + "/" + at.target.Name,
		Gained: number(len(gained)), Lost: number(len(lost)), GainedNames: firstNames(gained), LostNames: firstNames(lost),
	}
}

// firstNames are those of a user as they are, of others after their kinds.
func firstNames(subjects []rbacv1.Subject) []string {
	var names []string
	for _, subject := range subjects[:min(len(subjects), maxPlannedNames)] {
		switch subject.Kind {
		case rbacv1.UserKind:
			names = append(names, subject.Name)
		case rbacv1.ServiceAccountKind:
			names = append(names, subject.Kind+" "+subject.Namespace+"/"+subject.Name)
		default:
			names = append(names, subject.Kind+" "+subject.Name)
		}
	}
	return names
}
