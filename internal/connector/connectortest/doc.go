// Package connectortest checks that a connector keeps the contract of package connector, against a real target. The names of its subtests
// read as the contract.
package connectortest
