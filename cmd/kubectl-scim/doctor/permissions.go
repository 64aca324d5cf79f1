package doctor

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// right is something that an account may or may not do.
type right struct {
	verb, group, resource string
	// subresource, namespace and name are empty for all.
	subresource, namespace, name string
}

func (r right) attributes() *authorizationv1.ResourceAttributes {
	return &authorizationv1.ResourceAttributes{
		Verb: r.verb, Group: r.group, Resource: r.resource, Subresource: r.subresource, Namespace: r.namespace, Name: r.name,
	}
}

func (r right) String() string {
	text := r.verb + " " + r.resource
	if r.subresource != "" {
		text += "/" + r.subresource
	}
	if r.name != "" {
		text += " " + r.name
	}
	return text
}

// pluginRights are what the commands of this plugin need, by what they are for.
func pluginRights() []struct {
	purpose string
	rights  []right
} {
	own := func(verb, resource string) right {
		return right{verb: verb, group: v1alpha1.GroupName, resource: resource}
	}
	return []struct {
		purpose string
		rights  []right
	}{
		{"read", []right{
			own("list", "scimdirectories"), own("list", "scimusers"), own("list", "scimroles"), own("get", "scimclaims"), own("list", "accessplans"),
		}},
		{"status", []right{
			own("list", "scimdirectories"), own("list", "scimusers"), own("list", "scimroles"), own("list", "clusteraccessgrants"), own("list", "accessgrants"),
			own("list", "accessplans"), own("list", "appconnections"), own("list", "appaccounts"),
		}},
		{"tokens and suspension", []right{own("patch", "scimdirectories")}},
		{"detach and adopt", []right{own("patch", "scimusers"), own("patch", "scimroles"), own("adopt", "scimusers"), own("adopt", "scimroles")}},
		{"plan show", []right{
			{verb: "list", group: rbacGroup, resource: "clusterrolebindings"}, {verb: "list", group: rbacGroup, resource: "rolebindings"},
		}},
		{"plan approve and discard", []right{own("patch", "accessplans"), own("approve", "accessplans")}},
		{"accounts", []right{own("list", "appaccounts"), own("list", "appconnections")}},
		{"accounts approve", []right{own("get", "appconnections"), own("patch", "appconnections"), own("approve", "appconnections")}},
		{"retry", []right{own("get", "appconnections"), own("patch", "appconnections"), own("patch", "appaccounts")}},
	}
}

// permissions checks what the person who asks may do. Nobody needs everything, so what is missing is a warning.
func (e *examination) permissions(ctx context.Context) []Finding {
	var findings []Finding
	for _, group := range pluginRights() {
		check := "permissions/" + strings.ReplaceAll(group.purpose, " ", "-")
		var missing []string
		for _, r := range group.rights {
			review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: r.attributes()}}
			if err := e.kube.Create(ctx, review); err != nil {
				return append(findings, unknown(check, err))
			}
			if !review.Status.Allowed {
				missing = append(missing, r.String())
			}
		}
		if len(missing) > 0 {
			findings = append(findings, warn(check, "you may not "+strings.Join(missing, ", "), "Ask for these rights if you need the commands for "+group.purpose+"."))
			continue
		}
		findings = append(findings, pass(check, "you may use these commands"))
	}
	return findings
}

// account is what one part of the operator needs, and what it must never have.
type account struct {
	name          string
	needs, never  []right
	neverRemedies string
}

// operatorAccounts are the two parts. They follow config/rbac.
func operatorAccounts(namespace string) []account {
	server := account{name: "scim-operator-server", neverRemedies: "The SCIM server is what the internet reaches: take the right from it."}
	for _, resource := range []string{"scimusers", "scimroles", "scimroleslices", "scimclaims"} {
		verbs := []string{"get", "list", "watch", "create", "delete"}
		if resource != "scimroleslices" { // nobody changes a slice
			verbs = append(verbs, "update", "patch")
		}
		for _, verb := range verbs {
			server.needs = append(server.needs, right{verb: verb, group: v1alpha1.GroupName, resource: resource})
		}
	}
	server.needs = append(server.needs,
		right{verb: "watch", group: v1alpha1.GroupName, resource: "scimdirectories"},
		right{verb: "patch", group: v1alpha1.GroupName, resource: "scimdirectories", subresource: "status"},
		right{verb: "get", resource: "secrets", namespace: namespace},
	)
	server.never = append(neverAnybody(),
		right{verb: "create", group: rbacGroup, resource: "rolebindings"}, right{verb: "create", group: rbacGroup, resource: "clusterrolebindings"},
		right{verb: "patch", group: v1alpha1.GroupName, resource: "scimdirectories"},
		right{verb: "patch", group: v1alpha1.GroupName, resource: "clusteraccessgrants"},
		right{verb: "patch", group: v1alpha1.GroupName, resource: "accessgrants"},
	)
	controller := account{name: "scim-operator-controller", never: neverAnybody(), neverRemedies: "Take the right from it: nothing that the operator does needs it."}
	for _, resource := range []string{"scimdirectories", "scimusers", "scimroles", "scimroleslices", "scimclaims", "clusteraccessgrants", "accessgrants", "accessplans", "appconnections", "appaccounts"} {
		controller.needs = append(controller.needs, right{verb: "watch", group: v1alpha1.GroupName, resource: resource})
	}
	for _, resource := range []string{"scimdirectories", "scimusers", "scimroles", "clusteraccessgrants", "accessgrants", "appconnections", "appaccounts"} {
		controller.needs = append(controller.needs, right{verb: "patch", group: v1alpha1.GroupName, resource: resource, subresource: "status"})
	}
	for _, resource := range []string{"rolebindings", "clusterrolebindings"} {
		for _, verb := range []string{"watch", "create", "patch", "delete"} {
			controller.needs = append(controller.needs, right{verb: verb, group: rbacGroup, resource: resource})
		}
	}
	for _, verb := range []string{"create", "delete"} {
		for _, resource := range []string{"accessplans", "appaccounts"} {
			controller.needs = append(controller.needs, right{verb: verb, group: v1alpha1.GroupName, resource: resource})
		}
	}
	controller.needs = append(controller.needs,
		right{verb: "update", group: v1alpha1.GroupName, resource: "accessplans", subresource: "status"},
		right{verb: "patch", group: v1alpha1.GroupName, resource: "appconnections"}, right{verb: "patch", group: v1alpha1.GroupName, resource: "appaccounts"},
		right{verb: "watch", resource: "namespaces"}, right{verb: "get", resource: "secrets", namespace: namespace},
	)
	return []account{server, controller}
}

const (
	rbacGroup = "rbac.authorization.k8s.io"
	// parallelReviews is how many questions are asked at once, so that a distant API server does not make a person wait.
	parallelReviews = 8
)

// neverAnybody are rights that would make the operator the master of the cluster.
func neverAnybody() []right {
	return []right{
		{verb: "*", group: "*", resource: "*"},
		{verb: "escalate", group: rbacGroup, resource: "clusterroles"},
		{verb: "bind", group: rbacGroup, resource: "clusterroles"}, // any, without names
		{verb: "bind", group: rbacGroup, resource: "roles"},
		{verb: "bind", group: rbacGroup, resource: "clusterroles", name: "cluster-admin"},
		{verb: "create", group: rbacGroup, resource: "clusterroles"},
		{verb: "impersonate", resource: "users"}, {verb: "impersonate", resource: "groups"}, {verb: "impersonate", resource: "serviceaccounts"},
		{verb: "list", resource: "secrets"},
		{verb: "create", resource: "pods"},
	}
}

// accounts checks the rights of the operator's own accounts, with what the API server itself says about them.
func (e *examination) accounts(ctx context.Context) []Finding {
	var findings []Finding
	place, err := e.place(ctx)
	if err != nil {
		findings = append(findings, unknown("operator", err))
	}
	for _, a := range operatorAccounts(place.namespace) {
		if a.name == controllerName {
			a.needs = append(a.needs, bindRights("clusterroles", place.bindable)...)
			a.needs = append(a.needs, bindRights("roles", place.bindableRoles)...)
			if len(place.bindableRoles) > 0 {
				a.needs = append(a.needs, right{verb: "watch", group: rbacGroup, resource: "roles"})
			}
			a.never = withoutListed(a.never, place.bindable)
		}
		findings = append(findings, e.accountFindings(ctx, place.namespace, a)...)
	}
	return findings
}

func bindRights(resource string, names []string) []right {
	var rights []right
	for _, name := range names {
		rights = append(rights, right{verb: "bind", group: rbacGroup, resource: resource, name: name})
	}
	return rights
}

// withoutListed leaves out what the installer allowed by name.
func withoutListed(never []right, bindable []string) []right {
	var rest []right
	for _, r := range never {
		listed := false
		for _, name := range bindable {
			listed = listed || (r.verb == "bind" && r.name == name)
		}
		if !listed {
			rest = append(rest, r)
		}
	}
	return rest
}

func (e *examination) accountFindings(ctx context.Context, namespace string, a account) []Finding {
	check := "accounts/" + a.name
	user := fmt.Sprintf("system:serviceaccount:%s:%s", namespace, a.name)
	lacks, err := e.which(ctx, user, namespace, a.needs, false)
	if err != nil {
		return []Finding{unknown(check, err)}
	}
	has, err := e.which(ctx, user, namespace, a.never, true)
	if err != nil {
		return []Finding{unknown(check, err)}
	}
	var findings []Finding
	if len(lacks) > 0 {
		findings = append(findings, fail(check, "it may not "+strings.Join(lacks, ", "),
			"Install the roles of the version that runs (`helm upgrade`, or config/rbac), or name the namespace of the operator with --namespace."))
	}
	if len(has) > 0 {
		findings = append(findings, fail(check, "it may "+strings.Join(has, ", ")+", which it must not", a.neverRemedies))
	}
	if len(findings) == 0 {
		findings = append(findings, pass(check, "it has what it needs and nothing that it must not have"))
	}
	return findings
}

// which are the rights that an account has, or lacks.
func (e *examination) which(ctx context.Context, user, namespace string, rights []right, allowed bool) ([]string, error) {
	answers := make([]bool, len(rights))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReviews)
	for i, r := range rights {
		group.Go(func() error {
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User: user, Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
				ResourceAttributes: r.attributes(),
			}}
			err := e.kube.Create(ctx, review)
			answers[i] = review.Status.Allowed
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var names []string
	for i, r := range rights {
		if answers[i] == allowed {
			names = append(names, r.String())
		}
	}
	return names, nil
}
