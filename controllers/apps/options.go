package apps

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"k8s.io/client-go/tools/events"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/tracing"
)

// Credential is what the Secret of an AppConnection has. It is handed to a connector and kept nowhere else.
type Credential struct {
	Username, Password string
	// CA is in PEM; empty for the authorities that the system knows.
	CA []byte
}

// Dial connects to an app, and refuses addresses that apps may not have.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Opener makes the connector of an app. It connects to nothing yet; an error means that the AppConnection or the credential is no good, and
// its text has no credential in it.
type Opener func(ctx context.Context, app *v1alpha1.AppConnection, credential Credential, dial Dial) (connector.Connector, error)

// Options are what the process decides.
type Options struct {
	// Openers are the kinds of apps that there are.
	Openers map[v1alpha1.AppType]Opener
	// AllowedNetworks are where apps may be although addresses of that kind are refused otherwise.
	AllowedNetworks []netip.Prefix
	// LocalUsersNamespaces are the namespaces whose AppConnections see local users.
	LocalUsersNamespaces []string
	// Now gives the time.
	Now func() time.Time
	// Recorder tells people what they must know; nil for nobody.
	Recorder events.EventRecorder
	// Tracer makes the spans of what traced writes lead to; nil for none.
	Tracer *tracing.Tracer
}

// sees says whether an AppConnection of the namespace may know a user of the directory, which is nil for local users.
func (o Options) sees(namespace string, user *v1alpha1.ScimUser, directory *v1alpha1.ScimDirectory) bool {
	if user.Spec.Directory == "" {
		return slices.Contains(o.LocalUsersNamespaces, namespace)
	}
	return directory != nil && slices.Contains(directory.Spec.Apps.Namespaces, namespace)
}
