package argocd

import (
	"context"
	"errors"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/internal/connector"
)

const (
	// maxBytes is what the API server lets a ConfigMap have.
	maxBytes = 1 << 20
	// reserve is what new accounts and roles leave, so that there is room to write down what is to be taken away.
	reserve = 64 << 10
)

// snapshot is what was read of the objects, the policy first. They need not have been so at one moment: what is planned begins with a write to
// the policy, which fails when it was written since, and goes on with writes to the others, which do the same.
type snapshot struct {
	policy   *corev1.ConfigMap
	accounts *corev1.ConfigMap // nil when local accounts are not kept
	projects projects
}

func (s *snapshot) own() policy { return parsePolicy(s.policy.Data[policyKey]) }

func (s *snapshot) settings() settings {
	if s.accounts == nil {
		return nil
	}
	if s.accounts.Data == nil {
		return settings{}
	}
	return s.accounts.Data
}

// read reads the ConfigMaps and, when it is to read all, the projects.
func (c *Connector) read(ctx context.Context, all bool) (*snapshot, error) {
	s := &snapshot{policy: new(corev1.ConfigMap), projects: projects{}}
	if err := c.get(ctx, c.options.PolicyConfigMap, s.policy); err != nil {
		return nil, err
	}
	if c.options.Accounts == Local {
		s.accounts = new(corev1.ConfigMap)
		if err := c.get(ctx, c.options.SettingsConfigMap, s.accounts); err != nil {
			return nil, err
		}
	}
	if !all || !c.options.Projects {
		return s, nil
	}
	list := new(unstructured.UnstructuredList)
	list.SetGroupVersionKind(projectKind)
	if err := c.options.Client.List(ctx, list, client.InNamespace(c.options.Namespace)); err != nil {
		return nil, err
	}
	for i := range list.Items {
		s.projects[list.Items[i].GetName()] = &list.Items[i]
	}
	return s, nil
}

// confirm fails when the policy was written since it was read, so that what was read after it may not belong to it.
func (c *Connector) confirm(ctx context.Context, s *snapshot) error {
	again := new(corev1.ConfigMap)
	if err := c.get(ctx, c.options.PolicyConfigMap, again); err != nil {
		return err
	}
	if again.ResourceVersion != s.policy.ResourceVersion {
		return errAgain
	}
	return nil
}

// look reads everything as it was at one moment.
func (c *Connector) look(ctx context.Context, op string) (*view, error) {
	var found *view
	_, err := c.run(ctx, op, func() (bool, error) {
		s, err := c.read(ctx, true)
		if err != nil {
			return false, err
		}
		found = s.view(c.options)
		return false, c.confirm(ctx, s)
	})
	return found, err
}

// readProjects reads those in which the marks gave something. One that is gone has nothing to take away.
func (c *Connector) readProjects(ctx context.Context, s *snapshot, marks []mark) error {
	for _, m := range marks {
		for _, g := range m.grants() {
			name, _, ok := splitProjectRole(g.Role)
			if !ok || s.projects[name] != nil {
				continue
			}
			project := new(unstructured.Unstructured)
			project.SetGroupVersionKind(projectKind)
			err := c.get(ctx, name, project)
			if apierrors.IsNotFound(err) {
				continue
			}
			if err != nil {
				return err
			}
			s.projects[name] = project
		}
	}
	return nil
}

func (c *Connector) get(ctx context.Context, name string, into client.Object) error {
	return c.options.Client.Get(ctx, client.ObjectKey{Namespace: c.options.Namespace, Name: name}, into)
}

// errAgain means that what was read is not what is there any more, so that the call starts again.
var errAgain = errors.New("the objects were changed by somebody else again and again")

// put writes an object, unless it was changed since it was read.
func (c *Connector) put(ctx context.Context, object client.Object) error {
	err := c.options.Client.Update(ctx, object)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return errAgain
	}
	return err
}

// change is what becomes of an owner's account.
type change struct {
	owner connector.Owner
	// mine are the marks that there are.
	mine []mark
	// next is nil when the account is to go.
	next  *mark
	adopt bool
	// bounded refuses what would leave no room in a ConfigMap.
	bounded bool
}

// grants are the roles of projects that names are to have, and those that they are to lose.
func (ch change) grants() (give, take []grant) {
	for _, m := range ch.mine {
		take = append(take, m.grants()...)
	}
	if ch.next == nil {
		return nil, take
	}
	if ch.next.Active {
		for _, role := range ch.next.Roles {
			give = append(give, grant{ch.next.Name, role})
		}
		return give, take
	}
	return nil, append(take, ch.next.grants()...)
}

// pending is the mark while other objects are being written. It keeps account of all that is to be taken away in them.
func (ch change) pending(give, take []grant) *mark {
	var m mark
	if ch.next != nil {
		m = *ch.next
	} else {
		m = ch.mine[0]
		m.Active = false
	}
	m.Pending, m.Leaving = true, nil
	kept := map[grant]bool{}
	for _, g := range append(m.grants(), give...) {
		kept[g] = true
	}
	for _, g := range take {
		if _, _, ok := splitProjectRole(g.Role); ok && !kept[g] {
			kept[g] = true
			m.Leaving = append(m.Leaving, g)
		}
	}
	return &m
}

// apply makes the objects as the change wants them, and says whether it had to write. Two calls that do the same at the same time both
// write, and one of them says so: it is the one that writes last that all is done.
func (c *Connector) apply(ctx context.Context, op string, s *snapshot, ch change) (bool, error) {
	give, take := ch.grants()
	edited := s.projects.edit(give, take)
	accounts := s.editedAccounts(ch, c.options.Capabilities)
	own := s.own()
	now := own.String()
	done := own.replace(ch.owner, settled(ch.next)).String()
	begun := now
	if now != done && (len(edited) > 0 || accounts != nil) && (ch.next != nil || len(ch.mine) > 0) {
		begun = own.replace(ch.owner, ch.pending(give, take)).String()
	}
	if ch.bounded {
		if err := s.fits(op, begun, done, accounts); err != nil {
			return false, err
		}
	}
	changed, err := false, error(nil)
	if begun != now {
		if err = c.putPolicy(ctx, s, begun); err != nil {
			return false, err
		}
	}
	if accounts != nil {
		if err = c.put(ctx, accounts); err != nil {
			return false, err
		}
		s.accounts, changed = accounts, true
	}
	for _, project := range edited {
		if err = c.put(ctx, project); err != nil {
			return changed && now == done, err
		}
		s.projects[project.GetName()], changed = project, true
	}
	if now == done {
		return changed, nil
	}
	if err = c.putPolicy(ctx, s, done); err != nil {
		return false, err
	}
	return true, nil
}

func settled(next *mark) *mark {
	if next == nil {
		return nil
	}
	m := next.settled()
	return &m
}

// editedAccounts is nil when nothing is to be changed.
func (s *snapshot) editedAccounts(ch change, capabilities []string) *corev1.ConfigMap {
	before := s.settings()
	after := before.edit(ch.owner, ch.next, ch.adopt, capabilities)
	if maps.Equal(before, after) {
		return nil
	}
	edited := s.accounts.DeepCopy()
	edited.Data = after
	return edited
}

func (c *Connector) putPolicy(ctx context.Context, s *snapshot, text string) error {
	edited := withPolicy(s.policy, text)
	if err := c.put(ctx, edited); err != nil {
		return err
	}
	s.policy = edited
	return nil
}

func withPolicy(from *corev1.ConfigMap, text string) *corev1.ConfigMap {
	edited := from.DeepCopy()
	if edited.Data == nil {
		edited.Data = map[string]string{}
	}
	edited.Data[policyKey] = text
	if text == "" {
		delete(edited.Data, policyKey)
	}
	return edited
}

// fits refuses what would fill a ConfigMap.
func (s *snapshot) fits(op, begun, done string, accounts *corev1.ConfigMap) error {
	pairs := [][2]*corev1.ConfigMap{{s.policy, withPolicy(s.policy, begun)}, {s.policy, withPolicy(s.policy, done)}}
	if accounts != nil {
		pairs = append(pairs, [2]*corev1.ConfigMap{s.accounts, accounts})
	}
	for _, pair := range pairs {
		if size := sizeOf(pair[1]); size > sizeOf(pair[0]) && size > maxBytes-reserve {
			return connector.Errorf(connector.Rejected, op,
				"ConfigMap %s would have %d bytes, and %d is the most that new accounts may fill: remove what is not needed, or let Argo CD map groups "+
					"of the identity provider to roles", pair[0].Name, size, maxBytes-reserve)
		}
	}
	return nil
}

func sizeOf(m *corev1.ConfigMap) int {
	size := 0
	for key, value := range m.Data {
		size += len(key) + len(value)
	}
	for key, value := range m.BinaryData {
		size += len(key) + len(value)
	}
	return size
}
