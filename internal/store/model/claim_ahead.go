package model

// The steps of a search that does not wait for the claim before it reads the owner. A search by another attribute that relies on the
// version of a claim makes the same three: the cache shows the claim, the user is read, the claim is read.

// stepPeek is how the cache came to know of the claim, at any time before the request. What the actor remembers is whether the claim
// is still in that version, which is what comparing resourceVersions tells.
func (c *call) stepPeek() {
	owner, ok := c.getClaim(c.a.name)
	c.a.view = viewAbsent
	if ok {
		c.a.view, c.a.other = viewTaken, owner
	}
	c.to(pcGuess)
}

// stepGuess begins the request. It reads the presumed owner; without one it is an ordinary search.
func (c *call) stepGuess() {
	guess := c.a.view == viewTaken
	c.a.view = 0
	c.to(pcConfirm)
	c.m.excuse(c.w)
	if !guess {
		c.stepGetClaim()
		return
	}
	owner, ok := c.getUser(c.a.other)
	if !ok || owner.name != c.a.name {
		return
	}
	c.a.note |= noteGuessed
	if owner.flags&condemned != 0 {
		c.a.note |= noteCondemned
	}
	if c.w.counts(c.a.other) {
		c.a.note |= noteCounted
	}
	if c.m.broken == AheadWithoutClaim {
		c.stand()
	}
}

// stepConfirm reads the claim. In the version that the cache showed it named the presumed owner when that was read.
func (c *call) stepConfirm() {
	known := c.knowsClaim(c.a.name)
	owner, ok := c.getClaim(c.a.name)
	switch {
	case !ok:
		c.notFound()
	case known, c.m.broken == AheadIgnoresVersion && owner == c.a.other:
		c.stand()
	default:
		c.a.other = owner
		c.to(pcGetOwner)
	}
}

// stand answers with what was read of the presumed owner.
func (c *call) stand() {
	if c.a.note&noteGuessed == 0 {
		c.notFound()
		return
	}
	read := user{}
	if c.a.note&noteCondemned != 0 {
		read.flags = condemned
	}
	c.found(read, c.a.note&noteCounted != 0)
}
