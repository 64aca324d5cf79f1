package permissions_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/install"
	"github.com/scim-operator/scim-operator/test/okta"
	"github.com/scim-operator/scim-operator/test/release"
)

// send makes one request with a bearer token, and wants a status.
func (f *flow) send(ctx context.Context, method, url, token string, want int) error {
	request, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	// The certificate of the metrics is made at the start, so that nobody can know its authority.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != want {
		return fmt.Errorf("%s %s: %s, want %d", method, url, response.Status, want)
	}
	return nil
}

// metrics asks every pod for its metrics, as Prometheus does.
func (f *flow) metrics(ctx context.Context) error {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: f.tag + "-prometheus"}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta(account.Name), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "scim-operator-metrics-reader"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
	}
	if err := errors.Join(f.Kube.Create(ctx, account), f.Kube.Create(ctx, binding)); err != nil {
		return err
	}
	config, err := install.TokenConfigAt(ctx, f.config.Config, f.Kube, account.Namespace, account.Name)
	if err != nil {
		return err
	}
	for _, pod := range append(f.Pods(release.Server), f.Pods(release.Controller)...) {
		address, err := pod.Address("metrics")
		if err != nil {
			return err
		}
		err = until(ctx, "metrics of "+pod.Name, func(ctx context.Context) error {
			return f.send(ctx, http.MethodGet, "https://"+address+"/metrics", config.BearerToken, http.StatusOK)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// apps keeps one person's account in an Argo CD, and reads the credential of another app.
func (f *flow) apps(ctx context.Context) error {
	from := v1alpha1.RoleSelector{DisplayName: f.tag + " apps", Directory: f.tag}
	role, err := f.oin.PushGroup(ctx, from.DisplayName, okta.Members(f.people[0]))
	if err != nil {
		return err
	}
	in := func(app string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: shop, Name: f.tag + "-" + app} }
	spec := v1alpha1.AppConnectionSpec{
		Roles: []v1alpha1.RoleSelector{from}, Guard: v1alpha1.AppGuard{Mode: v1alpha1.GuardOff},
		Account: v1alpha1.AccountTemplate{Name: `user.userName.split("@")[0]`},
	}
	argocd, database := &v1alpha1.AppConnection{ObjectMeta: in("argocd"), Spec: spec}, &v1alpha1.AppConnection{ObjectMeta: in("database"), Spec: spec}
	argocd.Spec.Target.ArgoCD = &v1alpha1.ArgoCDTarget{Accounts: v1alpha1.ArgoCDSSO}
	argocd.Spec.RoleMappings = []v1alpha1.AppRoleMapping{{From: from, To: []string{"role:deployer", "proj:web:" + deployer}}}
	database.Spec.Target.PostgreSQL = &v1alpha1.PostgreSQLTarget{
		Host: "database.invalid", Port: 5432, CredentialSecretRef: v1alpha1.AppCredential{Name: f.tag + "-database"},
	}
	secret := &corev1.Secret{ObjectMeta: in("database"), StringData: map[string]string{"username": "operator", "password": "of a database that is not there"}}
	if err := errors.Join(f.Kube.Create(ctx, secret), f.Kube.Create(ctx, argocd), f.Kube.Create(ctx, database)); err != nil {
		return err
	}
	if err := f.accounts(ctx, argocd, 1); err != nil {
		return err
	}
	if err := f.oin.ChangeMembers(ctx, role, from.DisplayName, okta.Members(f.people[1]), f.people[:1]); err != nil {
		return err
	}
	if err := f.accounts(ctx, argocd, 1); err != nil {
		return err
	}
	err = until(ctx, "somebody looked for the database", func(ctx context.Context) error {
		if err := f.Kube.Get(ctx, client.ObjectKeyFromObject(database), database); err != nil {
			return err
		}
		if database.Status.Endpoint == "" {
			return errors.New("its status has no endpoint")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return f.disconnect(ctx, argocd, database)
}

// accounts waits until that many people have an active account in an app.
func (f *flow) accounts(ctx context.Context, app *v1alpha1.AppConnection, want int) error {
	return until(ctx, fmt.Sprintf("%d accounts in %s", want, app.Name), func(ctx context.Context) error {
		accounts := &v1alpha1.AppAccountList{}
		if err := f.Kube.List(ctx, accounts, client.InNamespace(app.Namespace)); err != nil {
			return err
		}
		active := 0
		for i := range accounts.Items {
			if account := &accounts.Items[i]; account.Spec.App == app.Name && account.Status.State == v1alpha1.AccountActive {
				active++
			}
		}
		if active != want {
			return fmt.Errorf("%d are active", active)
		}
		return nil
	})
}

// disconnect deletes AppConnections, and waits for their finalizers.
func (f *flow) disconnect(ctx context.Context, apps ...*v1alpha1.AppConnection) error {
	for _, app := range apps {
		if err := f.Kube.Delete(ctx, app); err != nil {
			return err
		}
		err := until(ctx, "AppConnection "+app.Name+" goes", func(ctx context.Context) error {
			if err := f.Kube.Get(ctx, client.ObjectKeyFromObject(app), app); client.IgnoreNotFound(err) != nil || err == nil {
				return fmt.Errorf("it is there: %w", err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// repair leaves behind what crashes leave: a user without a claim, one whose claim is with somebody who left the name, and a slice of no role.
func (f *flow) repair(ctx context.Context) error {
	server, err := f.as(ctx, release.Server)
	if err != nil {
		return err
	}
	claims := []*v1alpha1.ScimClaim{}
	for _, id := range f.people[:3] {
		user := &v1alpha1.ScimUser{}
		if err := f.Kube.Get(ctx, client.ObjectKey{Name: id}, user); err != nil {
			return err
		}
		claim := &v1alpha1.ScimClaim{}
		if err := f.Kube.Get(ctx, client.ObjectKey{Name: v1alpha1.ClaimName(v1alpha1.ClaimUserName, user.Spec.UserName)}, claim); err != nil {
			return err
		}
		claims = append(claims, claim)
	}
	stray := claims[1].DeepCopy()
	stray.Spec.Owner = f.people[2]
	orphan := &v1alpha1.ScimRoleSlice{
		ObjectMeta: metav1.ObjectMeta{GenerateName: f.tag + "-orphan-"}, Spec: v1alpha1.ScimRoleSliceSpec{Role: f.tag + "-nothing", Members: []string{"nobody"}},
	}
	if err := errors.Join(server.Delete(ctx, claims[0]), server.Update(ctx, stray), server.Create(ctx, orphan)); err != nil {
		return err
	}
	err = until(ctx, "claims are put right", func(ctx context.Context) error {
		for _, want := range claims {
			got := &v1alpha1.ScimClaim{}
			if err := f.Kube.Get(ctx, client.ObjectKeyFromObject(want), got); err != nil {
				return err
			}
			if got.Spec.Owner != want.Spec.Owner {
				return fmt.Errorf("claim %s names %s", got.Name, got.Spec.Owner)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return until(ctx, "the slice of no role goes", func(ctx context.Context) error {
		if err := f.Kube.Get(ctx, client.ObjectKeyFromObject(orphan), orphan); client.IgnoreNotFound(err) != nil || err == nil {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	})
}

// failOver replaces the controllers, so that another one leads.
func (f *flow) failOver(ctx context.Context) error {
	lease := &coordinationv1.Lease{}
	key := client.ObjectKey{Namespace: release.Namespace, Name: "scim-operator-controller"}
	if err := f.Kube.Get(ctx, key, lease); err != nil {
		return err
	}
	before := *lease.Spec.HolderIdentity
	if err := f.Roll(ctx, release.Controller); err != nil {
		return err
	}
	return until(ctx, "another controller leads", func(ctx context.Context) error {
		if err := f.Kube.Get(ctx, key, lease); err != nil {
			return err
		}
		if holder := *lease.Spec.HolderIdentity; holder == before || holder == "" {
			return fmt.Errorf("%q leads", holder)
		}
		return nil
	})
}
