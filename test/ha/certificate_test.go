package ha_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/test/release"
)

// TestCertificateRotated replaces the certificate of the SCIM endpoint under fifty clients. Connections that are open go on, new ones see the
// new certificate at each server, and no request is refused or broken off.
func TestCertificateRotated(t *testing.T) {
	w := newWorld(t)
	check(t, "make another certificate", w.Certify(t.Context(), w.Authority))
	want := w.certificate(t)
	for _, server := range w.Pods(release.Server) {
		address, err := server.Address("https")
		check(t, "find "+server.Name, err)
		if bytes.Equal(w.shown(t.Context(), address), want) {
			t.Fatalf("%s shows the new certificate before it has its files", server.Name)
		}
	}
	check(t, "bring the files up to date", w.RefreshVolumes(t.Context()))
	for _, server := range w.Pods(release.Server) {
		address, err := server.Address("https")
		check(t, "find "+server.Name, err)
		until(t, server.Name+" shows the new certificate", func(ctx context.Context) bool { return bytes.Equal(w.shown(ctx, address), want) })
	}
	w.await(t)
	w.expectUnbroken(t)
	if throttled := w.push.Throttled(); throttled > 0 {
		t.Logf("%d requests were answered 429, which a certificate is no reason for", throttled)
	}
	w.finish(t)
}

// certificate is what the Secret has, in DER.
func (w *world) certificate(t *testing.T) []byte {
	t.Helper()
	secret := &corev1.Secret{}
	check(t, "read the certificate", w.Kube.Get(t.Context(), client.ObjectKey{Namespace: release.Namespace, Name: "scim-operator-server-tls"}, secret))
	block, _ := pem.Decode(secret.Data[corev1.TLSCertKey])
	if block == nil {
		t.Fatal("the Secret has no certificate")
	}
	return block.Bytes
}

// shown is what a new connection is shown, in DER, and checked against the authority; nil when there is none.
func (w *world) shown(ctx context.Context, address string) []byte {
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: w.directory.Roots, MinVersion: tls.VersionTLS12}}
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil
	}
	defer connection.Close()
	return connection.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw
}
