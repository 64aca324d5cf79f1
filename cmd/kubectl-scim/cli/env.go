package cli

import (
	"crypto/rand"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

const (
	// DefaultNamespace is where the operator runs when nobody says otherwise.
	DefaultNamespace = "scim-operator-system"
	// fieldOwner names the plugin in managedFields.
	fieldOwner = "kubectl-scim"
)

// Env is what commands work with: everything that a test may want to decide comes from here.
type Env struct {
	// Streams are standard input, output and error.
	Streams genericiooptions.IOStreams
	// Clock tells the time.
	Clock clock.PassiveClock
	// Random is where tokens come from.
	Random io.Reader
	// Flags are kubectl's own, such as --kubeconfig and --context.
	Flags *genericclioptions.ConfigFlags
	// Namespace is the operator's own.
	Namespace string
}

// NewEnv makes the Env of a real command.
func NewEnv(streams genericiooptions.IOStreams) *Env {
	flags := genericclioptions.NewConfigFlags(true).WithWarningPrinter(streams)
	// The kinds of the operator have no namespace, so kubectl's flag would mean nothing; Bind adds one that means the operator's own.
	flags.Namespace = nil
	// Nothing is discovered, so nothing is cached.
	flags.CacheDir = nil
	return &Env{Streams: streams, Clock: clock.RealClock{}, Random: rand.Reader, Flags: flags, Namespace: DefaultNamespace}
}

// Bind adds the flags that every command takes.
func (e *Env) Bind(root *cobra.Command) {
	flags := root.PersistentFlags()
	e.Flags.AddFlags(flags)
	flags.StringVarP(&e.Namespace, "namespace", "n", e.Namespace, "Namespace that the operator runs in")
}

// Say writes a line to standard error: what a person should know and a script should not read.
func (e *Env) Say(format string, args ...any) {
	fmt.Fprintf(e.Streams.ErrOut, format+"\n", args...)
}

// RESTConfig is the way to the API server that kubeconfig and flags describe.
func (e *Env) RESTConfig() (*rest.Config, error) {
	config, err := e.Flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("finding the cluster: %w", err)
	}
	config = rest.CopyConfig(config)
	config.UserAgent = fieldOwner
	// The API server's own priority and fairness does better what this limit would do.
	config.QPS = -1
	return config, nil
}

// Client reads and writes live objects. It discovers nothing: the kinds are known, and one that the cluster lacks is an error that
// Explain explains.
func (e *Env) Client() (client.Client, error) {
	config, err := e.RESTConfig()
	if err != nil {
		return nil, err
	}
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	kube, err := client.New(config, client.Options{Scheme: scheme, Mapper: newMapper(), FieldOwner: fieldOwner})
	if err != nil {
		return nil, fmt.Errorf("building the client: %w", err)
	}
	return kube, nil
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("building the scheme: %w", err)
		}
	}
	return scheme, nil
}

// newMapper knows the paths of the kinds that the commands use.
func newMapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, kind := range []string{"ScimDirectory", "ScimUser", "ScimRole", "ScimRoleSlice", "ScimClaim", "ClusterAccessGrant", "AccessGrant", "AccessPlan"} {
		mapper.Add(v1alpha1.GroupVersion.WithKind(kind), meta.RESTScopeRoot)
	}
	for _, kind := range []schema.GroupVersionKind{
		apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"),
		admissionregistrationv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicy"),
		admissionregistrationv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicyBinding"),
		authenticationv1.SchemeGroupVersion.WithKind("SelfSubjectReview"),
		authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectAccessReview"),
		authorizationv1.SchemeGroupVersion.WithKind("SubjectAccessReview"),
		certificatesv1.SchemeGroupVersion.WithKind("CertificateSigningRequest"),
		corev1.SchemeGroupVersion.WithKind("Namespace"),
		rbacv1.SchemeGroupVersion.WithKind("ClusterRole"),
		rbacv1.SchemeGroupVersion.WithKind("ClusterRoleBinding"),
	} {
		mapper.Add(kind, meta.RESTScopeRoot)
	}
	for _, kind := range []schema.GroupVersionKind{
		v1alpha1.GroupVersion.WithKind("AccessGrant"), v1alpha1.GroupVersion.WithKind("AppConnection"), v1alpha1.GroupVersion.WithKind("AppAccount"),
		corev1.SchemeGroupVersion.WithKind("Secret"), appsv1.SchemeGroupVersion.WithKind("Deployment"),
		rbacv1.SchemeGroupVersion.WithKind("Role"), rbacv1.SchemeGroupVersion.WithKind("RoleBinding"),
	} {
		mapper.Add(kind, meta.RESTScopeNamespace)
	}
	return mapper
}
