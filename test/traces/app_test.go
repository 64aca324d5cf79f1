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

// connect gives the members of the group the ClusterRole view and an account in PostgreSQL.
func (i *installation) connect(t *testing.T) {
	t.Helper()
	server, err := postgres.Start(t.Context())
	check(t, "start PostgreSQL", err)
	t.Cleanup(server.Stop)
	conn, err := server.AsSuperuser(t.Context(), "postgres")
	check(t, "connect to PostgreSQL", err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "CREATE ROLE scim LOGIN CREATEROLE PASSWORD '"+appPassword+"'; GRANT pg_signal_backend TO scim")
	check(t, "make the operator's role", err)

	selected := v1alpha1.RoleSelector{DisplayName: groupName, Directory: directory}
	app := &v1alpha1.AppConnection{ObjectMeta: metav1.ObjectMeta{Namespace: appNamespace, Name: "postgres"}, Spec: v1alpha1.AppConnectionSpec{
		Account: v1alpha1.AccountTemplate{Name: `user.userName.split("@")[0]`},
		Guard:   v1alpha1.AppGuard{Mode: v1alpha1.GuardOff},
		Roles:   []v1alpha1.RoleSelector{selected},
	}}
	app.Spec.Target.PostgreSQL = &v1alpha1.PostgreSQLTarget{
		Host: server.Host, Port: int32(server.Port), TLS: v1alpha1.PostgreSQLTLSDisable, CredentialSecretRef: v1alpha1.AppCredential{Name: "postgres"},
	}
	grant := &v1alpha1.ClusterAccessGrant{ObjectMeta: metav1.ObjectMeta{Name: "quibblers-view"}, Spec: v1alpha1.ClusterAccessGrantSpec{
		Roles: []v1alpha1.RoleSelector{selected}, To: v1alpha1.GrantTarget{Kind: v1alpha1.KindClusterRole, Name: "view"}, Scope: v1alpha1.ScopeCluster,
	}}
	const secrets = "scim-operator-apps"
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: appNamespace}},
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: appNamespace, Name: secrets}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: appNamespace, Name: secrets},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: secrets},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: install.Namespace, Name: install.ControllerAccount}},
		},
		grant, app,
	} {
		check(t, "create "+object.GetName(), i.kube.Create(t.Context(), object))
	}
	eventually(t, "the endpoint is in status", func(ctx context.Context) error {
		if err := i.kube.Get(ctx, client.ObjectKeyFromObject(app), app); err != nil || app.Status.Endpoint != "" {
			return err
		}
		return errors.New("there is none")
	})
	check(t, "create the Secret", i.kube.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: appNamespace, Name: "postgres", Annotations: map[string]string{v1alpha1.AnnotationEndpoint: app.Status.Endpoint},
		},
		StringData: map[string]string{"username": "scim", "password": appPassword},
	}))
}
