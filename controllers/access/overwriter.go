package access

import (
	"context"
	"fmt"
	"net/http"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// onlyMetadata asks for an answer without the subjects, of which there may be 1,000: nobody reads them there, and the watch brings them
// (https://kubernetes.io/docs/reference/using-api/api-concepts/, metadata-only fetches). Errors are answered as they always are.
const onlyMetadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1," + runtime.ContentTypeProtobuf

// overwriter writes whole bindings over those that there are. It is what the manager's client does, but for what it is answered.
type overwriter struct {
	client  rest.Interface
	options runtime.ParameterCodec
}

// newOverwriter makes an overwriter for an API server, over the connections of a client.
func newOverwriter(config *rest.Config, httpClient *http.Client) (*overwriter, error) {
	scheme := runtime.NewScheme()
	if err := rbacv1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("preparing to write bindings: %w", err)
	}
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		return nil, fmt.Errorf("preparing to read metadata: %w", err)
	}
	kind := rbacv1.SchemeGroupVersion.WithKind("ClusterRoleBinding")
	made, err := apiutil.RESTClientForGVK(kind, false, false, config, serializer.NewCodecFactory(scheme), httpClient)
	if err != nil {
		return nil, fmt.Errorf("making a client for bindings: %w", err)
	}
	return &overwriter{client: made, options: runtime.NewParameterCodec(scheme)}, nil
}

// overwrite replaces the binding of that name if it has the resourceVersion of this one, and gives the resourceVersion that came of it. Its errors
// are those of the API server.
func (o *overwriter) overwrite(ctx context.Context, binding client.Object) (version string, err error) {
	resource := "clusterrolebindings"
	if binding.GetNamespace() != "" {
		resource = "rolebindings"
	}
	answer := &metav1.PartialObjectMetadata{}
	err = o.client.Put().
		NamespaceIfScoped(binding.GetNamespace(), binding.GetNamespace() != "").
		Resource(resource).
		Name(binding.GetName()).
		SetHeader("Accept", onlyMetadata).
		VersionedParams(&metav1.UpdateOptions{FieldManager: v1alpha1.ManagedBy}, o.options).
		Body(binding).
		Do(ctx).
		Into(answer)
	return answer.GetResourceVersion(), err
}
