// Package scim is the protocol core of SCIM 2.0 (RFC 7643, RFC 7644): resources, messages and errors, with the schema, filter and
// patch packages below it. It is pure, and imports nothing but the standard library.
package scim
