package why

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/restmapper"

	"github.com/scim-operator/scim-operator/cmd/kubectl-scim/cli"
	"github.com/scim-operator/scim-operator/internal/access/explain"
)

// question is a request as people write it.
type question struct{ verb, resource, subresource, name, namespace string }

// newRequest finds out which resource is meant, as kubectl does: po, pod and pods are the same, and an API group may be left out. A resource
// that the cluster does not serve is taken as it is written, and the notes say so.
func newRequest(env *cli.Env, q question) (explain.Request, []string, error) {
	q.verb = strings.ToLower(q.verb)
	if strings.HasPrefix(q.resource, "/") {
		if q.name != "" || q.namespace != "" || q.subresource != "" {
			return explain.Request{}, nil, errors.New("a path such as /metrics has no name, subresource or namespace")
		}
		return explain.Request{Verb: q.verb, URL: q.resource}, nil, nil
	}
	request := explain.Request{Verb: q.verb, Name: q.name, Namespace: q.namespace}
	if q.resource == "" {
		return explain.Request{}, nil, errors.New("the resource is missing: write for example pods, deployments.apps or pods/log")
	}
	if q.resource == "*" {
		request.Group, request.Resource = "*", "*"
		return request, nil, nil
	}
	served, err := discover(env)
	var notes []string
	if err != nil {
		notes = append(notes, fmt.Sprintf("The resources of the cluster cannot be read, so %q is taken as it is written: %v.", q.resource, err))
	}
	found, known := served.find(q.resource)
	if err == nil && !known {
		notes = append(notes, fmt.Sprintf("The cluster serves no resource %q, so it is taken as it is written.", q.resource))
	}
	request.Group, request.Resource, request.ClusterScoped = found.group, found.resource, found.clusterScoped
	if known && q.subresource == "" && q.name != "" && served.has(found, q.name) {
		notes = append(notes, fmt.Sprintf("%s is taken as the name of an object; for the subresource give --subresource=%s.", q.name, q.name))
	}
	if q.subresource != "" {
		request.Resource += "/" + q.subresource
		if known && !served.has(found, q.subresource) {
			notes = append(notes, fmt.Sprintf("The cluster serves no subresource %q of %s, so it is taken as it is written.", q.subresource, found.resource))
		}
	}
	if found.clusterScoped && q.namespace != "" {
		notes = append(notes, found.resource+" are in no namespace, so --namespace means nothing.")
		request.Namespace = ""
	}
	return request, notes, nil
}

// resources are what a cluster serves.
type resources struct {
	mapper meta.RESTMapper
	groups []*restmapper.APIGroupResources
}

type resource struct {
	group, resource string
	clusterScoped   bool
}

// discover asks what the cluster serves. Everybody who signed in may ask.
func discover(env *cli.Env) (resources, error) {
	config, err := env.RESTConfig()
	if err != nil {
		return resources{}, err
	}
	asker, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return resources{}, err
	}
	groups, err := restmapper.GetAPIGroupResources(asker)
	if err != nil {
		return resources{}, err
	}
	mapper := restmapper.NewShortcutExpander(restmapper.NewDiscoveryRESTMapper(groups), asker, nil)
	return resources{mapper: mapper, groups: groups}, nil
}

// find finds a resource by what people call it, such as po, pods, deployments.apps or deployments.v1.apps.
func (r resources) find(text string) (resource, bool) {
	versioned, plain := schema.ParseResourceArg(strings.ToLower(text))
	asWritten := resource{group: plain.Group, resource: plain.Resource}
	if r.mapper == nil {
		return asWritten, false
	}
	var found schema.GroupVersionResource
	var err error
	if versioned != nil {
		found, err = r.mapper.ResourceFor(*versioned)
	}
	if versioned == nil || err != nil {
		found, err = r.mapper.ResourceFor(plain.WithVersion(""))
	}
	if err != nil {
		return asWritten, false
	}
	result := resource{group: found.Group, resource: found.Resource}
	if kind, err := r.mapper.KindFor(found); err == nil {
		if mapping, err := r.mapper.RESTMapping(kind.GroupKind(), kind.Version); err == nil {
			result.clusterScoped = mapping.Scope.Name() == meta.RESTScopeNameRoot
		}
	}
	return result, true
}

// has says whether a resource has a subresource.
func (r resources) has(of resource, subresource string) bool {
	for _, group := range r.groups {
		if group.Group.Name != of.group {
			continue
		}
		for _, served := range group.VersionedResources {
			for i := range served {
				if served[i].Name == of.resource+"/"+subresource {
					return true
				}
			}
		}
	}
	return false
}
