package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// startTLS is the name of the operation, from section 4.14 of RFC 4511.
const startTLS = "1.3.6.1.4.1.1466.20037"

var errNoTLS = errors.New("it refuses StartTLS")

// connection is one that is signed in.
type connection struct {
	*ldap.Conn
	// raw can be closed at any time, which ends what waits for an answer.
	raw net.Conn
	// broken says that an answer may still be under way, or that none can come.
	broken bool
	idle   time.Time // since when nobody has used it
}

// answered notes whether the connection is still of use after an answer or the lack of one.
func (c *connection) answered(err error) error {
	if answer := new(ldap.Error); err != nil && (!errors.As(err, &answer) || answer.ResultCode >= ldap.ErrorNetwork) {
		c.broken = true
	}
	return err
}

// connect dials, makes the connection one with TLS and signs in, in the time that the options give.
func (c *Connector) connect(ctx context.Context) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	raw, err := c.options.Dial(ctx, c.place.network, c.place.address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	secured, err := c.secure(ctx, raw)
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	conn := ldap.NewConn(secured, c.place.scheme != schemeSocket)
	conn.SetTimeout(c.options.Timeout)
	conn.Start()
	if err := c.bind(conn); err != nil {
		_ = raw.Close()
		_ = conn.Close()
		return nil, failure("sign in", err, true, nil)
	}
	return &connection{Conn: conn, raw: raw}, nil
}

// bind signs in. The texts of a server's answers to that are not needed, and may repeat what they were sent.
func (c *Connector) bind(conn *ldap.Conn) error {
	var err error
	if c.options.BindDN == "" {
		err = conn.ExternalBind()
	} else {
		err = conn.Bind(c.options.BindDN, c.options.Password)
	}
	if answer := new(ldap.Error); errors.As(err, &answer) && answer.ResultCode < ldap.ErrorNetwork {
		return &ldap.Error{ResultCode: answer.ResultCode, Err: errors.New("")}
	}
	return err
}

// secure begins TLS. It asks for it itself, by StartTLS, because go-ldap would tell neither a certificate that is not trusted from a
// connection that broke, nor end with the context.
func (c *Connector) secure(ctx context.Context, raw net.Conn) (net.Conn, error) {
	switch c.place.scheme {
	case schemeSocket:
		return raw, nil
	case schemePlain:
		if err := askForTLS(raw); err != nil {
			return nil, err
		}
	}
	secured := tls.Client(raw, c.options.tlsConfig())
	return secured, secured.HandshakeContext(ctx)
}

// askForTLS sends the request and reads the answer, and not a byte beyond it: what follows has to be TLS.
func askForTLS(raw net.Conn) error {
	message := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, ""))
	request := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedRequest, nil, "")
	request.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, startTLS, ""))
	message.AppendChild(request)
	if _, err := raw.Write(message.Bytes()); err != nil {
		return err
	}
	answer, err := ber.ReadPacket(raw)
	if err != nil {
		return err
	}
	err = ldap.GetLDAPError(answer)
	if hasCode(err, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.ErrorNetwork, ldap.ErrorUnexpectedResponse) {
		return err
	}
	if err != nil {
		return errNoTLS
	}
	return nil
}

// take returns a connection that is used by nobody else. At most MaxConnections are taken at a time.
func (c *Connector) take(ctx context.Context) (*connection, error) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		conn := c.takeIdle()
		if conn == nil {
			break
		}
		if !conn.IsClosing() && time.Since(conn.idle) < maxIdle {
			return conn, nil
		}
		_ = conn.Close()
	}
	conn, err := c.connect(ctx)
	if err != nil {
		<-c.slots
		return nil, err
	}
	return conn, nil
}

func (c *Connector) takeIdle() *connection {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.idle) == 0 {
		return nil
	}
	last := len(c.idle) - 1
	conn := c.idle[last]
	c.idle = c.idle[:last]
	return conn
}

// put gives a connection back. One that is broken is closed.
func (c *Connector) put(conn *connection) {
	if conn.broken || conn.IsClosing() {
		_ = conn.raw.Close()
		_ = conn.Close()
	} else {
		conn.idle = time.Now()
		c.mutex.Lock()
		c.idle = append(c.idle, conn)
		c.mutex.Unlock()
	}
	<-c.slots
}

// Close waits for running calls and closes all connections.
func (c *Connector) Close() {
	c.closing.Do(func() {
		for range cap(c.slots) {
			c.slots <- struct{}{}
		}
		for conn := c.takeIdle(); conn != nil; conn = c.takeIdle() {
			_ = conn.Close()
		}
		c.listings.close()
	})
}
