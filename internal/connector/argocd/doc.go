// Package argocd keeps people's accounts in Argo CD, whose accounts are Kubernetes objects: rows of policy in the ConfigMap argocd-rbac-cm,
// groups of roles in AppProjects and, where people do not come by single sign-on, local accounts in the ConfigMap argocd-cm. It is a
// connector of package connector; nothing but its tests imports it.
//
// The connector writes into a key of its own, policy.scim-operator.csv, because Argo CD appends every key named policy.*.csv to the policy:
// https://argo-cd.readthedocs.io/en/stable/operator-manual/rbac/#policy-csv-composition. An account bears its owner's mark there, in a
// comment in front of its rows, so that one write of one object changes both. Rows, keys and groups that the connector did not write
// stay as they are, byte for byte, also in its own key.
//
// Every write is an update of what was read, so it fails when somebody else wrote in between, and is then planned anew. What an account has
// in other objects follows its mark: the mark says first what is to be, then the other objects are written, then the mark says that
// this is done. A call that finds a mark which says so no more, or not yet, does what is left.
//
// The connector needs get and update on the two ConfigMaps by name (on argocd-cm for local accounts only), and get, list and update on
// appprojects where roles of projects are given, all in Argo CD's namespace. It reads no Secret: passwords and tokens are Argo CD's.
package argocd
