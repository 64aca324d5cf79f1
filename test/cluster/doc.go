// Package cluster tries what users do on a real cluster, where pods run: Helm installs the chart, an Okta app pushes through the Service, pods
// are replaced and killed, and nobody is refused and nothing lost. `make e2e` runs it; it takes whatever cluster KUBECONFIG names, and leaves
// it as it was.
//
// Its tests have the build tag e2e, so that no other run touches whatever cluster a developer's KUBECONFIG happens to name.
package cluster
