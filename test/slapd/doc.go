// Package slapd gives tests a real OpenLDAP server on loopback, and a way to cut the connection to it at any exchange.
package slapd
