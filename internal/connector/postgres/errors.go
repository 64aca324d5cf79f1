package postgres

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Codes of errors, from appendix A of PostgreSQL's manual.
const (
	codeInsufficientPrivilege = "42501"
	codeDuplicateObject       = "42710"
	codeUniqueViolation       = "23505"
	codeUndefinedDatabase     = "3D000"
	codeObjectNotInState      = "55000"
	codeLockNotAvailable      = "55P03"
	codeInternal              = "XX000"
)

// transientClasses are of errors that are not about what was asked for: the connection, a deadlock or another's change, too little
// memory or too many connections, an operator who intervened, and failing disks.
var transientClasses = []string{"08", "25", "40", "53", "57", "58"}

const remedyPrivilege = "give the connector's role CREATEROLE and membership in pg_signal_backend, and, on PostgreSQL 16 and later, " +
	"ADMIN OPTION on the roles it gives and on the accounts it adopts"

// failed turns any error into one of the contract. It returns those that already are as they are.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	if typed := new(connector.Error); errors.As(err, &typed) {
		return typed
	}
	answer := new(pgconn.PgError)
	if !errors.As(err, &answer) {
		if isUntrusted(err) {
			return connector.Errorf(connector.Denied, op, "the server cannot be trusted: %w", err)
		}
		return connector.Errorf(connector.Transient, op, "%w", err)
	}
	if answer.Code == codeInsufficientPrivilege && !isConnecting(err) {
		return connector.Errorf(connector.Rejected, op, "%w: %s", answer, remedyPrivilege)
	}
	return connector.Errorf(kindOf(answer, isConnecting(err)), op, "%w", answer)
}

func isConnecting(err error) bool { return errors.As(err, new(*pgconn.ConnectError)) }

func kindOf(answer *pgconn.PgError, connecting bool) connector.Kind {
	class := answer.Code[:min(2, len(answer.Code))]
	switch {
	case slices.Contains(transientClasses, class), answer.Code == codeLockNotAvailable, answer.Code == codeObjectNotInState:
		return connector.Transient
	case answer.Code == codeInternal:
		return connector.Transient // Two who change one role at the same time get it, as "tuple concurrently updated".
	case class == "28", answer.Code == codeUndefinedDatabase, connecting && answer.Code == codeInsufficientPrivilege:
		return connector.Denied
	case answer.Code == codeDuplicateObject, answer.ConstraintName == "pg_authid_rolname_index":
		return connector.Conflict
	case answer.Code == codeUniqueViolation:
		return connector.Transient // Somebody gave the same role at the same moment.
	}
	return connector.Rejected
}

// isUntrusted says that the server did not prove what it is.
func isUntrusted(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(x509.HostnameError)) ||
		errors.As(err, new(x509.UnknownAuthorityError)) || strings.Contains(err.Error(), "server refused TLS connection")
}
