package admission

import (
	"errors"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// rule is one rule of a definition, with an object that it admits and one that it refuses. The two should differ in what the rule
// is about and in nothing else.
type rule struct {
	// reason says why the rule is there.
	reason string
	// kind is the kind that the rule belongs to.
	kind string
	// message is the text of the refusal: the whole message of a CEL rule, or a part of a schema error that no other rule gives.
	message string
	// before, when it is set, is created first, and accept and refuse are updates of it. All three bear its name.
	before string
	accept string
	refuse string
}

// celSkippedMessage is what the API server adds to a schema error when it did not come to the CEL rules.
const celSkippedMessage = "some validation rules were not checked because the object was invalid"

func rules() []rule {
	all := append(userRules(), roleRules()...)
	all = append(all, claimRules()...)
	all = append(all, directoryRules()...)
	all = append(all, lifecycleRules()...)
	for _, rules := range [][]rule{connectionRules(), appRoleRules(), targetRules(), accountRules()} {
		all = append(all, rules...)
	}
	return append(all, grantRules()...)
}

func TestRules(t *testing.T) {
	c := newClient(t)
	for _, r := range rules() {
		t.Run(r.kind+"/"+r.reason, func(t *testing.T) {
			if r.before != "" {
				create(t, c, r.object(t, r.before))
			}
			if err := r.try(t, c, r.accept); err != nil {
				t.Errorf("the object to accept is refused: %v", err)
			}
			r.mustRefuse(t, r.try(t, c, r.refuse))
		})
	}
}

func (r rule) object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	object := parse(t, text)
	object.SetKind(r.kind)
	return object
}

// try asks the API server without leaving anything behind.
func (r rule) try(t *testing.T, c client.Client, text string) error {
	t.Helper()
	object := r.object(t, text)
	if r.before == "" {
		return c.Create(t.Context(), object, client.DryRunAll)
	}
	present := r.object(t, r.before)
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(present), present); err != nil {
		t.Fatalf("read what is to be updated: %v", err)
	}
	object.SetResourceVersion(present.GetResourceVersion())
	return c.Update(t.Context(), object, client.DryRunAll)
}

// mustRefuse wants one cause and no other, so that a case cannot pass on account of another mistake in its object.
func (r rule) mustRefuse(t *testing.T, err error) {
	t.Helper()
	if !apierrors.IsInvalid(err) {
		t.Fatalf("the object to refuse: got error %v, want Invalid with %q", err, r.message)
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		t.Fatalf("the error is no API status: %v", err)
	}
	causes := slices.DeleteFunc(status.Status().Details.Causes, func(cause metav1.StatusCause) bool {
		return strings.Contains(cause.Message, celSkippedMessage)
	})
	if len(causes) != 1 || !strings.Contains(causes[0].Message, r.message) {
		t.Errorf("the object to refuse: got causes %+v, want one with %q", causes, r.message)
	}
}
