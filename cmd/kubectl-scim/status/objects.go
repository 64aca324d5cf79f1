package status

import (
	"context"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
)

// conditionReady is what all kinds call it.
const conditionReady = v1alpha1.UserReady

// read reads everything that a snapshot is made of. Nothing but kinds of the operator is listed, so that the role scim-operator-viewer is
// enough; the error of somebody who lacks it names every kind that is missing.
func read(ctx context.Context, kube client.Reader) (*objects, error) {
	found := &objects{}
	return found, cli.ReadKinds(ctx, listsOf(kube, found), "", "scim-operator-viewer")
}

// listsOf are the kinds, the longest list first. Each writes to a place of its own.
func listsOf(kube client.Reader, o *objects) []cli.KindList {
	return []cli.KindList{
		{Resource: "scimusers", Read: each(kube, cli.LargePage, func(l *v1alpha1.ScimUserList) {
			for i := range l.Items {
				u := &l.Items[i]
				o.users = append(o.users, newObject(u, "ScimUser", u.Spec.UserName, u.Status.ObservedGeneration, u.Status.Conditions))
			}
		})},
		{Resource: "appaccounts", Read: each(kube, cli.LargePage, func(l *v1alpha1.AppAccountList) {
			for i := range l.Items {
				o.accounts = append(o.accounts, newAccount(&l.Items[i]))
			}
		})},
		{Resource: "scimroles", Read: each(kube, cli.SmallPage, func(l *v1alpha1.ScimRoleList) {
			for i := range l.Items {
				r := &l.Items[i]
				o.roles = append(o.roles, newObject(r, "ScimRole", r.Spec.DisplayName, r.Status.ObservedGeneration, r.Status.Conditions))
			}
		})},
		{Resource: "scimdirectories", Read: each(kube, cli.LargePage, func(l *v1alpha1.ScimDirectoryList) {
			for i := range l.Items {
				d := &l.Items[i]
				o.directories = append(o.directories, newObject(d, "ScimDirectory", "", d.Status.ObservedGeneration, d.Status.Conditions))
			}
		})},
		{Resource: "clusteraccessgrants", Read: each(kube, cli.LargePage, func(l *v1alpha1.ClusterAccessGrantList) {
			for i := range l.Items {
				o.addGrant(0, &l.Items[i], "ClusterAccessGrant", &l.Items[i].Status)
			}
		})},
		{Resource: "accessgrants", Read: each(kube, cli.LargePage, func(l *v1alpha1.AccessGrantList) {
			for i := range l.Items {
				o.addGrant(1, &l.Items[i], "AccessGrant", &l.Items[i].Status)
			}
		})},
		{Resource: "accessplans", Read: each(kube, cli.LargePage, func(l *v1alpha1.AccessPlanList) {
			for i := range l.Items {
				p := &l.Items[i]
				if p.Status.Digest != "" {
					o.held[0] = append(o.held[0], Held{
						Kind: "AccessPlan", Name: p.Name, Held: known(p.Status.Held), HeldSince: p.Status.HeldSince, ReleaseTime: p.Status.ReleaseTime,
					})
				}
			}
		})},
		{Resource: "appconnections", Read: each(kube, cli.LargePage, func(l *v1alpha1.AppConnectionList) {
			for i := range l.Items {
				o.addApp(&l.Items[i])
			}
		})},
	}
}

// each lists a kind page by page.
func each[T any, L interface {
	*T
	client.ObjectList
}](kube client.Reader, page int64, visit func(L)) func(context.Context) error {
	return func(ctx context.Context) error {
		return cli.EachPage(ctx, kube, []client.ListOption{client.Limit(page)}, visit)
	}
}

func newObject(from client.Object, kind, person string, observed int64, conditions []metav1.Condition) object {
	o := object{kind: kind, namespace: from.GetNamespace(), name: from.GetName(), person: person, behind: observed != from.GetGeneration()}
	if ready := apimeta.FindStatusCondition(conditions, conditionReady); ready != nil && ready.Status == metav1.ConditionFalse {
		o.ready = metav1.Condition{Reason: ready.Reason, Message: ready.Message}
	}
	return o
}

// newAccount: an AppAccount's spec never changes, so that its status is never about an earlier one.
func newAccount(a *v1alpha1.AppAccount) account {
	return account{
		object: newObject(a, "AppAccount", a.Status.UserName, a.GetGeneration(), a.Status.Conditions),
		app:    a.Spec.App, state: a.Status.State, leaving: a.DeletionTimestamp != nil,
	}
}

func (o *objects) addGrant(which int, from client.Object, kind string, status *v1alpha1.GrantStatus) {
	o.grants[which] = append(o.grants[which], newObject(from, kind, "", status.ObservedGeneration, status.Conditions))
	o.bindings[which] += known(status.Bindings)
}

func (o *objects) addApp(a *v1alpha1.AppConnection) {
	o.apps = append(o.apps, app{
		object:    newObject(a, "AppConnection", "", a.Status.ObservedGeneration, a.Status.Conditions),
		suspended: a.Spec.Suspend, waiting: known(a.Status.Waiting),
	})
	if guard := &a.Status.Guard; guard.Held != nil {
		o.held[1] = append(o.held[1], Held{
			Kind: "AppConnection", Namespace: a.Namespace, Name: a.Name, Held: known(guard.Held), HeldSince: guard.HeldSince, ReleaseTime: guard.ReleaseTime,
		})
	}
}

func known(n *int32) int {
	if n == nil {
		return 0
	}
	return int(*n)
}
