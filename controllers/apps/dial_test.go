package apps

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

// TestAddresses: an AppConnection reaches what is public, and what the installer lists; nothing else that its author could not reach himself.
func TestAddresses(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
	allowed := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00:1::/64")}
	for _, c := range []struct {
		reason, address string
		refused         bool
	}{
		{"a public address", "93.184.216.34:443", false},
		{"a public address of version 6", "[2606:2800:220:1::1]:443", false},
		{"a listed network", "10.20.30.40:5432", false},
		{"a listed network of version 6", "[fd00:1::5]:636", false},
		{"the API server, although its network is listed", "10.96.0.1:443", true},
		{"this machine", "127.0.0.1:5432", true},
		{"this machine, written as version 6", "[::ffff:127.0.0.1]:5432", true},
		{"this machine of version 6", "[::1]:5432", true},
		{"the cloud's metadata", "169.254.169.254:80", true},
		{"a link-local address", "[fe80::1%eth0]:80", true},
		{"a private address that is not listed", "192.168.1.1:443", true},
		{"a private address of version 6 that is not listed", "[fd00:2::1]:443", true},
		{"between providers and their customers", "100.64.0.1:443", true},
		{"many at once", "224.0.0.1:443", true},
		{"none at all", "0.0.0.0:443", true},
		{"everybody", "255.255.255.255:443", true},
		{"no address", "metadata.internal:80", true},
	} {
		err := (&dialer{allowed: allowed}).check(c.address)
		if errors.Is(err, errAddressRefused) != c.refused || (err != nil) != c.refused {
			t.Errorf("%s: %s gives %v, refused should be %t", c.reason, c.address, err, c.refused)
		}
	}
}

// TestRefusedAtTheMomentOfConnecting: the address is looked at after names were looked up, and nothing is sent.
func TestRefusedAtTheMomentOfConnecting(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	d := &dialer{}
	if conn, err := d.dial(t.Context(), "tcp", net.JoinHostPort("localhost", port)); conn != nil || !errors.Is(err, errAddressRefused) || !d.refused.Load() {
		t.Errorf("connected to this machine by a name: %v, %v", conn, err)
	}
	d = &dialer{allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
	conn, err := d.dial(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil || d.refused.Load() {
		t.Fatalf("a listed network is refused: %v", err)
	}
	_ = conn.Close()
}
