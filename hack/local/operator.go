package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/scim-operator/scim-operator/test/apiserver/controlplane"
)

// startOperator starts the servers and the controller and returns when all are ready and every server accepts the token.
func (s *supervisor) startOperator(ctx context.Context, token string) error {
	ports, err := controlplane.FreePorts(2*s.options.replicas + 1)
	if err != nil {
		return err
	}
	certificate, key, roots, err := s.writeServerCertificate()
	if err != nil {
		return err
	}
	external := "https://127.0.0.1:" + strconv.Itoa(ports[0])
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}}}

	probes := map[*controlplane.Process][]controlplane.Probe{}
	for i := range s.options.replicas {
		scim, health := ports[2*i], ports[2*i+1]
		process, err := s.run(s.workerCommand("server-"+strconv.Itoa(i+1), s.accountKubeconfig("scim-operator-server"), "server",
			"--listen-address=127.0.0.1:"+strconv.Itoa(scim), "--tls-cert-file="+certificate, "--tls-key-file="+key,
			"--external-url="+external, "--namespace="+systemNamespace, "--health-address=127.0.0.1:"+strconv.Itoa(health),
			"--metrics-address=0"))
		if err != nil {
			return err
		}
		base := "https://127.0.0.1:" + strconv.Itoa(scim) + "/scim/" + directoryName + "/v2"
		s.state.BaseURLs = append(s.state.BaseURLs, base)
		probes[process] = []controlplane.Probe{ready(client, health), answers(client, base+"/ServiceProviderConfig", token),
			answers(client, base+"/Users?count=1", token)}
	}
	health := ports[2*s.options.replicas]
	process, err := s.run(s.workerCommand("controller", s.accountKubeconfig("scim-operator-controller"), "controller",
		"--namespace="+systemNamespace, "--bindable-cluster-roles=view,edit", "--external-url="+external, "--leader-elect",
		"--health-address=127.0.0.1:"+strconv.Itoa(health), "--metrics-address=0"))
	if err != nil {
		return err
	}
	probes[process] = []controlplane.Probe{ready(client, health)}
	for _, w := range s.workers { // in the order of their start, so that a message is the same each time
		for _, probe := range probes[w.process] {
			if err := controlplane.Await(ctx, startTimeout, w.process, probe); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeServerCertificate makes an authority of its own for the SCIM servers, so that a client that trusts it does not trust the
// control plane's.
func (s *supervisor) writeServerCertificate() (certificate, key string, roots *x509.CertPool, err error) {
	authority, err := controlplane.NewAuthority("local scim-operator")
	if err != nil {
		return "", "", nil, err
	}
	pair, err := authority.Loopback("scim-operator-server")
	if err != nil {
		return "", "", nil, err
	}
	certificate, key, err = pair.Write(s.place.data(), "scim-operator-server")
	if err != nil {
		return "", "", nil, err
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM)
	return certificate, key, roots, replaceFile(s.place.authority(), authority.PEM)
}

// ready asks a process whether it is ready.
func ready(client *http.Client, port int) controlplane.Probe {
	return answers(client, "http://127.0.0.1:"+strconv.Itoa(port)+"/readyz", "")
}

// answers wants a 200 from a URL, with the bearer token if there is one.
func answers(client *http.Client, url, token string) controlplane.Probe {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(io.LimitReader(response.Body, 1024))
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s: %s", url, response.Status, body)
		}
		return nil
	}
}
