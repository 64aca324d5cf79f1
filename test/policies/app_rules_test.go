package policies

import (
	"context"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// appConnection and appAccount are an app of team-0, and one person's account in it.
const (
	appConnection = `{kind: AppConnection, metadata: {name: db, namespace: team-0}, spec: {roles: [{name: r}], target: {argocd: {accounts: SSO}}}}`
	appAccount    = `{kind: AppAccount, metadata: {name: db.ada, namespace: team-0, finalizers: [scim-operator.io/account]}, spec: {app: db, user: ada}}`
	// looseAccount is one that can be cleared away without anybody's taking off a finalizer.
	looseAccount = `{kind: AppAccount, metadata: {name: db.ada, namespace: team-0}, spec: {app: db, user: ada}}`
	digest       = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// ofConnection and ofAccount are merge patches of the metadata of the two.
func ofConnection(metadata string) string {
	return fmt.Sprintf("{kind: AppConnection, metadata: {name: db, namespace: team-0, %s}}", metadata)
}

func ofAccount(metadata string) string {
	return fmt.Sprintf("{kind: AppAccount, metadata: {name: db.ada, namespace: team-0, %s}}", metadata)
}

// approval is the annotation that lets held removals pass; null takes it off.
func approval(value string) string {
	return ofConnection(fmt.Sprintf("annotations: {%s: %s}", v1alpha1.AnnotationApproveRemovals, value))
}

// stray is metadata that somebody who may not write the object might try to change.
func stray() []string {
	return []string{
		"labels: {a: b}", "finalizers: [example.com/a]", "annotations: {example.com/note: a}",
		"ownerReferences: [{apiVersion: v1, kind: Namespace, name: a, uid: b}]",
	}
}

// accountRules: the object of an account is the operator's, and people ask it to try again.
func accountRules() []rule {
	const policy = "scim-operator-accounts"
	rules := []rule{
		{
			reason: "people make no accounts", policy: policy, message: "AppAccounts are made by the operator",
			accept: []try{create(controller, appAccount)},
			refuse: []try{create(admin, appAccount), create(broad, appAccount), create(broadServer, looseAccount)},
		},
		{
			reason: "people remove no accounts, because nobody would look after what stays in the app", policy: policy,
			message: "remove the person from the role", present: []try{create(controller, looseAccount)},
			accept: []try{remove(controller, looseAccount), remove(collector, looseAccount)},
			refuse: []try{
				remove(admin, looseAccount), remove(broad, looseAccount), removeAll(admin, looseAccount), remove(broadServer, looseAccount),
			},
		},
		{
			reason: "people don't write what was found in the app", policy: policy, message: "status of an AppAccount says what the operator found",
			present: []try{create(controller, looseAccount)},
			accept:  []try{status(controller, `{kind: AppAccount, metadata: {name: db.ada, namespace: team-0}, status: {state: Active}}`)},
			refuse: []try{
				status(admin, `{kind: AppAccount, metadata: {name: db.ada, namespace: team-0}, status: {given: {roles: [dba]}}}`),
				status(broad, `{kind: AppAccount, metadata: {name: db.ada, namespace: team-0}, status: {state: Suspended}}`),
			},
		},
	}
	changes := rule{
		reason: "people ask for another try and change nothing else", policy: policy, message: "is for others than the operator to change",
		present: []try{create(controller, looseAccount)},
		accept: []try{
			patch(appOwner, ofAccount("annotations: {scim-operator.io/retry: now}")), patch(admin, ofAccount("annotations: {scim-operator.io/retry: now}")),
			patch(controller, ofAccount("finalizers: [scim-operator.io/account], labels: {a: b}, annotations: {scim-operator.io/retry: null}")),
			patch(collector, ofAccount("finalizers: null, ownerReferences: null")),
		},
		refuse: []try{patch(admin, ofAccount("annotations: {scim-operator.io/approve-removals: a}"))},
	}
	for _, metadata := range stray() {
		changes.refuse = append(changes.refuse, patch(admin, ofAccount(metadata)), patch(appOwner, ofAccount(metadata)))
	}
	return append(rules, changes)
}

// connectionRules: an approval takes a verb of its own, and the right to patch that it needs gives nothing else.
func connectionRules() []rule {
	const policy = "scim-operator-connections"
	const approve, patchOnly = "takes the verb approve on appconnections", "whoever may patch AppConnections and not update them"
	present := []try{create(appOwner, appConnection)}
	limited := rule{
		reason: "who approves does not decide who gets accounts", policy: policy, message: patchOnly, present: present,
		accept: []try{
			patch(approver, ofConnection("annotations: {scim-operator.io/retry: now}")), patch(approver, approval(digest)),
			patch(appOwner, ofConnection("labels: {a: b}, annotations: {example.com/note: a, scim-operator.io/retry: now}")),
			patch(appOwner, `{kind: AppConnection, metadata: {name: db, namespace: team-0}, spec: {mode: Plan}}`),
		},
		refuse: []try{patch(approver, `{kind: AppConnection, metadata: {name: db, namespace: team-0}, spec: {mode: Plan}}`)},
	}
	for _, metadata := range stray() {
		limited.refuse = append(limited.refuse, patch(approver, ofConnection(metadata)))
	}
	return []rule{
		limited,
		{
			reason: "an approval takes the verb approve", policy: policy, message: approve, present: present,
			accept: []try{patch(approver, approval(digest)), patch(admin, approval(digest)), patch(appApprover, approval(digest))},
			refuse: []try{patch(appOwner, approval(digest)), patch(broad, approval(digest)), patch(broadServer, approval(digest))},
		},
		{
			reason: "who may approve in one namespace may not in another", policy: policy, message: approve,
			present: []try{create(admin, elsewhere("null"))},
			accept:  []try{patch(approver, elsewhere(digest))},
			refuse:  []try{patch(appApprover, elsewhere(digest))},
		},
		{
			reason: "who may not approve takes no approval back either", policy: policy, message: approve,
			present: append(present[:1:1], patch(approver, approval(digest))),
			accept:  []try{patch(approver, approval("null")), patch(controller, approval("null"))},
			refuse:  []try{patch(appOwner, approval("null")), patch(broad, approval("null"))},
		},
		{
			reason: "no app is born approved", policy: policy, message: approve,
			accept: []try{create(appOwner, appConnection)},
			refuse: []try{create(appOwner, `{kind: AppConnection, metadata: {name: db, namespace: team-0, annotations: {scim-operator.io/approve-removals: a}},
				spec: {roles: [{name: r}], target: {argocd: {accounts: SSO}}}}`)},
		},
		{
			reason: "people don't write what the guard counted", policy: policy, message: "status of an AppConnection says what the operator found",
			present: present,
			accept:  []try{status(controller, `{kind: AppConnection, metadata: {name: db, namespace: team-0}, status: {guard: {held: 3}}}`)},
			refuse: []try{
				status(admin, `{kind: AppConnection, metadata: {name: db, namespace: team-0}, status: {guard: {held: 0}}}`),
				status(broad, `{kind: AppConnection, metadata: {name: db, namespace: team-0}, status: {endpoint: "postgresql://evil.example.com"}}`),
			},
		},
	}
}

// elsewhere is an app of a namespace in which appOwner and appApprover hold the role too, but no verb approve.
func elsewhere(value string) string {
	return fmt.Sprintf(`{kind: AppConnection, metadata: {name: db, namespace: team-1, annotations: {scim-operator.io/approve-removals: %s}},
		spec: {roles: [{name: r}], target: {argocd: {accounts: SSO}}}}`, value)
}

// controllerConnectionRules: people write who gets accounts, and the controller carries it out.
func controllerConnectionRules() []rule {
	const policy = "scim-operator-controller-connections"
	present := []try{create(appOwner, appConnection)}
	marks := rule{
		reason: "the controller approves nothing and takes off what it has heard", policy: policy, message: "takes off the annotations that it has heard",
		present: append(present[:1:1], patch(admin, ofConnection(
			"annotations: {scim-operator.io/approve-removals: a, scim-operator.io/retry: b, example.com/note: c}, finalizers: [example.com/a]"))),
		accept: []try{
			patch(controller, ofConnection("annotations: {scim-operator.io/approve-removals: null, scim-operator.io/retry: null}")),
			patch(controller, ofConnection("finalizers: [example.com/a, scim-operator.io/accounts]")),
		},
		refuse: []try{
			patch(controller, approval(digest)), patch(controller, ofConnection("annotations: {scim-operator.io/retry: c}")),
			patch(controller, ofConnection("annotations: {example.com/note: null}")), patch(controller, ofConnection("finalizers: null")),
			patch(masterController, approval(digest)),
		},
	}
	for _, metadata := range stray() {
		if metadata != "finalizers: [example.com/a]" { // it is there
			marks.refuse = append(marks.refuse, patch(controller, ofConnection(metadata)))
		}
	}
	return []rule{
		{
			reason: "the controller decides nothing about who gets accounts", policy: policy, message: "the controller makes and deletes no AppConnections",
			present: present,
			accept:  []try{patch(controller, ofConnection("finalizers: [scim-operator.io/accounts]"))},
			refuse: []try{
				patch(controller, `{kind: AppConnection, metadata: {name: db, namespace: team-0}, spec: {suspend: true}}`),
				patch(controller, `{kind: AppConnection, metadata: {name: db, namespace: team-0}, spec: {roles: [{name: everybody}]}}`),
				remove(broadController, appConnection), create(broadController, elsewhere("null")),
			},
		},
		marks,
	}
}

// TestNamespaceThatEnds: the accounts of a namespace that is being deleted can be deleted by whoever clears it away, and keep their
// finalizer until the operator is done.
func TestNamespaceThatEnds(t *testing.T) {
	clients := accounts(t)
	namespace := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "team-that-ends"},
	}}
	if err := clients[admin].Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	object := must(t)(parse(appAccount))
	object.SetNamespace(namespace.GetName())
	if err := clients[controller].Create(t.Context(), object.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	// This may be the first test, and the API server heeds a new policy a moment after it has it.
	err := eventually(t.Context(), func(ctx context.Context) error {
		if err := clients[admin].Delete(ctx, object.DeepCopy(), ctrl.DryRunAll); !apierrors.IsForbidden(err) {
			return fmt.Errorf("an account of a namespace that stays is not refused to be deleted: %v", err) //nolint:errorlint // it may be nil
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := clients[admin].Delete(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	err = eventually(t.Context(), func(ctx context.Context) error { return clients[admin].Delete(ctx, object.DeepCopy()) })
	if err != nil {
		t.Fatalf("an account of a namespace that is being deleted stays: %v", err)
	}
	unmarked := ctrl.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	if err := clients[admin].Patch(t.Context(), object.DeepCopy(), unmarked); err == nil {
		t.Error("an administrator can take off the finalizer, so that nobody takes the account out of use")
	}
	if err := clients[controller].Patch(t.Context(), object.DeepCopy(), unmarked); err != nil {
		t.Errorf("the controller cannot take off its finalizer: %v", err)
	}
}
