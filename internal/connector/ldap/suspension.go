package ldap

import (
	"slices"
	"strconv"
	"strings"
)

const (
	lockAttribute = "pwdAccountLockedTime"
	// lockedForGood is what draft-behera-ldap-password-policy has in the place of a time.
	lockedForGood = "000001010000Z"
)

// isActive says whether the person may sign in, as far as the connector has a say in it. A lock for wrong passwords, which ends by
// itself, is none of the connector's.
func (t traits) isActive(e *entry) bool {
	switch {
	case t.suspension.Method == Move:
		return !below(e.dn, t.suspension.Base)
	case t.suspension.Bit != 0:
		number, err := strconv.ParseInt(first(e.get(t.suspension.Attribute)), 10, 64)
		return err != nil || number&t.suspension.Bit == 0
	}
	return !slices.ContainsFunc(e.get(t.suspension.Attribute), t.isSuspended)
}

func (t traits) isSuspended(value string) bool {
	return strings.EqualFold(value, t.suspension.Suspended)
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// suspending is what has to be changed in an entry of somebody who may sign in. It is nothing where people are moved. What was there is
// overwritten, because taking access away must not depend on it.
func (t traits) suspending(e *entry) []change {
	switch {
	case t.suspension.Method == Move:
		return nil
	case t.suspension.Bit != 0:
		return t.withBit(e, func(number int64) int64 { return number | t.suspension.Bit })
	}
	return []change{replaced(t.suspension.Attribute, t.suspension.Suspended)}
}

// resuming is what has to be changed in an entry of somebody who is suspended. It fails when the value is another one by then, because somebody
// else has something to do with it.
func (t traits) resuming(e *entry) []change {
	switch {
	case t.suspension.Method == Move:
		return nil
	case t.suspension.Bit != 0:
		return t.withBit(e, func(number int64) int64 { return number &^ t.suspension.Bit })
	}
	var changes []change
	for _, value := range e.get(t.suspension.Attribute) {
		if t.isSuspended(value) {
			changes = append(changes, deleted(t.suspension.Attribute, value))
		}
	}
	if t.suspension.Active != "" && !slices.Contains(e.get(t.suspension.Attribute), t.suspension.Active) {
		changes = append(changes, added(t.suspension.Attribute, t.suspension.Active))
	}
	return changes
}

// withBit replaces the number, if it still is what was read.
func (t traits) withBit(e *entry, to func(int64) int64) []change {
	before := first(e.get(t.suspension.Attribute))
	number, err := strconv.ParseInt(before, 10, 64)
	if err != nil {
		number, _ = strconv.ParseInt(t.suspension.Active, 10, 64) // What is no number counts as nothing at all.
	}
	add := added(t.suspension.Attribute, strconv.FormatInt(to(number), 10))
	if before == "" {
		return []change{add}
	}
	return []change{deleted(t.suspension.Attribute, before), add}
}

// fromTheBeginning are the values of the suspension's attribute in the entry of somebody who may sign in.
func (t traits) fromTheBeginning() []string {
	if t.suspension.Method != Attribute {
		return nil
	}
	return nonEmpty(t.suspension.Active)
}
