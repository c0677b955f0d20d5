package transfer

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

// errLogin is all that a client is told whose login is refused.
var errLogin = errors.New("refused")

// maxDataWait is how long a data connection may take to come about. Close may have to wait for it.
const maxDataWait = 10 * time.Second

// An FTPServer hands out files by plain FTP, each to those that it is for: whoever logs in with an offer's login sees a
// folder with that file, and can change nothing.
type FTPServer struct {
	options ServeOptions
	door    *door
	shelf   shelf
	buffers *buffers
	pace    *pace
}

// ServeFTP listens at once, and serves until [FTPServer.Close]. Certificate, Legacy and Calls are of no use to it.
func ServeFTP(o ServeOptions) (*FTPServer, error) {
	s := &FTPServer{options: o.complete(), shelf: shelf{offers: map[string]*Offer{}}, buffers: newBuffers()}
	door, err := openDoor(s.options, s.enter)
	if err != nil {
		return nil, err
	}
	s.door, s.pace = door, newPace(o.Rate, door.done)
	door.run()
	return s, nil
}

// Addr is what the server listens on. The address is unspecified if that is every address of this machine.
func (s *FTPServer) Addr() netip.AddrPort { return s.door.address() }

// Offer makes a file known, under a login that is made for it.
func (s *FTPServer) Offer(what Offering) *Offer {
	username := "cp" + random(4)
	for s.shelf.find(username) != nil { // eight digits are few
		username = "cp" + random(4)
	}
	return s.shelf.add(what, username, "/", secret.New(random(tokenBytes)))
}

// Close ends all connections at once, with a reset, and waits until nothing of the server is left: for ten seconds at
// most, if a client does not take the connection that it asked for.
func (s *FTPServer) Close() error {
	err := s.door.close()
	s.shelf.close()
	s.door.work.Wait()
	return err
}

// enter speaks FTP with a client until it leaves. The library gets a server of its own for each: it then knows whose
// data connections it wraps, and nothing of it outlives the connection.
func (s *FTPServer) enter(g *guest) {
	defer func() { _ = g.Close() }()
	c := &ftpSession{server: s, control: newFTPControl(g, g.patience(s.options.Timeout)), ended: make(chan struct{})}
	c.control.abort = c.abort
	lib := ftpserver.NewFtpServer(c)
	lib.Logger = slog.New(slog.DiscardHandler)
	if lib.ListenAndServe() == nil {
		<-c.ended
	}
	c.listen(nil)
}

// An ftpSession is one control connection, and what the library asks about it.
type ftpSession struct {
	server  *FTPServer
	control *ftpControl
	ended   chan struct{}

	mu       sync.Mutex
	listener net.Listener // for the next passive data connection
	running  *run
}

// GetSettings returns what the library is to do and leave.
func (c *ftpSession) GetSettings() (*ftpserver.Settings, error) {
	return &ftpserver.Settings{
		Listener:                &onlyConn{conn: c.control},
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

// GetTLSConfig says that there is no TLS.
func (c *ftpSession) GetTLSConfig() (*tls.Config, error) { return nil, errLogin }

// AuthUser knows the login of each offer, from the addresses that the offer is for.
func (c *ftpSession) AuthUser(_ ftpserver.ClientContext, username, password string) (ftpserver.ClientDriver, error) {
	o := c.server.shelf.find(username)
	want := secret.New("") // the same work for a user that there is not
	if o != nil {
		want = o.password
	}
	given, right := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(want.Reveal()))
	same := subtle.ConstantTimeCompare(given[:], right[:]) == 1
	if o == nil || !same || !o.isFor(c.control.remote) {
		c.server.options.Troubled(c.control.remote, ErrNotOffered)
		return nil, errLogin
	}
	return newFTPView(c, o), nil
}

// WrapPassiveListener keeps everybody but the client from the data connection, and remembers the listener: the library
// forgets to close some.
func (c *ftpSession) WrapPassiveListener(listener net.Listener) (net.Listener, error) {
	c.listen(listener)
	return &dataListener{listener, c.control.remote}, nil
}

// listen closes the listener for data connections, and remembers another, if there is one.
func (c *ftpSession) listen(listener net.Listener) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listener != nil {
		_ = c.listener.Close()
	}
	c.listener = listener
	select {
	case <-c.server.door.done:
		c.close()
	default:
	}
}

// close closes the listener, so that nobody waits for a data connection. The session's lock is held.
func (c *ftpSession) close() {
	if c.listener != nil {
		_ = c.listener.Close()
	}
}

// abort ends the data connection that is there, or waited for.
func (c *ftpSession) abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.close()
	if c.running != nil {
		c.running.abort()
	}
}

// abort resets a request's connection.
func (r *run) abort() {
	r.offer.mu.Lock()
	defer r.offer.mu.Unlock()
	if r.line != nil {
		r.line.Reset()
	}
}

// A dataListener takes the data connection from one address only. Others are turned away, and do not keep the client
// from its own.
type dataListener struct {
	net.Listener
	client netip.Addr
}

func (l *dataListener) Accept() (net.Conn, error) {
	for { // ends with the deadline that the library sets on what is below
		conn, err := l.Listener.Accept()
		if err != nil || addrPort(conn.RemoteAddr()).Addr() == l.client {
			return conn, err
		}
		_ = conn.Close()
	}
}

// An onlyConn is a listener with one connection.
type onlyConn struct {
	conn net.Conn
	out  bool
}

func (l *onlyConn) Accept() (net.Conn, error) {
	if l.out {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: net.ErrClosed} // the only form that the library takes for an end
	}
	l.out = true
	return l.conn, nil
}

func (l *onlyConn) Addr() net.Addr { return l.conn.LocalAddr() }
func (l *onlyConn) Close() error   { return nil }
