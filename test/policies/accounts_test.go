package policies

import (
	"context"
	"fmt"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/apiserver"
)

// account is somebody who writes: a part of the operator, or a person.
type account string

const (
	// admin is an administrator of the cluster, of the group system:masters.
	admin account = "admin"
	// server and controller are the operator's, with the roles of config/rbac and tokens of their own.
	server     account = "scim-operator-server"
	controller account = "scim-operator-controller"
	// viewer, editor, approver and adopter hold the roles for people of config/rbac.
	viewer   account = "viewer"
	editor   account = "editor"
	approver account = "approver"
	adopter  account = "adopter"
	// broad may write all kinds of the operator, but neither approve nor adopt.
	broad account = "broad"
	// broadServer and broadController are the operator's accounts with a role that somebody made as large as that of broad: what
	// stops them is a policy.
	broadServer     account = "broad scim-operator-server"
	broadController account = "broad scim-operator-controller"
	// masterServer and masterController are the same as administrators of the cluster.
	masterServer     account = "master scim-operator-server"
	masterController account = "master scim-operator-controller"
	// sharer may write grants of both kinds, and holds the verb bind on view and edit in the whole cluster.
	sharer account = "sharer"
	// lead may write grants of both kinds, and holds bind on the ClusterRole view and the Role deployer in team-0 to team-23, and
	// nowhere else. Everything that the ClusterRole reader permits is permitted to lead, without the verb bind.
	lead account = "lead"
	// owner may write AccessGrants in team-0, and holds bind on the ClusterRole view and the Role deployer there.
	owner account = "owner"
	// appOwner holds the role for owners of apps in team-0 and team-1, and appApprover that for approvals in team-0 besides.
	appOwner    account = "app-owner"
	appApprover account = "app-approver"
	// collector is the part of Kubernetes that deletes what belongs to an object that is gone.
	collector account = "generic-garbage-collector"
)

// namespaces are those of the accounts that have one.
var namespaces = map[account]string{
	server: "scim-operator-system", controller: "scim-operator-system",
	viewer: "people", editor: "people", approver: "people", adopter: "people", broad: "people",
	sharer: "people", lead: "people", owner: "people", appOwner: "people", appApprover: "people", collector: "kube-system",
}

// impersonated are the accounts that need a right which no token of theirs gives: that of a group.
var impersonated = map[account]struct {
	part  account
	group string
}{
	broadServer: {server, "broad"}, broadController: {controller, "broad"},
	masterServer: {server, "masters"}, masterController: {controller, "masters"}, collector: {collector, "system:authenticated"},
}

// probes are rights that each account has as soon as its role is in force.
var probes = map[account]authorizationv1.ResourceAttributes{
	admin: {Verb: "list", Resource: "scimusers"}, server: {Verb: "list", Resource: "scimusers"},
	controller: {Verb: "list", Resource: "scimusers"}, viewer: {Verb: "list", Resource: "scimusers"},
	editor: {Verb: "create", Resource: "scimusers"}, approver: {Verb: "approve", Resource: "accessplans"},
	adopter: {Verb: "adopt", Resource: "scimusers"}, broad: {Verb: "create", Resource: "accessplans"},
	broadServer: {Verb: "create", Resource: "accessplans"}, broadController: {Verb: "create", Resource: "accessplans"},
	masterServer: {Verb: "escalate", Resource: "anything"}, masterController: {Verb: "escalate", Resource: "anything"},
	sharer: {Verb: "create", Resource: "clusteraccessgrants"}, lead: {Verb: "create", Resource: "accessgrants", Namespace: "team-24"},
	owner:       {Verb: "create", Resource: "accessgrants", Namespace: "team-0"},
	appOwner:    {Verb: "create", Resource: "appconnections", Namespace: "team-1"},
	appApprover: {Verb: "approve", Resource: "appconnections", Namespace: "team-0"},
	collector:   {Verb: "delete", Resource: "appaccounts", Namespace: "team-0"},
}

// client writes as one account, and keeps what the API server warns it of.
type client struct {
	ctrl.Client
	reviews kubernetes.Interface

	mu       sync.Mutex
	warnings []string
}

// HandleWarningHeader is called by the transport. The code 299 is the only one that the API server uses.
func (c *client) HandleWarningHeader(_ int, _, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.warnings = append(c.warnings, text)
}

// takeWarnings returns the warnings since it was called last.
func (c *client) takeWarnings() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.warnings
	c.warnings = nil
	return taken
}

// makeClients makes a client for each account and returns when the account's role is in force.
func makeClients(ctx context.Context) (map[account]*client, error) {
	root, err := kubernetes.NewForConfig(apiserver.Config())
	if err != nil {
		return nil, err
	}
	made := map[account]*client{}
	for who, probe := range probes {
		config, err := configOf(ctx, root, who)
		if err != nil {
			return nil, fmt.Errorf("make %s: %w", who, err)
		}
		if made[who], err = newClient(config); err != nil {
			return nil, fmt.Errorf("make %s: %w", who, err)
		}
		err = eventually(ctx, func(ctx context.Context) error {
			allowed, err := made[who].holds(ctx, probe)
			if err == nil && !allowed {
				err = fmt.Errorf("%s may not %s %s", who, probe.Verb, probe.Resource)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return made, nil
}

// configOf is how an account reaches the API server: with a token of its own wherever it can be one.
func configOf(ctx context.Context, root kubernetes.Interface, who account) (*rest.Config, error) {
	config := apiserver.Config()
	if as, ok := impersonated[who]; ok {
		config.Impersonate = rest.ImpersonationConfig{
			UserName: fmt.Sprintf("system:serviceaccount:%s:%s", namespaces[as.part], as.part), Groups: []string{as.group},
		}
		return config, nil
	}
	namespace, ok := namespaces[who]
	if !ok {
		return config, nil
	}
	token, err := root.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, string(who), &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("make a token: %w", err)
	}
	config = rest.AnonymousClientConfig(config)
	config.BearerToken = token.Status.Token
	return config, nil
}

func newClient(config *rest.Config) (*client, error) {
	c := &client{}
	config.WarningHandler, config.QPS = c, -1
	plain, err := ctrl.New(config, ctrl.Options{})
	if err != nil {
		return nil, err
	}
	// A misspelt field must not make a case pass because it was dropped.
	c.Client = ctrl.WithFieldValidation(plain, metav1.FieldValidationStrict)
	c.reviews, err = kubernetes.NewForConfig(config)
	return c, err
}

// may says whether the account's roles allow it a verb on a resource of the operator. Policies have no part in it.
func (c *client) may(ctx context.Context, verb, resource string) (bool, error) {
	return c.holds(ctx, authorizationv1.ResourceAttributes{Verb: verb, Resource: resource})
}

// holds is may for a right that may be limited to a namespace.
func (c *client) holds(ctx context.Context, right authorizationv1.ResourceAttributes) (bool, error) {
	right.Group = v1alpha1.GroupName
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &right}}
	answer, err := c.reviews.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("ask whether %s %s is allowed: %w", right.Verb, right.Resource, err)
	}
	return answer.Status.Allowed, nil
}
