// Package cli is what the commands of kubectl-scim have in common: the way to the cluster, output, errors and completion.
package cli
