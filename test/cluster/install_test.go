//go:build e2e

package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/okta"
)

// installation is the chart in a cluster, and a directory that is pushed at.
type installation struct {
	environment
	kube    client.Client
	roots   *x509.CertPool
	token   string
	service string
}

// install does what docs say: a namespace, a certificate, helm install, a token and a ScimDirectory. The namespace enforces the restricted Pod
// Security Standard.
func install(t *testing.T, e environment) *installation {
	t.Helper()
	i := &installation{environment: e, kube: newKube(t), roots: x509.NewCertPool(), token: rand.Text() + rand.Text()}
	i.refuseNeighbour(t)
	t.Cleanup(func() { i.clean(t) })
	must(t, i.kube.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: namespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"},
	}}))
	must(t, i.kube.Create(t.Context(), i.certificate(t)))
	i.helm(t, "install", i.chartBefore, i.before, "view")
	must(t, i.kube.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta-token"}, StringData: map[string]string{"token": i.token},
	}))
	must(t, i.kube.Create(t.Context(), &v1alpha1.ScimDirectory{
		ObjectMeta: metav1.ObjectMeta{Name: directory},
		Spec: v1alpha1.ScimDirectorySpec{
			Provider:    v1alpha1.ProviderOkta,
			Credentials: []v1alpha1.Credential{{Name: "first", TokenSecretRef: v1alpha1.SecretKeyRef{Name: "okta-token", Key: "token"}}},
			// The push deactivates more people than any guard should let pass.
			Guard: v1alpha1.Guard{Users: v1alpha1.GuardLimit{Count: 100_000}, Members: v1alpha1.GuardLimit{Count: 100_000}},
		},
	}))
	var service corev1.Service
	must(t, i.kube.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "scim-operator-server"}, &service))
	i.service = net.JoinHostPort(service.Spec.ClusterIP, "443")
	return i
}

// refuseNeighbour keeps the test off a cluster in which somebody uses the operator: the cleanup would take their people.
func (i *installation) refuseNeighbour(t *testing.T) {
	t.Helper()
	if err := i.kube.List(t.Context(), &v1alpha1.ScimUserList{}); err == nil {
		t.Fatal("the cluster has the operator's definitions already: take one of which nobody uses it")
	}
}

// helm runs helm install or helm upgrade, and returns when all pods are replaced.
func (i *installation) helm(t *testing.T, verb, chart, image, roles string) {
	t.Helper()
	repository, tag, found := strings.Cut(image, ":")
	if slash := strings.LastIndex(image, "/"); slash >= 0 { // the registry may have a port
		if host, rest := image[:slash], image[slash+1:]; found {
			repository, tag, found = strings.Cut(rest, ":")
			repository = host + "/" + repository
		}
	}
	if !found {
		t.Fatalf("image %q has no tag", image)
	}
	run(t, helm(), verb, release, chart, "--namespace", namespace, "--wait", "--timeout", longPatience,
		"--set", "image.repository="+repository, "--set", "image.tag="+tag, "--set", "image.pullPolicy=IfNotPresent",
		"--set", "access.bindableClusterRoles={"+roles+"}", "--set", "server.externalUrl=https://"+serverName)
}

// certificate makes the Secret of a certificate for the Service, and trusts it.
func (i *installation) certificate(t *testing.T) *corev1.Secret {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.Unix()), Subject: pkix.Name{CommonName: serverName}, DNSNames: []string{serverName},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	i.roots.AppendCertsFromPEM(public)
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "scim-operator-server-tls"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: public, corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})},
	}
}

// client is an Okta app that pushes through the Service.
func (i *installation) client(t *testing.T, dialect okta.Dialect, observe func(okta.Exchange)) *okta.Client {
	t.Helper()
	target := i.service
	if i.address != "" {
		target = i.address
	}
	c, err := okta.New(okta.Config{
		BaseURL: "https://" + serverName + "/scim/" + directory + "/v2", Token: i.token, Dialect: dialect, RootCAs: i.roots, Observe: observe,
		Timeout: 20 * time.Second,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, target)
		},
	})
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// rolledOut says whether all replicas of a part are new and ready, and nothing of the old ones is left.
func (i *installation) rolledOut(ctx context.Context, part string) error {
	var d appsv1.Deployment
	if err := i.kube.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "scim-operator-" + part}, &d); err != nil {
		return err
	}
	pods, err := i.pods(ctx, part)
	if err != nil {
		return err
	}
	want := *d.Spec.Replicas
	if d.Status.ObservedGeneration != d.Generation || d.Status.UpdatedReplicas != want || len(pods) != int(want) {
		return fmt.Errorf("%s: %d pods; %+v", part, len(pods), d.Status)
	}
	for _, pod := range pods {
		if !slices.ContainsFunc(pod.Status.Conditions, isReady) {
			return fmt.Errorf("pod %s is not ready", pod.Name)
		}
	}
	return nil
}

func isReady(c corev1.PodCondition) bool {
	return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
}

func (i *installation) pods(ctx context.Context, part string) ([]corev1.Pod, error) {
	var pods corev1.PodList
	err := i.kube.List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabels{"app.kubernetes.io/component": part})
	return pods.Items, err
}

// leader is the name of the pod of the controller that works.
func (i *installation) leader(ctx context.Context) (string, error) {
	var leases coordinationv1.LeaseList
	if err := i.kube.List(ctx, &leases, client.InNamespace(namespace)); err != nil {
		return "", err
	}
	for _, lease := range leases.Items {
		if holder := lease.Spec.HolderIdentity; holder != nil && *holder != "" {
			pod, _, _ := strings.Cut(*holder, "_")
			return pod, nil
		}
	}
	return "", fmt.Errorf("no controller leads: %d leases", len(leases.Items))
}

// kill has a pod gone at once, as when its node is lost.
func (i *installation) kill(t *testing.T, pod string) {
	t.Helper()
	must(t, i.kube.Delete(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: pod}}, client.GracePeriodSeconds(0)))
}

// clean removes what the test made, whatever is left of it: first the operator, whose policies keep people from deleting what was pushed.
func (i *installation) clean(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if _, err := try(ctx, helm(), "uninstall", release, "--namespace", namespace, "--ignore-not-found", "--wait"); err != nil {
		t.Error(err)
	}
	names, err := try(ctx, "kubectl", "get", "customresourcedefinitions", "-o", "name")
	if err != nil {
		t.Error(err)
	}
	for name := range strings.FieldsSeq(names) {
		if strings.HasSuffix(name, "."+v1alpha1.GroupName) {
			if _, err := try(ctx, "kubectl", "delete", name); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := try(ctx, "kubectl", "delete", "namespace", namespace, "--ignore-not-found"); err != nil {
		t.Error(err)
	}
	bindings := []string{"delete", "clusterrolebindings", "--selector=" + v1alpha1.LabelManagedBy + "=" + v1alpha1.ManagedBy}
	if _, err := try(ctx, "kubectl", bindings...); err != nil {
		t.Error(err)
	}
}
