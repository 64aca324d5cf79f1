package model

// target is what one pass of repair looks at: the claim of a name, or a user.
type target struct {
	pc   uint8
	user uint8 // maxUsers for a claim: nobody is the subject
	name uint8
}

// targets are all passes that repair can make, claims first.
func targets() []target {
	var all []target
	for n := uint8(0); n < maxNames; n++ {
		all = append(all, target{pc: pcGetClaim, user: maxUsers, name: n})
	}
	for u := uint8(0); u < maxUsers; u++ {
		all = append(all, target{pc: pcGetUser, user: u})
	}
	return all
}

// evaluatedForRepair decides what repair does about a claim, or about a user whose claim it has looked at.
func (c *call) evaluatedForRepair() {
	switch {
	case !c.hasSubject():
		c.repairClaim()
	case c.a.note&noteConfirming != 0:
		c.confirm()
	case c.a.note&noteBumped != 0 && (c.a.view == viewOurs || c.a.view == viewTaken):
		c.end()
	case c.a.note&noteBumped != 0:
		c.take()
	default:
		c.repairUser()
	}
}

func (c *call) repairClaim() {
	switch {
	case c.a.view == viewDead, c.a.view == viewElsewhere && c.m.broken == RepairWithoutFence:
		c.to(pcDropClaim)
	case c.a.view == viewElsewhere:
		c.to(pcFence)
	default:
		c.end()
	}
}

func (c *call) repairUser() {
	marked := c.a.note&noteCondemned != 0
	switch {
	case c.a.view == viewOurs && marked && c.m.broken != RepairNeverPardons:
		c.to(pcPardon)
	case c.a.view == viewOurs:
		c.end()
	case c.a.view == viewTaken && c.w.users[c.a.user].flags&veteran != 0:
		c.end()
	case c.a.view == viewTaken && (marked || c.m.broken == DeleteWithoutMark):
		c.to(pcDeleteCondemned)
	case c.a.view == viewTaken:
		c.to(pcCondemn)
	case c.m.broken == RollForwardWithoutBump:
		c.take()
	default:
		c.to(pcBump)
	}
}

// confirm decides after the second look at the claim, which follows the mark.
func (c *call) confirm() {
	switch {
	case c.a.view == viewTaken:
		c.to(pcDeleteCondemned)
	case c.m.broken == RepairNeverPardons:
		c.end()
	default:
		c.to(pcPardon)
	}
}

// bumped goes on to take the claim as it was read, or, in a variant that is right as well, reads it again before.
func (c *call) bumped() {
	if c.m.kind(c.p) == give || c.m.broken != RollForwardReadsAgain {
		c.take()
		return
	}
	c.a.note, c.a.view, c.a.other = noteBumped, 0, 0
	c.to(pcGetClaim)
}

// evaluatedForAbandon decides what becomes of the user of a create that was given up. Unlike repair it deletes the user also where the name is
// free, because it knows that nobody was told of it.
func (c *call) evaluatedForAbandon() {
	marked := c.a.note&noteCondemned != 0
	confirming := c.a.note&noteConfirming != 0
	switch {
	case c.a.view == viewOurs && (marked || confirming):
		c.to(pcPardon)
	case c.a.view == viewOurs:
		c.end()
	case confirming || c.m.broken == AbandonWithoutMark:
		c.to(pcDeleteCondemned)
	case marked:
		c.confirmMark()
	default:
		c.to(pcCondemn)
	}
}

// stepRepair makes the calls that only the repair of a user makes, and who clears away the rest of a create.
func (c *call) stepRepair() {
	clearMark := func(u *user) { u.flags &^= condemned }
	switch c.a.pc {
	case pcBump:
		if c.putUser(c.a.user, clearMark) {
			c.bumped()
			return
		}
	case pcCondemn:
		if c.putUser(c.a.user, func(u *user) { u.flags |= condemned }) {
			c.confirmMark()
			return
		}
	case pcPardon:
		c.putUser(c.a.user, clearMark)
	case pcDeleteCondemned:
		c.deleteUser(c.a.user)
	}
	if c.m.kind(c.p) == abandon && !c.ok {
		c.a.note, c.a.view, c.a.other = 0, 0, 0
		c.to(pcGetUser)
		return
	}
	c.end()
}

// confirmMark reads the claim again, behind the mark.
func (c *call) confirmMark() {
	c.a.note, c.a.view, c.a.other = noteConfirming, 0, 0
	c.to(pcGetClaim)
}
