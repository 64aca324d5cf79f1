package postgres_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/postgres"
	server "github.com/scim-operator/scim-operator/test/postgres"
)

// verifyFull is TLS as it should be.
func (w *world) verifyFull(o *postgres.Options) {
	o.SSLMode, o.RootCAs, o.ServerName = postgres.VerifyFull, w.server.RootCAs(w), server.CertificateName
}

// TestTLS: the server's certificate is verified unless that is switched off, and no password reaches a server that is not trusted.
func TestTLS(t *testing.T) {
	w := newWorld(t)
	t.Run("verify-full is the default", func(t *testing.T) {
		c := w.closing(w.verifyFull, func(o *postgres.Options) { o.SSLMode = "" })
		if _, err := c.Capabilities(t.Context()); err != nil {
			t.Fatal(err)
		}
		var encrypted bool
		err := w.admin.QueryRow(t.Context(),
			`SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.usename = 'scim' AND a.application_name = 'scim-operator'`).Scan(&encrypted)
		if err != nil || !encrypted {
			t.Errorf("the connection is encrypted: %t, %v", encrypted, err)
		}
	})
	for _, c := range []struct {
		reason string
		change func(*postgres.Options)
	}{
		{"the certificate has another name", func(o *postgres.Options) { o.ServerName = "" }},
		{"nobody known has signed the certificate", func(o *postgres.Options) { o.RootCAs = nil }},
		{"the server takes no TLS", func(o *postgres.Options) { o.Dial = withoutTLS(t) }},
	} {
		t.Run(c.reason, func(t *testing.T) {
			_, err := w.closing(w.verifyFull, c.change).Capabilities(t.Context())
			w.wantError(err, connector.Denied, "cannot be trusted")
		})
	}
}

// withoutTLS stands between the client and the server, says that the server takes no TLS, and fails the test if anything is sent then.
func withoutTLS(t *testing.T) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, between := net.Pipe()
		go func() {
			defer between.Close()
			request := make([]byte, 1024)
			if _, err := between.Read(request); err != nil {
				return
			}
			if _, err := between.Write([]byte{'N'}); err != nil {
				return
			}
			if n, err := between.Read(request); err == nil {
				t.Errorf("%d bytes were sent in the clear", n)
			}
		}()
		return client, nil
	}
}

// TestDenied: what is wrong with the connection itself is told apart from what is wrong with an account, and no text has the password in it.
func TestDenied(t *testing.T) {
	w := newWorld(t)
	w.exec(`CREATE DATABASE closed`)
	w.exec(`REVOKE CONNECT ON DATABASE closed FROM PUBLIC`)
	const canary = "canary of a password"
	for reason, change := range map[string]func(*postgres.Options){
		"the password is wrong":           func(o *postgres.Options) { o.Password = canary },
		"there is no such role":           func(o *postgres.Options) { o.User, o.Password = "nobody here", canary },
		"there is no such database":       func(o *postgres.Options) { o.Database = "no such database" },
		"the database may not be entered": func(o *postgres.Options) { o.Database = "closed" },
	} {
		t.Run(reason, func(t *testing.T) {
			_, err := w.closing(change).Suspend(t.Context(), account("somebody").Owner)
			w.wantError(err, connector.Denied, "suspend: ")
			if strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), connectorPassword) {
				t.Errorf("the password is in the error: %v", err)
			}
		})
	}
}

// TestOptions: what cannot work is refused before anything is connected to, without the password.
func TestOptions(t *testing.T) {
	for reason, o := range map[string]postgres.Options{
		"no host":               {User: "u", Password: "canary"},
		"no user":               {Host: "h", Password: "canary"},
		"TLS without a check":   {Host: "h", User: "u", Password: "canary", SSLMode: "require"},
		"TLS if it pleases":     {Host: "h", User: "u", Password: "canary", SSLMode: "prefer"},
		"unknown cure for size": {Host: "h", User: "u", Password: "canary", LongNames: "Truncate"},
	} {
		if _, err := postgres.New(t.Context(), o); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v", reason, err)
		}
	}
}

// TestEnvironmentIsNotRead: PG variables of the process change nothing.
func TestEnvironmentIsNotRead(t *testing.T) {
	w := newWorld(t)
	for name, value := range map[string]string{
		"PGHOST": "192.0.2.1", "PGPORT": "1", "PGUSER": "somebody", "PGDATABASE": "nothing", "PGPASSWORD": "canary", "PGSSLMODE": "require",
		"PGOPTIONS": "-c default_transaction_read_only=on", "PGTARGETSESSIONATTRS": "standby", "PGAPPNAME": "somebody else", "PGREQUIREAUTH": "none",
	} {
		t.Setenv(name, value)
	}
	w.ensure(w.closing(), account("with an odd environment"))
}

// TestDialDecides: addresses that Dial refuses are not connected to, and a name reaches it as it is.
func TestDialDecides(t *testing.T) {
	w := newWorld(t)
	refused := errors.New("this address is not allowed")
	var asked string
	c := w.closing(func(o *postgres.Options) {
		o.Host = "metadata.example.com"
		o.Dial = func(_ context.Context, _, address string) (net.Conn, error) {
			asked = address
			return nil, refused
		}
	})
	_, err := c.Capabilities(t.Context())
	if want := "metadata.example.com:"; !errors.Is(err, refused) || !strings.HasPrefix(asked, want) {
		t.Errorf("got %v after Dial was asked for %q, want its refusal after %s", err, asked, want)
	}
}

// TestLocksAreNotWaitedForForever: whoever holds the account up gets no more than the time that the options give.
func TestLocksAreNotWaitedForForever(t *testing.T) {
	w := newWorld(t)
	c := w.closing(func(o *postgres.Options) { o.Timeout = time.Second })
	a := account("held up")
	w.ensure(c, a)
	tx, err := w.admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `ALTER ROLE "held up" CONNECTION LIMIT 5`); err != nil {
		t.Fatal(err)
	}
	_, err = c.Suspend(t.Context(), a.Owner)
	w.wantError(err, connector.Transient, "timeout")
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Suspend(t.Context(), a.Owner); err != nil {
		t.Error(err)
	}
}

// TestSecretsStayOut: a verifier that is none is neither set nor shown, and neither is one that the server refuses.
func TestSecretsStayOut(t *testing.T) {
	w := newWorld(t)
	c := w.closing()
	a := account("with secrets")
	w.ensure(c, a)
	good := scram(t, "password")
	const canary = "yellow-canary"
	for _, values := range [][]string{
		{canary}, {""}, {good + canary}, {canary + good}, {"md5" + strings.Repeat("0", 32) + canary}, {good, canary},
		{strings.Replace(good, "$", "$"+canary, 1)}, {good + "'; DROP ROLE canary; --"}, {strings.Repeat(canary, 1000)}, {good + "\n" + canary},
	} {
		a.Attributes = map[string][]string{"scramVerifier": values}
		w.fails(c, a, connector.Rejected, "scramVerifier")
		if _, _, err := c.Ensure(t.Context(), a); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("got %v", err)
		}
	}
	if strings.Contains(w.server.Log(), canary) {
		t.Error("the canary reached the server")
	}
	a.Attributes = map[string][]string{"scramVerifier": {good}}
	w.ensure(c, a)
	stored := good[strings.LastIndex(good, "$")+1:]
	if comment := w.comment(a.Name); strings.Contains(comment, stored) || strings.Contains(comment, stored[:43]) {
		t.Errorf("the comment, which everybody can read, has the verifier's keys: %s", comment)
	}
}
