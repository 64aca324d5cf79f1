package traces_test

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/install"
	"github.com/scim-operator/scim-operator/test/postgres"
)

const (
	appNamespace = "warehouse"
	appPassword  = "postgres-canary-77c1d0ab3e"
	groupName    = "Quibblers of Note"
)

// appObjects is what lets the controller read the Secrets of the namespace of apps, as the chart makes it.
func appObjects() []client.Object {
	const secrets = "scim-operator-apps"
	return []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: appNamespace}},
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: appNamespace, Name: secrets}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: appNamespace, Name: secrets},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: secrets},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: install.Namespace, Name: install.ControllerAccount}},
		},
	}
}

// connect gives the members of a group the ClusterRole view and an account in PostgreSQL. The app can be used once confirm was called, which
// makes the Secret of the AppConnection.
func (i *installation) connect(t *testing.T, name, group string) (confirm func()) {
	t.Helper()
	server, err := postgres.Start(t.Context())
	check(t, "start PostgreSQL", err)
	t.Cleanup(server.Stop)
	conn, err := server.AsSuperuser(t.Context(), "postgres")
	check(t, "connect to PostgreSQL", err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "CREATE ROLE scim LOGIN CREATEROLE PASSWORD '"+appPassword+"'; GRANT pg_signal_backend TO scim")
	check(t, "make the operator's role", err)

	selected := v1alpha1.RoleSelector{DisplayName: group, Directory: directory}
	app := &v1alpha1.AppConnection{ObjectMeta: metav1.ObjectMeta{Namespace: appNamespace, Name: name}, Spec: v1alpha1.AppConnectionSpec{
		Account: v1alpha1.AccountTemplate{Name: `user.userName.split("@")[0]`},
		Guard:   v1alpha1.AppGuard{Mode: v1alpha1.GuardOff},
		Roles:   []v1alpha1.RoleSelector{selected},
	}}
	app.Spec.Target.PostgreSQL = &v1alpha1.PostgreSQLTarget{
		Host: server.Host, Port: int32(server.Port), TLS: v1alpha1.PostgreSQLTLSDisable, CredentialSecretRef: v1alpha1.AppCredential{Name: name},
	}
	check(t, "create the AppConnection", i.kube.Create(t.Context(), app))
	check(t, "create the grant", i.kube.Create(t.Context(), &v1alpha1.ClusterAccessGrant{
		ObjectMeta: metav1.ObjectMeta{Name: name + "-view"}, Spec: v1alpha1.ClusterAccessGrantSpec{
			Roles: []v1alpha1.RoleSelector{selected}, To: v1alpha1.GrantTarget{Kind: v1alpha1.KindClusterRole, Name: "view"}, Scope: v1alpha1.ScopeCluster,
		},
	}))
	eventually(t, "the endpoint is in status", func(ctx context.Context) error {
		if err := i.kube.Get(ctx, client.ObjectKeyFromObject(app), app); err != nil || app.Status.Endpoint != "" {
			return err
		}
		return errors.New("there is none")
	})
	return func() {
		t.Helper()
		check(t, "create the Secret", i.kube.Create(t.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: appNamespace, Name: name, Annotations: map[string]string{v1alpha1.AnnotationEndpoint: app.Status.Endpoint},
			},
			StringData: map[string]string{"username": "scim", "password": appPassword},
		}))
	}
}
