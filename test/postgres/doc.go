// Package postgres gives tests a real PostgreSQL server on loopback, and a way to cut the connection to it at any exchange.
package postgres
