package apiserver_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/scim-operator/scim-operator/test/apiserver"
)

func TestMain(m *testing.M) { os.Exit(apiserver.Main(m)) }

func TestServesTheKinds(t *testing.T) {
	kubectl := exec.CommandContext(t.Context(), apiserver.Kubectl(t), "api-resources", "--api-group=scim-operator.io", "-o", "name")
	kubectl.Env = append(os.Environ(), "KUBECONFIG="+apiserver.Kubeconfig(t, apiserver.Config()))
	output, err := kubectl.Output()
	if err != nil {
		t.Fatalf("kubectl api-resources: %v", err)
	}
	served := strings.Fields(string(output))
	for _, kind := range []string{"scimdirectories", "scimusers", "scimroles", "scimroleslices", "scimclaims", "clusteraccessgrants"} {
		if !slices.Contains(served, kind+".scim-operator.io") {
			t.Errorf("kubectl api-resources does not list %s; it lists %q", kind, served)
		}
	}
}

func TestAuthorisesByRBAC(t *testing.T) {
	config := apiserver.Config()
	config.Impersonate = rest.ImpersonationConfig{UserName: "nobody in particular"}
	clients := kubernetes.NewForConfigOrDie(config)
	_, err := clients.CoreV1().Secrets(metav1.NamespaceDefault).List(t.Context(), metav1.ListOptions{})
	if err == nil || !strings.Contains(err.Error(), "forbidden") {
		t.Errorf("a user without a binding lists secrets: want a refusal, got %v", err)
	}
}

func TestAggregatedRolesHaveRules(t *testing.T) {
	clients := kubernetes.NewForConfigOrDie(apiserver.Config())
	for role, verb := range map[string]string{"view": "get", "edit": "update", "admin": "delete"} {
		t.Run(role, func(t *testing.T) {
			clusterRole, err := clients.RbacV1().ClusterRoles().Get(t.Context(), role, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, rule := range clusterRole.Rules {
				if slices.Contains(rule.Resources, "configmaps") && slices.Contains(rule.Verbs, verb) {
					return
				}
			}
			t.Errorf("cluster role %s does not allow to %s configmaps, as it does in a full cluster", role, verb)
		})
	}
}

func TestServiceAccountTokensAuthenticate(t *testing.T) {
	admin := apiserver.Config()
	accounts := kubernetes.NewForConfigOrDie(admin).CoreV1().ServiceAccounts(metav1.NamespaceDefault)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "somebody"}}
	if _, err := accounts.Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	token, err := accounts.CreateToken(t.Context(), account.Name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := rest.AnonymousClientConfig(admin)
	config.BearerToken = token.Status.Token
	review, err := kubernetes.NewForConfigOrDie(config).AuthenticationV1().SelfSubjectReviews().
		Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := review.Status.UserInfo.Username, "system:serviceaccount:default:somebody"; got != want {
		t.Errorf("a service account's token authenticates as %q, want %q", got, want)
	}
}
