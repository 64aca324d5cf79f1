// Package apiserver gives tests a real kube-apiserver with the custom resource definitions of config/crd/bases installed.
//
// One server for all tests of a package (start-up takes seconds, so prefer it):
//
//	func TestMain(m *testing.M) { os.Exit(apiserver.Main(m)) }
//
// and apiserver.Config() in the tests. One server for one test: apiserver.Start(t).
//
// The binaries come from the directory KUBEBUILDER_ASSETS. Without it a test fails: a test that is skipped where its server is
// missing proves nothing. See package controlplane for what the control plane has and lacks.
package apiserver
