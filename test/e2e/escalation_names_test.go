package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/test/okta"
)

// hostileName is a userName that whoever runs the identity provider, or may choose a name in it, might push.
type hostileName struct {
	reason, name string
	// fate is what becomes of it.
	fate fate
}

// fate is what becomes of a name that is pushed.
type fate int

const (
	// bound means that the name is a subject, exactly as it was pushed: it is nobody's but the one's who authenticates under it.
	bound fate = iota
	// leftOut means that the server stores it, because it is legal in SCIM, and that no binding has it.
	leftOut
	// refused means that the server does not store it.
	refused
)

func hostileNames() map[string]hostileName {
	const systems, forged = "Kubernetes' own names begin so", "it forges what a reviewer of bindings reads"
	return map[string]hostileName{
		"ordinary":                {"an ordinary person is in the same bindings", "escalation@example.com", bound},
		"everybody":               {systems, "system:anonymous", leftOut},
		"group":                   {systems, "system:masters", leftOut},
		"component":               {systems, "system:kube-controller-manager", leftOut},
		"account":                 {systems, "system:serviceaccount:kube-system:default", leftOut},
		"capitals":                {"case must not get round the rule", "SyStEm:admin", leftOut},
		"full width":              {"an authenticator that normalises names makes it the system's", "ＳＹＳＴＥＭ：node", leftOut},
		"full width letter":       {"an authenticator that normalises names makes it the system's", "syste\uff4d:scheduler", leftOut},
		"Cyrillic system":         {"it is another name to every authenticator, and to Kubernetes", "\u0455ystem:admin", bound},
		"Cyrillic homoglyph":      {"it is another name than the Latin one, which gets nothing", "\u0430lice.escalation@example.com", bound},
		"newline":                 {forged, "mallory\n- kind: Group", leftOut},
		"NUL":                     {forged, "mallory\x00admin", leftOut},
		"tab":                     {forged, "mallory\tadmin", leftOut},
		"escape":                  {"it commands the terminal of who lists bindings", "mallory\x1b[2K", leftOut},
		"right-to-left":           {forged, "mallory\u202enimda", leftOut},
		"zero-width space":        {forged, "alice\u200b.escalation@example.com", leftOut},
		"space behind":            {"it looks like the name without it", "alice.escalation@example.com ", leftOut},
		"space in front":          {"it looks like the name without it", " bob.escalation@example.com", leftOut},
		"too long for Kubernetes": {"nobody reviews such a name", strings.Repeat("m", 300), leftOut},
		"10 kB":                   {"nobody has such a name", strings.Repeat("n", 10_000), refused},
		"punctuation":             {"a name is no pattern, path or YAML", `*/../{"a":[]}'--`, bound},
		"as if with a prefix":     {"only the start of the name makes it the system's", "okta:system:masters", bound},
		"decomposed":              {"two ways to write one letter are one person, as pushed", "a\u0301da.escalation@example.com", bound},
	}
}

// TestHostileUserNames: no userName that is pushed becomes a subject that is anybody of Kubernetes itself, or that a reviewer takes for
// another, and the user and the grant say so.
func TestHostileUserNames(t *testing.T) {
	o := sharedOperator(t)
	c := (&ownership{o: o}).newDirectory(t, "escalation", o.servers[0], v1alpha1.Matching{})
	var members []string
	var subjects, out []string
	for what, h := range hostileNames() {
		user, err := c.CreateUser(t.Context(), okta.Profile{UserName: h.name, GivenName: "A", FamilyName: "B", Email: "a@example.com", ExternalID: "escalation " + what})
		switch {
		case h.fate == refused:
			if okta.StatusOf(err) != http.StatusBadRequest || !strings.Contains(detailOf(err), "userName is too long") {
				t.Errorf("%s: %s: got %v, want a refusal that names userName", what, h.reason, err)
			}
			continue
		case err != nil:
			t.Fatalf("%s: %v", what, err)
		case h.fate == bound:
			subjects = append(subjects, h.name)
		default:
			out = append(out, user.ID())
		}
		members = append(members, user.ID())
	}
	must[string](t)(c.PushGroup(t.Context(), "Escalation", okta.Members(members...)))
	o.grant(t, "escalation", "Escalation", "view")
	o.subjectsAre(t, "escalation", subjects)
	o.grantLeavesOut(t, "escalation", out)
	for _, id := range out {
		o.userSaysWhy(t, id)
	}
	o.may(t, "escalation@example.com", true)
	for _, name := range []string{"system:anonymous", "alice.escalation@example.com", "system:serviceaccount:kube-system:default", "mallory"} {
		o.mayNot(t, name)
	}
}

// subjectsAre waits until the bindings of a grant give users their role, all of these and nobody else.
func (o *operator) subjectsAre(t *testing.T, grant string, want []string) {
	t.Helper()
	slices.Sort(want)
	eventually(t, "the subjects of grant "+grant, func(ctx context.Context) error {
		list := &rbacv1.ClusterRoleBindingList{}
		if err := o.kube.List(ctx, list, client.MatchingLabels{v1alpha1.LabelGrant: grant}); err != nil {
			return err
		}
		var got []string
		for i := range list.Items {
			for _, subject := range list.Items[i].Subjects {
				if subject.Kind != rbacv1.UserKind {
					return fmt.Errorf("a subject is of the kind %s: %q", subject.Kind, subject.Name)
				}
				got = append(got, subject.Name)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			return errors.New("(-want +got):\n" + diff)
		}
		return nil
	})
}

// grantLeavesOut waits until a grant says that it has left users out, and names the first of them.
func (o *operator) grantLeavesOut(t *testing.T, name string, ids []string) {
	t.Helper()
	slices.Sort(ids)
	want := ids[:min(len(ids), 10)]
	eventually(t, "grant "+name+" says whom it leaves out", func(ctx context.Context) error {
		grant := &v1alpha1.ClusterAccessGrant{}
		if err := o.kube.Get(ctx, client.ObjectKey{Name: name}, grant); err != nil {
			return err
		}
		if diff := cmp.Diff(want, grant.Status.RefusedUsers); diff != "" {
			return errors.New("status.refusedUsers (-want +got):\n" + diff)
		}
		ready := meta.FindStatusCondition(grant.Status.Conditions, v1alpha1.GrantReady)
		if ready == nil || ready.Status != metav1.ConditionFalse || ready.Reason != v1alpha1.ReasonSubjectsRefused || !strings.Contains(ready.Message, "Kubernetes user name") {
			return fmt.Errorf("the condition Ready is %+v", ready)
		}
		return nil
	})
}

// userSaysWhy waits until a user says that its name may not be bound.
func (o *operator) userSaysWhy(t *testing.T, id string) {
	t.Helper()
	eventually(t, "user "+id+" says why it is nobody in Kubernetes", func(ctx context.Context) error {
		user := &v1alpha1.ScimUser{}
		if err := o.kube.Get(ctx, client.ObjectKey{Name: id}, user); err != nil {
			return err
		}
		ready := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.UserReady)
		if ready == nil || ready.Status != metav1.ConditionFalse || ready.Reason != v1alpha1.ReasonUsernameRefused {
			return fmt.Errorf("the condition Ready of %q is %+v", user.Spec.UserName, ready)
		}
		if user.Status.KubernetesUser != "" {
			return fmt.Errorf("status.kubernetesUser is %q", user.Status.KubernetesUser)
		}
		return nil
	})
}

// mayNot asks the API server once: that somebody has a right already is seen by then.
func (o *operator) mayNot(t *testing.T, user string) {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: "default", Verb: "get", Resource: "pods"},
	}}
	check(t, "ask what "+user+" may", o.kube.Create(t.Context(), review))
	if review.Status.Allowed {
		t.Errorf("%s may read pods: %s", user, review.Status.Reason)
	}
}

// TestHostileGroupNames: the name of a group that is pushed decides nothing but which grants name it.
func TestHostileGroupNames(t *testing.T) {
	o := sharedOperator(t)
	c := o.client(t, o.servers[0], okta.AIW)
	member := must[okta.Resource](t)(c.CreateUser(t.Context(), okta.DefaultProfile("escalation.member@example.com")))
	before := bindingVersions(t, o)
	for what, name := range map[string]string{
		"masters": "system:masters", "everybody": "system:authenticated", "a ClusterRole": "cluster-admin", "control": "Admins\n- kind: Group",
		"an order": "a, b; kubectl delete ns default", "long": strings.Repeat("g", 1000),
	} {
		if _, err := c.CreateGroup(t.Context(), name, okta.Members(member.ID())); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := c.CreateGroup(t.Context(), strings.Repeat("n", 10_000), nil); okta.StatusOf(err) != http.StatusBadRequest {
		t.Errorf("10 kB: got %v, want a refusal", err)
	}
	o.grant(t, "escalation-groups", "system:masters", "view")
	o.subjectsAre(t, "escalation-groups", []string{"escalation.member@example.com"})
	after := bindingVersions(t, o)
	if got := changedKeys(before, after); len(got) != 1 {
		t.Errorf("bindings have changed besides the grant's: %v", got)
	}
}
