package transfer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// A dataConn is a data connection as the FTP library sees it. An upload's ends with a reset unless every byte is out,
// and otherwise not before the server has taken them all.
type dataConn struct {
	net.Conn      // tcp, or TLS on it
	tcp           *netconn.Conn
	control       *control
	secure        *secureConn // nil by plain FTP
	complete      func() bool // nil for a download
	flowing       atomic.Bool // bytes are on their way
	begun         int         // 1xx answers while it runs
	atEnd         bool        // a download was read to its end
	room          int64       // bytes that a listing may still have; -1: any number
	handshakeDone bool        // the TLS handshake was made
	stop          func() bool // ends the watch over the context
}

// A dataError is a data connection that could not be opened.
type dataError struct {
	err  error
	port string // "" if there is none
}

func (e *dataError) Error() string { return fmt.Sprintf("the data connection: %v", e.err) }
func (e *dataError) Unwrap() error { return e.err }

// with returns the cause with the port that could not be reached.
func (e *dataError) with(cause error) error {
	if cause == nil {
		return errors.New("the data connection to port " + e.port)
	}
	return fmt.Errorf("port %s: %w", e.port, cause)
}

// maxListing is how many bytes of a listing are read. The rest is ignored.
const maxListing = 1 << 20

// listingLimits is how many idle limits all of a listing may take: as with a reply, bytes that drip in are no silence.
const listingLimits = 4

// handshakeGrace is the time for a handshake that runs while the server refuses the file.
const handshakeGrace = 100 * time.Millisecond

// openData connects to the port that the server named, on the host of the control connection: a server that names another
// host is mistaken about itself, or lies.
func (c *control) openData(address string, config *tls.Config, complete func() bool) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &dataError{err: err}
	}
	host, _, err := net.SplitHostPort(c.tcp.RemoteAddr().String())
	if err != nil {
		return nil, &dataError{err: err}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return nil, fmt.Errorf("%w: it names port %s", errNonsense, port)
	}
	// There are two ports to try, by EPSV and by PASV.
	tcp, err := c.o.connect(c.ctx, net.JoinHostPort(host, port), c.o.Timeout/2)
	if err != nil {
		return nil, &dataError{err, port}
	}
	tcp.ResetOnClose()
	tcp.SetIdle(c.o.Timeout)
	c.fault = nil
	d := &dataConn{Conn: tcp, tcp: tcp, complete: complete, control: c, room: -1}
	stopWatch := context.AfterFunc(c.ctx, tcp.Reset)
	d.stop = stopWatch
	if c.listing {
		d.room = maxListing
		limit := time.AfterFunc(listingLimits*c.o.Timeout, tcp.StopReading)
		d.stop = func() bool { return limit.Stop() && stopWatch() }
	}
	if config != nil {
		// The handshake has to wait for the first byte: servers begin theirs after the command.
		d.secure = newSecureConn(tcp, config)
		d.Conn = d.secure
	}
	if complete != nil {
		c.upload.Store(d)
	}
	return d, nil
}

// handleReply handles the code of each answer that comes while the upload runs, and reports whether it says nothing new. A
// refusal resets the connection, so that no more is sent in vain, and so do preliminary answers without end; after 421
// the server may finish the file anyway, but not if it stops taking it.
func (d *dataConn) handleReply(code int) (stale bool) {
	switch {
	case code < 200:
		if d.begun++; d.begun > maxPreliminary {
			d.tcp.Reset()
		}
		return d.begun > 1
	case code == 421:
		d.tcp.ExpectClose()
	case code >= 400 && d.secure != nil && !d.flowing.Load():
		// The handshake may be about to fail, for a reason that says more than the server's complaint about it.
		time.AfterFunc(handshakeGrace, d.tcp.Reset)
	case code >= 400:
		d.tcp.Reset()
	case code >= 200 && code < 300:
		d.tcp.StopReading()
	}
	return false
}

// Handshake makes the TLS handshake; by plain FTP there is none. The library calls it when nothing was written.
func (d *dataConn) Handshake() error {
	if d.secure == nil || d.handshakeDone {
		return nil
	}
	err := handshakeWithin(d.control.ctx, d.secure.Conn, d.control.o.Timeout)
	d.handshakeDone = err == nil
	return err
}

func (d *dataConn) Read(p []byte) (int, error) {
	if err := d.Handshake(); err != nil {
		return 0, d.noteError(err)
	}
	if d.room == 0 {
		d.control.endless = true
		return 0, io.EOF
	}
	if d.room > 0 && int64(len(p)) > d.room {
		p = p[:d.room]
	}
	n, err := d.Conn.Read(p)
	if d.room > 0 {
		d.room -= int64(n)
		d.control.listed = append(d.control.listed, p[:n]...)
	}
	if errors.Is(err, io.EOF) {
		d.atEnd = true
	}
	return n, d.noteError(err)
}

func (d *dataConn) Write(p []byte) (int, error) {
	if err := d.Handshake(); err != nil {
		return 0, d.noteError(err)
	}
	n, err := d.Conn.Write(p)
	if n > 0 {
		d.flowing.Store(true)
	}
	return n, d.noteError(err)
}

// noteError notes whether the server was silent for too long: then its last reply is not waited for as long again. It also
// keeps an error of TLS, since the server will only complain of the connection. It returns the error.
func (d *dataConn) noteError(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		d.control.late = true
	}
	if kind := networkKind(err); err != nil && (kind == KindTrust || kind == KindTLS) {
		d.control.fault = err
	}
	return err
}

// Close ends the data connection.
func (d *dataConn) Close() error {
	defer d.stop()
	defer d.control.upload.CompareAndSwap(d, nil)
	switch {
	case d.complete == nil && d.atEnd:
		if d.secure != nil {
			_ = d.secure.CloseWrite() // servers may wait for our end of TLS; what was read is complete without it
		}
		d.tcp.CloseNormally()
		return d.tcp.Close()
	case d.complete == nil || !d.complete():
		d.tcp.Reset()
		return nil
	}
	return d.noteError(d.finish())
}

// finish ends the file, and waits until the server has taken it. TLS servers send tickets on the
// data connection; closing with those unread would reset it and cost the file's last bytes.
func (d *dataConn) finish() error {
	if d.secure != nil {
		if err := d.secure.CloseWrite(); err != nil {
			d.tcp.Reset()
			return err
		}
	}
	if err := d.tcp.Drain(); err != nil {
		d.tcp.Reset()
		return err
	}
	d.tcp.CloseNormally()
	return d.tcp.Close()
}
