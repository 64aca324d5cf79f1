package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// Place says which namespaces a command about apps looks at. Its flag --namespace takes the place of the one that means the operator's own.
type Place struct {
	namespace string
	// All is true for all namespaces.
	All bool
}

// Bind adds --namespace to a command.
func (p *Place) Bind(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&p.namespace, "namespace", "n", "", "Namespace of the app; without it, that of the kubeconfig's context")
}

// BindAll adds --namespace and --all-namespaces to a command.
func (p *Place) BindAll(cmd *cobra.Command) {
	p.Bind(cmd)
	cmd.Flags().BoolVarP(&p.All, "all-namespaces", "A", false, "Look at apps in all namespaces")
}

// Check is a UsageError when the flags contradict each other.
func (p *Place) Check(cmd *cobra.Command) error {
	if p.All && p.namespace != "" {
		return Misuse(cmd, "--all-namespaces and --namespace=%s contradict each other: give one of them", p.namespace)
	}
	return nil
}

// Namespace is the namespace to look at, empty for all.
func (p *Place) Namespace(e *Env) (string, error) {
	if p.All || p.namespace != "" {
		return p.namespace, nil
	}
	namespace, _, err := e.Flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", fmt.Errorf("finding the namespace of the kubeconfig's context: %w", err)
	}
	return namespace, nil
}
