package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/install"
	"github.com/scim-operator/scim-operator/test/postgres"
)

// appUser is the operator's login in the app, with the rights that the documentation asks for.
const appUser, appPassword = "scim", "password of a test"

// app is a PostgreSQL server that all shards share. It is started by the first scene that wants an account.
var app struct {
	once   sync.Once
	server *postgres.Server
	err    error
}

func theApp() (*postgres.Server, error) {
	app.once.Do(func() {
		if app.server, app.err = postgres.Start(context.Background()); app.err == nil {
			app.err = execute(context.Background(), app.server, "CREATE ROLE "+appUser+" LOGIN CREATEROLE PASSWORD '"+appPassword+"'; GRANT pg_signal_backend TO "+appUser)
		}
	})
	return app.server, app.err
}

func stopApp() {
	if app.server != nil {
		app.server.Stop()
	}
}

func execute(ctx context.Context, server *postgres.Server, sql string) error {
	conn, err := server.AsSuperuser(ctx, "postgres")
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// appFlows are about the accounts of the team in the app.
func appFlows() []flow {
	everybody := map[string][]string{"view": {"ada", "bob"}}
	return []flow{
		{name: "app connected", app: true, setup: appRole, act: connected(nil), want: everybody},
		{name: "account made", app: true, setup: appTeam(nil), act: func(ctx context.Context, s *scene) error {
			return s.ChangeMembers(ctx, s.ids["team"], s.groupName("team"), s.members("cy"), nil)
		}, want: map[string][]string{"view": {"ada", "bob", "cy"}}},
		{name: "account suspended", app: true, setup: appTeam(nil), act: func(ctx context.Context, s *scene) error {
			return s.DeactivateUser(ctx, s.ids["ada"])
		}, want: map[string][]string{"view": {"bob"}}},
		{name: "account suspended and back", app: true, back: true, setup: appTeam(nil), act: func(ctx context.Context, s *scene) error {
			return all(func() error { return s.DeactivateUser(ctx, s.ids["ada"]) }, func() error { return s.ActivateUser(ctx, s.ids["ada"]) })
		}, want: everybody},
		{name: "account back and suspended again", app: true, back: true, setup: func(ctx context.Context, s *scene) error {
			return all(
				func() error { return appTeam(nil)(ctx, s) },
				func() error { return s.DeactivateUser(ctx, s.ids["ada"]) },
				func() error { return s.await(ctx, map[string][]string{"view": {"bob"}}) },
			)
		}, act: func(ctx context.Context, s *scene) error {
			return all(func() error { return s.ActivateUser(ctx, s.ids["ada"]) }, func() error { return s.DeactivateUser(ctx, s.ids["ada"]) })
		}, want: map[string][]string{"view": {"bob"}}},
		{name: "account renamed", app: true, setup: appTeam(nil), act: func(ctx context.Context, s *scene) error {
			return s.rename(ctx, s.Client, "eve")
		}, want: map[string][]string{"view": {"bob", "eve"}}},
		{name: "account deleted", app: true, setup: appTeam(func(spec *v1alpha1.AppConnectionSpec) {
			now := int32(0)
			spec.Deprovisioning = v1alpha1.Deprovisioning{Policy: v1alpha1.DeprovisionDelete, DeleteAfterSeconds: &now}
		}), act: func(ctx context.Context, s *scene) error { return s.remove(ctx, "/Users/"+s.ids["ada"]) },
			want: map[string][]string{"view": {"bob"}}},
		{name: "app disconnected", app: true, setup: appTeam(func(spec *v1alpha1.AppConnectionSpec) { spec.DeletionPolicy = v1alpha1.ConnectionDeprovision }),
			act: func(ctx context.Context, s *scene) error {
				return client.IgnoreNotFound(s.kube.Delete(ctx, &v1alpha1.AppConnection{ObjectMeta: s.appMeta()}))
			}, want: everybody},
	}
}

func (s *scene) appMeta() metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: s.tag, Name: "app"} }

// appTeam is the team with accounts in the app.
func appTeam(change func(*v1alpha1.AppConnectionSpec)) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		return all(
			func() error { return appRole(ctx, s) },
			func() error { return connected(change)(ctx, s) },
			func() error { return s.awaitAccounts(ctx, "ada", "bob") },
		)
	}
}

// appRole is the team, with a role in the app that it is to get, and a namespace whose Secrets the controller may read.
func appRole(ctx context.Context, s *scene) error {
	server, err := theApp()
	if err != nil {
		return err
	}
	meta := metav1.ObjectMeta{Namespace: s.tag, Name: "scim-operator-apps"}
	err = s.createAll(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.tag}},
		&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}}}},
		&rbacv1.RoleBinding{
			ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: install.Namespace, Name: install.ControllerAccount}},
		},
	)
	if err != nil {
		return err
	}
	return all(
		func() error { return team(ctx, s) },
		func() error {
			name := "team." + s.tag
			return execute(ctx, server, fmt.Sprintf("DO $$ BEGIN CREATE ROLE %q; EXCEPTION WHEN duplicate_object THEN NULL; END $$", name))
		},
	)
}

// connected makes a Secret that says for which endpoint it is, and the AppConnection.
func connected(change func(*v1alpha1.AppConnectionSpec)) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		from := v1alpha1.RoleSelector{DisplayName: s.groupName("team"), Directory: s.tag}
		connection := &v1alpha1.AppConnection{ObjectMeta: s.appMeta(), Spec: v1alpha1.AppConnectionSpec{
			Account:      v1alpha1.AccountTemplate{Name: `user.userName.split("@")[0]`},
			Guard:        v1alpha1.AppGuard{Mode: v1alpha1.GuardOff},
			Limits:       v1alpha1.AppLimits{PerSecond: 200},
			Roles:        []v1alpha1.RoleSelector{from},
			RoleMappings: []v1alpha1.AppRoleMapping{{From: from, To: []string{"team." + s.tag}}},
			Target: v1alpha1.AppTarget{PostgreSQL: &v1alpha1.PostgreSQLTarget{
				Host: app.server.Host, Port: int32(app.server.Port), TLS: v1alpha1.PostgreSQLTLSDisable, CredentialSecretRef: v1alpha1.AppCredential{Name: "app"},
			}},
		}}
		if change != nil {
			change(&connection.Spec)
		}
		at := fmt.Sprintf("postgresql://%s:%d/postgres?tls=disable", app.server.Host, app.server.Port)
		secret := &corev1.Secret{ObjectMeta: s.appMeta(), StringData: map[string]string{"username": appUser, "password": appPassword}}
		secret.Annotations = map[string]string{v1alpha1.AnnotationEndpoint: at}
		return s.createAll(ctx, secret, connection)
	}
}

// createAll creates what is not there yet.
func (s *scene) createAll(ctx context.Context, objects ...client.Object) error {
	for _, object := range objects {
		if err := s.kube.Create(ctx, object); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

// awaitAccounts waits until these people have accounts that are written down.
func (s *scene) awaitAccounts(ctx context.Context, people ...string) error {
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		for _, who := range people {
			account := &v1alpha1.AppAccount{}
			key := client.ObjectKey{Namespace: s.tag, Name: v1alpha1.AccountObjectName("app", s.ids[who])}
			if err := s.kube.Get(ctx, key, account); client.IgnoreNotFound(err) != nil {
				return false, err
			}
			if account.Status.State != v1alpha1.AccountActive {
				return false, nil
			}
		}
		return true, nil
	})
}

// accounts are the scene's accounts as the app has them, one line each.
func (s *scene) accounts(ctx context.Context) (lines []string, err error) {
	roles, err := app.server.Roles(ctx, "%."+s.tag)
	for _, role := range roles {
		lines = append(lines, fmt.Sprintf("in the app: %s, signs in: %t, has %v", role.Name, role.Login, role.MemberOf))
	}
	return lines, err
}
