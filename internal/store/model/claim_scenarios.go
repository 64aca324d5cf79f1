package model

import "slices"

// claimScenario is a start and the operations that run at the same time.
type claimScenario struct {
	name  string
	start world
	procs []process
}

const (
	nameA uint8 = iota
	nameB
	nameC
)

// having is a start in which user i bears names[i] and counts.
func having(names ...uint8) world {
	var w world
	for i, name := range names {
		w.users[i] = user{flags: alive | born | veteran | promised, name: name, may: 1 << name}
		w.claims[name].owner = uint8(i) + 1
	}
	return w
}

// claimsLost is a start in which the users live and somebody has deleted all claims.
func claimsLost(names ...uint8) world {
	w := having(names...)
	for i := range names {
		w.users[i].flags &^= promised
	}
	w.claims = [maxNames]claim{}
	return w
}

// remembering is a start in which the cache has shown the first process, which searches ahead, that the user holds the name, and has
// not told it since of what became of the claim.
func remembering(w world, user, name uint8) world {
	w.actors[0] = actor{pc: pcGuess, name: name, other: user, view: viewTaken}
	return w
}

// claimScenarios are the scenarios that are explored in every test run.
func claimScenarios() []claimScenario {
	return slices.Concat(lookingScenarios(), presumingScenarios(), abandoningScenarios())
}

// lookingScenarios are of creates that look at the claim first.
func lookingScenarios() []claimScenario {
	repairs := process{kind: repair}
	gives := func(user, name uint8) process { return process{kind: give, user: user, name: name} }
	finds := func(name uint8) process { return process{kind: find, name: name} }
	aheads := process{kind: ahead, name: nameA}
	return []claimScenario{
		{"two creates of one name", having(),
			[]process{{create, 0, nameA}, {create, 1, nameA}, finds(nameA), repairs}},
		{"create of a name that a rename leaves", having(nameA),
			[]process{{rename, 0, nameB}, {create, 1, nameA}, finds(nameA), finds(nameB), repairs}},
		{"create of a name that a rename takes", having(nameB),
			[]process{{rename, 0, nameA}, {create, 1, nameA}, finds(nameA), repairs}},
		{"rename and rename back", having(nameA),
			[]process{{rename, 0, nameB}, {rename, 0, nameA}, finds(nameA), repairs}},
		{"rename, rename back and create of the name between", having(nameA),
			[]process{{rename, 0, nameB}, {rename, 0, nameA}, {create, 1, nameB}, repairs}},
		{"two users exchange names", having(nameA, nameB),
			[]process{{rename, 0, nameB}, {rename, 1, nameA}, finds(nameA), finds(nameB), repairs}},
		{"two users want one name", having(nameA, nameB),
			[]process{{rename, 0, nameC}, {rename, 1, nameC}, {update, 0, 0}, repairs}},
		{"delete and create of one name", having(nameA),
			[]process{{remove, 0, 0}, {create, 1, nameA}, finds(nameA), repairs}},
		{"create loses to a rename, whose user is deleted", having(nameB),
			[]process{{rename, 0, nameA}, {create, 1, nameA}, {remove, 0, 0}, repairs}},
		{"create loses to a create, whose user is deleted", having(),
			[]process{{create, 0, nameA}, {create, 1, nameA}, {remove, 0, 0}, finds(nameA), repairs}},
		{"a search by another attribute comes upon a lost create", having(),
			[]process{{create, 0, nameA}, {create, 1, nameA}, {remove, 0, 0}, {seek, 1, 0}, repairs}},
		{"a search by another attribute comes upon a rename", having(nameA),
			[]process{{rename, 0, nameB}, {create, 1, nameA}, {seek, 0, 0}, {seek, 1, 0}, repairs}},
		{"create with two repairing leaders", having(nameB),
			[]process{{rename, 0, nameA}, {create, 1, nameA}, repairs, repairs}},
		{"claims are lost and a name is created anew", claimsLost(nameA, nameB),
			[]process{{create, 2, nameA}, {rename, 1, nameC}, finds(nameA), repairs}},
		{"claims are lost and a create gives the name to its bearer", claimsLost(nameA),
			[]process{{create, 1, nameA}, gives(0, nameA), finds(nameA), repairs}},
		{"a create gives the name to the user of another create", having(),
			[]process{{create, 0, nameA}, {create, 1, nameA}, {remove, 0, 0}, gives(1, nameA), finds(nameA)}},
		{"rename, change of another attribute and delete", having(nameA),
			[]process{{rename, 0, nameB}, {update, 0, 0}, {remove, 0, 0}, finds(nameA), repairs}},
		{"a search ahead and two creates, one of them deleted", having(),
			[]process{{create, 0, nameA}, {create, 1, nameA}, {remove, 0, 0}, aheads, repairs}},
		{"a search ahead of a name that a rename leaves", having(nameA),
			[]process{{rename, 0, nameB}, {create, 1, nameA}, aheads, repairs}},
		{"a search ahead of a name that a rename takes", having(nameB),
			[]process{{rename, 0, nameA}, {create, 1, nameA}, aheads, repairs}},
		{"a search ahead and a rename back", having(nameA),
			[]process{{rename, 0, nameB}, {rename, 0, nameA}, {create, 1, nameA}, {remove, 1, 0}, aheads}},
		{"a search ahead, a delete and a create", having(nameA),
			[]process{{remove, 0, 0}, {create, 1, nameA}, aheads, repairs}},
		{"a search ahead while claims are lost", claimsLost(nameA, nameB),
			[]process{{create, 2, nameA}, {rename, 1, nameC}, aheads, repairs}},
		{"a search ahead with a claim that is lost", remembering(claimsLost(nameA), 0, nameA),
			[]process{aheads, {create, 1, nameA}, {update, 0, 0}, {remove, 0, 0}, repairs}},
	}
}

// presumingScenarios are of creates that do not look first.
func presumingScenarios() []claimScenario {
	repairs, finds := process{kind: repair}, process{kind: find, name: nameA}
	return []claimScenario{
		{"two creates of one name, one of which presumes that it is free", having(),
			[]process{{create, 0, nameA}, {presume, 1, nameA}, finds, repairs}},
		{"a create presumes a name that is taken", having(nameA),
			[]process{{presume, 1, nameA}, {remove, 0, 0}, finds, repairs}},
		{"a create presumes a name that a rename leaves", having(nameA),
			[]process{{rename, 0, nameB}, {presume, 1, nameA}, finds, {kind: find, name: nameB}, repairs}},
		{"a create presumes a name that a rename takes", having(nameB),
			[]process{{rename, 0, nameA}, {presume, 1, nameA}, {remove, 0, 0}, finds, repairs}},
		{"claims are lost and a create presumes a name", claimsLost(nameA),
			[]process{{presume, 1, nameA}, {kind: give, user: 0, name: nameA}, finds, repairs}},
	}
}

// abandoningScenarios are of creates that somebody clears away at any time. That is more than can happen: a create is abandoned when it is over.
func abandoningScenarios() []claimScenario {
	repairs, finds := process{kind: repair}, process{kind: find, name: nameA}
	return []claimScenario{
		{"a create is abandoned, and made again", having(),
			[]process{{create, 0, nameA}, {abandon, 0, 0}, {presume, 1, nameA}, finds, repairs}},
		{"a create is abandoned, made again and deleted", having(),
			[]process{{create, 0, nameA}, {abandon, 0, 0}, {presume, 1, nameA}, {remove, 1, 0}, finds}},
		{"a create is abandoned while its user is given the name, found and renamed", having(),
			[]process{{create, 0, nameA}, {abandon, 0, 0}, {give, 0, nameA}, {rename, 0, nameB}, finds}},
		{"a create is abandoned and found by another attribute", having(),
			[]process{{create, 0, nameA}, {abandon, 0, 0}, {seek, 0, 0}, {update, 0, 0}, repairs}},
	}
}

// largeClaimScenarios take minutes.
func largeClaimScenarios() []claimScenario {
	repairs := process{kind: repair}
	finds := process{kind: find, name: nameA}
	return []claimScenario{
		{"create loses to a rename, with search and delete", having(nameB),
			[]process{{rename, 0, nameA}, {create, 1, nameA}, {remove, 0, 0}, finds, repairs}},
		{"three creates of one name", having(),
			[]process{{create, 0, nameA}, {create, 1, nameA}, {create, 2, nameA}, finds, repairs}},
		{"two creates, a delete and two repairing leaders", having(),
			[]process{{create, 0, nameA}, {create, 1, nameA}, {remove, 0, 0}, repairs, repairs}},
		{"rename back and forth with create and search", having(nameA),
			[]process{{rename, 0, nameB}, {rename, 0, nameA}, {create, 1, nameB}, finds, repairs}},
	}
}
