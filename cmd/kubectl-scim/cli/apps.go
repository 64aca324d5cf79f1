package cli

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// FindApp reads an AppConnection, or says how to find it.
func FindApp(ctx context.Context, kube client.Client, key client.ObjectKey) (*v1alpha1.AppConnection, error) {
	app := &v1alpha1.AppConnection{}
	found, err := getAt(ctx, kube, key, app)
	if err == nil && !found {
		err = fmt.Errorf("there is no AppConnection %q in namespace %s: `kubectl get appconnections -A` lists them; name another namespace with --namespace", key.Name, key.Namespace)
	}
	return app, err
}

// FindApps reads the AppConnections of a name, or all of them when it is empty, in one namespace, or in all when that is empty.
func FindApps(ctx context.Context, kube client.Client, key client.ObjectKey) ([]v1alpha1.AppConnection, error) {
	if key.Name != "" && key.Namespace != "" {
		app, err := FindApp(ctx, kube, key)
		if err != nil {
			return nil, err
		}
		return []v1alpha1.AppConnection{*app}, nil
	}
	var found []v1alpha1.AppConnection
	options := []client.ListOption{client.Limit(LargePage), client.InNamespace(key.Namespace)}
	err := EachPage(ctx, kube, options, func(list *v1alpha1.AppConnectionList) {
		for i := range list.Items {
			if key.Name == "" || list.Items[i].Name == key.Name {
				found = append(found, list.Items[i])
			}
		}
	})
	if err == nil && key.Name != "" && len(found) == 0 {
		err = fmt.Errorf("there is no AppConnection %q in any namespace: `kubectl get appconnections -A` lists them", key.Name)
	}
	return found, err
}

// FindAccount reads an AppAccount by the name of its app and by whom it is of: the name of the ScimUser, or userName without regard to case.
func FindAccount(ctx context.Context, kube client.Client, app client.ObjectKey, user string) (*v1alpha1.AppAccount, error) {
	account := &v1alpha1.AppAccount{}
	key := client.ObjectKey{Namespace: app.Namespace, Name: v1alpha1.AccountObjectName(app.Name, user)}
	if found, err := getAt(ctx, kube, key, account); found || err != nil {
		return account, err
	}
	all, err := Accounts(ctx, kube, app)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if IsOf(&all[i], user) {
			return &all[i], nil
		}
	}
	return nil, fmt.Errorf("in app %s of namespace %s nobody of the id or userName %q has an AppAccount: `kubectl scim accounts %s --namespace %s` lists them",
		app.Name, app.Namespace, user, app.Name, app.Namespace)
}

// Accounts are the AppAccounts of an app, or of all apps when its name is empty, in one namespace, or in all when that is empty.
func Accounts(ctx context.Context, kube client.Client, app client.ObjectKey) (found []v1alpha1.AppAccount, err error) {
	options := []client.ListOption{client.Limit(LargePage), client.InNamespace(app.Namespace)}
	if app.Name != "" {
		options = append(options, client.MatchingFields{"spec.app": app.Name})
	}
	err = EachPage(ctx, kube, options, func(list *v1alpha1.AppAccountList) { found = append(found, list.Items...) })
	return found, err
}

// IsOf says whether an account is of the person of that id or userName. It asks the account alone, because there may be no ScimUser any more.
func IsOf(account *v1alpha1.AppAccount, user string) bool {
	return account.Spec.User == user || v1alpha1.Fold(account.Status.UserName) == v1alpha1.Fold(user)
}

// Apps proposes the names of AppConnections of the place that the flags say.
func (e *Env) Apps(place *Place) Completion {
	return func(ctx context.Context, kube client.Client, _ []string) ([]string, error) {
		namespace, err := place.Namespace(e)
		if err != nil {
			return nil, err
		}
		var list v1alpha1.AppConnectionList
		if err := kube.List(ctx, &list, client.Limit(completionLimit), client.InNamespace(namespace)); err != nil {
			return nil, err
		}
		return namesOf(&list)
	}
}

// AppsAndFailed proposes the names of AppConnections, and those of AppAccounts that failed.
func (e *Env) AppsAndFailed(place *Place) Completion {
	return func(ctx context.Context, kube client.Client, args []string) ([]string, error) {
		names, err := e.Apps(place)(ctx, kube, args)
		if err != nil {
			return nil, err
		}
		namespace, err := place.Namespace(e)
		if err != nil {
			return nil, err
		}
		var list v1alpha1.AppAccountList
		failed := client.MatchingFields{"status.state": string(v1alpha1.AccountFailed)}
		if err := kube.List(ctx, &list, client.Limit(completionLimit), client.InNamespace(namespace), failed); err != nil {
			return names, nil
		}
		for i := range list.Items {
			names = append(names, list.Items[i].Name+"\t"+Printable(list.Items[i].Status.UserName))
		}
		return names, nil
	}
}
