package policies

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"
)

// The labels of a binding that the operator writes, and those of nobody.
const (
	ownLabels = "labels: {app.kubernetes.io/managed-by: scim-operator, scim-operator.io/grant: g, scim-operator.io/role: r, " +
		"scim-operator.io/shard: '0', scim-operator.io/directory: okta, scim-operator.io/selector: a}, annotations: {scim-operator.io/people: '{}'}"
	otherLabels = "labels: {app.kubernetes.io/managed-by: somebody-else}"
	// ownedByGrant is how a binding of ours is known when somebody has taken its labels off.
	ownedByGrant = "ownerReferences: [{apiVersion: scim-operator.io/v1alpha1, kind: ClusterAccessGrant, name: g, uid: a, controller: true}]"
	ada          = "{kind: User, apiGroup: rbac.authorization.k8s.io, name: ada}"
)

// widely is a ClusterRoleBinding, narrowly a RoleBinding in team-0.
func widely(metadata, role string, subjects ...string) string {
	return fmt.Sprintf("{kind: ClusterRoleBinding, metadata: {name: b, %s}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: '%s'}, subjects: [%s]}",
		metadata, role, strings.Join(subjects, ", "))
}

func narrowly(metadata, kind, role string, subjects ...string) string {
	return fmt.Sprintf("{kind: RoleBinding, metadata: {name: b, namespace: team-0, %s}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: %s, name: '%s'}, subjects: [%s]}",
		metadata, kind, role, strings.Join(subjects, ", "))
}

func subject(kind, name string) string {
	return fmt.Sprintf("{kind: %s, apiGroup: rbac.authorization.k8s.io, name: %q}", kind, name)
}

// subjects changes whom a ClusterRoleBinding binds.
func subjects(list ...string) string {
	return "{kind: ClusterRoleBinding, metadata: {name: b}, subjects: [" + strings.Join(list, ", ") + "]}"
}

const bindingsPolicy = "scim-operator-bindings"

// bindingRules fence the operator, also one that somebody made an administrator of the cluster.
func bindingRules() []rule {
	return append(fenceRules(), []rule{
		{
			reason: "the operator gives only what the installer listed", policy: bindingsPolicy, message: "the controller gives only the roles that the installer listed",
			present: []try{create(controller, widely(ownLabels, "view", ada))},
			accept: []try{
				create(controller, narrowly(ownLabels, "ClusterRole", "view", ada)), create(controller, narrowly(ownLabels, "ClusterRole", "edit", ada)),
				create(controller, narrowly(ownLabels+", "+ownedByGrant, "ClusterRole", "edit", ada)),
			},
			refuse: []try{
				create(masterController, narrowly(ownLabels, "ClusterRole", "cluster-admin", ada)),
				create(masterController, narrowly(ownLabels, "ClusterRole", "admin", ada)),
				create(masterController, narrowly(ownLabels, "Role", "view", ada)), create(masterController, narrowly(ownLabels, "Role", "deployer", ada)),
				create(masterController, strings.Replace(widely(ownLabels, "cluster-admin", ada), "name: b", "name: c", 1)),
			},
		},
		{
			reason: "the installer may list Roles of namespaces too", policy: bindingsPolicy, message: "the controller gives only the roles that the installer listed",
			installer: map[string]string{"bindableRoles": `["deployer"]`, "bindableClusterRoles": `["view"]`},
			accept: []try{
				create(masterController, narrowly(ownLabels, "Role", "deployer", ada)), create(masterController, narrowly(ownLabels, "ClusterRole", "view", ada)),
			},
			refuse: []try{
				create(masterController, narrowly(ownLabels, "ClusterRole", "edit", ada)), create(masterController, narrowly(ownLabels, "Role", "view", ada)),
				create(masterController, narrowly(ownLabels, "ClusterRole", "deployer", ada)),
			},
		},
		{
			reason: "what the installer listed no longer can still be taken away", policy: bindingsPolicy, message: "the controller gives only the roles that the installer listed",
			installer: map[string]string{"bindableClusterRoles": `[]`},
			present:   []try{create(admin, widely(ownLabels, "view", ada))},
			accept:    []try{remove(controller, widely(ownLabels, "view", ada))},
			refuse:    []try{patch(controller, subjects(ada, subject("User", "grace")))},
		},
		{
			reason: "with a prefix nobody of the identity provider is taken for somebody else", policy: bindingsPolicy,
			message:   "without the prefix in access.requiredSubjectPrefix",
			installer: map[string]string{"requiredSubjectPrefix": `"okta:"`},
			accept: []try{
				create(controller, widely(ownLabels, "view", subject("User", "okta:ada"), subject("Group", "okta:admins"),
					"{kind: ServiceAccount, name: builder, namespace: team-0}")),
			},
			refuse: []try{
				create(controller, widely(ownLabels, "view", ada)), create(controller, widely(ownLabels, "view", subject("Group", "admins"))),
				create(controller, widely(ownLabels, "view", subject("User", "okta:ada"), subject("User", "OKTA:grace"))),
			},
		},
	}...)
}

// fenceRules are about whose a binding is, and whom it binds.
func fenceRules() []rule {
	const systems = "begins with system: which belongs to Kubernetes"
	foreign := create(admin, widely(otherLabels, "view", ada))
	return []rule{
		{
			reason: "the server writes no bindings", policy: bindingsPolicy, message: "the SCIM server writes no bindings",
			present: []try{create(controller, widely(ownLabels, "view", ada))},
			accept:  []try{create(controller, narrowly(ownLabels, "ClusterRole", "view", ada)), remove(controller, widely(ownLabels, "view", ada))},
			refuse: []try{
				create(masterServer, narrowly(ownLabels, "ClusterRole", "view", ada)), patch(masterServer, subjects()),
				remove(masterServer, widely(ownLabels, "view", ada)),
			},
		},
		{
			reason: "bindings of others are left alone", policy: bindingsPolicy, message: "changes and deletes only bindings with the label",
			present: []try{foreign, create(controller, narrowly(ownLabels, "ClusterRole", "view", ada))},
			accept: []try{
				patch(controller, `{kind: RoleBinding, metadata: {name: b, namespace: team-0}, subjects: []}`),
				remove(controller, narrowly(ownLabels, "ClusterRole", "view", ada)), remove(admin, widely(otherLabels, "view", ada)),
			},
			refuse: []try{
				remove(controller, widely(otherLabels, "view", ada)), patch(controller, subjects()),
				patch(controller, widely(ownLabels, "view", ada, subject("User", "mallory"))), patch(masterController, widely(ownLabels+", "+ownedByGrant, "view", ada)),
				remove(controller, `{kind: ClusterRoleBinding, metadata: {name: scim-operator-controller}}`),
			},
		},
		{
			reason: "stripped labels are put back", policy: bindingsPolicy, message: "changes and deletes only bindings with the label",
			present: []try{create(admin, widely(ownedByGrant, "view", ada)), create(admin, narrowly(strings.Replace(ownedByGrant, "scim-operator.io/v1alpha1", "example.com/v1", 1), "ClusterRole", "view", ada))},
			accept:  []try{patch(controller, widely(ownLabels, "view", ada)), remove(controller, widely(ownLabels, "view", ada))},
			refuse:  []try{patch(controller, narrowly(ownLabels, "ClusterRole", "view", ada)), remove(controller, narrowly(ownLabels, "ClusterRole", "view", ada))},
		},
		{
			reason: "bindings of the operator can be told from others", policy: bindingsPolicy, message: "writes only bindings that carry the label",
			present: []try{create(controller, widely(ownLabels, "view", ada))},
			accept:  []try{create(controller, narrowly(ownLabels, "ClusterRole", "view", ada)), patch(controller, subjects(subject("User", "grace")))},
			refuse: []try{
				create(controller, narrowly(otherLabels, "ClusterRole", "view", ada)), create(controller, narrowly("labels: {}", "ClusterRole", "view", ada)),
				patch(controller, `{kind: ClusterRoleBinding, metadata: {name: b, labels: {app.kubernetes.io/managed-by: null}}}`),
			},
		},
		{
			reason: "what comes with Kubernetes stays, even when somebody labels it", policy: bindingsPolicy, message: "the bindings that come with Kubernetes",
			present: []try{
				create(admin, strings.Replace(widely(ownLabels, "view", ada), "name: b", "name: 'system:mine'", 1)), create(controller, widely(ownLabels, "view", ada)),
				create(admin, narrowly(strings.Replace(ownLabels, "labels: {", "labels: {kubernetes.io/bootstrapping: rbac-defaults, ", 1), "ClusterRole", "view", ada)),
			},
			accept: []try{remove(controller, widely(ownLabels, "view", ada))},
			refuse: []try{
				remove(controller, `{kind: ClusterRoleBinding, metadata: {name: 'system:mine'}}`), remove(controller, `{kind: ClusterRoleBinding, metadata: {name: cluster-admin}}`),
				remove(controller, `{kind: ClusterRoleBinding, metadata: {name: 'system:node-proxier'}}`),
				remove(controller, `{kind: RoleBinding, metadata: {name: b, namespace: team-0}}`),
				create(controller, strings.Replace(widely(ownLabels, "view", ada), "name: b", "name: 'system:new'", 1)),
			},
		},
		{
			reason: "nobody of Kubernetes itself is bound", policy: bindingsPolicy, message: systems,
			present: []try{create(controller, widely(ownLabels, "view", ada))},
			accept: []try{
				create(controller, narrowly(ownLabels, "ClusterRole", "view", ada, subject("Group", "admins"), subject("User", "oidc:system:x"),
					"{kind: ServiceAccount, name: builder, namespace: team-0}")),
				patch(controller, subjects()),
			},
			refuse: []try{
				patch(controller, subjects(ada, subject("Group", "system:masters"))), patch(controller, subjects(subject("User", "system:anonymous"))),
				patch(controller, subjects(subject("Group", "system:authenticated"))), patch(controller, subjects(subject("Group", "system:unauthenticated"))),
				patch(controller, subjects(subject("User", "system:serviceaccount:kube-system:default"))), patch(controller, subjects(ada, subject("Group", "system:"))),
				create(controller, narrowly(ownLabels, "ClusterRole", "view", subject("User", "system:kube-controller-manager"))),
			},
		},
		{
			reason: "the operator gives itself nothing", policy: bindingsPolicy, message: "gives nothing to the ServiceAccounts of the operator itself",
			accept: []try{create(controller, widely(ownLabels, "view", "{kind: ServiceAccount, name: scim-operator-controller, namespace: team-0}"))},
			refuse: []try{
				create(controller, widely(ownLabels, "edit", "{kind: ServiceAccount, name: scim-operator-controller, namespace: scim-operator-system}")),
				create(controller, widely(ownLabels, "view", ada, "{kind: ServiceAccount, name: scim-operator-server, namespace: scim-operator-system}")),
			},
		},
		{
			reason: "nobody but the operator is held to it", policy: bindingsPolicy, message: systems,
			present: []try{
				create(admin, widely(otherLabels, "view", ada)),
				create(admin, strings.Replace(widely(ownLabels, "view", ada), "name: b", "name: 'system:mine'", 1)),
			},
			accept: []try{
				create(admin, narrowly(ownLabels, "ClusterRole", "cluster-admin", subject("Group", "system:masters"))),
				create(admin, narrowly("labels: {}", "Role", "anything", "{kind: ServiceAccount, name: scim-operator-server, namespace: scim-operator-system}")),
				patch(admin, subjects(subject("User", "system:anonymous"))), patch(admin, `{kind: ClusterRoleBinding, metadata: {name: b}, subjects: null}`),
				remove(admin, widely(otherLabels, "view", ada)), remove(admin, `{kind: ClusterRoleBinding, metadata: {name: 'system:mine'}}`),
				create(admin, narrowly(otherLabels, "ClusterRole", "view", largest()...)),
			},
			refuse: []try{create(controller, narrowly(ownLabels, "ClusterRole", "view", subject("User", "system:anonymous")))},
		},
		{
			reason: "the largest binding stays in the budget", policy: bindingsPolicy, message: systems,
			present: []try{create(controller, widely(ownLabels, "view", largest()...))},
			accept: []try{
				patch(controller, subjects(largest()[1:]...)), create(controller, narrowly(ownLabels, "ClusterRole", "view", largest()...)),
				remove(controller, widely(ownLabels, "view", ada)),
			},
			refuse: []try{patch(controller, subjects(append(largest()[1:], subject("User", "system:last"))...))},
		},
	}
}

// largest are the subjects of a full shard, with names as long as they may be.
func largest() []string {
	list := make([]string, 1000)
	for i := range list {
		list[i] = subject("User", fmt.Sprintf("%0253d", i))
	}
	return list
}

// install gives variables of the rule's policy other expressions, as an installer does, and returns what puts back those of
// config/admission. It returns before the API server heeds them: the refusals of the rule wait for that.
func (r rule) install(t *testing.T, clients map[account]*client) (restore func()) {
	t.Helper()
	if r.installer == nil {
		return func() {}
	}
	policy := &admissionv1.ValidatingAdmissionPolicy{}
	if err := clients[admin].Get(t.Context(), ctrl.ObjectKey{Name: r.policy}, policy); err != nil {
		t.Fatal(err)
	}
	before := policy.DeepCopy()
	changed := 0
	for i, variable := range policy.Spec.Variables {
		if expression, ok := r.installer[variable.Name]; ok {
			choose(t, policy, i, expression)
			changed++
		}
	}
	if changed != len(r.installer) {
		t.Fatalf("%s lacks one of the variables %v", r.policy, r.installer)
	}
	replaceVariables(t, clients[admin], policy)
	return func() {
		replaceVariables(t, clients[admin], before)
		first := r.refuse[0]
		err := eventually(t.Context(), func(ctx context.Context) error {
			if r.refusal(first.do(ctx, clients[first.as], true), clients[first.as]) == nil {
				return fmt.Errorf("%s still says what %q says", r.policy, r.reason)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// choose gives one of a policy's variables another expression, and the match conditions that repeat it, too.
func choose(t testing.TB, policy *admissionv1.ValidatingAdmissionPolicy, i int, expression string) {
	t.Helper()
	variable := &policy.Spec.Variables[i]
	repeated := false
	for k := range policy.Spec.MatchConditions {
		condition := &policy.Spec.MatchConditions[k].Expression
		have := "[" + variable.Expression + "].exists(" + variable.Name + ","
		repeated = repeated || strings.Contains(*condition, have)
		*condition = strings.ReplaceAll(*condition, have, "["+expression+"].exists("+variable.Name+",")
	}
	if !repeated {
		t.Errorf("no match condition of %s repeats the variable %s", policy.Name, variable.Name)
	}
	variable.Expression = expression
}

func replaceVariables(t *testing.T, c *client, policy *admissionv1.ValidatingAdmissionPolicy) {
	t.Helper()
	merge, err := json.Marshal(map[string]any{"spec": map[string]any{
		"variables": policy.Spec.Variables, "matchConditions": policy.Spec.MatchConditions,
	}})
	if err != nil {
		t.Fatal(err)
	}
	live := &admissionv1.ValidatingAdmissionPolicy{}
	live.Name = policy.Name
	if err := c.Patch(t.Context(), live, ctrl.RawPatch("application/merge-patch+json", merge)); err != nil {
		t.Fatal(err)
	}
}
