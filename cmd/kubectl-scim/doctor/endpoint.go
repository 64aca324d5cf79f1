package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

const (
	// connectTimeout bounds the handshake with the SCIM endpoint.
	connectTimeout = 10 * time.Second
	// certificateWarns is how long before its end a certificate is warned of; renewal is usually a month before.
	certificateWarns = 14 * 24 * time.Hour
)

// endpoint checks what the identity provider meets at the directory's URL: the certificate and the clock.
func (e *examination) endpoint(ctx context.Context, d *v1alpha1.ScimDirectory) []Finding {
	certificateCheck, clockCheck := "certificate/"+d.Name, "clock/"+d.Name
	if d.Status.URL == "" {
		return []Finding{warn(certificateCheck, "status.url is empty, so the endpoint is not known",
			"Give the operator its external URL (--external-url; server.externalUrl in the chart).")}
	}
	address, err := url.Parse(d.Status.URL)
	if err != nil || address.Hostname() == "" {
		return []Finding{fail(certificateCheck, "status.url is no URL: "+d.Status.URL, "Correct --external-url of the operator.")}
	}
	if address.Scheme != "https" {
		return []Finding{fail(certificateCheck, d.Status.URL+" is not HTTPS, so tokens cross the network in the clear", "Correct --external-url of the operator.")}
	}
	shown, err := present(ctx, address)
	if err != nil {
		return []Finding{warn(certificateCheck, "the endpoint cannot be reached from here: "+err.Error(),
			"If it should be: check DNS, the Ingress or load balancer, and the Service scim-operator-server. Identity providers in the cloud must reach it.")}
	}
	findings := []Finding{certificateFinding(certificateCheck, address.Hostname(), shown, e.roots, e.now())}
	transport := &http.Transport{TLSClientConfig: e.clockTLS(), Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	skew, err := e.skewOf(ctx, &http.Client{Transport: transport}, address.JoinPath("ServiceProviderConfig").String())
	if err != nil {
		if findings[0].Outcome == Fail {
			return findings // It would say the same again.
		}
		return append(findings, unknown(clockCheck, err))
	}
	return append(findings, skewFinding(clockCheck, skew))
}

func (e *examination) clockTLS() *tls.Config {
	return &tls.Config{RootCAs: e.roots, MinVersion: tls.VersionTLS12}
}

// present is the chain of certificates that a server shows, the server's own first. Nothing is sent over the connection, so that
// what is not trusted yet learns nothing.
func present(ctx context.Context, address *url.URL) ([]*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	port := address.Port()
	if port == "" {
		port = "443"
	}
	dialer := tls.Dialer{Config: &tls.Config{
		ServerName: address.Hostname(), MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // the chain is verified afterwards, so that what is wrong with it can be told
	}}
	connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(address.Hostname(), port))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	return connection.(*tls.Conn).ConnectionState().PeerCertificates, nil
}

// certificateFinding verifies a chain as an identity provider does: with what the server sends, and trusted roots. Nil roots mean the
// system's.
func certificateFinding(check, host string, chain []*x509.Certificate, roots *x509.CertPool, now time.Time) Finding {
	if len(chain) == 0 {
		return fail(check, "the server shows no certificate", "Give the server a certificate (Secret scim-operator-server-tls).")
	}
	leaf, intermediates := chain[0], x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	left := leaf.NotAfter.Sub(now)
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: intermediates, CurrentTime: now})
	var untrusted x509.UnknownAuthorityError
	var wrongName x509.HostnameError
	switch {
	case left <= 0:
		return fail(check, fmt.Sprintf("the certificate for %s ended on %s", host, leaf.NotAfter.UTC().Format(time.DateOnly)), "Renew it; the server picks the new one up by itself.")
	case errors.As(err, &wrongName):
		return fail(check, "the certificate is for another name: "+err.Error(), "Issue one for "+host+", or correct --external-url of the operator.")
	case errors.As(err, &untrusted) && len(chain) == 1 && leaf.Issuer.String() != leaf.Subject.String():
		return fail(check, "the server sends its certificate without the intermediate ones, or its authority is not trusted (issuer "+leaf.Issuer.String()+")",
			"Put the whole chain into tls.crt, the server's certificate first. Identity providers refuse what lacks it (Okta: PKIX path building failed). A private authority is trusted here with --ca-file only.")
	case err != nil:
		return fail(check, "the chain cannot be verified: "+err.Error(), "Use a certificate of a public authority; one of a private authority is trusted here with --ca-file, and by cloud identity providers never.")
	case left < certificateWarns:
		return warn(check, fmt.Sprintf("the certificate for %s ends in %d days", host, int(left.Hours()/24)), "Renew it; the server picks the new one up by itself.")
	}
	return pass(check, "the certificate for %s is trusted and valid for %d more days", host, int(left.Hours()/24))
}
