package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// SSLMode says how the server is verified. The names are libpq's. Modes that encrypt and verify nothing are not offered.
type SSLMode string

const (
	// VerifyFull wants TLS 1.2 or later, a certificate of a known authority, and the server's name in it. It is the zero value's meaning.
	VerifyFull SSLMode = "verify-full"
	// Disable uses no TLS, and refuses to send a password in the clear.
	Disable SSLMode = "disable"
)

// LongNames says what becomes of names that are longer than the server takes, which is 63 bytes unless it was built otherwise.
type LongNames string

const (
	// RefuseLong fails with connector.Rejected. It is the zero value's meaning.
	RefuseLong LongNames = "Refuse"
	// HashLong keeps the beginning of the name and puts 16 hexadecimal digits of its SHA-256 in the place of the rest.
	HashLong LongNames = "Hash"
)

const (
	defaultPort           = 5432
	defaultDatabase       = "postgres"
	defaultMaxConnections = 4
	defaultTimeout        = 10 * time.Second
	maxIdle               = time.Minute
)

// Options are how to reach a server, and how to treat it. Nothing else is read: neither environment variables nor files such as ~/.pgpass.
type Options struct {
	// Host is a DNS name, an IP address, or the absolute path of the folder of a Unix socket.
	Host string
	// Port is 5432 when it is 0.
	Port uint16
	// Database is where the connector works, and where its locks are: all who keep the accounts of one server must name the same. Roles belong
	// to the whole server. It is "postgres" when it is empty.
	Database string
	// User is the role to sign in as.
	User string
	// Password may be empty where a certificate is enough.
	Password string

	SSLMode SSLMode
	// RootCAs sign the server's certificate; nil means the system's.
	RootCAs *x509.CertPool
	// Certificates are for servers that ask for one.
	Certificates []tls.Certificate
	// ServerName is the name that the server's certificate has to have. It is Host when it is empty.
	ServerName string
	// Dial connects, and may refuse addresses; nil means a plain net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// MaxConnections bounds how many connections are open at a time, but for those that Delete makes to other databases. It is 4 when it is 0.
	MaxConnections int32
	// Timeout bounds connecting, and each statement. It is 10 s when it is 0. Half of it is what a statement waits for a lock.
	Timeout time.Duration

	LongNames LongNames
	// Protected are names of roles that are never touched and never given, beside those that never are.
	Protected []string
}

// withDefaults checks the options and fills in what they leave out.
func (o Options) withDefaults() (Options, error) {
	if o.Host == "" || o.User == "" {
		return o, errors.New("host and user must be given")
	}
	if o.SSLMode == "" {
		o.SSLMode = VerifyFull
	}
	if !slices.Contains([]SSLMode{VerifyFull, Disable}, o.SSLMode) {
		return o, fmt.Errorf("sslmode %q is not known: use %s or %s", o.SSLMode, VerifyFull, Disable)
	}
	if !slices.Contains([]LongNames{"", RefuseLong, HashLong}, o.LongNames) {
		return o, fmt.Errorf("long names cannot be treated by %q: use %s or %s", o.LongNames, RefuseLong, HashLong)
	}
	if o.Port == 0 {
		o.Port = defaultPort
	}
	if o.Database == "" {
		o.Database = defaultDatabase
	}
	if o.ServerName == "" {
		o.ServerName = o.Host
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = defaultMaxConnections
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	return o, nil
}

func (o Options) tlsConfig() *tls.Config {
	if o.SSLMode == Disable {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs, Certificates: o.Certificates, ServerName: o.ServerName}
}

// config is written over what pgx takes from the environment, field by field, because pgx accepts no configuration that it did not parse.
func (o Options) config() (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, errors.New("the environment has PG variables that pgx cannot parse")
	}
	config.MaxConns = o.MaxConnections
	config.MinConns = 0
	config.MaxConnIdleTime = maxIdle

	conn := config.ConnConfig
	conn.DefaultQueryExecMode = pgx.QueryExecModeExec // prepares nothing that would have to outlive a transaction at a connection pooler
	conn.StatementCacheCapacity = 0
	conn.DescriptionCacheCapacity = 0
	o.overwrite(&conn.Config)
	return config, nil
}

func (o Options) overwrite(config *pgconn.Config) {
	config.Host, config.Port = o.Host, o.Port
	config.Database, config.User, config.Password = o.Database, o.User, o.Password
	config.TLSConfig = o.tlsConfig()
	config.ConnectTimeout = o.Timeout
	config.RuntimeParams = map[string]string{"application_name": "scim-operator", "client_encoding": "UTF8"}
	config.Fallbacks, config.ValidateConnect = nil, nil
	config.SSLNegotiation, config.SSLCertMode = "postgres", "allow"
	config.KerberosSrvName, config.KerberosSpn = "", ""
	config.ChannelBinding, config.RequireAuth = "prefer", ""
	if o.SSLMode == Disable {
		config.RequireAuth = "!password"
	}
	if o.Dial != nil {
		config.DialFunc = o.Dial
		// The name is handed to Dial as it is, which looks it up and checks what it connects to at the same moment.
		config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	}
}
