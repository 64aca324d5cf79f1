package model

// stepReadBack is the last read of a create: 201, or 429 when repair has condemned or removed the user meanwhile. It is that of a
// search which came upon the user before its claim, too.
func (c *call) stepReadBack() {
	own, ok := c.getUser(c.a.user)
	renamed := c.m.kind(c.p) == seek && own.name != c.a.name
	if ok && !renamed && (own.flags&condemned == 0 || c.m.broken == CreateIgnoresMark) {
		c.promise(c.a.user)
	}
	c.end()
}

// stepMarkOwn condemns the user of a create that lost, so that nobody finds it from now on.
func (c *call) stepMarkOwn() {
	if !c.putUser(c.a.user, func(u *user) { u.flags |= condemned }) {
		c.to(pcReadAgain)
		return
	}
	c.a.note |= noteConfirming
	c.lostRace()
}

// stepUndo deletes the user of a create that lost, at the resourceVersion that the mark gave it.
func (c *call) stepUndo() {
	known := c.w.users[c.a.user].fresh&c.bit() != 0 || c.m.broken == UndoWithoutVersion
	if !c.writeUser(c.a.user, func(u *user) { u.flags &^= alive | condemned }, known) {
		c.a.note &^= noteConfirming
		c.to(pcReadAgain)
		return
	}
	c.conflict()
}

// stepReadAgain reads the own user, which somebody has written meanwhile, before the claim is evaluated again.
func (c *call) stepReadAgain() {
	if _, ok := c.getUser(c.a.user); !ok {
		c.conflict()
		return
	}
	c.lostRace()
}

// stepRename is the commit of a rename. It writes the whole object as it was read, so the attribute, too.
func (c *call) stepRename() {
	attribute, old := c.attribute(), c.w.users[c.a.user].name
	ok := c.putUser(c.a.user, func(u *user) {
		u.name = c.a.name
		u.flags = u.flags&^changed | attribute
	})
	if !ok {
		c.a.view = 0
		c.to(pcGetUser)
		return
	}
	c.renamed()
	if c.m.broken == RenameDeletesOldClaim {
		c.a.note, c.a.name, c.a.view = noteConfirming, old, 0
		c.to(pcGetClaim)
		return
	}
	c.end()
}

func (c *call) attribute() uint8 {
	if c.a.note&noteChanged != 0 {
		return changed
	}
	return 0
}

// stepUpdate changes the attribute and writes the name back as it was read.
func (c *call) stepUpdate() {
	target := &c.w.users[c.a.user]
	allowed := target.fresh&c.bit() != 0 || c.m.broken == UpdateWithoutVersion
	ok := c.writeUser(c.a.user, func(u *user) {
		u.name = c.a.name
		u.flags |= changed
	}, allowed)
	if !ok {
		c.a.name, c.a.note = 0, 0
		c.to(pcGetUser)
		return
	}
	target.flags |= updated
	c.end()
}

func (c *call) stepDeleteUser() {
	if c.deleteUser(c.a.user) {
		c.to(pcGetClaim)
		return
	}
	c.a.name, c.a.note = 0, 0
	c.to(pcGetUser)
}
