// Package controlplane starts a real etcd and kube-apiserver on this machine and stops them again.
//
// Both listen on loopback only, on free ports, and talk TLS with certificates of a throw-away authority; etcd accepts nobody but
// the API server. RBAC is on, and so are all admission plugins but ServiceAccount, which concerns pods only. There is no
// kube-controller-manager: nothing collects garbage, finishes the deletion of a namespace or aggregates ClusterRoles. The last
// would leave the roles view, edit and admin empty, so Start aggregates them once.
//
// On Linux the processes die with the one that started them, however that one ends.
package controlplane
