package model

// Variant is a protocol that is broken on purpose, in one place. The checker must find fault with each: a checker that passes
// everything proves nothing.
type Variant uint8

// AsDesigned is the protocol of the design note.
const AsDesigned Variant = 0

// The broken variants of the claim protocol.
const (
	// ClaimBeforeUser writes the claim of a create before the user. A missing owner can then be one that is not there yet.
	ClaimBeforeUser Variant = iota + 1
	// TakeWithoutFence takes a claim from an owner that lives under another name without moving the owner's resourceVersion.
	TakeWithoutFence
	// RenameWithoutTouch lets a rename rely on a claim that it has only read.
	RenameWithoutTouch
	// RenameDeletesOldClaim lets a rename delete the claim of the old name itself, without a fence.
	RenameDeletesOldClaim
	// RepairWithoutFence deletes a claim whose owner lives under another name without moving the owner's resourceVersion.
	RepairWithoutFence
	// DeleteWithoutMark lets repair delete the rest of a create without marking it condemned first.
	DeleteWithoutMark
	// CreateWithoutReadBack acknowledges a create as soon as the claim is written.
	CreateWithoutReadBack
	// CreateIgnoresMark reads the user of a create back and acknowledges it although it is condemned.
	CreateIgnoresMark
	// FindIgnoresMark answers a search by name with a condemned user.
	FindIgnoresMark
	// SeekWithoutReadBack answers a search by another attribute with a user that was read before its claim.
	SeekWithoutReadBack
	// UndoWithoutMark deletes the user of a create that lost without marking it condemned first, as the first design did.
	UndoWithoutMark
	// UndoWithoutVersion deletes the user of a create that lost whatever has become of it since it was marked.
	UndoWithoutVersion
	// UpdateWithoutVersion writes a change of another attribute without the resourceVersion that was read.
	UpdateWithoutVersion
	// RepairNeverPardons leaves a condemned mark that is no longer justified.
	RepairNeverPardons
	// AheadWithoutClaim answers a search with the presumed owner as soon as that bears the name, without the live claim.
	AheadWithoutClaim
	// AheadIgnoresVersion answers a search with the presumed owner if the live claim names it, even when the claim has been written
	// since the cache showed it.
	AheadIgnoresVersion
	// AbandonWithoutMark deletes the user of a create that was given up without marking it condemned and looking again.
	AbandonWithoutMark
)

// Variants that are not broken, and that the checker must pass.
const (
	// RollForwardWithoutBump claims a free name for a user without moving the user's resourceVersion. The bump mattered while a lost
	// create deleted its user unmarked; since it marks it, the checker finds nothing wrong without the bump.
	RollForwardWithoutBump Variant = iota + 50
	// RollForwardReadsAgain evaluates the claim once more after the bump.
	RollForwardReadsAgain
)

// The broken variants of the membership commit.
const (
	// DropBeforeCommit deletes the old slices before the role's write.
	DropBeforeCommit Variant = iota + 100
	// RoleWithoutVersion writes the role without the resourceVersion that was read.
	RoleWithoutVersion
	// SliceWithoutFence lets repair delete a slice that no role names without moving the role's resourceVersion.
	SliceWithoutFence
	// ReaderSkipsMissing takes a slice that is missing for an empty one.
	ReaderSkipsMissing
	// RetryReusesSlices lets a writer that met a conflict name the slices of its first attempt in the second one.
	RetryReusesSlices
	// CreateRoleAfterSlices creates the slices of a large role before the role. Repair cannot fence a role that is not there yet.
	CreateRoleAfterSlices
)
