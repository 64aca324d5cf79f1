package chart

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

const (
	networksFlag   = "--app-allowed-networks="
	localUsersFlag = "--app-local-users-namespaces="
	egressKey      = "NetworkPolicy " + namespace + "/scim-operator-controller"
)

// appValues sets every value of apps, in namespaces that every API server has.
var appValues = values{"apps": values{
	"namespaces":           []string{"default", "kube-public"},
	"argocdNamespaces":     []string{"default"},
	"allowedNetworks":      []string{"10.0.0.0/8", "2001:db8::/32"},
	"localUsersNamespaces": []string{"kube-public"},
	"egress": []values{
		{"ports": []values{{"port": 53, "protocol": "UDP"}}},
		{"to": []values{{"ipBlock": values{"cidr": "203.0.113.0/24"}}}, "ports": []values{{"port": 636, "endPort": 640}}},
	},
}}

// TestAppNamespaces: the controller may read Secrets one by one in the namespaces that are listed, change what Argo CD has in those that are
// listed for it, and nothing anywhere else.
func TestAppNamespaces(t *testing.T) {
	secrets := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}}}
	argocd := []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{"argocd-cm", "argocd-rbac-cm"}, Verbs: []string{"get", "update"}},
		{APIGroups: []string{"argoproj.io"}, Resources: []string{"appprojects"}, Verbs: []string{"get", "list", "update"}},
	}
	want := map[string][]rbacv1.PolicyRule{
		"default/scim-operator-apps": secrets, "kube-public/scim-operator-apps": secrets, "default/scim-operator-argocd": argocd,
	}
	before, after := render(t, nil), render(t, appValues)
	for key := range before {
		if key != controllerKey && key != egressKey {
			if diff := cmp.Diff(before[key], after[key]); diff != "" {
				t.Errorf("values of apps change %s (-default +got):\n%s", key, diff)
			}
		}
		delete(after, key)
	}
	for name, rules := range want {
		if diff := cmp.Diff(rules, as[rbacv1.Role](t, after, "Role "+name).Rules); diff != "" {
			t.Errorf("the Role %s (-want +got):\n%s", name, diff)
		}
		binding := as[rbacv1.RoleBinding](t, after, "RoleBinding "+name)
		wantSubjects := []rbacv1.Subject{{Kind: "ServiceAccount", Name: "scim-operator-controller", Namespace: namespace}}
		if diff := cmp.Diff(wantSubjects, binding.Subjects); diff != "" {
			t.Errorf("whom the RoleBinding %s binds (-want +got):\n%s", name, diff)
		}
		wantRole := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: binding.Name}
		if diff := cmp.Diff(wantRole, binding.RoleRef); diff != "" {
			t.Errorf("what the RoleBinding %s gives (-want +got):\n%s", name, diff)
		}
		delete(after, "Role "+name)
		delete(after, "RoleBinding "+name)
	}
	for key := range after {
		t.Errorf("values of apps make %s", key)
	}
}

// TestAppFlags: the lists reach the controller as they are, and an empty one as nothing.
func TestAppFlags(t *testing.T) {
	before, after := render(t, nil), render(t, appValues)
	for _, flag := range []string{networksFlag, localUsersFlag} {
		if got := controllerFlags(t, before, flag); got != nil {
			t.Errorf("without values the controller gets %v", got)
		}
	}
	args := func(all objects) []string {
		return as[appsv1.Deployment](t, all, controllerKey).Spec.Template.Spec.Containers[0].Args
	}
	added := slices.DeleteFunc(args(after), func(arg string) bool { return slices.Contains(args(before), arg) })
	if diff := cmp.Diff([]string{networksFlag + "10.0.0.0/8,2001:db8::/32", localUsersFlag + "kube-public"}, added); diff != "" {
		t.Errorf("the controller's flags (-want +got):\n%s", diff)
	}
}

// TestAppEgress: without rules the controller may connect to everything, as its NetworkPolicy says nothing of it, and with rules to nothing
// else.
func TestAppEgress(t *testing.T) {
	if got := as[networkingv1.NetworkPolicy](t, render(t, nil), egressKey).Spec; len(got.Egress) > 0 || slices.Contains(got.PolicyTypes, networkingv1.PolicyTypeEgress) {
		t.Errorf("without values the policy limits what the controller connects to: %+v", got)
	}
	want := as[networkingv1.NetworkPolicy](t, render(t, nil), egressKey).Spec
	want.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	want.Egress = []networkingv1.NetworkPolicyEgressRule{
		{Ports: []networkingv1.NetworkPolicyPort{{Protocol: ptr.To(corev1.ProtocolUDP), Port: ptr.To(intstr.FromInt32(53))}}},
		{
			Ports: []networkingv1.NetworkPolicyPort{{Port: ptr.To(intstr.FromInt32(636)), EndPort: ptr.To[int32](640)}},
			To:    []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "203.0.113.0/24"}}},
		},
	}
	if diff := cmp.Diff(want, as[networkingv1.NetworkPolicy](t, render(t, appValues), egressKey).Spec); diff != "" {
		t.Errorf("the policy with rules (-want +got):\n%s", diff)
	}
}
