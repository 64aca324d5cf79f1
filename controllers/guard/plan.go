package guard

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/scim-operator/scim-operator/api/v1alpha1"
	"github.com/scim-operator/scim-operator/internal/access"
)

// plan is what the gate knows of one AccessPlan and of the removals that it counts.
type plan struct {
	key access.PlanKey
	// object is the AccessPlan as it was last read or written; nil when there is none. It is valid once loaded is set.
	object *v1alpha1.AccessPlan
	loaded bool
	ledger access.Ledger

	candidates map[string]*candidate
	held       map[string]access.Mark
	// marks are those that candidates have been given, also when they are released by now. The bindings bear them a little later.
	marks map[string]access.Mark
	// lastNew is when somebody was last seen here for the first time.
	lastNew time.Time
	// ahead is the pass of somebody who has taken the reservation and is not stored yet; its Count is 0 for nobody.
	ahead access.Pass
	// unknown is the number of people whom another process may have let through by its reservation. They are counted with the next newcomer: until
	// then it makes no difference, and at rest nothing is written.
	unknown int
}

// candidate is one name that would lose access.
type candidate struct {
	// behind is the Print of the person whom a binding last named so; empty when it is not known.
	behind string
	// grants has, for each grant that would take something from the name, what it said.
	grants map[access.GrantKey]said
}

type said struct {
	mark access.Mark
	size int
}

func cmpKeys(a, b access.PlanKey) int {
	return cmp.Or(cmp.Compare(a.Directory, b.Directory), cmp.Compare(a.Role, b.Role))
}

func (p *plan) kind() access.MarkKind {
	if p.key.Role == "" {
		return access.MarkUsers
	}
	return access.MarkMembers
}

func (p *plan) remember(grant access.GrantKey, removal access.Removal) {
	c := p.candidates[removal.Name]
	if c == nil {
		c = &candidate{grants: map[access.GrantKey]said{}}
		p.candidates[removal.Name] = c
	}
	c.behind = removal.Person.Print
	now := said{mark: removal.Person.Mark, size: removal.Size}
	if before, ok := c.grants[grant]; ok && now.mark.Kind != p.kind() {
		now.mark = before.mark // Another binding of the grant knows more.
	}
	c.grants[grant] = now
}

func (p *plan) forget(grant access.GrantKey) {
	for name, c := range p.candidates {
		delete(c.grants, grant)
		if len(c.grants) == 0 {
			delete(p.candidates, name)
		}
	}
}

// tidy forgets the marks of names that nobody would take anything from any more.
func (p *plan) tidy() {
	maps.DeleteFunc(p.marks, func(name string, _ access.Mark) bool { return p.candidates[name] == nil })
}

// asked are the candidates with what is known of them. The gate's own memory goes before the bindings, which may be behind.
func (p *plan) asked() []access.Candidate {
	all := make([]access.Candidate, 0, len(p.candidates))
	for name, c := range p.candidates {
		mark, known := p.marks[name]
		for _, grant := range slices.SortedFunc(maps.Keys(c.grants), access.GrantKey.Compare) {
			if said := c.grants[grant].mark; !known && said.Kind == p.kind() {
				mark, known = said, true
			}
		}
		all = append(all, access.Candidate{Name: name, Mark: mark})
	}
	return all
}

// prints say who the candidates are.
func (p *plan) prints() []string {
	all := make([]string, 0, len(p.candidates))
	for _, c := range p.candidates {
		all = append(all, c.behind)
	}
	return all
}

// size is the largest number of people that a grant has in the role.
func (p *plan) size() int {
	size := 0
	for _, c := range p.candidates {
		for _, said := range c.grants {
			size = max(size, said.size)
		}
	}
	return size
}

// releasing says whether somebody was released whose access is not gone yet, when these are held.
func (p *plan) releasing(held map[string]access.Mark) bool {
	for name, c := range p.candidates {
		if _, waits := held[name]; waits {
			continue
		}
		if _, marked := p.marks[name]; marked {
			return true
		}
		for _, said := range c.grants {
			if said.mark.Kind == p.kind() {
				return true
			}
		}
	}
	return false
}

// reserves says whether one person may pass before the plan is written: it says so in the API server, and nobody has made use of it.
func (p *plan) reserves(identity string) bool {
	return p.object != nil && p.object.Status.ReservedBy == identity && p.ahead.Count == 0
}

// load reads the plan as the API server has it, once, and again after a failed write.
func (g *Gate) load(ctx context.Context, p *plan) error {
	if p.loaded {
		return nil
	}
	object := &v1alpha1.AccessPlan{}
	err := g.live.Get(ctx, client.ObjectKey{Name: p.key.Name()}, object)
	if apierrors.IsNotFound(err) {
		// When somebody has deleted it, what it counted is not forgotten.
		p.object, p.loaded = nil, true
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading it: %w", err)
	}
	if object.Spec.Directory != p.key.Directory || object.Spec.Role != p.key.Role {
		return fmt.Errorf("it is about directory %q and role %q, which somebody else must have written: delete it",
			object.Spec.Directory, object.Spec.Role)
	}
	p.object, p.loaded, p.ledger = object, true, access.ReadLedger(object)
	if p.unknown = 0; object.Status.ReservedBy != "" && object.Status.ReservedBy != g.identity {
		p.unknown = 1
	}
	if p.ahead.Count > 0 {
		p.ledger = p.ledger.With(p.ahead)
	}
	return nil
}

// create makes the object that status is then written to.
func (g *Gate) create(ctx context.Context, p *plan) error {
	object := &v1alpha1.AccessPlan{
		ObjectMeta: metav1.ObjectMeta{
			Name: p.key.Name(), Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelDirectory: p.key.Directory},
		},
		Spec: v1alpha1.AccessPlanSpec{Directory: p.key.Directory, Role: p.key.Role},
	}
	if err := g.writer.Create(ctx, object); err != nil {
		return fmt.Errorf("creating it: %w", err)
	}
	p.object = object
	return nil
}
