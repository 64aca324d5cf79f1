// Package explain says why somebody has access, and who has it: identity, role, grant, binding, rule. It looks at what the API server has,
// not at what the planner would write, because bindings are what the API server's RBAC authorizer goes by; bindings that somebody else
// wrote count like ours. Whether a rule allows a request is decided by Kubernetes' own library.
//
// It knows RBAC and nothing else: another authorizer of the API server (Node, webhook) may allow more, and nothing here sees which groups a
// person's token carries beyond those that a directory's identity.group names.
//
// Like the planner it imports no client, context, clock or logger. Its exported types are what `kubectl scim why` and `who-can` print as JSON:
// fields may be added to them, and keep their names and meanings.
package explain
