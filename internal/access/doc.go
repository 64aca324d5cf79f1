// Package access decides who gets what in the cluster. Plan turns a snapshot of grants, roles, users and namespaces into the
// bindings that should exist; Diff compares them with those that do exist. Both are pure and total: they read no clock, call
// nobody, never fail, and give the same answer for the same input in any order.
//
// The rules that matter for security are here and nowhere else: who may be a subject (SubjectName), which users count (User),
// which ClusterRoles may be given (State.Bindable), and that a part of a role that cannot be read never shrinks a binding by
// guess (Plan.Held).
package access
