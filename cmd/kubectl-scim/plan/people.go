package plan

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/internal/access"
)

const (
	// settleWithin is how long bindings that are being written may take until they agree with their plan.
	settleWithin = 10 * time.Second
	// bindingsPerPage keeps an answer small: a full binding has about 100 kB.
	bindingsPerPage = 100
	usersPerPage    = 500
)

// errMoving means that the bindings and the plan do not agree.
var errMoving = errors.New("not everybody can be listed, because the bindings are being written and do not agree with the plan yet: look again in a moment")

// person is somebody whom a plan holds.
type person struct {
	// Name is the Kubernetes user name.
	Name string `json:"name"`
	// UserName and User are spec.userName and metadata.name of the ScimUser; empty when there is none any more, or when it may not be read.
	UserName string `json:"userName,omitempty"`
	User     string `json:"user,omitempty"`
	// Discarded says that the removal does not take effect by itself.
	Discarded bool `json:"discarded,omitempty"`
}

func (p person) note() string {
	if p.Discarded {
		return "discarded: without an end"
	}
	return ""
}

// shown is an AccessPlan and everybody whom it holds. It is no runtime.Object, so that it is encoded with all its fields.
type shown struct {
	v1alpha1.AccessPlan

	People []person `json:"people,omitempty"`
}

func newShown(plan *v1alpha1.AccessPlan, held []person) shown {
	s := shown{AccessPlan: *plan.DeepCopy(), People: held}
	s.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AccessPlan"))
	s.SetManagedFields(nil)
	return s
}

// heldPeople are those whose removal a plan holds, sorted by their Kubernetes user names. Only the bindings know all of them, so the
// plan is read again until the two agree. With an error, they are those of whom status has a sample.
func heldPeople(ctx context.Context, kube client.Client, plan *v1alpha1.AccessPlan) ([]person, error) {
	var held map[string]access.HeldPerson
	err := wait.PollUntilContextTimeout(ctx, cli.PollEvery, settleWithin, true, func(ctx context.Context) (bool, error) {
		if err := kube.Get(ctx, client.ObjectKeyFromObject(plan), plan); err != nil {
			return false, err
		}
		if plan.Status.Digest == "" {
			return true, nil
		}
		var err error
		held, err = inBindings(ctx, kube, plan)
		return access.Digest(slices.Collect(maps.Keys(held))) == plan.Status.Digest, err
	})
	switch {
	case wait.Interrupted(err) && ctx.Err() == nil:
		return samples(plan), errMoving
	case err != nil:
		return samples(plan), fmt.Errorf("not everybody can be listed: %w", err)
	case plan.Status.Digest == "":
		return nil, nil
	}
	users, err := usersByPrint(ctx, kube, plan.Spec)
	if err != nil {
		return samples(plan), fmt.Errorf("not everybody's userName can be shown: %w", err)
	}
	people := make([]person, 0, len(held))
	for _, name := range slices.Sorted(maps.Keys(held)) {
		known := users[held[name].Print]
		people = append(people, person{Name: name, UserName: known.userName, User: known.name, Discarded: held[name].Discarded})
	}
	return people, nil
}

func samples(plan *v1alpha1.AccessPlan) []person {
	var people []person
	for _, name := range plan.Status.Samples {
		people = append(people, person{Name: name})
	}
	return people
}

// inBindings finds by name everybody whom the bindings hold for a plan.
func inBindings(ctx context.Context, kube client.Client, plan *v1alpha1.AccessPlan) (map[string]access.HeldPerson, error) {
	held := map[string]access.HeldPerson{}
	add := func(b client.Object, subjects []rbacv1.Subject) {
		for _, p := range access.Held(plan, b.GetLabels(), b.GetAnnotations(), subjects) {
			// Whoever waits in one binding for the end of the hold loses access then, whatever was discarded before.
			if other, found := held[p.Name]; !found || other.Discarded {
				held[p.Name] = p
			}
		}
	}
	ours := []client.ListOption{client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}, client.Limit(bindingsPerPage)}
	err := cli.EachPage(ctx, kube, ours, func(page *rbacv1.ClusterRoleBindingList) {
		for i := range page.Items {
			add(&page.Items[i], page.Items[i].Subjects)
		}
	})
	if err != nil {
		return nil, err
	}
	err = cli.EachPage(ctx, kube, ours, func(page *rbacv1.RoleBindingList) {
		for i := range page.Items {
			add(&page.Items[i], page.Items[i].Subjects)
		}
	})
	return held, err
}

// user is a ScimUser as far as it is shown.
type user struct{ name, userName string }

// usersByPrint finds the users whom a plan can be about, by the Prints that stand for them in bindings. The members of a role may be local
// users, or those of another directory. Who may not read users gets none.
func usersByPrint(ctx context.Context, kube client.Client, spec v1alpha1.AccessPlanSpec) (map[string]user, error) {
	options := []client.ListOption{client.Limit(usersPerPage)}
	if spec.Role == "" {
		options = append(options, client.MatchingFields{"spec.directory": spec.Directory})
	}
	users := map[string]user{}
	err := cli.EachPage(ctx, kube, options, func(page *v1alpha1.ScimUserList) {
		for i := range page.Items {
			u := &page.Items[i]
			users[access.Print(u.Name)] = user{name: u.Name, userName: u.Spec.UserName}
		}
	})
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	return users, err
}
