// Package ldap keeps people's accounts in a directory that is spoken to by LDAP: entries of people, and their memberships in groups that
// somebody else made. It is a connector of package connector. OpenLDAP, 389 Directory Server and Active Directory differ in what
// [Profile] says.
//
// An account bears its owner's mark as values of an attribute, which is description unless another is chosen: one that is the same in all
// accounts, one that names the owner, and one with the record of what the connector gave. Other values of that attribute are left alone. Each
// change of an account's entry deletes the owner's value and the record, and adds them or their successors in the same request. So a change
// fails when the entry is somebody else's by now, or when another controller was faster.
//
// LDAP has no transactions. A change that is more than one request first writes what it is about to do into the record, and removes that
// with its last request; what takes rights comes before what gives them. The same call again finds out from the record what was left
// undone. Where the directory refuses a request in the midst of these, which by then is one to a group or one that moves the entry, the
// requests before it stay: that is the one exception to the contract's rule that what is refused changes nothing.
//
// Of the memberships, those count that are in the groups below [Options.GroupsBase]. Those that lie elsewhere are neither seen nor moved
// when an entry is renamed.
package ldap
