package model

// memberScenario is a start and the jobs that run at the same time.
type memberScenario struct {
	name  string
	start hall
	jobs  []job
	// retries is how often a writer starts over after a conflict.
	retries uint8
}

// inlineRole is a start with a role that counts and holds its members itself.
func inlineRole(members uint8) hall {
	return hall{role: role{flags: roleExists | roleCounts, inline: members}, truth: members}
}

// slicedRole is a start with a role whose slices have these contents.
func slicedRole(contents ...uint8) hall {
	h := inlineRole(0)
	for i, content := range contents {
		h.slices[i] = content | sliceExists
		h.role.list[i] = uint8(i) + 1
		h.truth |= content
	}
	return h
}

// tailed is slicedRole with members in the role itself.
func tailed(tail uint8, contents ...uint8) hall {
	h := slicedRole(contents...)
	h.role.inline = tail
	h.truth |= tail
	return h
}

// memberScenarios are the scenarios that are explored in every test run.
func memberScenarios() []memberScenario {
	reader, repair := job{task: readMembers}, job{task: repairSlices}
	return []memberScenario{
		{"two additions", slicedRole(0b11), []job{{addMembers, 0b1100}, {addMembers, 0b11000}, repair}, 1},
		{"addition, removal and a reader", slicedRole(0b11, 0b1100),
			[]job{{addMembers, 0b110000}, {removeMembers, 0b100}, reader, repair}, 1},
		{"additions to the tail and a reader", slicedRole(0b11, 0b100),
			[]job{{addMembers, 0b1000}, {addMembers, 0b10000}, reader, repair}, 1},
		{"an addition to a tail that is full, and removals from it and from a slice", tailed(0b10000, 0b11, 0b1100),
			[]job{{addMembers, 0b100000}, {removeMembers, 0b10001}, reader, repair}, 1},
		{"two replacements", slicedRole(0b11, 0b100), []job{{replaceMembers, 0b1011}, {replaceMembers, 0b10110}, repair}, 1},
		{"replacement and a reader", slicedRole(0b11, 0b1100), []job{{replaceMembers, 0b11010}, reader, repair}, 1},
		{"from inline to slices and back", inlineRole(0b11),
			[]job{{addMembers, 0b1100}, {removeMembers, 0b110}, reader, repair}, 1},
		{"deletion of the role under a writer and a reader", slicedRole(0b11, 0b1100),
			[]job{{task: deleteRole}, {removeMembers, 0b1}, reader, repair}, 1},
		{"creation of a large role", hall{}, []job{{createRole, 0b1111}, reader, repair}, 1},
		{"creation of a large role under a writer", hall{},
			[]job{{createRole, 0b1111}, {removeMembers, 0b1}, {task: deleteRole}, repair}, 1},
		{"writer with two repairing leaders", slicedRole(0b11, 0b1100),
			[]job{{removeMembers, 0b1}, {addMembers, 0b10000}, repair, repair}, 1},
	}
}

// largeMemberScenarios take minutes.
func largeMemberScenarios() []memberScenario {
	reader, repair := job{task: readMembers}, job{task: repairSlices}
	return []memberScenario{
		{"two additions, three retries", slicedRole(0b11), []job{{addMembers, 0b1100}, {addMembers, 0b11000}, repair}, 3},
		{"three writers", slicedRole(0b11, 0b100),
			[]job{{addMembers, 0b11000}, {addMembers, 0b100000}, {removeMembers, 0b1}, repair}, 0},
		{"two replacements and a reader", slicedRole(0b11, 0b1100),
			[]job{{replaceMembers, 0b10101}, {replaceMembers, 0b11010}, reader, repair}, 0},
	}
}
