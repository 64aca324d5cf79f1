package chart

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

const (
	policyKey    = "BackendTLSPolicy " + namespace + "/scim-operator-server"
	authorityKey = "ConfigMap " + namespace + "/scim-operator-server-ca"
	secretKey    = "Secret " + namespace + "/scim-operator-server-tls"
)

var selfSigned = values{"selfSigned": values{"enabled": true}}

// TestSelfSigned: the certificate is for the names under which the server is reached, and its authority's alone.
func TestSelfSigned(t *testing.T) {
	cases := map[string]struct {
		reason string
		url    string
		names  []string
	}{
		"no URL":  {"the Service always has its names", "", nil},
		"URL":     {"a proxy may send the host on", "https://Scim.example.com:8443/base", []string{"scim.example.com"}},
		"address": {"an address is a subject, too", "https://[2001:db8::1]", []string{"2001:db8::1"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			all := render(t, values{"server": values{"externalUrl": tc.url, "tls": selfSigned}})
			secret, authority := as[corev1.Secret](t, all, secretKey), as[corev1.ConfigMap](t, all, authorityKey).Data["ca.crt"]
			if secret.Type != corev1.SecretTypeTLS || string(secret.Data["ca.crt"]) != authority {
				t.Errorf("the Secret is of type %s, and its authority that of the ConfigMap: %t", secret.Type, string(secret.Data["ca.crt"]) == authority)
			}
			for _, host := range append(tc.names, "scim-operator-server", "scim-operator-server."+namespace+".svc") {
				if err := verify(t, secret, authority, host); err != nil {
					t.Errorf("%s: %v", tc.reason, err)
				}
			}
			if err := verify(t, secret, authority, "other.example.com"); err == nil {
				t.Error("the certificate is for other.example.com")
			}
		})
	}
	wantAdded(t, values{"server": values{"tls": selfSigned}}, nil, authorityKey, secretKey)
}

// verify checks the certificate as somebody does who connects to the host and trusts the authority, now and in nine years.
func verify(t *testing.T, secret *corev1.Secret, authority, host string) error {
	t.Helper()
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(authority)) {
		t.Fatalf("no authority: %s", authority)
	}
	for _, at := range []time.Time{pair.Leaf.NotBefore, pair.Leaf.NotBefore.AddDate(9, 0, 0)} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, CurrentTime: at}); err != nil {
			return err
		}
	}
	return nil
}

// TestSelfSignedStays: all replicas have one certificate, and an upgrade keeps it until its names change or somebody deletes it.
func TestSelfSignedStays(t *testing.T) {
	const installed = "certified"
	cluster := []string{"--namespace", installed, "--kubeconfig", kubeconfig(t)}
	server := func(url string) string {
		return values{"crds": values{"enabled": false}, "server": values{"externalUrl": url, "tls": selfSigned}}.file(t)
	}
	upgraded := func(url string) *corev1.Secret {
		t.Helper()
		mustHelm(t, append([]string{"upgrade", "--install", "--create-namespace", release, chartDir, "--values", server(url)}, cluster...)...)
		found := &corev1.Secret{}
		text := mustKubectl(t, "", "get", "secret", "scim-operator-server-tls", "--namespace", installed, "-o", "json").stdout
		if err := json.Unmarshal([]byte(text), found); err != nil {
			t.Fatal(err)
		}
		authority := mustKubectl(t, "", "get", "configmap", "scim-operator-server-ca", "--namespace", installed, "-o", `jsonpath={.data.ca\.crt}`).stdout
		if err := verify(t, found, authority, "scim-operator-server."+installed); err != nil {
			t.Error(err)
		}
		return found
	}
	defer func() { mustHelm(t, append([]string{"uninstall", release}, cluster...)...) }()
	first := upgraded("")
	if diff := cmp.Diff(first.Data, upgraded("").Data); diff != "" {
		t.Error("an upgrade makes another certificate")
	}
	second := upgraded("https://scim.example.com")
	if bytes.Equal(first.Data[corev1.TLSCertKey], second.Data[corev1.TLSCertKey]) {
		t.Error("the certificate lacks the new name")
	}
	mustKubectl(t, "", "delete", "secret", "scim-operator-server-tls", "--namespace", installed)
	if third := upgraded("https://scim.example.com"); bytes.Equal(third.Data[corev1.TLSCertKey], second.Data[corev1.TLSCertKey]) {
		t.Error("a certificate that was deleted is there again")
	}
}

// TestNotesOfSelfSigned: nobody is told to make a Secret, and everybody that identity providers refuse this one.
func TestNotesOfSelfSigned(t *testing.T) {
	notes := notes(t, values{"server": values{"tls": selfSigned}})
	if !strings.Contains(notes, "they refuse it") || !strings.Contains(notes, "get configmap scim-operator-server-ca ") || strings.Contains(notes, "create secret tls") {
		t.Errorf("the notes do not say what the certificate is for:\n%s", notes)
	}
}

// TestGatewayAPI: the policy names the authority and a host of the server's certificate, and the definitions of the Gateway API take it and
// the route.
func TestGatewayAPI(t *testing.T) {
	const target = "targetRefs: [{group: '', kind: Service, name: scim-operator-server}]"
	cases := map[string]struct {
		reason      string
		tls, policy values
		want        string
	}{
		"self-signed": {
			"the release knows the authority", selfSigned, nil, "{" + target + ", validation: {hostname: scim-operator-server." + namespace + ".svc, " +
				"caCertificateRefs: [{group: '', kind: ConfigMap, name: scim-operator-server-ca}]}}",
		},
		"ConfigMap": {
			"an authority of the cluster signs names of the cluster", nil, values{"caConfigMapName": "internal"},
			"{" + target + ", validation: {hostname: scim-operator-server." + namespace + ".svc, caCertificateRefs: [{group: '', kind: ConfigMap, name: internal}]}}",
		},
		"public": {
			"a public authority signs public names", nil, nil, "{" + target + ", validation: {hostname: scim.example.com, wellKnownCACertificates: System}}",
		},
		"host": {
			"the certificate may have another", selfSigned, values{"hostname": "other.example.com"}, "{" + target + ", validation: {hostname: other.example.com, " +
				"caCertificateRefs: [{group: '', kind: ConfigMap, name: scim-operator-server-ca}]}}",
		},
	}
	makeNamespace(t)
	defer applyGatewayAPI(t)()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			policy := values{"enabled": true}
			for key, value := range tc.policy {
				policy[key] = value
			}
			route := values{"enabled": true, "parentRefs": []values{{"name": "public"}}, "backendTLSPolicy": policy}
			server := values{"externalUrl": "https://scim.example.com/base", "httpRoute": route}
			if tc.tls != nil {
				server["tls"] = tc.tls
			}
			all := render(t, values{"server": server})
			wantCustom(t, all, policyKey, "gateway.networking.k8s.io/v1", tc.reason, tc.want)
			dryRun(t, marshal(t, all[policyKey].Object)+"---\n"+marshal(t, all[routeKey].Object))
		})
	}
}

// applyGatewayAPI gives the API server the definitions of the Gateway API. The function that it returns takes them away, so that no other
// test depends on them.
func applyGatewayAPI(t *testing.T) (remove func()) {
	t.Helper()
	const module = "sigs.k8s.io/gateway-api"
	goTool := func(args ...string) []byte {
		t.Helper()
		output, err := exec.CommandContext(t.Context(), "go", append([]string{"-C", "../../hack/gatewayapi"}, args...)...).Output()
		if err != nil {
			t.Fatalf("go %v: %v", args, err)
		}
		return output
	}
	goTool("mod", "download", module)
	folder := filepath.Join(string(bytes.TrimSpace(goTool("list", "-m", "-f", "{{.Dir}}", module))), "config", "crd", "standard")
	var paths []string
	for _, kind := range []string{"httproutes", "backendtlspolicies"} {
		path := filepath.Join(folder, "gateway.networking.k8s.io_"+kind+".yaml")
		paths = append(paths, "--filename="+path)
		mustKubectl(t, "", "apply", "--server-side", "--filename="+path)
		mustKubectl(t, "", "wait", "--for=condition=Established", "crd/"+kind+".gateway.networking.k8s.io", "--timeout=2m")
	}
	return func() { mustKubectl(t, "", append([]string{"delete"}, paths...)...) }
}
