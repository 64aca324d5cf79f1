// Package scimmy gives tests a real SCIM server on loopback, scimmy with its routers, and a way to cut the connection to a server at any
// exchange.
package scimmy
