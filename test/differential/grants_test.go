package differential_test

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// changeObject changes an object as a person does who may do anything, again if somebody else was faster.
func changeObject[T any, O interface {
	*T
	client.Object
}](ctx context.Context, kube client.Client, name string, change func(O),
) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		object := O(new(T))
		if err := kube.Get(ctx, client.ObjectKey{Name: name}, object); err != nil {
			return client.IgnoreNotFound(err)
		}
		change(object)
		return kube.Update(ctx, object)
	})
}

func (h *history) createGrant(ctx context.Context) error {
	name := fmt.Sprintf("grant-%d", h.next())
	if h.once(2) {
		return h.kube.Create(ctx, &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: h.clusterSpec()})
	}
	return h.kube.Create(ctx, &v1alpha1.AccessGrant{ObjectMeta: metav1.ObjectMeta{Namespace: pick(h, teams()[:4]), Name: name}, Spec: h.spec(false)})
}

func (h *history) changeGrant(ctx context.Context) error {
	object, err := h.anyGrant(ctx)
	if err != nil || object == nil {
		return err
	}
	clusterSpec, spec := h.clusterSpec(), h.spec(false)
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if err := h.kube.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		switch g := object.(type) {
		case *v1alpha1.ClusterAccessGrant:
			g.Spec = clusterSpec
		case *v1alpha1.AccessGrant:
			g.Spec = spec
		}
		return h.kube.Update(ctx, object)
	})
}

func (h *history) deleteGrant(ctx context.Context) error {
	object, err := h.anyGrant(ctx)
	if err != nil || object == nil {
		return err
	}
	return h.kube.Delete(ctx, object)
}

// anyGrant gives one of either kind; nil when there is none.
func (h *history) anyGrant(ctx context.Context) (client.Object, error) {
	var of v1alpha1.ClusterAccessGrantList
	var in v1alpha1.AccessGrantList
	if err := h.kube.List(ctx, &of); err != nil {
		return nil, err
	}
	if err := h.kube.List(ctx, &in); err != nil {
		return nil, err
	}
	if h.once(2) && len(of.Items) > 0 {
		return &of.Items[h.IntN(len(of.Items))], nil
	}
	if len(in.Items) > 0 {
		return &in.Items[h.IntN(len(in.Items))], nil
	}
	return nil, nil
}

func (h *history) clusterSpec() v1alpha1.ClusterAccessGrantSpec {
	scope := v1alpha1.ScopeNamespaces
	if h.once(4) {
		scope = v1alpha1.ScopeCluster
	}
	spec := h.spec(scope == v1alpha1.ScopeCluster)
	all := v1alpha1.ClusterAccessGrantSpec{
		Roles: spec.Roles, Users: spec.Users, ServiceAccounts: spec.ServiceAccounts, To: spec.To, Scope: scope, Validity: spec.Validity,
	}
	for i := range all.ServiceAccounts {
		all.ServiceAccounts[i].Namespace = "ci"
	}
	if scope == v1alpha1.ScopeNamespaces {
		all.Namespaces = h.namespaces()
	}
	return all
}

func (h *history) namespaces() *v1alpha1.NamespaceSelection {
	where := &v1alpha1.NamespaceSelection{}
	if h.once(2) {
		where.Names = []string{pick(h, teams())}
	}
	if len(where.Names) == 0 || h.once(3) {
		where.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": pick(h, []string{"x", "y"})}}
	}
	if h.once(3) {
		where.ExcludeNames = []string{pick(h, teams())}
	}
	return where
}

// spec draws what both kinds of grants have. One for the whole cluster gives no Role.
func (h *history) spec(everywhere bool) v1alpha1.AccessGrantSpec {
	spec := v1alpha1.AccessGrantSpec{Roles: []v1alpha1.RoleSelector{h.roleSelector()}}
	for h.once(2) {
		spec.Roles = append(spec.Roles, h.roleSelector())
	}
	if p := pick(h, h.people); p != nil && h.once(3) {
		by := v1alpha1.UserSelector{Name: p.id}
		if h.once(2) {
			by = v1alpha1.UserSelector{UserName: p.is.UserName, Directory: pick(h, []string{"", prefixed})}
		}
		spec.Users = append(spec.Users, by)
	}
	if h.once(4) {
		spec.ServiceAccounts = []v1alpha1.ServiceAccountReference{{Name: "bot"}}
	}
	spec.To = v1alpha1.GrantTarget{Kind: v1alpha1.KindClusterRole, Name: pick(h, []string{"view", "edit", "view", "edit", "admin", "no-such-role"})}
	if !everywhere && h.once(3) {
		spec.To = v1alpha1.GrantTarget{Kind: v1alpha1.KindRole, Name: pick(h, []string{"deployer", "deployer", "hidden"})}
	}
	spec.Validity = h.validity()
	return spec
}

func (h *history) roleSelector() v1alpha1.RoleSelector {
	g := pick(h, h.groups)
	switch {
	case h.once(4):
		return v1alpha1.RoleSelector{
			Selector:  &metav1.LabelSelector{MatchLabels: map[string]string{"team": pick(h, []string{"x", "y"})}},
			Directory: pick(h, []string{"", prefixed, plain}),
		}
	case g == nil || h.once(12):
		return v1alpha1.RoleSelector{DisplayName: "Nobody pushes this"}
	case h.once(2):
		return v1alpha1.RoleSelector{Name: g.id}
	default:
		return v1alpha1.RoleSelector{DisplayName: g.is.Name, Directory: pick(h, []string{"", "", prefixed})}
	}
}

// validity is mostly none; else over, to come, or about to begin or to end while one looks.
func (h *history) validity() *v1alpha1.Validity {
	at := func(seconds int) *metav1.Time {
		return new(metav1.NewTime(time.Now().Add(time.Duration(seconds) * time.Second)))
	}
	switch h.IntN(10) {
	case 0:
		return &v1alpha1.Validity{ExpiresAt: at(-3600)}
	case 1:
		return &v1alpha1.Validity{NotBefore: at(3600)}
	case 2:
		return &v1alpha1.Validity{ExpiresAt: at(2 + h.IntN(4))}
	case 3:
		return &v1alpha1.Validity{NotBefore: at(1 + h.IntN(3)), ExpiresAt: at(3600)}
	default:
		return nil
	}
}
