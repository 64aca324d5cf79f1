package explain

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/component-helpers/auth/rbac/validation"
)

// Request is what somebody might ask of the API server, as its RBAC authorizer sees it.
type Request struct {
	Verb string `json:"verb"`
	// Group is the API group; empty for the core group.
	Group string `json:"group,omitempty"`
	// Resource is the plural in lower case, with a subresource after a slash: pods/log. It is empty for a URL.
	Resource string `json:"resource,omitempty"`
	// Name is that of one object; empty for any.
	Name string `json:"name,omitempty"`
	// Namespace is empty for all namespaces together, and for what has none.
	Namespace string `json:"namespace,omitempty"`
	// ClusterScoped says that the resource has no namespace, so that RoleBindings give nothing of it.
	ClusterScoped bool `json:"clusterScoped,omitempty"`
	// URL is a path that is no resource, such as /metrics.
	URL string `json:"url,omitempty"`
}

// String is the request in words, as in: delete pods in namespace prod.
func (r Request) String() string {
	if r.URL != "" {
		return r.Verb + " " + r.URL
	}
	text := r.Verb + " " + r.Resource
	if base, sub, found := strings.Cut(r.Resource, "/"); found && r.Group != "" {
		text = r.Verb + " " + base + "." + r.Group + "/" + sub
	} else if r.Group != "" {
		text += "." + r.Group
	}
	if r.Name != "" {
		text += " " + r.Name
	}
	if r.Namespace != "" {
		text += " in namespace " + r.Namespace
	}
	return text
}

// rule is the narrowest rule that allows the request.
func (r Request) rule() rbacv1.PolicyRule {
	if r.URL != "" {
		return rbacv1.PolicyRule{Verbs: []string{r.Verb}, NonResourceURLs: []string{r.URL}}
	}
	rule := rbacv1.PolicyRule{Verbs: []string{r.Verb}, APIGroups: []string{r.Group}, Resources: []string{r.Resource}}
	if r.Name != "" {
		rule.ResourceNames = []string{r.Name}
	}
	return rule
}

// allows says whether a rule allows the request.
func (r Request) allows(rule rbacv1.PolicyRule) bool {
	covered, _ := validation.Covers([]rbacv1.PolicyRule{rule}, []rbacv1.PolicyRule{r.rule()})
	return covered
}

// numbered gives rules their positions.
func numbered(rules []rbacv1.PolicyRule) []Rule {
	var all []Rule
	for i := range rules {
		all = append(all, Rule{Number: i + 1, PolicyRule: rules[i]})
	}
	return all
}

// reaches says whether a binding in a namespace, or a ClusterRoleBinding where that is empty, can matter to the request.
func (r *Request) reaches(namespace string) bool {
	switch {
	case r == nil || namespace == "":
		return true
	case r.URL != "" || r.ClusterScoped:
		// What is in no namespace is given for the whole cluster only. The one exception are requests about a namespace itself, which the API
		// server takes to be in it.
		return r.inItself() && r.Name == namespace
	}
	return r.Namespace == "" || r.Namespace == namespace
}

// inItself says whether the request is about one namespace.
func (r *Request) inItself() bool {
	base, _, _ := strings.Cut(r.Resource, "/")
	return base == "namespaces" && r.Group == "" && r.Name != ""
}
