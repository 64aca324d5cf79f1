package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// errRaced says that somebody else changed the entry between its being read and being written. The caller reads it again.
var errRaced = errors.New("others keep changing the account")

// transientCodes are of errors that are not about what was asked for. What servers call "other" or "operations error" is a failing
// database as a rule, of which nothing is known.
var transientCodes = []uint16{
	ldap.LDAPResultOperationsError, ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable,
	ldap.LDAPResultOther, ldap.LDAPResultCanceled,
}

// deniedCodes are of errors that no account fares better with: the credential, the lack of encryption, or a server that takes no writes.
var deniedCodes = []uint16{
	ldap.LDAPResultAuthMethodNotSupported, ldap.LDAPResultStrongAuthRequired, ldap.LDAPResultReferral, ldap.LDAPResultConfidentialityRequired,
	ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultInvalidCredentials,
}

var remedies = map[uint16]string{
	ldap.LDAPResultInsufficientAccessRights: "give the connector's entry write access to the people and to the groups",
	ldap.LDAPResultReferral:                 "the server is a replica: connect to the one that takes writes",
	ldap.LDAPResultSizeLimitExceeded:        "raise the server's size limit for the connector's entry",
	ldap.LDAPResultAdminLimitExceeded:       "raise the server's limits for the connector's entry, and index what it searches by",
	ldap.LDAPResultInvalidCredentials:       "correct the bind DN and its password",
	ldap.LDAPResultObjectClassViolation:     "the schema asks for attributes that the mapping does not give, or has no room for one that it does",
	ldap.LDAPResultUndefinedAttributeType:   "the server's schema lacks an attribute that the options or the mapping name",
}

// failure is an answer of the server that is no success. searching says that it was to a search, which is about the options and not
// about one account. Text of the server that has one of the values in it is left out.
func failure(op string, err error, searching bool, values []string) error {
	answer := new(ldap.Error)
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*connector.Error)), errors.Is(err, errRaced):
		return err
	case !errors.As(err, &answer):
		if isUntrusted(err) {
			return connector.Errorf(connector.Denied, op, "the server cannot be trusted: %w", err)
		}
		return connector.Errorf(connector.Transient, op, "%w", err)
	}
	kind := kindOf(answer.ResultCode, searching)
	text := ldap.LDAPResultCodeMap[answer.ResultCode]
	if text == "" {
		text = fmt.Sprintf("result code %d", answer.ResultCode)
	}
	if remedy := remedies[answer.ResultCode]; remedy != "" {
		text += ": " + remedy
	}
	if answer.Err == nil || answer.Err.Error() == "" {
		return connector.Errorf(kind, op, "%s", text)
	}
	if tells(answer.Err.Error(), values) {
		return connector.Errorf(kind, op, "%s (what the server says has an attribute's value in it, and is left out)", text)
	}
	return connector.Errorf(kind, op, "%s (%w)", text, answer.Err)
}

// tells says whether the text has one of the values in it.
func tells(text string, values []string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(values, func(value string) bool { return value != "" && strings.Contains(text, strings.ToLower(value)) })
}

func kindOf(code uint16, searching bool) connector.Kind {
	switch {
	case code >= ldap.ErrorNetwork, slices.Contains(transientCodes, code): // From there on codes are go-ldap's own.
		return connector.Transient
	case slices.Contains(deniedCodes, code), searching && code == ldap.LDAPResultInsufficientAccessRights:
		return connector.Denied
	case code == ldap.LDAPResultEntryAlreadyExists:
		return connector.Conflict
	case code == ldap.LDAPResultUnavailableCriticalExtension:
		return connector.Unsupported
	}
	return connector.Rejected
}

// finished turns what a call came to into an error of the contract.
func finished(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if cause := ctx.Err(); cause != nil {
		return connector.Errorf(connector.Transient, op, "%w", cause)
	}
	if errors.Is(err, errRaced) {
		return connector.Errorf(connector.Transient, op, "%w: try again", errRaced)
	}
	typed := new(connector.Error)
	if !errors.As(err, &typed) {
		return connector.Errorf(connector.Transient, op, "%w", err)
	}
	return typed
}

// isUntrusted says that the server did not prove what it is.
func isUntrusted(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(x509.HostnameError)) ||
		errors.As(err, new(x509.UnknownAuthorityError)) || errors.As(err, new(tls.RecordHeaderError)) || errors.Is(err, errNoTLS)
}

// hasCode says whether the server answered that.
func hasCode(err error, codes ...uint16) bool {
	return slices.ContainsFunc(codes, func(code uint16) bool { return ldap.IsErrorWithCode(err, code) })
}
