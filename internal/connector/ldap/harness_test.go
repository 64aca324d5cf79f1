package ldap_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/scim-operator/scim-operator/internal/connector"
	"github.com/scim-operator/scim-operator/internal/connector/connectortest"
	"github.com/scim-operator/scim-operator/internal/connector/ldap"
	"github.com/scim-operator/scim-operator/test/slapd"
)

const (
	connectorDN       = "cn=scim," + slapd.Suffix
	connectorPassword = "password of the connector"
	// limitedDN is somebody who is shown three entries of a search, in however many pages.
	limitedDN = "cn=limited," + slapd.Suffix
	policy    = "cn=policy," + slapd.Suffix
)

// access gives the connector the rights that its documentation asks for, and no others. Sessions on the socket of whoever runs the server
// may be the connector's as well. The limit is for searches without pages, and no page is larger.
var access = []string{
	`limits dn.exact="` + connectorDN + `" size.soft=1000 size.hard=1000 size.prtotal=unlimited`,
	`limits dn.exact="` + limitedDN + `" size=3 size.prtotal=3`,
	`authz-regexp "^gidNumber=[0-9]+[+]uidNumber=[0-9]+,cn=peercred,cn=external,cn=auth$" "` + connectorDN + `"`,
	`overlay ppolicy`,
	`ppolicy_default "` + policy + `"`,
	`access to attrs=userPassword by anonymous auth by * none`,
	`access to dn.regex="^(.+,)?ou=(people|former),ou=[^,]+,` + slapd.Suffix + `$" by dn.exact="` + connectorDN + `" write by users read`,
	`access to dn.regex="^(.+,)?ou=groups,ou=[^,]+,` + slapd.Suffix + `$" by dn.exact="` + connectorDN + `" write by users read`,
	`access to * by dn.exact="` + connectorDN + `" read by users read by anonymous auth`,
}

// running is the server of this package. TestMain can hand it to tests by a variable only.
var running atomic.Pointer[slapd.Server]

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	s, err := slapd.Start(context.Background(), append(adSchema, access...)...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer s.Stop()
	running.Store(s)
	if err := prepare(s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// prepare makes the connector's entry, and the policy without which ppolicy ignores what is locked.
func prepare(s *slapd.Server) error {
	admin, err := s.AsManager()
	if err != nil {
		return err
	}
	defer admin.Close()
	for dn, attributes := range map[string]map[string][]string{
		connectorDN: {"objectClass": {"organizationalRole", "simpleSecurityObject"}, "cn": {"scim"}, "userPassword": {connectorPassword}},
		limitedDN:   {"objectClass": {"organizationalRole", "simpleSecurityObject"}, "cn": {"limited"}, "userPassword": {connectorPassword}},
		policy:      {"objectClass": {"organizationalRole", "pwdPolicy"}, "cn": {"policy"}, "pwdAttribute": {"userPassword"}, "pwdLockout": {"TRUE"}},
	} {
		if err := add(admin, dn, attributes); err != nil {
			return err
		}
	}
	return nil
}

func add(conn *goldap.Conn, dn string, attributes map[string][]string) error {
	request := &goldap.AddRequest{DN: dn}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		request.Attribute(name, attributes[name])
	}
	if err := conn.Add(request); err != nil {
		return fmt.Errorf("add %s: %w", dn, err)
	}
	return nil
}

// roles are groups that may be given. Their names have to be escaped, in DNs and in filters.
var roles = []string{`Readers`, `writers, "of" + it=\a`, `on-call (*)`, `równość`}

// world is what a test has: a part of the directory, and the manager's connection to it.
type world struct {
	testing.TB
	server *slapd.Server
	admin  *goldap.Conn
	// root is the DN of the entry that has everything of this test below it.
	root string
	// kind is what groups are.
	kind ldap.GroupKind
}

var worlds atomic.Int64

// newWorld makes a part of the directory of its own, with groups that nobody but a placeholder is in.
func newWorld(t testing.TB, kind ldap.GroupKind) *world {
	t.Helper()
	s := running.Load()
	w := &world{TB: t, server: s, admin: s.Connect(t), kind: kind}
	w.root = fmt.Sprintf("ou=world%d,%s", worlds.Add(1), slapd.Suffix)
	w.unit(w.root)
	for _, name := range []string{"people", "groups", "former"} {
		w.unit("ou=" + name + "," + w.root)
	}
	for _, role := range roles {
		w.group(role)
	}
	return w
}

func (w *world) unit(dn string) {
	w.Helper()
	w.add(dn, map[string][]string{"objectClass": {"organizationalUnit"}, "ou": {goldapValue(dn)}})
}

// goldapValue is the value that a DN begins with.
func goldapValue(dn string) string {
	parsed, err := goldap.ParseDN(dn)
	if err != nil {
		panic(err)
	}
	return parsed.RDNs[0].Attributes[0].Value
}

func (w *world) add(dn string, attributes map[string][]string) {
	w.Helper()
	if err := add(w.admin, dn, attributes); err != nil {
		w.Fatal(err)
	}
}

func (w *world) groupDN(name string) string {
	return "cn=" + goldap.EscapeDN(name) + ",ou=groups," + w.root
}

func (w *world) personDN(name string) string {
	return "uid=" + goldap.EscapeDN(name) + ",ou=people," + w.root
}

var gids atomic.Int64

func (w *world) group(name string) {
	w.Helper()
	attributes := map[string][]string{"objectClass": {string(w.kind)}, "cn": {name}}
	if w.kind == ldap.PosixGroup {
		attributes["gidNumber"] = []string{fmt.Sprint(50000 + gids.Add(1))}
	} else {
		attributes["member"] = []string{w.groupDN(name)}
	}
	w.add(w.groupDN(name), attributes)
}

func (w *world) modify(dn string, change func(*goldap.ModifyRequest)) {
	w.Helper()
	request := goldap.NewModifyRequest(dn, nil)
	change(request)
	if err := w.admin.Modify(request); err != nil {
		w.Fatalf("modify %s: %v", dn, err)
	}
}

// dn finds the entry of that name, wherever it is.
func (w *world) dn(name string) string {
	w.Helper()
	found := w.search("(uid=" + goldap.EscapeFilter(name) + ")")
	if len(found) != 1 {
		w.Fatalf("there are %d entries %q", len(found), name)
	}
	return found[0].DN
}

func (w *world) search(filter string, attributes ...string) []*goldap.Entry {
	w.Helper()
	found, err := w.admin.Search(&goldap.SearchRequest{BaseDN: w.root, Scope: goldap.ScopeWholeSubtree, Filter: filter, Attributes: attributes})
	if err != nil {
		w.Fatal(err)
	}
	return found.Entries
}

// member is what the account is as a member of a group.
func (w *world) member(name string) (attribute, value string) {
	if w.kind == ldap.PosixGroup {
		return "memberUid", name
	}
	return "member", w.dn(name)
}

func (w *world) grant(name, role string) {
	w.Helper()
	attribute, value := w.member(name)
	w.modify(w.groupDN(role), func(r *goldap.ModifyRequest) { r.Add(attribute, []string{value}) })
}

func (w *world) take(name, role string) {
	w.Helper()
	attribute, value := w.member(name)
	w.modify(w.groupDN(role), func(r *goldap.ModifyRequest) { r.Delete(attribute, []string{value}) })
}

// foreign makes an account that the connector could change.
func (w *world) foreign(name string, roles ...string) {
	w.Helper()
	attributes := map[string][]string{"objectClass": {"inetOrgPerson"}, "uid": {name}, "cn": {"Somebody"}, "sn": {"Else"}, "description": {"made by hand"}}
	w.add(w.personDN(name), attributes)
	for _, role := range roles {
		w.grant(name, role)
	}
}

func (w *world) options() ldap.Options {
	return ldap.Options{
		URL: w.server.URL(), RootCAs: w.server.RootCAs(w), ServerName: slapd.CertificateName, BindDN: connectorDN, Password: connectorPassword,
		UsersBase: "ou=people," + w.root, GroupsBase: "ou=groups," + w.root, GroupKind: w.kind,
		Protected: []string{"break glass", "not here yet"},
	}
}

// connector makes one with the usual options, but for some.
func (w *world) connector(change ...func(*ldap.Options)) connector.Connector {
	w.Helper()
	options := w.options()
	for _, change := range change {
		change(&options)
	}
	c, err := ldap.New(options)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// closing is a connector that the test's end closes.
func (w *world) closing(change ...func(*ldap.Options)) connector.Connector {
	w.Helper()
	c := w.connector(change...)
	w.Cleanup(c.Close)
	return c
}

func (w *world) ensure(c connector.Connector, account connector.Account) connector.Observed {
	w.Helper()
	observed, _, err := c.Ensure(w.Context(), account)
	if err != nil {
		w.Fatalf("ensure: %v", err)
	}
	return observed
}

// account is an active account of a person of that name.
func account(name string) connector.Account {
	return connector.Account{Owner: connector.Owner{App: "app of package ldap", Person: name}, Name: name, Active: true}
}

// truth reads what the manager sees. isActive reads the suspension.
func (w *world) truth(isActive func(*goldap.Entry) bool) map[string]connectortest.Seen {
	w.Helper()
	names := map[string]string{} // by what they are as members
	all := map[string]connectortest.Seen{}
	for _, e := range w.search("(uid=*)", "*", "+") {
		name := e.GetAttributeValue("uid")
		key := strings.ToLower(e.DN)
		if w.kind == ldap.PosixGroup {
			key = name
		}
		names[key] = name
		var state []string
		for _, attribute := range e.Attributes {
			state = append(state, attribute.Name+"="+strings.Join(attribute.Values, "|"))
		}
		slices.Sort(state)
		all[name] = connectortest.Seen{Active: isActive(e), State: e.DN + "\n" + strings.Join(state, "\n")}
	}
	attribute := map[ldap.GroupKind]string{ldap.PosixGroup: "memberUid", ldap.GroupOfNames: "member"}[w.kind]
	for _, g := range w.search("(objectClass="+string(w.kind)+")", "cn", attribute) {
		for _, member := range g.GetAttributeValues(attribute) {
			key := strings.ToLower(member)
			if w.kind == ldap.PosixGroup {
				key = member
			}
			name, ok := names[key]
			if !ok && !strings.EqualFold(member, g.DN) {
				w.Fatalf("group %s has a member %q that is nobody", g.DN, member)
			}
			if ok {
				seen := all[name]
				seen.Roles = append(seen.Roles, g.GetAttributeValue("cn"))
				slices.Sort(seen.Roles)
				all[name] = seen
			}
		}
	}
	return all
}

// locked is how ppolicy has it.
func locked(e *goldap.Entry) bool {
	return e.GetAttributeValue("pwdAccountLockedTime") == "000001010000Z"
}

func unlocked(e *goldap.Entry) bool { return !locked(e) }

func (w *world) wantError(err error, kind connector.Kind, says string) {
	w.Helper()
	if connector.KindOf(err) != kind || !strings.Contains(fmt.Sprint(err), says) {
		w.Errorf("got %v, want %s with %q in it", err, kind, says)
	}
}
