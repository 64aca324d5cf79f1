package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

var noon = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

// expect compares a finding's outcome, and a part of its words.
func expect(t *testing.T, reason string, got Finding, outcome Outcome, words string) {
	t.Helper()
	if got.Outcome != outcome || !strings.Contains(got.Message+" "+got.Remedy, words) {
		t.Errorf("%s: %+v, want %s and %q", reason, got, outcome, words)
	}
	if (got.Remedy == "") != (got.Outcome == Pass) {
		t.Errorf("%s: what does not pass has a remedy, and what passes needs none: %+v", reason, got)
	}
}

// TestPolicyNames keeps the list of expected policies in step with what is installed.
func TestPolicyNames(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "config", "admission", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no policies in config/admission: %v", err)
	}
	form := regexp.MustCompile(`(?m)^kind: ValidatingAdmissionPolicy\nmetadata:\n  name: (\S+)$`)
	var names []string
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range form.FindAllStringSubmatch(string(raw), -1) {
			names = append(names, match[1])
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, policyNames()); diff != "" {
		t.Errorf("policyNames is not what config/admission has: -installed, +expected\n%s", diff)
	}
}

func TestPolicyFindings(t *testing.T) {
	ignore := admissionregistrationv1.Ignore
	all := func(change func(*admissionregistrationv1.ValidatingAdmissionPolicy)) []admissionregistrationv1.ValidatingAdmissionPolicy {
		var policies []admissionregistrationv1.ValidatingAdmissionPolicy
		for _, name := range policyNames() {
			p := admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
			change(&p)
			policies = append(policies, p)
		}
		return policies
	}
	bound := func(actions ...admissionregistrationv1.ValidationAction) []admissionregistrationv1.ValidatingAdmissionPolicyBinding {
		var bindings []admissionregistrationv1.ValidatingAdmissionPolicyBinding
		for _, name := range policyNames() {
			b := admissionregistrationv1.ValidatingAdmissionPolicyBinding{}
			b.Spec.PolicyName, b.Spec.ValidationActions = name, actions
			bindings = append(bindings, b)
		}
		return bindings
	}
	plain := func(*admissionregistrationv1.ValidatingAdmissionPolicy) {}
	first := policyFindings(all(plain), bound(admissionregistrationv1.Deny))
	if len(first) != 1 {
		t.Errorf("one line is enough when all is well: %v", first)
	}
	expect(t, "all is well", first[0], Pass, "14 policies")
	expect(t, "nothing is installed", policyFindings(nil, nil)[0], Fail, "no such ValidatingAdmissionPolicy")
	expect(t, "a policy without a binding does nothing", policyFindings(all(plain), nil)[0], Fail, "no ValidatingAdmissionPolicyBinding")
	expect(t, "a binding that only audits stops nobody", policyFindings(all(plain), bound(admissionregistrationv1.Audit))[0], Warn, "nobody is refused")
	expect(t, "a policy that fails open", policyFindings(all(func(p *admissionregistrationv1.ValidatingAdmissionPolicy) { p.Spec.FailurePolicy = &ignore }),
		bound(admissionregistrationv1.Deny))[0], Warn, "Ignore")
	expect(t, "the API server doubts an expression", policyFindings(all(func(p *admissionregistrationv1.ValidatingAdmissionPolicy) {
		p.Status.TypeChecking = &admissionregistrationv1.TypeChecking{ExpressionWarnings: []admissionregistrationv1.ExpressionWarning{{FieldRef: "spec.validations[0]"}}}
	}), bound(admissionregistrationv1.Deny))[0], Warn, "spec.validations[0]")
}

func TestDefinitionProblem(t *testing.T) {
	d := &apiextensionsv1.CustomResourceDefinition{}
	if got := definitionProblem(d, nil); !strings.Contains(got, "not established") {
		t.Errorf("a definition that is not established: %q", got)
	}
	d.Status.Conditions = []apiextensionsv1.CustomResourceDefinitionCondition{{Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionTrue}}
	if got := definitionProblem(d, nil); !strings.Contains(got, "v1alpha1 is not served") {
		t.Errorf("a definition without our version: %q", got)
	}
	d.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1alpha1", Served: true, Schema: &apiextensionsv1.CustomResourceValidation{
		OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Properties: map[string]apiextensionsv1.JSONSchemaProps{"spec": {}}},
	}}}
	if got := definitionProblem(d, []string{"spec", "guard"}); !strings.Contains(got, "lacks spec.guard") {
		t.Errorf("a definition of an older version: %q", got)
	}
	if got := definitionProblem(d, []string{"spec"}); got != "" {
		t.Errorf("a definition that is well: %q", got)
	}
}

func TestCompare(t *testing.T) {
	alice := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "alice-1"}, Spec: v1alpha1.ScimUserSpec{UserName: "Alice@example.com", Directory: "okta"}}
	okta := func(expression string) *v1alpha1.ScimDirectory {
		return &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "okta"}, Spec: v1alpha1.ScimDirectorySpec{Identity: v1alpha1.Identity{Username: expression}}}
	}
	cases := []struct {
		reason, caller, expression string
		outcome                    Outcome
		words                      string
	}{
		{"the names are the same", "oidc:Alice@example.com", `"oidc:" + user.userName`, Pass, "oidc:Alice@example.com"},
		{"the API server has a prefix that bindings lack", "oidc:Alice@example.com", "", Fail, `'"oidc:" + user.userName'`},
		{"bindings have a prefix that the API server lacks", "Alice@example.com", `"oidc:" + user.userName`, Fail, "to user.userName"},
		{"user names are compared with regard to case", "oidc:alice@example.com", `"oidc:" + user.userName`, Fail, "Case matters"},
		{"somebody else is signed in", "admin", `"oidc:" + user.userName`, Warn, "--as=oidc:Alice@example.com"},
		{"a name that may never be bound", "x", `"system:" + user.userName`, Fail, "system:"},
		{"an expression that does not compile", "x", "user.", Fail, "spec.identity.username of directory okta"},
	}
	for _, tc := range cases {
		expect(t, tc.reason, compare(tc.caller, alice, okta(tc.expression)), tc.outcome, tc.words)
	}
	if diff := cmp.Diff([]string{"https://idp.example.com#a:b", "//idp.example.com#a:b", "/idp.example.com#a:b", "idp.example.com#a:b", "a:b", "b"},
		candidates("https://idp.example.com#a:b")); diff != "" {
		t.Errorf("candidates (-want, +got):\n%s", diff)
	}
}

func TestSkew(t *testing.T) {
	expect(t, "clocks agree", skewFinding("clock", 2*time.Second), Pass, "")
	expect(t, "a clock is a little behind", skewFinding("clock", -30*time.Second), Warn, "30s behind")
	expect(t, "a clock is far ahead", skewFinding("clock", 5*time.Minute), Fail, "5m0s ahead")
	if got := skewBetween(noon, noon.Add(2*time.Second), noon.Add(11*time.Second)); got.Abs() < 10*time.Second || got > 11*time.Second {
		t.Errorf("the skew of a server that is ten seconds ahead of the middle of the question is %s", got)
	}
}

func TestDirectoryFindings(t *testing.T) {
	end := metav1.NewTime(noon.Add(48 * time.Hour))
	d := &v1alpha1.ScimDirectory{ObjectMeta: metav1.ObjectMeta{Name: "okta", Generation: 2}}
	expect(t, "nobody writes the status", directoryFindings(d, noon)[0], Fail, "scim-operator-controller")
	d.Status.ObservedGeneration = 2
	d.Spec.Credentials = []v1alpha1.Credential{{Name: "a", ExpiresAt: &end}}
	d.Status.Conditions = []metav1.Condition{
		{Type: "Ready", Status: metav1.ConditionTrue, Message: "Served."}, {Type: "GuardTripped", Status: metav1.ConditionTrue, Message: "41 removals wait."},
		{Type: "NoGroupsPushed", Status: metav1.ConditionTrue, Message: "A state."}, {Type: "TokenExpiring", Status: metav1.ConditionFalse},
	}
	got := directoryFindings(d, noon)
	if len(got) != 3 {
		t.Fatalf("%d findings, want Ready, GuardTripped and the token: %v", len(got), got)
	}
	expect(t, "the directory serves", got[0], Pass, "Served.")
	expect(t, "the guard has tripped", got[1], Warn, "kubectl scim plan list --directory okta")
	expect(t, "the token ends soon", got[2], Warn, "kubectl scim token rotate okta")
	d.Generation, d.Spec.Credentials = 3, nil
	d.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: metav1.ConditionFalse, Reason: "NoCredentials", Message: "None."}}
	got = directoryFindings(d, noon)
	expect(t, "the directory does not serve", got[0], Fail, "NoCredentials")
	expect(t, "the controller lags", got[1], Warn, "earlier spec")
	expect(t, "there is no token", got[2], Fail, "kubectl scim token create okta")
	d.Status.Conditions[0].Reason = v1alpha1.ReasonSuspended
	expect(t, "a suspended directory is somebody's wish", directoryFindings(d, noon)[0], Warn, "kubectl scim resume okta")
}

func TestCertificateFinding(t *testing.T) {
	authority, intermediate, leaf := chainOf(t)
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	cases := []struct {
		reason, host string
		chain        []*x509.Certificate
		roots        *x509.CertPool
		at           time.Time
		outcome      Outcome
		words        string
	}{
		{"a whole chain of a trusted authority", "scim.example.com", []*x509.Certificate{leaf, intermediate}, roots, noon, Pass, "90 more days"},
		{"the classic mistake: no intermediate", "scim.example.com", []*x509.Certificate{leaf}, roots, noon, Fail, "PKIX"},
		{"a private authority", "scim.example.com", []*x509.Certificate{leaf, intermediate}, x509.NewCertPool(), noon, Fail, "--ca-file"},
		{"another name", "other.example.com", []*x509.Certificate{leaf, intermediate}, roots, noon, Fail, "for another name"},
		{"it ends soon", "scim.example.com", []*x509.Certificate{leaf, intermediate}, roots, noon.Add(80 * 24 * time.Hour), Warn, "ends in 10 days"},
		{"it has ended", "scim.example.com", []*x509.Certificate{leaf, intermediate}, roots, noon.Add(91 * 24 * time.Hour), Fail, "ended on 2026-08-30"},
		{"nothing is shown", "scim.example.com", nil, roots, noon, Fail, "no certificate"},
	}
	for _, tc := range cases {
		expect(t, tc.reason, certificateFinding("certificate", tc.host, tc.chain, tc.roots, tc.at), tc.outcome, tc.words)
	}
}

// chainOf makes an authority, an intermediate authority and a server's certificate of 90 days.
func chainOf(t *testing.T) (authority, intermediate, leaf *x509.Certificate) {
	t.Helper()
	var signer *x509.Certificate
	var signerKey *ecdsa.PrivateKey
	issue := func(name string, isCA bool) *x509.Certificate {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(90 * 24 * time.Hour),
			IsCA: isCA, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		}
		if isCA {
			template.KeyUsage = x509.KeyUsageCertSign
			template.NotAfter = noon.Add(10000 * time.Hour)
		} else {
			template.DNSNames = []string{name}
		}
		parent, parentKey := signer, signerKey
		if parent == nil {
			parent, parentKey = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
		if err != nil {
			t.Fatal(err)
		}
		made, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		signer, signerKey = made, key
		return made
	}
	return issue("authority", true), issue("intermediate", true), issue("scim.example.com", false)
}

func TestBindable(t *testing.T) {
	args := []string{"controller", "--bindable-cluster-roles=view,edit", "--bindable-roles=deployer", "--other=x"}
	if diff := cmp.Diff([]string{"view", "edit"}, namesIn(args, "--bindable-cluster-roles=")); diff != "" {
		t.Errorf("ClusterRoles (-want, +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"deployer"}, namesIn(args, "--bindable-roles=")); diff != "" {
		t.Errorf("Roles (-want, +got):\n%s", diff)
	}
	if got := withoutListed(neverAnybody(), []string{"cluster-admin"}); len(got) != len(neverAnybody())-1 {
		t.Error("what the installer allows by name is not held against the account")
	}
}
