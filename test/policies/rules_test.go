package policies

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// rule is one validation of a policy, with what it must let pass and what it must refuse. The two should differ in what the rule is
// about and in nothing else.
type rule struct {
	// reason says why the rule is there.
	reason string
	// policy is the policy's name.
	policy string
	// message is a part of the validation's message that no other validation of the policy has.
	message string
	// installer are expressions of variables of the policy, which an installer chooses; none for what config/admission has.
	installer map[string]string
	// present is created first and deleted at the end.
	present []try
	accept  []try
	refuse  []try
}

// try is one request of one account.
type try struct {
	as   account
	verb string
	// object is a manifest, or for a patch the patch, as YAML. It always has kind and metadata.name.
	object string
}

func create(as account, object string) try { return try{as, "create", object} }

// patch is a merge patch of what is there.
func patch(as account, object string) try { return try{as, "patch", object} }

// update sends what is there with these fields laid over it.
func update(as account, object string) try { return try{as, "update", object} }

// status is a merge patch of the status subresource.
func status(as account, object string) try { return try{as, "patch status", object} }

func remove(as account, object string) try { return try{as, "delete", object} }

// removeAll deletes all objects of a kind, in the object's namespace if it has one, in one request.
func removeAll(as account, object string) try { return try{as, "delete all", object} }

// do sends the request.
func (r try) do(ctx context.Context, c *client, dryRun bool) error {
	object, err := parse(r.object)
	if err != nil {
		return err
	}
	merge, err := yaml.YAMLToJSON([]byte(r.object))
	if err != nil {
		return err
	}
	var options []string
	if dryRun {
		options = []string{"All"}
	}
	switch r.verb {
	case "create":
		return c.Create(ctx, object, &ctrl.CreateOptions{DryRun: options})
	case "patch":
		return c.Patch(ctx, object, ctrl.RawPatch(types.MergePatchType, merge), &ctrl.PatchOptions{DryRun: options})
	case "update":
		wanted := object.DeepCopy()
		if err := c.Get(ctx, ctrl.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		for field, value := range wanted.Object {
			if field != "metadata" {
				object.Object[field] = value
			}
		}
		return c.Update(ctx, object, &ctrl.UpdateOptions{DryRun: options})
	case "patch status":
		return c.Status().Patch(ctx, object, ctrl.RawPatch(types.MergePatchType, merge),
			&ctrl.SubResourcePatchOptions{PatchOptions: ctrl.PatchOptions{DryRun: options}})
	case "delete all":
		return c.DeleteAllOf(ctx, object, &ctrl.DeleteAllOfOptions{
			ListOptions: ctrl.ListOptions{Namespace: object.GetNamespace()}, DeleteOptions: ctrl.DeleteOptions{DryRun: options},
		})
	case "delete":
		return c.Delete(ctx, object, &ctrl.DeleteOptions{DryRun: options})
	default:
		return fmt.Errorf("unknown verb %q", r.verb)
	}
}

func parse(text string) (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict([]byte(text), &object.Object); err != nil {
		return nil, fmt.Errorf("parse the object of a case: %w\n%s", err, text)
	}
	object.SetAPIVersion(v1alpha1.GroupVersion.String())
	if strings.HasSuffix(object.GetKind(), "RoleBinding") {
		object.SetAPIVersion(rbacv1.SchemeGroupVersion.String())
	}
	return object, nil
}

func rules() []rule {
	return slices.Concat(managedRules(), detachRules(), markRules(), internalRules(), planRules(), deletionRules(), serverRules(),
		controllerRules(), costRules(), grantRules(), sharingRules(), bindingRules(), accountRules(), connectionRules(), controllerConnectionRules())
}

// TestRules: what a rule refuses is tried first, because what it accepts says nothing while the policy is not in force.
func TestRules(t *testing.T) {
	active := map[string]bool{}
	for _, r := range rules() {
		t.Run(strings.TrimPrefix(r.policy, "scim-operator-")+"/"+r.reason, func(t *testing.T) {
			clients := accounts(t)
			defer r.install(t, clients)()
			prepare(t, clients, r.present)
			for _, refused := range r.refuse {
				c := clients[refused.as]
				c.takeWarnings()
				attempt := func(ctx context.Context) error { return r.refusal(refused.do(ctx, c, true), c) }
				err := attempt(t.Context())
				if err != nil && (!active[r.policy] || r.installer != nil) {
					err = eventually(t.Context(), attempt)
				}
				if err != nil {
					t.Errorf("to refuse: %s by %s: %v", refused.verb, refused.as, err)
				}
				active[r.policy] = true
			}
			for _, accepted := range r.accept {
				c := clients[accepted.as]
				c.takeWarnings()
				if err := accepted.do(t.Context(), c, true); err != nil {
					t.Errorf("to accept: %s by %s: %v", accepted.verb, accepted.as, err)
				}
				if warnings := c.takeWarnings(); len(warnings) > 0 {
					t.Errorf("to accept: %s by %s: warnings %q", accepted.verb, accepted.as, warnings)
				}
			}
		})
	}
}

// prepare makes the objects that a case is about, by whom the case says, and clears them away in the end.
func prepare(t *testing.T, clients map[account]*client, objects []try) {
	t.Helper()
	for _, present := range objects {
		if err := present.do(t.Context(), clients[present.as], false); err != nil {
			t.Fatalf("%s by %s: %v", present.verb, present.as, err)
		}
		if present.verb != "create" {
			continue
		}
		t.Cleanup(func() {
			c, object := clients[admin], must(t)(parse(present.object))
			if kind := object.GetKind(); kind == "ScimUser" || kind == "ScimRole" || kind == "AppConnection" {
				unhold(t, c, object)
			} else {
				c = clients[present.as] // Nobody but the operator deletes what is its own.
			}
			if err := c.Delete(context.WithoutCancel(t.Context()), object); ctrl.IgnoreNotFound(err) != nil {
				t.Errorf("clear away: %v", err)
			}
		})
	}
}

// unhold takes off the finalizers of a case, which nobody else would.
func unhold(t *testing.T, c *client, object *unstructured.Unstructured) {
	t.Helper()
	merge := ctrl.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	if err := c.Patch(context.WithoutCancel(t.Context()), object.DeepCopy(), merge); ctrl.IgnoreNotFound(err) != nil {
		t.Errorf("clear away: %v", err)
	}
}

// must fails the test on an error.
func must(t *testing.T) func(*unstructured.Unstructured, error) *unstructured.Unstructured {
	t.Helper()
	return func(object *unstructured.Unstructured, err error) *unstructured.Unstructured {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return object
	}
}

// warns says whether the rule's policy only warns.
func (r rule) warns() bool { return r.policy == "scim-operator-deletions" }

// refusal returns nil when the outcome of a request is the rule's refusal, or its warning, and nothing else.
func (r rule) refusal(outcome error, c *client) error {
	warnings := c.takeWarnings()
	if r.warns() {
		if outcome != nil {
			return fmt.Errorf("got %w, want a warning alone", outcome)
		}
		if len(warnings) != 1 || !strings.Contains(warnings[0], r.policy) || !strings.Contains(warnings[0], r.message) {
			return fmt.Errorf("got the warnings %q, want one of %s with %q", warnings, r.policy, r.message)
		}
		return nil
	}
	want := fmt.Sprintf("ValidatingAdmissionPolicy '%s' with binding '%s' denied request: ", r.policy, r.policy)
	switch {
	case outcome == nil:
		return errors.New("it was accepted")
	case !apierrors.IsForbidden(outcome), !strings.Contains(outcome.Error(), want), !strings.Contains(outcome.Error(), r.message):
		return fmt.Errorf("got %w, want a refusal by %s with %q", outcome, r.policy, r.message)
	}
	return nil
}
