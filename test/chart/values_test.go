package chart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

const (
	serverKey         = "Deployment " + namespace + "/scim-operator-server"
	controllerKey     = "Deployment " + namespace + "/scim-operator-controller"
	controllerRoleKey = "ClusterRole scim-operator-controller"
	bindableFlag      = "--bindable-cluster-roles="
	bindableRolesFlag = "--bindable-roles="
	prefixFlag        = "--required-subject-prefix="
)

// everyValue sets every value that decides on what a Deployment runs to something that is not its default; placement has the others.
var everyValue = values{
	"image": values{"repository": "registry.example.com:5000/team/scim-operator", "tag": "v1", "pullPolicy": "Always"},
	"server": values{
		"replicas": 5, "externalUrl": "https://scim.example.com:8443/base", "tls": values{"secretName": "renewed.example"},
		"limits":    values{"failuresPerSource": 10, "failures": 1000000, "connections": 2000},
		"resources": values{"requests": values{"cpu": "2", "memory": "1Gi"}, "limits": values{"memory": "1Gi"}},
	},
	"tracing": values{"endpoint": "http://collector.observability:4317", "samplingRatio": 0.25},
	"controller": values{
		"replicas": 1, "resources": values{"requests": values{"cpu": 1, "memory": "2Gi"}, "limits": values{"memory": "2Gi"}},
	},
}

// TestValuesReachTheDeployments: each value changes what it is described to change, and all of them together change nothing else.
func TestValuesReachTheDeployments(t *testing.T) {
	before, after := render(t, nil), render(t, everyValue)
	common := func(deployment *appsv1.Deployment, cpu, memory string) {
		container := &deployment.Spec.Template.Spec.Containers[0]
		container.Image, container.ImagePullPolicy = "registry.example.com:5000/team/scim-operator:v1", corev1.PullAlways
		container.Args = append(container.Args, "--external-url=https://scim.example.com:8443/base", "--tracing-endpoint=http://collector.observability:4317")
		container.Resources = corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memory)},
		}
	}
	server := as[appsv1.Deployment](t, before, serverKey)
	server.Spec.Replicas = ptr.To[int32](5)
	server.Spec.Template.Spec.Volumes[0].Secret.SecretName = "renewed.example"
	common(server, "2", "1Gi")
	args := &server.Spec.Template.Spec.Containers[0].Args
	*args = append(*args, "--tracing-sampling-ratio=0.25", "--max-failures-per-source=10", "--max-failures=1000000", "--max-connections=2000")
	controller := as[appsv1.Deployment](t, before, controllerKey)
	controller.Spec.Replicas = ptr.To[int32](1)
	common(controller, "1", "2Gi")
	for key, want := range map[string]*appsv1.Deployment{serverKey: server, controllerKey: controller} {
		if diff := cmp.Diff(want, as[appsv1.Deployment](t, after, key)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
		delete(before, key)
		delete(after, key)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the values of the Deployments change other objects (-default +got):\n%s", diff)
	}
}

// TestBindableClusterRoles: what the controller believes it may bind, what the API server lets it bind, and what the policy lets it
// bind come from one value.
func TestBindableClusterRoles(t *testing.T) {
	cases := map[string]struct {
		reason string
		names  []string
	}{
		"default": {"config/default has the same, by TestEqualsKustomization", nil},
		"one":     {"an installer may allow less than the default", []string{"view"}},
		"other":   {"names of ClusterRoles may have colons, dots and capitals", []string{"system:monitoring", "team.Reader"}},
		"text":    {"what looks like a number or a truth is a name", []string{"1", "true"}},
		"none":    {"a rule without names would cover all ClusterRoles", []string{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, names := render(t, nil), []string{"view", "edit"}
			if tc.names != nil {
				got, names = render(t, values{"access": values{"bindableClusterRoles": tc.names}}), tc.names
			}
			if diff := cmp.Diff([]string{bindableFlag + strings.Join(names, ",")}, bindableFlags(t, got)); diff != "" {
				t.Errorf("%s: the flag (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(bindRulesOf("clusterroles", names), bindRules(t, got)); diff != "" {
				t.Errorf("%s: the rule (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(names, fenceVariable[[]string](t, got, "bindableClusterRoles")); diff != "" {
				t.Errorf("%s: the policy (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestBindableRoles is TestBindableClusterRoles for Roles of namespaces, of which none are listed by default.
func TestBindableRoles(t *testing.T) {
	for _, names := range [][]string{{}, {"deployer"}, {"deployer", "team.Reader"}} {
		got := render(t, values{"access": values{"bindableRoles": names, "bindableClusterRoles": []string{}}})
		if diff := cmp.Diff(bindRulesOf("roles", names), bindRules(t, got)); diff != "" {
			t.Errorf("the rule for %v (-want +got):\n%s", names, diff)
		}
		if diff := cmp.Diff(names, fenceVariable[[]string](t, got, "bindableRoles")); diff != "" {
			t.Errorf("the policy for %v (-want +got):\n%s", names, diff)
		}
		var flag []string
		if len(names) > 0 {
			flag = []string{bindableRolesFlag + strings.Join(names, ",")}
		}
		if diff := cmp.Diff(flag, controllerFlags(t, got, bindableRolesFlag)); diff != "" {
			t.Errorf("the flag for %v (-want +got):\n%s", names, diff)
		}
		if reads := slices.ContainsFunc(controllerRules(t, got), readsRoles); reads != (len(names) > 0) {
			t.Errorf("with %v the controller reads Roles: %t; it does only where it may give some", names, reads)
		}
	}
	if got := fenceVariable[[]string](t, render(t, nil), "bindableRoles"); len(got) != 0 {
		t.Errorf("without a value the policy lets the controller give the Roles %v", got)
	}
}

// TestRequiredSubjectPrefix: the prefix is in the policy and in the controller's flag as the installer wrote it.
func TestRequiredSubjectPrefix(t *testing.T) {
	for _, prefix := range []string{"", "okta:", "https://idp.example.com/#"} {
		got := render(t, values{"access": values{"requiredSubjectPrefix": prefix}})
		if got := fenceVariable[string](t, got, "requiredSubjectPrefix"); got != prefix {
			t.Errorf("the policy requires %q, want %q", got, prefix)
		}
		var flag []string
		if prefix != "" {
			flag = []string{prefixFlag + prefix}
		}
		if diff := cmp.Diff(flag, controllerFlags(t, got, prefixFlag)); diff != "" {
			t.Errorf("the flag for %q (-want +got):\n%s", prefix, diff)
		}
	}
}

// bindRulesOf are the rules that let somebody bind roles by name. Without names there is no rule.
func bindRulesOf(resource string, names []string) []rbacv1.PolicyRule {
	if len(names) == 0 {
		return nil
	}
	return []rbacv1.PolicyRule{{
		APIGroups: []string{rbacv1.GroupName}, Resources: []string{resource}, ResourceNames: names, Verbs: []string{"bind"},
	}}
}

// fenceVariable is what a variable of the policy for bindings says. Its expression is a literal of CEL that is one of JSON too.
func fenceVariable[T any](t *testing.T, all objects, name string) T {
	t.Helper()
	var value T
	policy := as[admissionv1.ValidatingAdmissionPolicy](t, all, "ValidatingAdmissionPolicy scim-operator-bindings")
	for _, variable := range policy.Spec.Variables {
		if variable.Name == name {
			if said := "[" + variable.Expression + "].exists(" + name + ","; !strings.Contains(policy.Spec.MatchConditions[0].Expression, said) {
				t.Errorf("the match condition does not say %s", said)
			}
			if err := json.Unmarshal([]byte(variable.Expression), &value); err != nil {
				t.Fatalf("variable %s: %v", name, err)
			}
			return value
		}
	}
	t.Fatalf("the policy has no variable %s", name)
	return value
}

func bindableFlags(t *testing.T, all objects) []string {
	t.Helper()
	return controllerFlags(t, all, bindableFlag)
}

func controllerFlags(t *testing.T, all objects, flag string) []string {
	t.Helper()
	args := as[appsv1.Deployment](t, all, controllerKey).Spec.Template.Spec.Containers[0].Args
	found := slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return !strings.HasPrefix(arg, flag) })
	if len(found) == 0 {
		return nil
	}
	return found
}

// controllerRules are those of the controller's ClusterRole.
func controllerRules(t *testing.T, all objects) []rbacv1.PolicyRule {
	t.Helper()
	return as[rbacv1.ClusterRole](t, all, controllerRoleKey).Rules
}

func readsRoles(rule rbacv1.PolicyRule) bool {
	return slices.Contains(rule.Resources, "roles") && slices.Contains(rule.Verbs, "list")
}

// bindRules are the rules of all roles that give the verb bind.
func bindRules(t *testing.T, all objects) []rbacv1.PolicyRule {
	t.Helper()
	var found []rbacv1.PolicyRule
	for _, rules := range rulesOf(t, all) {
		for _, rule := range rules {
			if slices.Contains(rule.Verbs, "bind") {
				found = append(found, rule)
			}
		}
	}
	return found
}

// rulesOf are the rules of all Roles and ClusterRoles, by object.
func rulesOf(t *testing.T, all objects) map[string][]rbacv1.PolicyRule {
	t.Helper()
	found := map[string][]rbacv1.PolicyRule{}
	for key, object := range all {
		switch object.GetKind() {
		case "Role":
			found[key] = as[rbacv1.Role](t, all, key).Rules
		case "ClusterRole":
			found[key] = as[rbacv1.ClusterRole](t, all, key).Rules
		}
	}
	return found
}

// TestNoRuleIsUnlimited: whoever takes the operator over gets what it needs and not the cluster.
func TestNoRuleIsUnlimited(t *testing.T) {
	found := rulesOf(t, render(t, nil))
	if len(found[controllerRoleKey]) == 0 {
		t.Fatalf("%s has no rules", controllerRoleKey)
	}
	for key, rules := range found {
		for _, rule := range rules {
			for _, part := range [][]string{rule.APIGroups, rule.Resources, rule.ResourceNames, rule.NonResourceURLs, rule.Verbs} {
				if slices.ContainsFunc(part, func(s string) bool { return strings.Contains(s, "*") }) {
					t.Errorf("%s has a wildcard: %v", key, rule)
				}
			}
			for _, verb := range []string{"escalate", "impersonate"} {
				if slices.Contains(rule.Verbs, verb) {
					t.Errorf("%s has the verb %s: %v", key, verb, rule)
				}
			}
		}
	}
}

// TestRefusedValues: a value that does not exist, or that means something else than its author thinks, stops the installation.
func TestRefusedValues(t *testing.T) {
	bindable := func(names ...any) values { return values{"access": values{"bindableClusterRoles": names}} }
	server := func(key string, value any) values { return values{"server": values{key: value}} }
	apps := func(key string, value any) values { return values{"apps": values{key: value}} }
	directory := func(v values) values { return values{"directories": []values{v}} }
	cases := map[string]refusal{
		"wildcard":      {"a list of names is the fence", bindable("*"), "/access/bindableClusterRoles/0"},
		"pattern":       {"names are not patterns", bindable("view", "ed*"), "/access/bindableClusterRoles/1"},
		"empty":         {"an empty name is none", bindable(""), "/access/bindableClusterRoles/0"},
		"wildcard Role": {"a list of names is the fence", values{"access": values{"bindableRoles": []string{"*"}}}, "/access/bindableRoles/0"},
		"prefix":        {"nobody of an identity provider is of the system", values{"access": values{"requiredSubjectPrefix": "System:a"}}, "/access/requiredSubjectPrefix"},
		"quoted prefix": {"a prefix has nothing to quote", values{"access": values{"requiredSubjectPrefix": `a"`}}, "/access/requiredSubjectPrefix"},
		"comma":         {"the flag would read two names, the rule one", bindable("view,admin"), "/access/bindableClusterRoles/0"},
		"twice":         {"one of the two may be a mistake", bindable("view", "view"), "/access/bindableClusterRoles"},
		"number":        {"a name is text", bindable(1), "/access/bindableClusterRoles/0"},
		"absent":        {"no list is not the same as an empty one", values{"access": values{"bindableClusterRoles": nil}}, "bindableClusterRoles"},
		"unknown":       {"a misspelt value has no effect", values{"ingres": true}, "ingres"},
		"unknown below": {"a misspelt value has no effect", server("externalURL", "https://scim.example.com"), "externalURL"},
		"resources":     {"a misspelt value has no effect", server("resources", values{"limit": values{}}), "limit"},
		"no scheme":     {"the server would refuse it at its start", server("externalUrl", "scim.example.com"), "/server/externalUrl"},
		"query":         {"a base URL has no query (RFC 7644 section 1.3)", server("externalUrl", "https://scim.example.com?x=y"), "/server/externalUrl"},
		"user":          {"a password would be in plain sight", server("externalUrl", "https://u:p@scim.example.com"), "/server/externalUrl"},
		"no guesses":    {"the server would refuse it at its start", server("limits", values{"failuresPerSource": 0}), "/server/limits/failuresPerSource"},
		"text":          {"a number is no text", server("limits", values{"connections": "many"}), "/server/limits/connections"},
		"unknown limit": {"a misspelt value has no effect", server("limits", values{"failure": 1}), "failure"},
		"no replicas":   {"nobody would serve", server("replicas", 0), "/server/replicas"},
		"no secret":     {"the server needs a certificate", values{"server": values{"tls": values{"secretName": ""}}}, "/server/tls/secretName"},
		"pull policy":   {"the API server would refuse it", values{"image": values{"pullPolicy": "Sometimes"}}, "/image/pullPolicy"},
		"tag":           {"a tag has no colon", values{"image": values{"tag": "a:b"}}, "/image/tag"},
		"repository":    {"there is no image without a name", values{"image": values{"repository": ""}}, "/image/repository"},
		"keep":          {"text is no truth", values{"crds": values{"keep": "no"}}, "/crds/keep"},
		"policies":      {"a misspelt value has no effect", values{"admissionPolicies": values{"enable": false}}, "enable"},

		"directory's name": {"it is part of a URL", directory(values{"name": "Okta"}), "/directories/0/name"},
		"no name":          {"an endpoint has a name", directory(values{"spec": values{}}), "/directories/0"},
		"beside the spec":  {"it would have no effect", directory(values{"name": "okta", "provider": "Okta"}), "provider"},

		"every namespace":   {"a Role is in one namespace", apps("namespaces", []string{"*"}), "/apps/namespaces/0"},
		"namespace twice":   {"two Roles would have one name", apps("argocdNamespaces", []string{"argocd", "argocd"}), "/apps/argocdNamespaces"},
		"namespace comma":   {"the flag would read two names", apps("localUsersNamespaces", []string{"a,b"}), "/apps/localUsersNamespaces/0"},
		"address":           {"a network says how long its prefix is", apps("allowedNetworks", []string{"10.0.0.1"}), "/apps/allowedNetworks/0"},
		"networks":          {"the flag would read two networks", apps("allowedNetworks", []string{"10.0.0.0/8,::/0"}), "/apps/allowedNetworks/0"},
		"long prefix":       {"an address of IPv6 has 128 bits", apps("allowedNetworks", []string{"2001:db8::/129"}), "/apps/allowedNetworks/0"},
		"ingress as egress": {"a rule with from would admit everything", apps("egress", []values{{"from": []values{}}}), "/apps/egress/0"},
		"unknown of apps":   {"a misspelt value has no effect", apps("namespace", []string{"payments"}), "namespace"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { tc.check(t, "specifications of the schema") })
	}
}

// refusal is what Helm should not render.
type refusal struct {
	reason string
	values values
	want   string // what the message names
}

// check has Helm render the values, and wants a message that says who refuses them.
func (r refusal) check(t *testing.T, who string) {
	t.Helper()
	out, err := helm(t, "template", release, chartDir, "--values", r.values.file(t))
	if err == nil {
		t.Fatalf("%s, but Helm takes it", r.reason)
	}
	if !strings.Contains(out.stderr, who) || !strings.Contains(out.stderr, r.want) {
		t.Errorf("%s: want a refusal with %q that names %s, got: %s", r.reason, who, r.want, out.stderr)
	}
}

// TestAsDependency: another chart may contain this one, which makes Helm add the value global.
func TestAsDependency(t *testing.T) {
	parent := t.TempDir()
	if err := os.CopyFS(filepath.Join(parent, "charts", "scim-operator"), os.DirFS(chartDir)); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(values{"apiVersion": "v2", "name": "parent", "version": "0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(parent, "Chart.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	inherited := values{"global": values{"x": "y"}, "scim-operator": values{"access": values{"bindableClusterRoles": []string{"view"}}}}
	out := mustHelm(t, "template", release, parent, "--namespace", namespace, "--values", inherited.file(t))
	want := render(t, values{"access": values{"bindableClusterRoles": []string{"view"}}})
	if diff := cmp.Diff(want, decode(t, out.stdout)); diff != "" {
		t.Errorf("as a dependency the chart renders something else (-alone +dependency):\n%s", diff)
	}
}

// TestNamesThatLookLikeNumbers: a namespace and a release may be called 42.
func TestNamesThatLookLikeNumbers(t *testing.T) {
	all := decode(t, mustHelm(t, "template", "42", chartDir, "--namespace", "42").stdout)
	deployment := as[appsv1.Deployment](t, all, "Deployment 42/scim-operator-server")
	if got := deployment.Labels["app.kubernetes.io/instance"]; got != "42" {
		t.Errorf("the label of the release is %q, want 42", got)
	}
	binding := as[rbacv1.ClusterRoleBinding](t, all, "ClusterRoleBinding scim-operator-server")
	if got := binding.Subjects[0].Namespace; got != "42" {
		t.Errorf("the subject's namespace is %q, want 42", got)
	}
}
