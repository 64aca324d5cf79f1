package model

const (
	maxUsers  = 4
	maxNames  = 3
	maxActors = 5
)

// Flags of a user. The first three are what etcd holds, the others are what the checker remembers.
const (
	alive     = 1 << iota // exists and is not being deleted
	condemned             // bears the annotation
	changed               // the unrelated attribute has its new value
	born                  // was created at some time
	veteran               // counted before the scenario: its annotations forbid repair to delete it
	promised              // a client was told that it exists
	updated               // a client was told that the attribute is changed
	deleting              // a client asked to delete it
)

// user is one ScimUser. Its index is its random id, so an index is never used twice.
type user struct {
	flags uint8
	name  uint8
	// fresh has a bit for each actor that knows the present resourceVersion.
	fresh uint8
	// may has a bit for each name that a client can expect the user to bear.
	may uint8
}

// claim is the ScimClaim of one name. owner is the index of a user plus one, or nought when the claim does not exist.
type claim struct {
	owner uint8
	fresh uint8
}

// What an actor knows of the claim that it wants.
const (
	viewAbsent    = iota // there is none
	viewOurs             // it names our own user
	viewDead             // its owner is dead
	viewElsewhere        // its owner is alive under another name
	viewTaken            // its owner is alive and bears the name
)

// Notes of an actor.
const (
	noteExcused    = 1 << iota // the answer 409 or 404 was true at some instant of the operation
	noteOverlapped             // another rename of the same user ran at the same time
	noteChanged                // the user that it read had the new value of the attribute
	noteCondemned              // the user that it read was condemned
	noteConfirming             // it reads the claim for the second time, after the mark
	noteBumped                 // it reads the claim for the second time, after the bump
	noteGuessed                // the user that it presumed to be the owner was alive under the name when it read it
	noteCounted                // and counted at that instant
)

// actor is the local state of one process.
type actor struct {
	pc    uint8
	user  uint8 // the subject, an index
	name  uint8 // the name whose claim it works on
	other uint8 // the owner of that claim, an index
	view  uint8
	note  uint8
}

// world is everything: etcd, the processes, and what the checker remembers.
type world struct {
	users  [maxUsers]user
	claims [maxNames]claim
	actors [maxActors]actor
	fault  uint8
}

// Faults that belong to an answer and not to a state.
const (
	faultNone = iota
	faultConflict
	faultNotFound
	faultFound
)

// counts says whether a user counts: alive, and the claim of its name names it.
func (w *world) counts(u uint8) bool {
	return w.users[u].flags&alive != 0 && w.claims[w.users[u].name].owner == u+1
}

// bearer is the user that counts under a name.
func (w *world) bearer(name uint8) (u uint8, ok bool) {
	owner := w.claims[name].owner
	if owner == 0 {
		return 0, false
	}
	u = owner - 1
	return u, w.users[u].flags&alive != 0 && w.users[u].name == name
}

// call is one step of one actor under way. Its methods are the API server's.
type call struct {
	m     *claims
	w     *world
	p     uint8
	a     *actor
	wrote bool
	ok    bool
}

func (c *call) bit() uint8 { return 1 << c.p }

// getUser reads a user. It is false for a dead one.
func (c *call) getUser(u uint8) (user, bool) {
	found := &c.w.users[u]
	if found.flags&alive == 0 {
		return user{}, false
	}
	found.fresh |= c.bit()
	return *found, true
}

// putUser updates a user, if the actor knows its resourceVersion.
func (c *call) putUser(u uint8, change func(*user)) bool {
	return c.writeUser(u, change, c.w.users[u].fresh&c.bit() != 0)
}

// writeUser updates a user on a condition. Only broken variants pass another condition than putUser.
func (c *call) writeUser(u uint8, change func(*user), allowed bool) bool {
	target := &c.w.users[u]
	c.ok = allowed && target.flags&alive != 0
	if c.ok {
		change(target)
		target.fresh = 0
		if target.flags&alive != 0 {
			target.fresh = c.bit()
		}
		c.wrote = true
	}
	return c.ok
}

// fence moves a user's resourceVersion and changes nothing else.
func (c *call) fence(u uint8) bool { return c.putUser(u, func(*user) {}) }

// createUser creates the actor's own user.
func (c *call) createUser(u, name uint8) {
	c.w.users[u] = user{flags: alive | born, name: name, fresh: c.bit(), may: 1 << name}
	c.wrote = true
}

// deleteUser deletes a user, if the actor knows its resourceVersion.
func (c *call) deleteUser(u uint8) bool {
	return c.writeUser(u, func(target *user) { target.flags &^= alive | condemned }, c.w.users[u].fresh&c.bit() != 0)
}

// getClaim reads a claim; false when there is none.
func (c *call) getClaim(name uint8) (owner uint8, ok bool) {
	found := &c.w.claims[name]
	if found.owner == 0 {
		return 0, false
	}
	found.fresh |= c.bit()
	return found.owner - 1, true
}

// createClaim creates a claim unless it exists.
func (c *call) createClaim(name, owner uint8) bool {
	return c.writeClaim(name, owner+1, c.w.claims[name].owner == 0)
}

// putClaim updates a claim, if the actor knows its resourceVersion.
func (c *call) putClaim(name, owner uint8) bool {
	return c.writeClaim(name, owner+1, c.knowsClaim(name))
}

// deleteClaim deletes a claim, if the actor knows its resourceVersion.
func (c *call) deleteClaim(name uint8) bool { return c.writeClaim(name, 0, c.knowsClaim(name)) }

func (c *call) knowsClaim(name uint8) bool {
	return c.w.claims[name].owner != 0 && c.w.claims[name].fresh&c.bit() != 0
}

func (c *call) writeClaim(name, owner uint8, allowed bool) bool {
	c.ok = allowed
	if !allowed {
		return false
	}
	c.w.claims[name] = claim{owner: owner}
	if owner != 0 {
		c.w.claims[name].fresh = c.bit()
	}
	c.wrote = true
	return true
}

// forget drops every resourceVersion that the actor knows, so that states which differ in nothing else are one.
func (c *call) forget() {
	for u := range c.w.users {
		c.w.users[u].fresh &^= c.bit()
	}
	for n := range c.w.claims {
		c.w.claims[n].fresh &^= c.bit()
	}
}
