package slapd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	binVariable = "SLAPD_BIN"
	// startTimeout is generous because all test packages may start at the same time on a small machine.
	startTimeout = 2 * time.Minute
	host         = "127.0.0.1"
	password     = "manager of a test"
	// Suffix is the directory's root. There is an entry of that name, and nothing below it.
	Suffix = "dc=example,dc=com"
	// Manager is the name of who has all rights.
	Manager = "cn=manager," + Suffix
)

var errNoServer = errors.New(binVariable + " is not set, so there is no slapd to test against: run make test, or: export " +
	binVariable + "=$(hack/slapd.sh)")

// Server is a running server.
type Server struct {
	// Port takes StartTLS, and SecurePort takes TLS.
	Port, SecurePort uint16
	dir              string
	bin              string
	process          *exec.Cmd
	ended            chan struct{}
}

// Start starts a server in a temporary directory, with its own certificate in files. The lines are added to its configuration, behind
// those that name its database: rules of access, for example. Stop it when it is no longer needed.
func Start(ctx context.Context, lines ...string) (*Server, error) {
	bin := os.Getenv(binVariable)
	if bin == "" {
		return nil, errNoServer
	}
	// The name is short because the path of a socket must be.
	dir, err := os.MkdirTemp("", "slapd-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, bin: bin}
	if err := s.start(ctx, lines); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start slapd of %s: %w", bin, err)
	}
	return s, nil
}

// URL is where the server takes StartTLS.
func (s *Server) URL() string { return "ldap://" + net.JoinHostPort(host, strconv.Itoa(int(s.Port))) }

// SecureURL is where the server takes TLS.
func (s *Server) SecureURL() string {
	return "ldaps://" + net.JoinHostPort(host, strconv.Itoa(int(s.SecurePort)))
}

// SocketURL is where the server listens on a Unix socket.
func (s *Server) SocketURL() string { return "ldapi://" + url.PathEscape(s.Socket()) }

// Socket is the path of the server's Unix socket.
func (s *Server) Socket() string { return s.path("socket") }

// Password is the manager's.
func (s *Server) Password() string { return password }

// Stop ends the server and removes its directory.
func (s *Server) Stop() {
	if s.process != nil {
		_ = s.process.Process.Signal(syscall.SIGTERM)
		<-s.ended
	}
	_ = os.RemoveAll(s.dir)
}

// Connect opens a connection of the manager and closes it when the test ends.
func (s *Server) Connect(t testing.TB) *ldap.Conn {
	t.Helper()
	conn, err := s.AsManager()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// AsManager signs in as the manager, by the socket. The caller closes the connection.
func (s *Server) AsManager() (*ldap.Conn, error) { return s.As(Manager, password) }

// As signs in by the socket as the one who has that distinguished name. The caller closes the connection.
func (s *Server) As(dn, password string) (*ldap.Conn, error) {
	conn, err := ldap.DialURL(s.SocketURL(), ldap.DialWithDialer(&net.Dialer{Timeout: startTimeout}))
	if err != nil {
		return nil, err
	}
	if err := conn.Bind(dn, password); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// configuration is in the old form, which slapd reads without a tool that would have to write its database first.
func (s *Server) configuration(lines []string) (string, error) {
	root, err := s.root()
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, schema := range []string{"core", "cosine", "inetorgperson", "nis"} {
		fmt.Fprintf(&text, "include %s\n", filepath.Join(root, "etc/ldap/schema", schema+".schema"))
	}
	fmt.Fprintf(&text, "modulepath %s\nmoduleload back_mdb\nmoduleload ppolicy\n", filepath.Join(root, "usr/lib/ldap"))
	fmt.Fprintf(&text, "pidfile %s\n", s.path("pid"))
	fmt.Fprintf(&text, "TLSCertificateFile %s\nTLSCertificateKeyFile %s\n", s.path("server.crt"), s.path("server.key"))
	// Without TLS, and but for the socket, the server takes no password.
	fmt.Fprint(&text, "localSSF 256\nsecurity simple_bind=128\n")
	fmt.Fprintf(&text, "database mdb\nsuffix %q\nrootdn %q\nrootpw %q\ndirectory %s\ndbnosync\nmaxsize 268435456\n", Suffix, Manager, password, s.path("data"))
	fmt.Fprint(&text, "index objectClass,cn,description,member,memberUid,uidNumber eq\nindex uid pres,eq\n")
	for _, line := range lines {
		fmt.Fprintln(&text, line)
	}
	return text.String(), nil
}

// root is the top of the tree that the server was installed or unpacked into.
func (s *Server) root() (string, error) {
	for _, root := range []string{filepath.Dir(s.bin), filepath.Dir(filepath.Dir(s.bin))} {
		if _, err := os.Stat(filepath.Join(root, "etc/ldap/schema/nis.schema")); err == nil {
			return root, nil
		}
	}
	return "", errors.New("there are no schemas in etc/ldap/schema of its tree")
}

func (s *Server) start(ctx context.Context, lines []string) error {
	text, err := s.configuration(lines)
	if err != nil {
		return err
	}
	if err := os.Mkdir(s.path("data"), 0o700); err != nil {
		return err
	}
	if err := s.write("slapd.conf", text); err != nil {
		return err
	}
	if err := s.writeCertificate(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := s.run(ctx)
		// Another process may have taken a port between its choice and its use. Then the server ends.
		if err == nil || ctx.Err() != nil || !errors.Is(err, errEnded) || !s.portWasTaken() {
			return err
		}
	}
}

var errEnded = errors.New("the server ended")

// run starts the server on free ports and returns when it answers.
func (s *Server) run(ctx context.Context) error {
	var err error
	if s.Port, s.SecurePort, err = freePorts(); err != nil {
		return err
	}
	log, err := os.Create(s.path("log"))
	if err != nil {
		return err
	}
	defer log.Close()
	// The server must outlive the context of whoever started it: Stop ends it. With -d it stays in the foreground, and 256 logs operations.
	server := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(s.bin, "slapd"), "-d", "256", "-f", s.path("slapd.conf"),
		"-h", strings.Join([]string{s.URL(), s.SecureURL(), s.SocketURL()}, " "))
	server.Dir = s.dir
	server.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "TMPDIR=" + s.dir}
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
		err := s.addRoot()
		if err == nil {
			return nil
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

func (s *Server) addRoot() error {
	conn, err := s.AsManager()
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Add(&ldap.AddRequest{DN: Suffix, Attributes: []ldap.Attribute{
		{Type: "objectClass", Vals: []string{"dcObject", "organization"}}, {Type: "dc", Vals: []string{"example"}}, {Type: "o", Vals: []string{"Example"}},
	}})
}

// Log is what the server wrote, every operation among it, without values of attributes but those of distinguished names and filters.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.path("log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (s *Server) portWasTaken() bool { return strings.Contains(s.Log(), "Address already in use") }

// freePorts chooses both while it holds them, so that they differ.
func freePorts() (first, second uint16, err error) {
	one, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, 0, err
	}
	defer one.Close()
	other, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, 0, err
	}
	defer other.Close()
	return uint16(one.Addr().(*net.TCPAddr).Port), uint16(other.Addr().(*net.TCPAddr).Port), nil
}

// TLS is what a client of the server needs.
func (s *Server) TLS(t testing.TB) *tls.Config {
	t.Helper()
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.RootCAs(t), ServerName: CertificateName}
}

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }

func (s *Server) write(name, text string) error {
	return os.WriteFile(s.path(name), []byte(text), 0o600)
}
