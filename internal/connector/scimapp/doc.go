// Package scimapp keeps accounts in apps that speak SCIM 2.0 (RFC 7643, RFC 7644). An account is a User whose externalId is the mark, and a
// role is a Group by its displayName.
//
// A SCIM server has no transactions, and no room for what the connector gave, so that the caller keeps the record. Each change is read back:
// a server that answers 200 and does nothing is found out. What a product takes is data, a [Profile].
package scimapp
