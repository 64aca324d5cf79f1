package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	binVariable = "POSTGRES_BIN"
	// startTimeout is generous because all test packages may start at the same time on a small machine.
	startTimeout = 2 * time.Minute
	// Superuser is the name of the role that has all rights.
	Superuser = "postgres"
	password  = "superuser of a test"
	host      = "127.0.0.1"
)

var errNoServer = errors.New(binVariable + " is not set, so there is no PostgreSQL to test against: run make test, or: export " +
	binVariable + "=$(hack/postgres.sh)")

// Server is a running server.
type Server struct {
	Host string
	Port uint16
	dir  string
	bin  string
	// as runs a command as somebody who is not root: PostgreSQL refuses to run as that.
	as      *syscall.SysProcAttr
	process *exec.Cmd
	ended   chan struct{}
}

// Start starts a server in a temporary directory, with its own certificate in files. Stop it when it is no longer needed.
func Start(ctx context.Context) (*Server, error) {
	bin := os.Getenv(binVariable)
	if bin == "" {
		return nil, errNoServer
	}
	dir, err := os.MkdirTemp("", "postgres-test-")
	if err != nil {
		return nil, err
	}
	s := &Server{Host: host, dir: dir, bin: bin, as: &syscall.SysProcAttr{}}
	if err := s.start(ctx); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start PostgreSQL of %s: %w", bin, err)
	}
	return s, nil
}

// Password is the superuser's.
func (s *Server) Password() string { return password }

// Stop ends the server and removes its directory.
func (s *Server) Stop() {
	if s.process != nil {
		// With SIGQUIT the server leaves at once, without writing what nobody will read.
		_ = s.process.Process.Signal(syscall.SIGQUIT)
		<-s.ended
	}
	_ = os.RemoveAll(s.dir)
}

// Connect opens a connection of the superuser to the database and closes it when the test ends.
func (s *Server) Connect(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	conn, err := s.AsSuperuser(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// AsSuperuser signs in as the superuser. The caller closes the connection.
func (s *Server) AsSuperuser(ctx context.Context, database string) (*pgx.Conn, error) {
	return s.As(ctx, Superuser, password, database)
}

// As signs in as a role, without TLS.
func (s *Server) As(ctx context.Context, role, password, database string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, err
	}
	config.Host, config.Port, config.User, config.Password, config.Database = s.Host, s.Port, role, password, database
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return pgx.ConnectConfig(ctx, config)
}

func (s *Server) start(ctx context.Context) error {
	if err := s.becomeNobody(); err != nil {
		return err
	}
	secret := filepath.Join(s.dir, "password")
	if err := s.write(secret, password); err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	initdb := s.command(ctx, "initdb", "-D", data, "-U", Superuser, "--auth=scram-sha-256", "--pwfile="+secret, "--encoding=UTF8", "--locale=C", "--no-sync")
	if output, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, output)
	}
	if err := s.configure(data); err != nil {
		return err
	}
	if err := s.writeCertificate(data); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := s.run(ctx, data)
		// Another process may have taken the port between its choice and its use. Then the server ends.
		if err == nil || ctx.Err() != nil || !errors.Is(err, errEnded) || !s.portWasTaken() {
			return err
		}
	}
}

// configure writes what a benchmark may take back: nothing need outlive the server, and a test may read what was said to it.
func (s *Server) configure(data string) error {
	file, err := os.OpenFile(filepath.Join(data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString("fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nlog_statement = all\n")
	return errors.Join(err, file.Close())
}

// BehaveAsInstalled gives the server the settings back that it has where people use it: what it has committed is on the disk, and it does
// not write down each statement. Without them it is faster than any that keeps something.
func (s *Server) BehaveAsInstalled(ctx context.Context) error {
	conn, err := s.AsSuperuser(ctx, "postgres")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, setting := range []string{"fsync = on", "synchronous_commit = on", "full_page_writes = on", "log_statement = 'none'"} {
		if _, err := conn.Exec(ctx, "ALTER SYSTEM SET "+setting); err != nil {
			return err
		}
	}
	_, err = conn.Exec(ctx, "SELECT pg_reload_conf()")
	return err
}

var errEnded = errors.New("the server ended")

// run starts the server on a free port and returns when it answers.
func (s *Server) run(ctx context.Context, data string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.Port = port
	// The server must outlive the context of whoever started it: Stop ends it.
	server := s.command(context.WithoutCancel(ctx), "postgres", "-D", data, "-p", strconv.Itoa(int(port)),
		"-c", "listen_addresses="+host, "-c", "unix_socket_directories=", "-c", "shared_buffers=16MB", "-c", "max_connections=60", "-c", "ssl=on",
		"-c", "autovacuum=off", "-c", "jit=off")
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		return err
	}
	s.process, s.ended = server, make(chan struct{})
	go func() {
		_ = server.Wait()
		close(s.ended)
	}()
	return s.await(ctx)
}

func (s *Server) await(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := s.As(ctx, Superuser, password, "postgres")
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.ended:
			s.process = nil
			return fmt.Errorf("%w: %s", errEnded, s.Log())
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// Log is what the server wrote, every statement among it.
func (s *Server) Log() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (s *Server) portWasTaken() bool { return strings.Contains(s.Log(), "Address already in use") }

func freePort() (uint16, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return uint16(listener.Addr().(*net.TCPAddr).Port), nil
}

func (s *Server) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, filepath.Join(s.bin, program), args...)
	command.Dir = s.dir
	command.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "TMPDIR=" + s.dir}
	command.SysProcAttr = s.as
	return command
}

// becomeNobody has commands run as the user nobody when the tests run as root, and gives that user the directory.
func (s *Server) becomeNobody() error {
	if os.Geteuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return err
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		return err
	}
	s.as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, int(uid), int(gid))
}

// write makes a file that only the server may read.
func (s *Server) write(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	if s.as.Credential == nil {
		return nil
	}
	return os.Chown(path, int(s.as.Credential.Uid), int(s.as.Credential.Gid))
}
