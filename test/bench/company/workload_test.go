package company_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
)

// workload makes the requests. Each client has a user, a group of fifty, and a role of its own, so that none waits for another.
type workload struct {
	*served
	// round makes names that nobody has had.
	round int
	// echoes are the clients' users as the server shows them, groups their groups, roles their raw roles with the version that each has.
	echoes []string
	groups []string
	roles  []*v1alpha1.ScimRole
	// slices counts the raw slices that were made.
	slices int
}

func newWorkload(b *testing.B, s *served) *workload {
	b.Helper()
	w := &workload{served: s}
	for c := range clients {
		_, body, _, err := s.scim.once(b.Context(), http.MethodGet, "/Users/"+userID(c), "")
		must(b, err)
		w.echoes = append(w.echoes, string(body))
		var members []string
		for i := range 50 {
			members = append(members, userID(c*50+i))
		}
		id, err := w.create(b.Context(), "/Groups", groupBody(fmt.Sprintf("Bench %02d", c), members))
		must(b, err)
		w.groups = append(w.groups, id)
		role := &v1alpha1.ScimRole{}
		role.Name, role.Spec.DisplayName, role.Spec.LocalMembers = fmt.Sprintf("raw-%02d", c), fmt.Sprintf("Raw %02d", c), members
		must(b, s.kube.Create(b.Context(), role))
		w.roles = append(w.roles, role)
	}
	id, err := w.create(b.Context(), "/Groups", groupBody("Bench large", nil))
	must(b, err)
	w.groups = append(w.groups, id)
	return w
}

func (w *workload) operations() []operation {
	return []operation{
		{name: "GET by id", count: 4000, goal: 0.6, raw: w.rawGet, ours: func(ctx context.Context, c, n int) error {
			return w.scim.send(ctx, http.MethodGet, "/Users/"+userID(w.anybody(c, n)), "", http.StatusOK)
		}},
		{name: "filter userName eq", count: 2000, raw: w.rawGet, ours: func(ctx context.Context, c, n int) error {
			filter := url.QueryEscape(fmt.Sprintf("userName eq %q", userName(w.anybody(c, n))))
			return w.scim.send(ctx, http.MethodGet, "/Users?filter="+filter, "", http.StatusOK)
		}},
		{name: "POST a user", count: 800, goal: 0.35, raw: w.rawCreate, ours: func(ctx context.Context, c, n int) error {
			_, err := w.create(ctx, "/Users", w.person(fmt.Sprintf("new.%d.%d", c, n)))
			return err
		}},
		{name: "what a POST asks of the API server, raw", count: 800, raw: w.rawCreate, ours: w.rawPOST},
		{name: "PUT that changes nothing", count: 2000, goal: 0.5, raw: w.rawGet, ours: func(ctx context.Context, c, _ int) error {
			return w.scim.send(ctx, http.MethodPut, "/Users/"+userID(c), w.echoes[c], http.StatusOK)
		}},
		{name: "PATCH of a title", count: 800, raw: w.rawUpdate, ours: func(ctx context.Context, c, n int) error {
			return w.scim.retitle(ctx, userID(clients+c), fmt.Sprintf("Title %d", n))
		}},
		{name: "PATCH of one member", count: 800, goal: 0.35, raw: w.rawUpdate, ours: func(ctx context.Context, c, n int) error {
			if n%2 == 0 {
				return w.scim.addMember(ctx, w.groups[c], "somebody-else")
			}
			return w.scim.removeMember(ctx, w.groups[c], "somebody-else")
		}},
		{name: "PUT of a group of 10,000", count: 4, alone: true, raw: w.rawGroup, ours: func(ctx context.Context, _, n int) error {
			return w.scim.send(ctx, http.MethodPut, "/Groups/"+w.groups[clients], groupBody("Bench large", tenThousand(n)), http.StatusOK)
		}},
	}
}

// anybody is one of the users, another one each time.
func (w *workload) anybody(client, n int) int { return (client*104_729 + n*7919) % w.users }

func (w *workload) rawGet(ctx context.Context, client, n int) error {
	_, err := w.rest.Get().Resource("scimusers").Name(userID(w.anybody(client, n))).DoRaw(ctx)
	return err
}

// rawCreate creates a user as a person may, of the size of one that is pushed.
func (w *workload) rawCreate(ctx context.Context, client, n int) error {
	u := w.user(n % w.users)
	u.APIVersion, u.Kind = v1alpha1.GroupVersion.String(), "ScimUser"
	u.Name, u.Labels, u.Annotations = fmt.Sprintf("raw-%d-%d-%d", w.round, client, n), nil, nil
	u.Spec.Directory, u.Spec.UserName = "", u.Name+"@example.com"
	body, err := json.Marshal(u)
	if err != nil {
		return err
	}
	_, err = w.rest.Post().Resource("scimusers").Body(body).DoRaw(ctx)
	return err
}

// rawPOST makes the three requests of a POST without a SCIM server: it creates the user and the claim, and reads the user. So it is what the
// POST could be at best.
func (w *workload) rawPOST(ctx context.Context, client, n int) error {
	u := w.user(n % w.users)
	u.APIVersion, u.Kind, u.Name = v1alpha1.GroupVersion.String(), "ScimUser", fmt.Sprintf("raw-%d-%d-%d", w.round, client, n)
	u.Spec.UserName = u.Name + "@example.com"
	c := claim(v1alpha1.ClaimUserName, u.Spec.UserName, u.Name)
	c.APIVersion, c.Kind = v1alpha1.GroupVersion.String(), "ScimClaim"
	for _, object := range []struct {
		resource string
		is       any
	}{{"scimusers", u}, {"scimclaims", c}} {
		body, err := json.Marshal(object.is)
		if err != nil {
			return err
		}
		if _, err := w.owner.Post().Resource(object.resource).Body(body).DoRaw(ctx); err != nil {
			return err
		}
	}
	_, err := w.owner.Get().Resource("scimusers").Name(u.Name).DoRaw(ctx)
	return err
}

// rawUpdate replaces a role of fifty, at the version that it has.
func (w *workload) rawUpdate(ctx context.Context, client, n int) error {
	role := w.roles[client]
	role.Spec.LocalMembers[0] = fmt.Sprintf("somebody-%d", n)
	return w.kube.Update(ctx, role)
}

// rawGroup writes as much as a group of 10,000 takes: ten objects of a thousand ids, and a role.
func (w *workload) rawGroup(ctx context.Context, _, n int) error {
	list := tenThousand(n)
	for from := 0; from < len(list); from += v1alpha1.MaxMembers {
		w.slices++
		part := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: fmt.Sprintf("raw-slice-%d", w.slices)}}
		part.Data = map[string]string{"members": strings.Join(list[from:from+v1alpha1.MaxMembers], "\n")}
		if err := w.kube.Create(ctx, part); err != nil {
			return err
		}
	}
	return w.rawUpdate(ctx, 0, n)
}

// tenThousand are ids, half of which are others each time.
func tenThousand(n int) []string {
	list := make([]string, 10_000)
	for i := range list {
		list[i] = fmt.Sprintf("member-of-large-%05d", n%2*5000+i)
	}
	return list
}

// create makes a resource, and gives its id.
func (w *workload) create(ctx context.Context, path, body string) (string, error) {
	status, answer, _, err := w.scim.once(ctx, http.MethodPost, path, body)
	if err != nil {
		return "", err
	}
	if status != http.StatusCreated {
		return "", fmt.Errorf("POST %s: status %d: %.300s", path, status, answer)
	}
	var made struct{ ID types.UID }
	err = json.Unmarshal(answer, &made)
	return string(made.ID), err
}

// person is the body of a user that nobody has pushed before.
func (w *workload) person(name string) string {
	name = fmt.Sprintf("%s.%d@example.com", name, w.round)
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"externalId":%q,"active":true,"displayName":"User New",
"name":{"givenName":"User","familyName":"New"},"locale":"en-US","title":"Engineer","emails":[{"value":%q,"type":"work","primary":true}],
"password":"never kept"}`, name, "00u-"+name, name)
}

func groupBody(displayName string, ids []string) string {
	members := make([]map[string]string, 0, len(ids))
	for _, id := range ids {
		members = append(members, map[string]string{"value": id})
	}
	body, err := json.Marshal(map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": displayName, "members": members,
	})
	if err != nil {
		panic(err)
	}
	return string(body)
}
