package jetstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// ErrOptions is the kind of an error about [Options], for errors.Is.
var ErrOptions = errors.New("cannot be used")

// Limits of a connection.
const (
	dialTimeout  = 10 * time.Second
	pingInterval = 10 * time.Second
	pingsLost    = 2 // pings without an answer: the connection is lost
	// DefaultWait is how long an append or a read waits at most while the server does not answer.
	DefaultWait = 15 * time.Second
)

// Options say which server has the journal, and who uses it.
type Options struct {
	// URL is tls://HOST:PORT, or nats://HOST:PORT without TLS if HOST is this machine. Several are separated by commas. It
	// contains no login.
	URL string
	// Creds is a file with the login: a .creds file, or the private key of a user. Without it there is no login.
	Creds string
	// CA is a file with the certificates of the authorities that may sign the server's. Without it the system's count.
	CA string
	// Site limits the ledger to the phones of one site, and to the events of the rollouts themselves. Watch then says nothing
	// about how events of a rollout alternate with those of its phones.
	Site string
	// Wait replaces DefaultWait.
	Wait time.Duration
}

// servers returns the addresses of the servers, and whether the connection needs TLS.
func (o Options) servers() (all []string, encrypted bool, err error) {
	for i, text := range strings.Split(o.URL, ",") {
		server, secure, err := server(strings.TrimSpace(text))
		if err != nil {
			return nil, false, fmt.Errorf("%w: %w", ErrOptions, err)
		}
		if i > 0 && secure != encrypted {
			return nil, false, fmt.Errorf("%w: some servers are used with TLS (tls://) and some without (nats://)", ErrOptions)
		}
		all, encrypted = append(all, server), secure
	}
	return all, encrypted, nil
}

// server checks the address of a server. Its errors do not quote it: it may contain a password.
func server(text string) (address string, encrypted bool, err error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return "", false, errors.New("the address of the NATS server is not of the form tls://HOST:PORT")
	case u.User != nil:
		return "", false, errors.New("the address of the NATS server contains a login, which other users of this machine could see: put it into a file for --nats-creds")
	case u.Scheme != "tls" && u.Scheme != "nats":
		return "", false, fmt.Errorf("the address of the NATS server begins with %q: use tls://", u.Scheme+"://")
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "":
		return "", false, errors.New("the address of the NATS server has something after the port: use tls://HOST:PORT")
	case u.Scheme == "nats" && !loopback(u.Hostname()):
		return "", false, fmt.Errorf("nats://%s is not encrypted, and %s is another machine: use tls://%s, or nats:// to a server or tunnel on this machine",
			u.Host, u.Hostname(), u.Host)
	}
	port := u.Port()
	if port == "" {
		port = "4222"
	}
	return u.Scheme + "://" + net.JoinHostPort(u.Hostname(), port), u.Scheme == "tls", nil
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// certificates returns the authorities that may sign the server's certificate; nil are those of the system.
func (o Options) certificates() (*x509.CertPool, error) {
	if o.CA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(o.CA)
	if err != nil {
		return nil, fmt.Errorf("%w: the file with the authorities of the NATS server: %w", ErrOptions, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%w: %s contains no certificate in PEM form", ErrOptions, o.CA)
	}
	return pool, nil
}

// login returns the option for the login.
func (o Options) login() (nats.Option, error) {
	text, err := os.ReadFile(o.Creds)
	if err != nil {
		return nil, fmt.Errorf("%w: the file with the login of the NATS server: %w", ErrOptions, err)
	}
	defer clear(text)
	if strings.Contains(string(text), "BEGIN NATS USER JWT") {
		return nats.UserCredentials(o.Creds), nil
	}
	login, err := nats.NkeyOptionFromSeed(o.Creds)
	if err != nil { // it is not shown, since it may quote the file
		return nil, fmt.Errorf("%w: %s is not a file with a login of NATS: neither a .creds file nor the private key of a user", ErrOptions, o.Creds)
	}
	return login, nil
}

// connect connects to a server. The connection comes back by itself after it is lost.
func (l *Ledger) connect(ctx context.Context, o Options) error {
	servers, encrypted, err := o.servers()
	if err != nil {
		return err
	}
	l.place = strings.Join(servers, ",")
	pool, err := o.certificates()
	if err != nil {
		return err
	}
	options := []nats.Option{
		nats.Name("cpupdate"),
		nats.Timeout(dialTimeout),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(pingsLost),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(min(time.Second, l.wait/10)),
		nats.ReconnectBufSize(-1), // what is not sent now is never sent: its caller was told so
		nats.IgnoreAuthErrorAbort(),
		nats.IgnoreDiscoveredServers(), // only named servers are contacted
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { l.denied(err) }),
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	if encrypted {
		options = append(options, nats.Secure(settings))
	} else { // if the server wants it
		options = append(options, func(o *nats.Options) error { o.TLSConfig = settings; return nil })
	}
	if o.Creds != "" {
		login, err := o.login()
		if err != nil {
			return err
		}
		options = append(options, login)
	}
	if o.Site != "" {
		options = append(options, nats.CustomInboxPrefix("cpupdate.inbox."+escape(o.Site)))
	}
	return l.dial(ctx, servers, options)
}

// dial is connect without its options. NATS knows no context: a connection that comes after its end is closed.
func (l *Ledger) dial(ctx context.Context, servers []string, options []nats.Option) error {
	type result struct {
		conn *nats.Conn
		err  error
	}
	results := make(chan result, 1)
	go func() {
		conn, err := nats.Connect(strings.Join(servers, ","), options...)
		results <- result{conn, err}
	}()
	select {
	case r := <-results:
		l.conn = r.conn
		return l.explain(ctx, reading, r.err)
	case <-ctx.Done():
		go func() {
			if r := <-results; r.conn != nil {
				r.conn.Close()
			}
		}()
		return context.Cause(ctx)
	}
}

// await waits until the connection is there. It waits without end if limit is zero.
func (l *Ledger) await(ctx context.Context, limit time.Duration) error {
	status := l.conn.StatusChanged(nats.CONNECTED, nats.CLOSED)
	defer l.conn.RemoveStatusListener(status)
	if l.conn.IsConnected() {
		return nil
	}
	if l.conn.IsClosed() {
		return nats.ErrConnectionClosed
	}
	var end <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		end = timer.C
	}
	select {
	case now := <-status:
		if now == nats.CLOSED {
			return nats.ErrConnectionClosed
		}
		return nil
	case <-end:
		return nats.ErrDisconnected
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// unreachable returns the error about a server that does not answer.
func (l *Ledger) unreachable(cause error) error {
	return failure(l.place, journal.ErrUnreachable, "cannot be reached", cause)
}
