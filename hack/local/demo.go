package main

import (
	"context"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/test/okta"
)

//go:embed demo.yaml
var demoManifests string

const (
	demoGroup  = "Payments Developers"
	demoPerson = "ada.lovelace@example.com"
	demoOther  = "grace.hopper@example.com"
	// oidcPrefix is what usernameExpression puts before a userName.
	oidcPrefix = "oidc:"
)

// demo shows what the operator does, from an identity provider's requests to what a person may do. It fails at the first step
// that does not come out as expected, and leaves everything running either way.
func demo(ctx context.Context, p place, options upOptions, out io.Writer) error {
	s, err := upIfNeeded(ctx, p, options, out)
	if err != nil {
		return err
	}
	d := &demonstration{place: p, assets: s.Assets, out: out}
	if err := d.connect(ctx, s.BaseURLs[0]); err != nil {
		return err
	}
	for _, act := range []func(context.Context) error{d.replay, d.grant, d.push, d.look, d.deactivate, d.reactivate} {
		if err := act(ctx); err != nil {
			return fmt.Errorf("demo: %w (everything is still running; make down stops it)", err)
		}
	}
	d.farewell()
	return nil
}

func upIfNeeded(ctx context.Context, p place, options upOptions, out io.Writer) (*state, error) {
	running, err := isRunning(p)
	if err != nil {
		return nil, err
	}
	if !running {
		if err := up(ctx, p, options, out); err != nil {
			return nil, err
		}
	}
	s, err := readState(p)
	if err != nil {
		return nil, err
	}
	if !s.Ready {
		return nil, errors.New("make up is still at work; try again when it is done")
	}
	return s, nil
}

// demonstration is one run of the demo.
type demonstration struct {
	place   place
	assets  string
	out     io.Writer
	act     int
	clients map[okta.Dialect]*okta.Client
	person  okta.Resource
	other   okta.Resource
}

// connect makes an Okta app of each kind.
func (d *demonstration) connect(ctx context.Context, baseURL string) error {
	token, err := readToken(ctx, d.place)
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(d.place.authority())
	if err != nil {
		return fmt.Errorf("read the authority: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	d.clients = map[okta.Dialect]*okta.Client{}
	for _, dialect := range []okta.Dialect{okta.AIW, okta.OIN} {
		d.clients[dialect], err = okta.New(okta.Config{BaseURL: baseURL, Token: token, Dialect: dialect, RootCAs: roots})
		if err != nil {
			return fmt.Errorf("make an Okta app: %w", err)
		}
	}
	return nil
}

func readToken(ctx context.Context, p place) (string, error) {
	config, err := clientcmd.BuildConfigFromFlags("", p.kubeconfig())
	if err != nil {
		return "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	admin, err := newClient(config)
	if err != nil {
		return "", err
	}
	var secret corev1.Secret
	if err := admin.Get(ctx, client.ObjectKey{Namespace: systemNamespace, Name: tokenSecret}, &secret); err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	return string(secret.Data["token"]), nil
}

// replay sends what real Okta apps were seen to send, and compares every answer.
func (d *demonstration) replay(ctx context.Context) error {
	d.heading("Recorded exchanges of Okta, replayed over HTTPS; every answer is compared with what Okta needs")
	scenarios, err := okta.LoadRecorded()
	if err != nil {
		return err
	}
	for _, scenario := range scenarios {
		if err := okta.Replay(ctx, d.clients[scenario.Dialect], scenario); err != nil {
			return err
		}
		d.say("ok  %-3s %2d requests  %s", scenario.Dialect, len(scenario.Steps), scenario.Name)
	}
	return nil
}

// grant applies the grants before the group is there, so that nobody has access yet.
func (d *demonstration) grant(ctx context.Context) error {
	d.heading("Two grants, as a platform team keeps them in Git (hack/local/demo.yaml)")
	app := d.clients[okta.AIW]
	group, err := app.FindGroup(ctx, demoGroup)
	if err != nil {
		return err
	}
	if group != nil { // from an earlier demo
		if err := app.UnlinkGroup(ctx, group.ID(), true); err != nil {
			return err
		}
	}
	if err := d.kubectl(ctx, demoManifests, "apply", "--server-side", "-f", "-"); err != nil {
		return err
	}
	d.say("\nNobody was pushed yet, so nobody may do anything:")
	return d.canAll(ctx, demoPerson, "no")
}

// push assigns two people to the app and pushes their group.
func (d *demonstration) push(ctx context.Context) error {
	d.heading("Okta assigns two people and pushes the group " + demoGroup)
	app := d.clients[okta.AIW]
	var err error
	if d.person, err = app.AssignUser(ctx, okta.DefaultProfile(demoPerson)); err != nil {
		return err
	}
	if d.other, err = app.AssignUser(ctx, okta.DefaultProfile(demoOther)); err != nil {
		return err
	}
	members := []okta.Member{okta.MemberOf(d.person), okta.MemberOf(d.other)}
	if _, err := app.PushGroup(ctx, demoGroup, members); err != nil {
		return err
	}
	d.say("%s has the id %s\n", demoPerson, d.person.ID())
	if err := d.canAll(ctx, demoPerson, "yes"); err != nil {
		return err
	}
	d.say("\nBut not in another namespace:")
	return d.can(ctx, demoPerson, "no", "update", "deployments.apps", "--namespace=default")
}

// look shows the objects.
func (d *demonstration) look(ctx context.Context) error {
	d.heading("What the cluster says now")
	if err := d.kubectl(ctx, "", "wait", "--for=condition=Ready", "--timeout=30s", "clusteraccessgrants", "payments-edit", "payments-view"); err != nil {
		return err
	}
	if err := d.kubectl(ctx, "", "get", "scimusers,scimroles,clusteraccessgrants"); err != nil {
		return err
	}
	return d.bindings(ctx)
}

// deactivate takes one person's access away and nobody else's.
func (d *demonstration) deactivate(ctx context.Context) error {
	d.heading("Okta deactivates " + demoPerson)
	if err := d.clients[okta.AIW].DeactivateUser(ctx, d.person.ID()); err != nil {
		return err
	}
	if err := d.canAll(ctx, demoPerson, "no"); err != nil {
		return err
	}
	d.say("\nThe other member keeps access:")
	if err := d.canAll(ctx, demoOther, "yes"); err != nil {
		return err
	}
	if err := d.kubectl(ctx, "", "get", "scimusers", d.person.ID(), d.other.ID()); err != nil {
		return err
	}
	return d.bindings(ctx)
}

// reactivate gives it back under the same id.
func (d *demonstration) reactivate(ctx context.Context) error {
	d.heading("Okta assigns " + demoPerson + " again")
	again, err := d.clients[okta.AIW].AssignUser(ctx, okta.DefaultProfile(demoPerson))
	if err != nil {
		return err
	}
	if again.ID() != d.person.ID() {
		return fmt.Errorf("%s came back under the id %s, want the old one, %s", demoPerson, again.ID(), d.person.ID())
	}
	d.say("%s has the same id as before, %s\n", demoPerson, again.ID())
	if err := d.canAll(ctx, demoPerson, "yes"); err != nil {
		return err
	}
	return d.directory(ctx)
}

func (d *demonstration) farewell() {
	d.heading("Look around")
	d.say(`  source %s
  kubectl get scim
  kubectl describe clusteraccessgrant payments-edit
  kubectl get scimusers --field-selector spec.userName=%s -o yaml
  kubectl auth can-i --list --namespace=payments --as=%s%s
  kubectl explain scimuser.spec
  curl --cacert "$SCIM_CA_FILE" -H "Authorization: Bearer $SCIM_TOKEN" "$SCIM_BASE_URL/Users?count=2"

The logs are in %s. Stop everything: make down`, relative(d.place.env()), demoPerson, oidcPrefix, demoPerson, relative(d.place.logs()))
}
