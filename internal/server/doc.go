// Package server speaks SCIM 2.0 over HTTP (RFC 7644): routes, credentials, limits, error bodies and the log line of a request. It
// declares the Store that it consumes, keeps no state of its own beyond short memos, and can run in any number of replicas.
//
// A request passes through these steps, and ends at the first that refuses it: the directory in the path, the credential, the
// directory's suspension, the route, the body and its limits, the protocol, the store. Every answer is SCIM JSON, also where a proxy
// would expect HTML: an identity provider shows it to a person.
package server
