package argocd

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Connector keeps the accounts of one Argo CD.
type Connector struct {
	options Options
	// turn is held by the one call that may write: the accounts are in one object, so that calls at the same time would only make each
	// other start again.
	turn chan struct{}
}

var _ connector.Connector = (*Connector)(nil)

// New checks the options and asks the server for nothing.
func New(options Options) (*Connector, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("argocd: %w", err)
	}
	return &Connector{options: options, turn: make(chan struct{}, 1)}, nil
}

// NewClient makes a client that knows the kinds that the connector needs, so that it need not ask the server for them, and has no cache.
func NewClient(config *rest.Config) (client.Client, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("argocd: %w", err)
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), meta.RESTScopeNamespace)
	mapper.Add(projectKind, meta.RESTScopeNamespace)
	config = rest.CopyConfig(config)
	config.WarningHandler = rest.NoWarnings{} // nothing that is asked for here is deprecated
	made, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		return nil, fmt.Errorf("argocd: %w", err)
	}
	return made, nil
}

// Close does nothing: connections belong to the client.
func (c *Connector) Close() {}

// versionLabel is what the chart of Argo CD and its manifests label their objects with.
const versionLabel = "app.kubernetes.io/version"

// Capabilities reads the policy, and what else the options need, so that it also says whether the connector may.
func (c *Connector) Capabilities(ctx context.Context) (connector.Capabilities, error) {
	const op = "ask for capabilities"
	s, err := c.read(ctx, true)
	if err != nil {
		return connector.Capabilities{}, failed(op, err)
	}
	version := s.policy.Labels[versionLabel]
	if version == "" {
		version = "of a version that its ConfigMap does not say"
	}
	return connector.Capabilities{
		Version:      "Argo CD " + version,
		MaxNameBytes: c.options.maxName(),
		EndsSessions: c.options.Accounts == Local,
		KeepsRecord:  true,
	}, nil
}

// protection says why nobody's account may have that name, or nothing when one may.
func (o Options) protection(name string) string {
	switch {
	case name == adminName:
		return "it is Argo CD's own administrator"
	case isRoleName(name):
		return "names that begin with role: or proj: are those of roles"
	}
	for _, protected := range o.Protected {
		if name == protected {
			return "it is in the list of protected names"
		}
	}
	return ""
}
