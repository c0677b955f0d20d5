package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	ftpserver "github.com/fclairamb/ftpserverlib"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

// errLogin is all that a client whose login is refused is told.
var errLogin = errors.New("refused")

// maxDataWait is how long opening a data connection may take. Close may have to wait for it.
const maxDataWait = 10 * time.Second

// FTPServer hands out files by plain FTP, each to those that it is for: a client that logs in with an offer's login sees a
// folder with that file, and can change nothing.
type FTPServer struct {
	options  Options
	listener *listener
	offers   registry
	buffers  *buffers
	pace     *pace
}

// NewFTP listens at once, and serves until [FTPServer.Close]. It does not use Certificate, Legacy and Handler. Active
// data connections are TCP connections of this machine, whatever the Listener is. The error is that of listening.
func NewFTP(o Options) (*FTPServer, error) {
	s := &FTPServer{options: o.complete(), offers: registry{offers: map[string]*Offer{}, cache: newChunkCache()}, buffers: newBuffers()}
	l, err := newListener(s.options, s.serveConn)
	if err != nil {
		return nil, err
	}
	s.listener, s.pace = l, newPace(o.Rate, l.done)
	l.run()
	return s, nil
}

// Addr returns what the server listens on. The address is unspecified if that is every address of this machine.
func (s *FTPServer) Addr() netip.AddrPort { return s.listener.address() }

// passwordBytes makes passwords of 24 digits.
const passwordBytes = 12

// Offer makes a file available, under a login that is made for it. After Close nobody gets it.
func (s *FTPServer) Offer(what Offering) *Offer {
	username := "cp" + random(4)
	for s.offers.find(username) != nil { // eight digits are few
		username = "cp" + random(4)
	}
	return s.offers.add(what, username, "/", secret.New(random(passwordBytes)))
}

// Close ends all connections at once, with a reset, and waits until nothing of the server is left: for ten seconds at
// most, if a client does not take the connection that it asked for. The error is that of closing the listener.
func (s *FTPServer) Close() error {
	err := s.listener.close()
	s.offers.close()
	s.listener.work.Wait()
	return err
}

// serveConn speaks FTP with a client until it leaves. The library gets a server of its own for each: it then knows whose
// data connections it wraps, and nothing of it outlives the connection.
func (s *FTPServer) serveConn(client *conn) {
	defer func() { _ = client.Close() }()
	c := &ftpSession{server: s, control: newFTPControl(client, client.timeout(s.options.Timeout)), ended: make(chan struct{})}
	c.control.abort = c.abort
	lib := ftpserver.NewFtpServer(c)
	lib.Logger = slog.New(slog.DiscardHandler)
	if lib.ListenAndServe() == nil {
		<-c.ended
	}
	c.setListener(nil)
}

// An ftpSession is one control connection, and what the library asks about it.
type ftpSession struct {
	server  *FTPServer
	control *ftpControl
	ended   chan struct{}

	mu       sync.Mutex
	listener net.Listener // for the next passive data connection
	request  *request     // under way; nil if none is
}

// GetSettings returns what the library may do.
func (c *ftpSession) GetSettings() (*ftpserver.Settings, error) {
	return &ftpserver.Settings{
		Listener:                &connListener{conn: c.control},
		Banner:                  "files",
		IdleTimeout:             int(time.Hour / time.Second), // the control connection has a limit of its own
		ConnectionTimeout:       int((min(c.server.options.Timeout, maxDataWait) + time.Second - 1) / time.Second),
		ActiveTransferPortNon20: true, // 20 is for the privileged
		DisableMFMT:             true,
		DisableSite:             true,
		DefaultTransferType:     ftpserver.TransferTypeBinary,
		DisableASCIIConversion:  true,
		ActiveConnectionsCheck:  ftpserver.IPMatchRequired,
		PasvConnectionsCheck:    ftpserver.IPMatchRequired,
	}, nil
}

// ClientConnected returns the greeting.
func (c *ftpSession) ClientConnected(ftpserver.ClientContext) (string, error) { return "Ready", nil }

// ClientDisconnected is the library's last call.
func (c *ftpSession) ClientDisconnected(ftpserver.ClientContext) { close(c.ended) }

// GetTLSConfig refuses TLS.
func (c *ftpSession) GetTLSConfig() (*tls.Config, error) { return nil, errLogin }

// AuthUser accepts the login of an offer, from the addresses that the offer is for.
func (c *ftpSession) AuthUser(_ ftpserver.ClientContext, username, password string) (ftpserver.ClientDriver, error) {
	o := c.server.offers.find(username)
	want := secret.New("") // an unknown user costs the same work
	if o != nil {
		want = o.password
	}
	given, right := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(want.Reveal()))
	same := subtle.ConstantTimeCompare(given[:], right[:]) == 1
	if o == nil || !same || !o.isFor(c.control.remote) {
		c.server.options.OnError(c.control.remote, ErrNotOffered)
		return nil, errLogin
	}
	c.control.loggedIn()
	return newFTPView(c, o), nil
}

// WrapPassiveListener listens for the data connection at the address that the client has reached alone, where the library
// takes every address of this machine, and keeps all but the client from it. It remembers the listener: the library forgets
// to close some.
func (c *ftpSession) WrapPassiveListener(listener net.Listener) (net.Listener, error) {
	l := &dataListener{Listener: listener, client: c.control.remote}
	var err error
	if open := c.server.options.DataListener; open != nil {
		l.unused = listener
		l.Listener, err = open()
	} else {
		err = c.narrow(listener)
	}
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	c.setListener(l)
	return l, nil
}

// narrow puts a listener on the client's side of this machine in the place of the library's, which keeps a pointer to its own.
func (c *ftpSession) narrow(listener net.Listener) error {
	wide, ok := listener.(*net.TCPListener)
	client, isTCP := c.control.Conn.(*net.TCPConn)
	if !ok || !isTCP {
		return nil
	}
	here := client.LocalAddr().(*net.TCPAddr) //nolint:forcetypeassert // TCP has no other
	own, err := net.ListenTCP("tcp", &net.TCPAddr{IP: here.IP, Zone: here.Zone})
	if err != nil {
		return err
	}
	if err := wide.Close(); err != nil {
		return errors.Join(err, own.Close())
	}
	*wide = *own
	return nil
}

// setListener closes the listener for data connections, and remembers another, if there is one.
func (c *ftpSession) setListener(listener net.Listener) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listener != nil {
		_ = c.listener.Close()
	}
	c.listener = listener
	select {
	case <-c.server.listener.done:
		c.close()
	default:
	}
}

// close closes the listener for data connections, so that nobody waits for one. The session's lock is held.
func (c *ftpSession) close() {
	if c.listener != nil {
		_ = c.listener.Close()
	}
}

// abort ends the data connection, open or not.
func (c *ftpSession) abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.close()
	if c.request != nil {
		c.request.abort()
	}
}

// abort resets the request's connection.
func (r *request) abort() {
	r.offer.mu.Lock()
	defer r.offer.mu.Unlock()
	if r.conn != nil {
		r.conn.Reset()
	}
}

// A dataListener takes the data connection from one address only, and closes those of others.
type dataListener struct {
	net.Listener
	client netip.Addr
	unused net.Listener // the library's, on which it sets deadlines; nil if that is the Listener
}

// Close closes the listener of the library too.
func (l *dataListener) Close() error {
	if l.unused != nil {
		_ = l.unused.Close()
	}
	return l.Listener.Close()
}

func (l *dataListener) Accept() (net.Conn, error) {
	if limited, ok := l.Listener.(interface{ SetDeadline(at time.Time) error }); ok && l.unused != nil {
		_ = limited.SetDeadline(time.Now().Add(maxDataWait))
	}
	for { // ends with that deadline, or the one that the library sets
		conn, err := l.Listener.Accept()
		if err != nil || addrPort(conn.RemoteAddr()).Addr() == l.client {
			return conn, err
		}
		_ = conn.Close()
	}
}

// A connListener is a listener with one connection.
type connListener struct {
	conn  net.Conn
	taken bool
}

func (l *connListener) Accept() (net.Conn, error) {
	if l.taken {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: net.ErrClosed} // the only form that the library takes for an end
	}
	l.taken = true
	return l.conn, nil
}

func (l *connListener) Addr() net.Addr { return l.conn.LocalAddr() }
func (l *connListener) Close() error   { return nil }
