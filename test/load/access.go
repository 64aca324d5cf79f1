package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// grantName is that of the grant to the group of all.
const grantName = "everybody"

// Grant lets the group of all view the whole cluster.
func Grant(ctx context.Context, kube client.Client) error {
	return kube.Create(ctx, &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{Name: grantName}, Spec: v1alpha1.ClusterAccessGrantSpec{
		Roles: []v1alpha1.RoleSelector{{DisplayName: sharedGroup}}, To: v1alpha1.GrantTarget{Name: "view"}, Scope: v1alpha1.ScopeCluster,
	}})
}

// Unguarded are limits that no push here reaches, because pushers deactivate as many as they activate.
func Unguarded() v1alpha1.Guard {
	return v1alpha1.Guard{Users: v1alpha1.GuardLimit{Count: 100_000}, Members: v1alpha1.GuardLimit{Count: 100_000}}
}

// AwaitAccess waits until the bindings of the grant have exactly the active members of the group of all, by their present names. Call it
// after Stop.
func (l *Load) AwaitAccess(ctx context.Context, kube client.Client) error {
	want := map[string]bool{}
	for _, p := range l.pushers {
		for _, one := range p.people {
			if one.active && p.inShared[one.id] {
				want[one.userName] = true
			}
		}
	}
	if len(want) == 0 {
		return errors.New("nobody is left in the group of all, so that bindings would prove nothing")
	}
	last := errors.New("nobody looked yet")
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		bindings := &rbacv1.ClusterRoleBindingList{}
		if last = kube.List(ctx, bindings, client.MatchingLabels{v1alpha1.LabelGrant: grantName}); last != nil {
			return false, nil
		}
		got := []string{}
		for i := range bindings.Items {
			for _, subject := range bindings.Items[i].Subjects {
				got = append(got, subject.Name)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), got); diff != "" {
			last = fmt.Errorf("the subjects of the bindings (-acknowledged +got):\n%s", diff)
		}
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", err, last)
	}
	return nil
}
