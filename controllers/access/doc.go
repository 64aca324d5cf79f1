// Package access keeps the bindings of the cluster as the ClusterAccessGrants ask. The decision is internal/access's; this package
// gathers the snapshot from the caches, looks live before it takes away on the word of an absence, writes removals first, and says
// in status what came of it. One reconcile is one grant. At rest nothing is written.
package access
