// Package company measures the operator in a cluster of the size of a company: etcd, kube-apiserver, a SCIM server and a controller are
// real processes, the two of the operator under the ServiceAccounts and the admission policies that it ships with. Changes come over SCIM
// as an identity provider sends them, and a change has ended when a watch of the bindings shows its last effect. What is written is
// counted in the API server's audit log. `make bench` runs it with 1,000 and 20,000 users; BENCH_LARGE=1 adds 100,000.
// docs/benchmarks.md has the results and says what the company is like.
package company
