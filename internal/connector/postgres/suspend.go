package postgres

import (
	"context"
	"time"

	"github.com/scim-operator/scim-operator/internal/connector"
)

// Suspend takes LOGIN from every role that bears the owner's mark, and then ends their sessions, each time it is called. Its password and
// its roles stay, and so does a limit of its connections, because whoever has no LOGIN needs none.
//
// A session that is between the server's check of LOGIN and its entry in pg_stat_activity at that moment is ended by the next call.
func (c *Connector) Suspend(ctx context.Context, owner connector.Owner) (bool, error) {
	const op = "suspend"
	if err := checkOwner(op, owner); err != nil {
		return false, err
	}
	var oids []uint32
	var changed bool
	var protected error
	err := c.inTx(ctx, op, owner, func(ctx context.Context, s *session) error {
		var err error
		oids, changed, protected, err = s.suspend(ctx, owner)
		return err
	})
	if err != nil {
		return false, err
	}
	ended, err := c.endSessions(ctx, op, oids)
	if err == nil {
		err = protected
	}
	return err == nil && (changed || ended), err
}

// suspend goes on after a role that must not be touched, and returns that as protected.
func (s *session) suspend(ctx context.Context, owner connector.Owner) (oids []uint32, changed bool, protected, err error) {
	mine, _, err := s.find(ctx, owner, "")
	if err != nil {
		return nil, false, nil, err
	}
	for _, r := range mine {
		if r.why != "" {
			protected = connector.Errorf(connector.Protected, s.op, "the owner's role %q is not touched: %s", r.name, r.why)
			continue
		}
		oids = append(oids, r.oid)
		if !r.login {
			continue
		}
		changed = true
		if err := s.do(ctx, statement{`ALTER ROLE %I NOLOGIN`, []string{r.name}}); err != nil {
			return nil, false, nil, err
		}
	}
	return oids, changed, protected, nil
}

// How long to wait for sessions to end: 2, 4, ... 2,048 ms, about four seconds in all.
const (
	firstWait = 2 * time.Millisecond
	lastWait  = 2048 * time.Millisecond
)

// endSessions ends the sessions of the roles, and returns when they are gone. It says whether there was one.
func (c *Connector) endSessions(ctx context.Context, op string, oids []uint32) (ended bool, err error) {
	// This is not in a transaction, which would see the sessions of its beginning each time, so it says itself where each name is from.
	const query = `SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity
		WHERE usesysid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[]) AND pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()`
	if len(oids) == 0 {
		return false, nil
	}
	for wait := firstWait; ; wait *= 2 {
		var running int
		if err := c.pool.QueryRow(ctx, query, oids).Scan(&running); err != nil {
			return ended, failed(op, err)
		}
		if running == 0 {
			return ended, nil
		}
		ended = true
		if wait > lastWait {
			return ended, connector.Errorf(connector.Transient, op, "%d sessions have been told to end and have not ended yet", running)
		}
		if _, err := c.pool.Exec(ctx, `SELECT pg_catalog.pg_sleep($1)`, wait.Seconds()); err != nil {
			return ended, failed(op, err)
		}
	}
}
