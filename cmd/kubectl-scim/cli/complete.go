package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

const (
	// completionTimeout is how long a person who pressed the tabulator key waits at most.
	completionTimeout = 3 * time.Second
	// completionLimit bounds how many names are read: nobody chooses among more.
	completionLimit = 500
)

// Completion proposes values for what a person has begun to type, each with an optional description after a tabulator.
type Completion func(ctx context.Context, kube client.Client, args []string) ([]string, error)

// Complete makes what cobra calls. It proposes nothing, and says nothing, when the cluster cannot be asked. nth is the position of
// the argument that is completed, from 0.
func (e *Env) Complete(nth int, propose Completion) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) != nth {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return e.propose(cmd, args, begun, propose)
	}
}

// CompleteFlag makes what cobra calls for the value of a flag.
func (e *Env) CompleteFlag(propose Completion) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		return e.propose(cmd, args, begun, propose)
	}
}

func (e *Env) propose(cmd *cobra.Command, args []string, begun string, propose Completion) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	kube, err := e.Client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	values, err := propose(ctx, kube, args)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	values = slices.DeleteFunc(values, func(value string) bool { return !strings.HasPrefix(value, begun) })
	slices.Sort(values)
	return slices.Compact(values), cobra.ShellCompDirectiveNoFileComp
}

// Directories proposes the names of directories.
func Directories(ctx context.Context, kube client.Client, _ []string) ([]string, error) {
	var list v1alpha1.ScimDirectoryList
	if err := kube.List(ctx, &list, client.Limit(completionLimit)); err != nil {
		return nil, err
	}
	return namesOf(&list)
}

// Credentials proposes the names of the credentials of the directory that is the first argument.
func Credentials(ctx context.Context, kube client.Client, args []string) ([]string, error) {
	directory, err := FindDirectory(ctx, kube, args[0])
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range directory.Spec.Credentials {
		names = append(names, directory.Spec.Credentials[i].Name)
	}
	return names, nil
}

// Plans proposes the names of access plans.
func Plans(ctx context.Context, kube client.Client, _ []string) ([]string, error) {
	var list v1alpha1.AccessPlanList
	if err := kube.List(ctx, &list, client.Limit(completionLimit)); err != nil {
		return nil, err
	}
	return namesOf(&list)
}

// Users proposes users, by userName and by the name of the object.
func Users(ctx context.Context, kube client.Client, _ []string) ([]string, error) {
	var list v1alpha1.ScimUserList
	if err := kube.List(ctx, &list, client.Limit(completionLimit)); err != nil {
		return nil, err
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Spec.UserName, list.Items[i].Name+"\t"+list.Items[i].Spec.UserName)
	}
	return names, nil
}

// Roles proposes roles, by displayName and by the name of the object.
func Roles(ctx context.Context, kube client.Client, _ []string) ([]string, error) {
	var list v1alpha1.ScimRoleList
	if err := kube.List(ctx, &list, client.Limit(completionLimit)); err != nil {
		return nil, err
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Spec.DisplayName, list.Items[i].Name+"\t"+list.Items[i].Spec.DisplayName)
	}
	return names, nil
}
