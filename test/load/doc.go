// Package load pushes as many identity providers at once, for as long as a test wants, and knows what must be there in the end. Each
// pusher has users and a group of its own, and all together have a group that they change at the same time.
//
// A pusher is strict: an answer that is neither success nor 429 with a whole number in Retry-After is a refusal. A connection that breaks
// leaves open what became of the request; the pusher then does as Okta's next try does: it looks for what it wants to create, and
// repeats what it wants to change. The same after a create that was answered 429 and then 409, which is counted: Doubled.
package load
