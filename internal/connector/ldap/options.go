package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	defaultMaxConnections = 4
	defaultTimeout        = 10 * time.Second
	defaultPageSize       = 100
	maxPageSize           = 1000 // Active Directory's MaxPageSize
	maxIdle               = time.Minute

	schemePlain  = "ldap"
	schemeTLS    = "ldaps"
	schemeSocket = "ldapi"
)

// Options are how to reach a directory, and how to treat it. Nothing else is read: neither environment variables nor files.
type Options struct {
	// URL is ldaps://host:636, where the connection begins with TLS, ldap://host:389, where it is changed to TLS by StartTLS before anything
	// else is sent, or ldapi://%2Fpath%2Fof%2Fsocket, which leads to the same machine. There is no way to use the network without TLS.
	URL string
	// RootCAs sign the server's certificate; nil means the system's.
	RootCAs *x509.CertPool
	// Certificates are for servers that ask for one.
	Certificates []tls.Certificate
	// ServerName is the name that the server's certificate has to have. It is the URL's host when it is empty.
	ServerName string
	// Dial connects, and may refuse addresses; nil means a plain net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// BindDN and Password are for a simple bind. Without both the connector binds by SASL EXTERNAL, as whom a certificate or the socket
	// shows it to be.
	BindDN   string
	Password string

	// MaxConnections bounds how many connections are open at a time, but for those of listings. It is 4 when it is 0.
	MaxConnections int
	// Timeout bounds connecting, and each request. It is 10 s when it is 0.
	Timeout time.Duration
	// PageSize is how many accounts List asks for at a time when the caller does not say. It is 100 when it is 0, and 1,000 at most.
	PageSize int

	Profile Profile
	// UsersBase is the DN of the entry below which the accounts are made, and looked for at any depth.
	UsersBase string
	// GroupsBase is the DN of the entry below which the groups are looked for, at any depth.
	GroupsBase string

	// GroupKind, Suspension, MarkAttribute and MarkSingleValued are the profile's when they are empty.
	GroupKind  GroupKind
	Suspension Suspension
	// MarkAttribute has the mark: it must be one that people may have, that is matched for equality, and better that is indexed. Nobody but the
	// connector and administrators may write it: whoever can remove the mark from their own entry cannot be suspended.
	MarkAttribute string
	// MarkSingleValued says that MarkAttribute has room for one value. Then the caller keeps the record of what the connector gave.
	MarkSingleValued bool
	// Placeholder is the DN that becomes a group's member when its last one leaves and the schema wants one. It is the group's own when
	// it is empty.
	Placeholder string

	// ObjectClasses are classes that accounts have beside the profile's.
	ObjectClasses []string
	// Attributes are names of attributes that accounts may have beside the profile's.
	Attributes []string
	// Posix makes accounts posixAccounts as well.
	Posix *Posix

	// Protected are names and DNs of accounts, and names and DNs of groups, that are never touched and never given. The connector's own
	// entry is one of them in any case.
	Protected []string
}

// Posix is how accounts of the class posixAccount get what that class requires and the mapping does not give.
type Posix struct {
	// FirstUID and LastUID bound the numbers that are given. Which of them a person gets depends on the person, and on which are taken by
	// the people whom the connector sees.
	FirstUID, LastUID int64
	// GID is the group that people belong to from the beginning.
	GID int64
	// HomeBase is the folder that home directories are in. It is /home when it is empty.
	HomeBase string
	// LoginShell may be empty.
	LoginShell string
}

// place is the URL, taken apart.
type place struct {
	scheme, network, address, host string
}

func (o Options) place() (place, error) {
	scheme, rest, found := strings.Cut(o.URL, "://")
	if !found {
		return place{}, errors.New("the URL must begin with ldaps://, ldap:// or ldapi://")
	}
	if scheme == schemeSocket {
		path, err := url.PathUnescape(rest)
		if err != nil || !strings.HasPrefix(path, "/") {
			return place{}, errors.New("the URL must name a socket by its absolute path, with %2F for each slash")
		}
		return place{scheme: scheme, network: "unix", address: path}, nil
	}
	parsed, err := url.Parse(o.URL)
	if err != nil || parsed.Hostname() == "" || parsed.User != nil || strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" {
		return place{}, errors.New("the URL must be a scheme, a host and perhaps a port, and nothing else")
	}
	port := map[string]string{schemePlain: ldap.DefaultLdapPort, schemeTLS: ldap.DefaultLdapsPort}[scheme]
	if port == "" {
		return place{}, errors.New("the URL must begin with ldaps://, ldap:// or ldapi://")
	}
	if parsed.Port() != "" {
		port = parsed.Port()
	}
	return place{scheme: scheme, network: "tcp", address: net.JoinHostPort(parsed.Hostname(), port), host: parsed.Hostname()}, nil
}

// withDefaults checks the options and fills in what they leave out.
func (o Options) withDefaults() (Options, place, error) {
	at, err := o.place()
	if err != nil {
		return o, at, err
	}
	if err := o.checkCredential(at); err != nil {
		return o, at, err
	}
	if err := o.checkNames(); err != nil {
		return o, at, err
	}
	if o.ServerName == "" {
		o.ServerName = at.host
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = defaultMaxConnections
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.PageSize <= 0 {
		o.PageSize = defaultPageSize
	}
	o.PageSize = min(o.PageSize, maxPageSize)
	if o.Posix != nil {
		posix, err := o.Posix.withDefaults()
		if err != nil {
			return o, at, err
		}
		o.Posix = &posix
	}
	return o, at, nil
}

// checkCredential refuses a bind without a password, to which many servers say yes and mean nobody.
func (o Options) checkCredential(at place) error {
	switch {
	case (o.BindDN == "") != (o.Password == ""):
		return errors.New("bind DN and password must be given together: a server takes a bind without a password for one of nobody")
	case o.BindDN == "" && len(o.Certificates) == 0 && at.scheme != schemeSocket:
		return errors.New("a bind DN and a password, or a certificate, must be given")
	}
	return nil
}

// checkNames refuses what is no DN, because an empty base would mean the whole directory.
func (o Options) checkNames() error {
	names := map[string]string{"users base": o.UsersBase, "groups base": o.GroupsBase}
	for what, name := range map[string]string{"bind DN": o.BindDN, "placeholder": o.Placeholder, "base of suspended people": o.Suspension.Base} {
		if name != "" {
			names[what] = name
		}
	}
	for _, what := range sortedKeys(names) {
		if parsed, err := ldap.ParseDN(names[what]); err != nil || len(parsed.RDNs) == 0 {
			return fmt.Errorf("%s %q is no DN", what, names[what])
		}
	}
	if o.Suspension.Method == Move {
		users, suspended := parse(o.UsersBase), parse(o.Suspension.Base)
		if suspended.EqualFold(users) || suspended.AncestorOfFold(users) {
			return errors.New("the base of suspended people must not contain the users base, or everybody is suspended")
		}
	}
	return nil
}

// bases are the entries below which accounts are, without those that are below another one.
func (o Options) bases(t traits) []string {
	if t.suspension.Method != Move || parse(o.UsersBase).AncestorOfFold(parse(t.suspension.Base)) {
		return []string{o.UsersBase}
	}
	return []string{o.UsersBase, t.suspension.Base}
}

func (o Options) tlsConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs, Certificates: o.Certificates, ServerName: o.ServerName}
}

// protects says whether the list of protected names and DNs has one of these.
func (o Options) protects(name, dn string) bool {
	return slices.ContainsFunc(slices.Concat(o.Protected, nonEmpty(o.BindDN)), func(protected string) bool {
		return name != "" && fold(protected) == fold(name) || dn != "" && sameDN(protected, dn)
	})
}
