// Package release runs what the chart installs. Helm itself installs the chart into a real API server; then processes of the operator are
// started as the pods of its Deployments would be: with the arguments, the environment and the files that the Deployment stored in the
// API server states, and a token of its ServiceAccount. Nothing but addresses and the folders of volumes are replaced, by loopback
// addresses and folders of the test. What a Deployment states and this package does not know is an error, and not passed over.
//
// A Service is a balancer on loopback that forwards to the pods whose readiness probes succeed, as kube-proxy does: established
// connections stay with their pod, and a pod that is told to end is taken out a moment after it was told so. While the API server is
// away nothing is taken out or put in, because a kubelet could not report it.
//
// It differs from a node in that nothing restarts a container by itself (the test does), liveness probes are not asked, and limits of
// memory and the security context are not in force.
package release
