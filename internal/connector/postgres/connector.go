package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Connector keeps the accounts of one server. It connects when it is first used.
type Connector struct {
	options Options
	pool    *pgxpool.Pool
}

var _ connector.Connector = (*Connector)(nil)

// New checks the options and connects to nothing; the connector outlives ctx. The error text has no password in it.
func New(ctx context.Context, options Options) (*Connector, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	config, err := options.config()
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	// A pool keeps the context for connections that it opens ahead of their use, and this one opens none.
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, errors.New("postgres: the options make no pool of connections")
	}
	return &Connector{options: options, pool: pool}, nil
}

// Close waits for running calls and closes all connections.
func (c *Connector) Close() { c.pool.Close() }

// session is a transaction and what is known of the server that it runs on.
type session struct {
	op      string
	tx      pgx.Tx
	options Options
	version string
	limits  limits
	// self are the names that the connector works under.
	self []string
}

// inTx runs do in a transaction that holds the owner's lock, and commits unless do fails. The zero owner locks nothing.
func (c *Connector) inTx(ctx context.Context, op string, owner connector.Owner, do func(context.Context, *session) error) error {
	err := pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		s := &session{op: op, tx: tx, options: c.options}
		if err := s.prepare(ctx); err != nil {
			return err
		}
		if !owner.IsZero() {
			if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, ownerPrefix(owner)); err != nil {
				return err
			}
		}
		return do(ctx, s)
	})
	return failed(op, err)
}

// prepare bounds what the transaction waits for and how long it may be left alone, and asks the server what it is. Names of functions and
// tables are looked up in the catalogue only, whatever somebody set as the search path.
func (s *session) prepare(ctx context.Context) error {
	const query = `SELECT current_user::text, session_user::text,
		current_setting('server_version'), current_setting('max_identifier_length')::int, current_setting('server_encoding')
		FROM (SELECT pg_catalog.set_config('search_path', 'pg_catalog', true),
			pg_catalog.set_config('statement_timeout', $1, true), pg_catalog.set_config('lock_timeout', $2, true),
			pg_catalog.set_config('idle_in_transaction_session_timeout', $1, true)) AS settings`
	var current, signedIn, encoding string
	timeout := s.options.Timeout
	err := s.tx.QueryRow(ctx, query, milliseconds(timeout), milliseconds(timeout/2)).
		Scan(&current, &signedIn, &s.version, &s.limits.maxBytes, &encoding)
	if err != nil {
		return err
	}
	s.self = []string{current, signedIn}
	s.limits.unicode = encoding == "UTF8"
	s.limits.longNames = s.options.LongNames
	return nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(max(1, d.Milliseconds()), 10) }

// Capabilities connects, so that it also says whether the server can be reached.
func (c *Connector) Capabilities(ctx context.Context) (connector.Capabilities, error) {
	var found connector.Capabilities
	err := c.inTx(ctx, "ask for capabilities", connector.Owner{}, func(_ context.Context, s *session) error {
		found = connector.Capabilities{
			Version:      "PostgreSQL " + s.version,
			MaxNameBytes: s.limits.maxBytes,
			Attributes:   []string{attributeVerifier},
			EndsSessions: true,
			Reassigns:    true,
			KeepsRecord:  true,
		}
		if s.limits.longNames == HashLong {
			found.MaxNameBytes = 0
		}
		return nil
	})
	return found, err
}

// protection says why a role of that name and with those attributes is not to be touched, or nothing when it may be.
func (s *session) protection(name string, powers []string) string {
	switch {
	case strings.HasPrefix(name, "pg_"):
		return "it is PostgreSQL's own"
	case slices.Contains(s.self, name):
		return "the connector works under that name"
	case slices.Contains(s.options.Protected, name):
		return "it is in the list of protected roles"
	case len(powers) > 0:
		return "it has, or leads to, " + strings.Join(powers, ", ")
	}
	return ""
}
