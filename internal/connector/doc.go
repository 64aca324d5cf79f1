// Package connector is the contract between the operator and the apps in which people have accounts: how an account is made to be as it
// should, taken out of use, removed, and listed, and how an app says that it cannot. The packages below it talk to one kind of app
// each; package connectortest checks that they keep the contract, against a real app.
//
// The contract holds for every connector:
//
//   - Each account that a connector makes bears its owner's mark, in the target itself. A connector changes no account that does not bear the
//     mark of the owner it was called for, but for adoption, which is asked for. So a name that was freed and taken by somebody else
//     is somebody else's account.
//   - Every operation may be repeated. The second call finds everything done, writes nothing and reports no change. That is also how a lost
//     answer is dealt with: whoever does not know whether a call took effect calls again.
//   - A call that fails with [Conflict], [Rejected], [Protected] or [Unsupported] changed nothing, but for what [Connector] says of Suspend
//     and Delete. One that fails with [Transient] may have taken effect, wholly or, where the target has no transactions, in part.
//   - Taking access away needs nothing but the owner: neither a valid name, nor roles or attributes that the target would accept.
//   - No error text has a credential or the value of an attribute in it.
package connector
