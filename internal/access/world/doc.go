// Package world makes the planner's State, and answers who is in which role, out of plain lists of API objects. It is for those who read
// the API server once, such as kubectl-scim; the controller, which reads from indexed caches and must never take access away on the word
// of a cache that has fallen back, gathers the same State in its own way. A test of the controller shows that both give the same plan.
//
// Like the planner it imports no client, context, clock or logger.
package world
