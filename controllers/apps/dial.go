package apps

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// dialTimeout bounds the making of one connection.
const dialTimeout = 10 * time.Second

// errAddressRefused is what connecting fails with where the address is none that apps may have.
var errAddressRefused = errors.New("the app's address is in a range that is refused: let the installer list its network under apps.allowedNetworks")

// carrier is the address range between providers and their customers (RFC 6598), which clusters use as well.
var carrier = netip.MustParsePrefix("100.64.0.0/10")

// dialer connects to apps. It looks at the address at the moment of connecting, so that a name that resolves to another address each time
// gains nothing.
type dialer struct {
	allowed []netip.Prefix
	// refused says that the last connection was refused for its address.
	refused atomic.Bool
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	plain := net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error { return d.check(address) }}
	conn, err := plain.DialContext(ctx, network, address)
	d.refused.Store(errors.Is(err, errAddressRefused))
	return conn, err
}

// check refuses addresses by which an AppConnection would reach what its author cannot: the operator's own machine, the cloud's metadata,
// and, unless the installer lists them, everything that is not public.
func (d *dialer) check(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w (%q is no address)", errAddressRefused, address)
	}
	ip := at.Addr().Unmap()
	if ip.String() == os.Getenv("KUBERNETES_SERVICE_HOST") {
		return errAddressRefused
	}
	for _, prefix := range d.allowed {
		if prefix.Contains(ip) {
			return nil
		}
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || carrier.Contains(ip) {
		return errAddressRefused
	}
	return nil
}
