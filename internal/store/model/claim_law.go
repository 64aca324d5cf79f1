package model

import "fmt"

// remember notes what the client of an operation asks for, at its first call.
func (c *call) remember(k kind) {
	switch k {
	case rename:
		c.w.users[c.a.user].may |= 1 << c.a.name
		for q := range c.w.actors {
			other := &c.w.actors[q]
			if uint8(q) == c.p || !c.m.underway(c.w, q) || c.m.kind(uint8(q)) != rename || other.user != c.a.user {
				continue
			}
			other.note |= noteOverlapped
			c.a.note |= noteOverlapped
		}
	case remove:
		c.w.users[c.a.user].flags |= deleting
	}
	c.m.excuse(c.w)
}

// underway says whether an actor is within an operation.
func (m *claims) underway(w *world, p int) bool {
	if p >= len(m.procs) {
		return false
	}
	switch w.actors[p].pc {
	case pcStart, pcDone, pcGuess: // What the cache has shown before pcGuess was no part of the request.
		return false
	default:
		return true
	}
}

// excuse notes for every operation under way whether a refusal would be true at this instant.
func (m *claims) excuse(w *world) {
	for p, process := range m.procs {
		if !m.underway(w, p) {
			continue
		}
		bearer, ok := w.bearer(process.name)
		switch m.kind(uint8(p)) {
		case create, rename:
			if ok && bearer != process.user {
				w.actors[p].note |= noteExcused
			}
		case find, ahead:
			if !ok {
				w.actors[p].note |= noteExcused
			}
		}
	}
}

// promise notes that a client knows of the user from now on.
func (c *call) promise(u uint8) { c.w.users[u].flags |= promised }

// renamed notes that a rename was acknowledged: unless another one ran at the same time, the user bears this name and no other.
func (c *call) renamed() {
	c.promise(c.a.user)
	if c.a.note&noteOverlapped == 0 {
		c.w.users[c.a.user].may = 1 << c.a.name
	}
}

// conflict answers 409.
func (c *call) conflict() {
	if c.a.note&noteExcused == 0 {
		c.w.fault = faultConflict
	}
	c.end()
}

// notFound answers a search by name with nothing.
func (c *call) notFound() {
	if c.a.note&noteExcused == 0 {
		c.w.fault = faultNotFound
	}
	c.end()
}

// found answers a search by name with a user. A condemned one may be gone in a moment, so the answer to that is 429.
// counted says whether the user counted under the name at the instant at which it was read: only then is the answer true.
func (c *call) found(owner user, counted bool) {
	if !counted {
		c.w.fault = faultFound
	}
	if owner.flags&condemned == 0 || c.m.broken == FindIgnoresMark {
		c.promise(c.a.other)
	}
	c.end()
}

// sought goes on with a search that came upon the user first: the mark counts only when it is looked for after the claim was read.
func (c *call) sought() {
	switch {
	case c.a.view != viewOurs:
		c.end()
	case c.m.broken == SeekWithoutReadBack:
		if c.a.note&noteCondemned == 0 {
			c.promise(c.a.user)
		}
		c.end()
	default:
		c.to(pcReadBack)
	}
}

// wrong returns what is wrong with a state of the objects, or nothing.
func (w *world) wrong() string {
	switch w.fault {
	case faultConflict:
		return "a client got 409 although no other user bore that name at any instant of the operation"
	case faultNotFound:
		return "a client searched a name and got nothing although a user bore it all the time"
	case faultFound:
		return "a client searched a name and got a user as it was when it didn't count"
	}
	for u := range w.users {
		if text := w.wrongUser(uint8(u)); text != "" {
			return text
		}
	}
	return ""
}

func (w *world) wrongUser(u uint8) string {
	it := w.users[u]
	if it.flags&(promised|veteran) == 0 || it.flags&deleting != 0 {
		return ""
	}
	switch {
	case it.flags&alive == 0:
		return fmt.Sprintf("user %d is lost: a client was told that it exists, and none asked to delete it", u)
	case it.flags&promised == 0:
		return ""
	case w.twin(u):
		return fmt.Sprintf("user %d and another one bear one name, and clients were told of both", u)
	case !w.counts(u):
		return fmt.Sprintf("user %d is invisible: a client was told that it exists, and the claim of its name doesn't name it", u)
	case it.may&(1<<it.name) == 0:
		return fmt.Sprintf("user %d bears the name %s: an acknowledged rename is lost", u, nameText(it.name))
	case it.flags&updated != 0 && it.flags&changed == 0:
		return fmt.Sprintf("user %d lost an acknowledged change of another attribute", u)
	}
	return ""
}

// twin says whether another user, of which a client was told, lives under the same name.
func (w *world) twin(u uint8) bool {
	for v, other := range w.users {
		if uint8(v) != u && other.flags&(alive|promised) == alive|promised && other.name == w.users[u].name {
			return true
		}
	}
	return false
}

// residue returns what is left over in a state in which nothing is under way, or nothing.
func (w *world) residue() string {
	for n := range w.claims {
		if _, ok := w.bearer(uint8(n)); !ok && w.claims[n].owner != 0 {
			return fmt.Sprintf("the claim of %s names a user that doesn't bear it", nameText(uint8(n)))
		}
	}
	for u, it := range w.users {
		_, taken := w.bearer(it.name)
		switch {
		case it.flags&alive == 0:
		case it.flags&condemned != 0:
			return fmt.Sprintf("user %d bears the condemned mark for ever", u)
		case !w.counts(uint8(u)) && (it.flags&veteran == 0 || !taken):
			return fmt.Sprintf("user %d has no claim", u)
		}
	}
	return ""
}

func nameText(n uint8) string { return string(rune('a' + n)) }
