package chart

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

const (
	serviceKey     = "Service " + namespace + "/scim-operator-server"
	ingressKey     = "Ingress " + namespace + "/scim-operator-server"
	routeKey       = "HTTPRoute " + namespace + "/scim-operator-server"
	certificateKey = "Certificate " + namespace + "/scim-operator-server"
)

// TestLoadBalancer: the values of the Service change it, and nothing else.
func TestLoadBalancer(t *testing.T) {
	v := values{"server": values{"service": values{
		"type": "LoadBalancer", "annotations": values{"example.com/scheme": "internal"}, "loadBalancerSourceRanges": []string{"203.0.113.0/24", "2001:db8::/32"},
	}}}
	want := as[corev1.Service](t, render(t, nil), serviceKey)
	want.Annotations = map[string]string{"example.com/scheme": "internal"}
	want.Spec.Type, want.Spec.LoadBalancerSourceRanges = corev1.ServiceTypeLoadBalancer, []string{"203.0.113.0/24", "2001:db8::/32"}
	all := render(t, v)
	if diff := cmp.Diff(want, as[corev1.Service](t, all, serviceKey)); diff != "" {
		t.Errorf("the Service (-want +got):\n%s", diff)
	}
	wantAdded(t, v, []string{serviceKey})
	if got := admitted(t, all, "server", portBehind(t, all, serviceKey, "server", "https")); got != nil {
		t.Errorf("the NetworkPolicy lets only %v reach the server", got)
	}
}

// TestIngress: the Ingress sends /scim of one host to the server, and the server's NetworkPolicy lets it.
func TestIngress(t *testing.T) {
	cases := map[string]struct {
		reason      string
		url         string
		ingress     values
		host, path  string
		class       *string
		tls         []networkingv1.IngressTLS
		annotations map[string]string
	}{
		"host of the URL": {"the URL says what identity providers call the server", "https://SCIM.example.com:8443", nil, "scim.example.com", "/scim", nil, nil, nil},
		"path of the URL": {"identity providers send it", "https://scim.example.com/base/", nil, "scim.example.com", "/base/scim", nil, nil, nil},
		"everything": {
			"each value is for one field", "", values{
				"host": "other.example.com", "className": "nginx", "tlsSecretName": "public", "annotations": values{"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS"},
			}, "other.example.com", "/scim", ptr.To("nginx"), []networkingv1.IngressTLS{{Hosts: []string{"other.example.com"}, SecretName: "public"}},
			map[string]string{"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS"},
		},
		"address and host": {"an address is no host of an Ingress", "https://192.0.2.1", values{"host": "scim.example.com"}, "scim.example.com", "/scim", nil, nil, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ingress := values{"enabled": true}
			for key, value := range tc.ingress {
				ingress[key] = value
			}
			all := render(t, values{"server": values{"externalUrl": tc.url, "ingress": ingress}})
			got := as[networkingv1.Ingress](t, all, ingressKey)
			backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
				Name: "scim-operator-server", Port: networkingv1.ServiceBackendPort{Name: "https"},
			}}
			paths := []networkingv1.HTTPIngressPath{{Path: tc.path, PathType: ptr.To(networkingv1.PathTypePrefix), Backend: backend}}
			want := networkingv1.IngressSpec{IngressClassName: tc.class, TLS: tc.tls, Rules: []networkingv1.IngressRule{{
				Host: tc.host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: paths}},
			}}}
			if diff := cmp.Diff(want, got.Spec); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.annotations, got.Annotations); diff != "" {
				t.Errorf("%s: annotations (-want +got):\n%s", tc.reason, diff)
			}
			if got := admitted(t, all, "server", portBehind(t, all, serviceKey, "server", "https")); got != nil {
				t.Errorf("the NetworkPolicy lets only %v reach the server", got)
			}
		})
	}
	wantAdded(t, values{"server": values{"ingress": values{"enabled": true, "host": "scim.example.com"}}}, nil, ingressKey)
}

// TestHTTPRoute: what is rendered sends /scim to the server. TestGatewayAPI has it checked by the definitions.
func TestHTTPRoute(t *testing.T) {
	const backend = "backendRefs: [{name: scim-operator-server, port: 443}]"
	cases := map[string]struct {
		reason string
		url    string
		route  values
		want   string
	}{
		"host of the URL": {
			"the URL says what identity providers call the server", "https://scim.example.com", nil,
			"{parentRefs: [{name: public}], hostnames: [scim.example.com], rules: [{matches: [{path: {type: PathPrefix, value: /scim}}], " + backend + "}]}",
		},
		"path of the URL": {
			"the server knows nothing of it", "https://scim.example.com/base", nil,
			"{parentRefs: [{name: public}], hostnames: [scim.example.com], rules: [{matches: [{path: {type: PathPrefix, value: /base/scim}}], " +
				"filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /scim}}}], " + backend + "}]}",
		},
		"no host": {
			"the listeners of the Gateway have hosts", "", nil,
			"{parentRefs: [{name: public}], rules: [{matches: [{path: {type: PathPrefix, value: /scim}}], " + backend + "}]}",
		},
		"everything": {
			"each value is for one field", "https://scim.example.com",
			values{
				"hostnames":  []string{"a.example.com", "*.example.org"},
				"parentRefs": []values{{"name": "public", "namespace": "gateways", "sectionName": "https", "port": 443}},
			},
			"{parentRefs: [{name: public, namespace: gateways, sectionName: https, port: 443}], hostnames: [a.example.com, '*.example.org'], " +
				"rules: [{matches: [{path: {type: PathPrefix, value: /scim}}], " + backend + "}]}",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			route := values{"enabled": true, "parentRefs": []values{{"name": "public"}}, "annotations": values{"example.com/a": "b"}}
			for key, value := range tc.route {
				route[key] = value
			}
			all := render(t, values{"server": values{"externalUrl": tc.url, "httpRoute": route}})
			wantCustom(t, all, routeKey, "gateway.networking.k8s.io/v1", tc.reason, tc.want)
			if diff := cmp.Diff(map[string]string{"example.com/a": "b"}, all[routeKey].GetAnnotations()); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
		})
	}
	v := values{"server": values{"httpRoute": values{"enabled": true, "parentRefs": []values{{"name": "public"}}}}}
	wantAdded(t, v, nil, routeKey)
	if ports := as[corev1.Service](t, render(t, v), serviceKey).Spec.Ports; ports[0].Name != "https" || ports[0].Port != 443 {
		t.Errorf("the route sends to port 443, the Service has %v", ports)
	}
}

// TestCertificate: cert-manager is told to make the Secret that the server reads, with the names under which it is reached.
func TestCertificate(t *testing.T) {
	const (
		issuer  = "secretName: s, issuerRef: {name: public, kind: Issuer, group: cert-manager.io}"
		service = "scim-operator-server, scim-operator-server." + namespace + ", scim-operator-server." + namespace + ".svc"
	)
	cases := map[string]struct {
		reason      string
		url         string
		certManager values
		want        string
	}{
		"URL":     {"identity providers check its host", "https://Scim.example.com:8443/base", nil, "{" + issuer + ", dnsNames: [scim.example.com, " + service + "]}"},
		"no URL":  {"the Service always has its names", "", nil, "{" + issuer + ", dnsNames: [" + service + "]}"},
		"address": {"an address is no DNS name", "https://192.0.2.1", nil, "{" + issuer + ", dnsNames: [" + service + "], ipAddresses: [192.0.2.1]}"},
		"IPv6":    {"brackets are the URL's", "https://[2001:db8::1]:8443", nil, "{" + issuer + ", dnsNames: [" + service + "], ipAddresses: ['2001:db8::1']}"},
		"everything": {
			"names that are listed are all there is", "https://192.0.2.1", values{
				"issuerRef": values{"name": "ca", "kind": "ClusterIssuer", "group": "example.com"}, "dnsNames": []string{"a.example.com"},
				"duration": "2160h", "renewBefore": "360h30m",
			}, "{secretName: s, issuerRef: {name: ca, kind: ClusterIssuer, group: example.com}, dnsNames: [a.example.com], duration: 2160h, renewBefore: 360h30m}",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			certManager := values{"enabled": true, "issuerRef": values{"name": "public"}}
			for key, value := range tc.certManager {
				certManager[key] = value
			}
			all := render(t, values{"server": values{"externalUrl": tc.url, "tls": values{"secretName": "s", "certManager": certManager}}})
			wantCustom(t, all, certificateKey, "cert-manager.io/v1", tc.reason, tc.want)
			if got := as[appsv1.Deployment](t, all, serverKey).Spec.Template.Spec.Volumes[0].Secret.SecretName; got != "s" {
				t.Errorf("the server reads the Secret %s", got)
			}
		})
	}
	wantAdded(t, values{"server": values{"tls": values{"certManager": values{"enabled": true, "issuerRef": values{"name": "public"}}}}}, nil, certificateKey)
}

// wantAdded checks that the values make the objects that are named, and change none of the others but those that may change.
func wantAdded(t *testing.T, v values, mayChange []string, want ...string) {
	t.Helper()
	before, after := render(t, nil), render(t, v)
	for key := range before {
		if diff := cmp.Diff(before[key], after[key]); diff != "" && !slices.Contains(mayChange, key) {
			t.Errorf("the values change %s (-default +got):\n%s", key, diff)
		}
		delete(after, key)
	}
	got := []string{}
	for key := range after {
		got = append(got, key)
	}
	slices.Sort(got)
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		t.Errorf("what the values make (-want +got):\n%s", diff)
	}
}

// wantCustom compares the spec of an object of another project with YAML.
func wantCustom(t *testing.T, all objects, key, apiVersion, reason, spec string) {
	t.Helper()
	object, ok := all[key]
	if !ok {
		t.Fatalf("there is no %s", key)
	}
	if got := object.GetAPIVersion(); got != apiVersion {
		t.Errorf("%s is of %s, want %s", key, got, apiVersion)
	}
	want := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(spec), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(any(want), object.Object["spec"]); diff != "" {
		t.Errorf("%s: %s (-want +got):\n%s", reason, key, diff)
	}
}

// portBehind is the port of a part's pods that a port of a Service leads to. The Service must select these pods, and no others.
func portBehind(t *testing.T, all objects, key, part, port string) string {
	t.Helper()
	spec := as[corev1.Service](t, all, key).Spec
	at := slices.IndexFunc(spec.Ports, func(p corev1.ServicePort) bool { return p.Name == port })
	if at < 0 {
		t.Fatalf("%s has no port %s", key, port)
	}
	target := spec.Ports[at].TargetPort.StrVal
	for other, deployment := range map[string]string{"server": serverKey, "controller": controllerKey} {
		template := as[appsv1.Deployment](t, all, deployment).Spec.Template
		if got := labels.SelectorFromSet(spec.Selector).Matches(labels.Set(template.Labels)); got != (other == part) {
			t.Errorf("%s leads to the %s: %t, but it is for the %s", key, other, got, part)
		}
		if ports := template.Spec.Containers[0].Ports; other == part && !slices.ContainsFunc(ports, func(p corev1.ContainerPort) bool { return p.Name == target }) {
			t.Errorf("%s leads to port %q, but %s has %v", key, target, deployment, ports)
		}
	}
	return target
}

// admitted are those who may reach a port of a part by its NetworkPolicy; none means everybody.
func admitted(t *testing.T, all objects, part, port string) []networkingv1.NetworkPolicyPeer {
	t.Helper()
	key := "NetworkPolicy " + namespace + "/scim-operator-" + part
	for _, rule := range as[networkingv1.NetworkPolicy](t, all, key).Spec.Ingress {
		if slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool { return *p.Port == intstr.FromString(port) }) {
			return rule.From
		}
	}
	t.Errorf("%s lets nobody reach the port %s", key, port)
	return []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}}
}
