package model

// Where an actor is. Each of these is one call of the API server, except start and done.
const (
	pcStart uint8 = iota
	pcDone
	pcGetUser
	pcGetClaim
	pcGetOwner
	pcFence
	pcWriteClaim
	pcCreateUser
	pcReadBack
	pcMarkOwn
	pcUndo
	pcReadAgain
	pcRename
	pcUpdate
	pcDeleteUser
	pcDropClaim
	pcBump
	pcCondemn
	pcPardon
	pcDeleteCondemned
	pcPeek
	pcGuess
	pcConfirm
	pcCount
)

// kind is what an actor does.
type kind uint8

const (
	create kind = iota
	rename
	update
	remove
	find
	repair  // repairs any claim or user, one after the other, for ever
	seek    // searches by another attribute than the name, so it comes upon the user first
	ahead   // searches by name with a claim that the cache has shown, so it reads the owner without waiting for the claim
	presume // creates without a look at the claim first, because the cache shows nobody who bears the name, rightly or not
	give    // gives a name that looks free to one user, over and over: what a create may do for an older bearer before it takes a name
	abandon // clears away the user of a create that was answered 429, unless it counts; here even while that create goes on
)

// endless says whether an actor starts over whenever it is through, and gives up on a pass when it loses a race.
func (k kind) endless() bool { return k == repair || k == give }

// searches says whether an actor looks for whoever bears a name.
func (k kind) searches() bool { return k == find || k == ahead }

// process is one actor of a scenario: create user under name, rename user to name, and so on.
type process struct {
	kind kind
	user uint8
	name uint8
}

// step makes the call that the actor is about to make. t is what repair turns to next.
func (c *call) step(t target) {
	switch c.a.pc {
	case pcStart:
		c.begin(t)
	case pcGetUser:
		c.stepGetUser()
	case pcGetClaim:
		c.stepGetClaim()
	case pcGetOwner:
		c.stepGetOwner()
	case pcFence:
		c.stepFence()
	case pcWriteClaim:
		c.stepWriteClaim()
	case pcDropClaim:
		c.deleteClaim(c.a.name)
		c.end()
	case pcCreateUser:
		c.createUser(c.a.user, c.a.name)
		c.claimAfterCreate()
	case pcReadBack:
		c.stepReadBack()
	case pcMarkOwn:
		c.stepMarkOwn()
	case pcUndo:
		c.stepUndo()
	case pcReadAgain:
		c.stepReadAgain()
	case pcRename:
		c.stepRename()
	case pcUpdate:
		c.stepUpdate()
	case pcDeleteUser:
		c.stepDeleteUser()
	case pcPeek:
		c.stepPeek()
	case pcGuess:
		c.stepGuess()
	case pcConfirm:
		c.stepConfirm()
	default:
		c.stepRepair()
	}
}

// begin makes the first call of an operation.
func (c *call) begin(t target) {
	c.a.pc, c.a.user, c.a.name = c.m.first(c.p, t)
	c.remember(c.m.kind(c.p))
	c.step(t)
}

func (c *call) to(pc uint8) { c.a.pc = pc }

// end finishes an operation. Repair starts over.
func (c *call) end() {
	c.forget()
	*c.a = actor{pc: pcDone}
	if c.m.kind(c.p).endless() {
		c.a.pc = pcStart
	}
}

// stepGetUser is the first read of rename, update, remove and of the repair of a user.
func (c *call) stepGetUser() {
	found, ok := c.getUser(c.a.user)
	if !ok {
		c.end()
		return
	}
	c.a.note &^= noteChanged | noteCondemned
	if found.flags&changed != 0 {
		c.a.note |= noteChanged
	}
	if found.flags&condemned != 0 {
		c.a.note |= noteCondemned
	}
	switch c.m.kind(c.p) {
	case rename:
		c.to(pcGetClaim)
	case update:
		c.a.name = found.name
		c.to(pcUpdate)
	case remove:
		c.a.name = found.name
		c.to(pcDeleteUser)
	case give:
		if found.name != c.a.name {
			c.end()
			return
		}
		c.to(pcBump)
	default: // seek, abandon and the repair of a user
		c.a.name = found.name
		c.to(pcGetClaim)
	}
}

// stepGetClaim begins to evaluate a claim.
func (c *call) stepGetClaim() {
	owner, ok := c.getClaim(c.a.name)
	switch {
	case !ok:
		c.evaluated(viewAbsent)
	case c.hasSubject() && owner == c.a.user:
		c.evaluated(viewOurs)
	default:
		c.a.other = owner
		if k := c.m.kind(c.p); k == remove || k == seek {
			c.end()
			return
		}
		c.to(pcGetOwner)
	}
}

// hasSubject is false for those who look at a claim on nobody's behalf.
func (c *call) hasSubject() bool {
	k := c.m.kind(c.p)
	return !k.searches() && (k != repair || c.a.user != maxUsers)
}

// stepGetOwner ends the evaluation of a claim that names somebody else.
func (c *call) stepGetOwner() {
	owner, ok := c.getUser(c.a.other)
	switch {
	case !ok:
		c.evaluated(viewDead)
	case owner.name != c.a.name:
		c.evaluated(viewElsewhere)
	default:
		if c.m.kind(c.p).searches() {
			c.found(owner, c.w.counts(c.a.other))
			return
		}
		c.evaluated(viewTaken)
	}
}

// evaluated decides what comes of a claim, by the kind of operation.
func (c *call) evaluated(view uint8) {
	c.a.view = view
	if view != viewElsewhere {
		c.a.other = 0
	}
	switch c.m.kind(c.p) {
	case create:
		c.evaluatedForCreate()
	case rename:
		c.evaluatedForRename()
	case remove:
		if view == viewOurs {
			c.to(pcDropClaim)
			return
		}
		c.end()
	case find, ahead:
		c.notFound()
	case seek:
		c.sought()
	case give:
		if view == viewAbsent {
			c.to(pcGetUser)
			return
		}
		c.end()
	case abandon:
		c.evaluatedForAbandon()
	default:
		c.evaluatedForRepair()
	}
}

func (c *call) evaluatedForCreate() {
	own := c.w.users[c.a.user].flags&born != 0
	confirming := c.a.note&noteConfirming != 0
	switch {
	case c.a.view == viewTaken && own && (confirming || c.m.broken == UndoWithoutMark):
		c.to(pcUndo)
	case confirming: // the outcome is unknown to the client, and repair takes the mark off
		c.end()
	case c.a.view == viewTaken && own:
		c.to(pcMarkOwn)
	case c.a.view == viewTaken:
		c.conflict()
	case c.a.view == viewOurs && (own || c.m.broken != ClaimBeforeUser):
		c.to(pcReadBack)
	case !own && c.m.broken != ClaimBeforeUser:
		c.to(pcCreateUser)
	default:
		c.take()
	}
}

// claimAfterCreate goes on with what the first look at the claim showed.
func (c *call) claimAfterCreate() {
	if c.m.broken == ClaimBeforeUser {
		c.to(pcReadBack)
		return
	}
	c.take()
}

func (c *call) evaluatedForRename() {
	switch {
	case c.a.note&noteConfirming != 0: // only RenameDeletesOldClaim comes here
		if c.a.view == viewOurs {
			c.to(pcDropClaim)
			return
		}
		c.end()
	case c.a.view == viewTaken:
		c.conflict()
	case c.a.view == viewOurs && c.m.broken == RenameWithoutTouch:
		c.to(pcRename)
	default:
		c.take()
	}
}

// take goes on to write the claim for the subject, behind a fence when its present owner lives.
func (c *call) take() {
	if c.a.view == viewElsewhere && c.m.broken != TakeWithoutFence {
		c.to(pcFence)
		return
	}
	c.to(pcWriteClaim)
}

func (c *call) stepFence() {
	if !c.fence(c.a.other) {
		c.lostRace()
		return
	}
	if c.m.kind(c.p) == repair && !c.hasSubject() {
		c.to(pcDropClaim)
		return
	}
	c.to(pcWriteClaim)
}

// stepWriteClaim creates, touches or swaps the claim.
func (c *call) stepWriteClaim() {
	written := false
	if c.a.view == viewAbsent {
		written = c.createClaim(c.a.name, c.a.user)
	} else {
		written = c.putClaim(c.a.name, c.a.user)
	}
	if !written {
		c.lostRace()
		return
	}
	switch c.m.kind(c.p) {
	case create:
		switch c.m.broken {
		case ClaimBeforeUser:
			c.to(pcCreateUser)
		case CreateWithoutReadBack:
			c.promise(c.a.user)
			c.end()
		default:
			c.to(pcReadBack)
		}
	case rename:
		c.to(pcRename)
	default:
		c.end()
	}
}

// lostRace evaluates the claim again; repair leaves that to its next pass.
func (c *call) lostRace() {
	if c.m.kind(c.p).endless() {
		c.end()
		return
	}
	c.a.view, c.a.other = 0, 0
	c.to(pcGetClaim)
}
