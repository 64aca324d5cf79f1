// Package model checks the store's two protocols, claims and the membership commit (docs/design/0001-main-path.md), by visiting
// every state that they can reach. It holds no code that the operator runs. It exists because these protocols are a handful of
// lines each and wrong in ways that no test by example finds.
//
// # What a step is
//
// An actor is one request or one repair loop. Each of its steps is one call of the API server, and every order of the steps of all
// actors is visited. Retries of the claim protocol and passes of repair are not counted, so they are unbounded. A writer of the
// membership starts over as often as its scenario says, because every attempt leaves slices behind.
//
// # Three reductions, and why each is safe
//
// A resourceVersion is only ever compared with the present one of the same object. So the model keeps, for each object, who has
// read its present version, instead of a number. That loses nothing and makes endless retries a finite graph.
//
// A process that stops is one that is never scheduled again, and an invariant that holds in every state holds in those, too. What a
// stop can leave behind is checked from every state: forget all actors there, run repair alone until it is quiet, and look for
// residue. That is a stop of every subset of the actors at every step.
//
// An object that is being deleted and one that is gone are one state, dead: every read of the protocol treats them alike, and
// becoming either one moves the resourceVersion.
//
// # What is not in it
//
// Ages (repair waits before it acts, which only removes orders), the bounded number of retries of the store (a request that gives up
// is one that stops), caches, and time. Roles bear names by the same claims as users, so the claim model stands for both.
package model
