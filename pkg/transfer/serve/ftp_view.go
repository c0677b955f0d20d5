package serve

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// An ftpView is what a client that has logged in sees: a folder with one file. It refuses everything else.
type ftpView struct {
	afero.Fs // empty, and read only
	session  *ftpSession
	offer    *Offer
}

func newFTPView(c *ftpSession, o *Offer) *ftpView {
	return &ftpView{afero.NewReadOnlyFs(afero.NewMemMapFs()), c, o}
}

// Stat returns the folder or the file.
func (v *ftpView) Stat(name string) (fs.FileInfo, error) {
	switch {
	case name == "/":
		return ftpInfo{name: "/", folder: true}, nil
	case v.has(name):
		return ftpInfo{name: v.offer.what.Name, size: v.offer.what.Content.Size()}, nil
	}
	return nil, fs.ErrNotExist
}

func (v *ftpView) has(name string) bool {
	return strings.EqualFold(name, "/"+v.offer.what.Name) && v.session.server.offers.find(v.offer.key) == v.offer
}

// ReadDir lists the folder.
func (v *ftpView) ReadDir(name string) ([]fs.FileInfo, error) {
	if name != "/" {
		return nil, fs.ErrNotExist
	}
	info, err := v.Stat("/" + v.offer.what.Name)
	if err != nil {
		return nil, nil //nolint:nilerr // withdrawn: an empty folder
	}
	return []fs.FileInfo{info}, nil
}

// GetHandle begins a request for the file.
func (v *ftpView) GetHandle(name string, flags int, offset int64) (ftpserver.FileTransfer, error) {
	switch {
	case flags != os.O_RDONLY:
		return nil, fs.ErrPermission
	case !v.has(name):
		v.session.server.options.OnError(v.session.control.remote, &RequestError{Sent: secret.Cut("RETR "+name, maxSent), Why: ErrNotOffered.Error(), Err: ErrNotOffered})
		return nil, fs.ErrNotExist
	case offset < 0 || offset > v.offer.what.Content.Size():
		return nil, errors.New("the offset is beyond the end of the file")
	}
	r, err := v.offer.begin(offset > 0)
	if errors.Is(err, errTooMany) {
		return nil, err
	}
	if err != nil {
		return nil, fs.ErrNotExist
	}
	v.session.control.hold.Suspend() // until the reply that ends the transfer
	r.part = span{offset, v.offer.what.Content.Size()}
	v.session.setRequest(r)
	return &ftpFile{session: v.session, request: r}, nil
}

// setRequest notes the request under way, nil if none is.
func (c *ftpSession) setRequest(r *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.request = r
}

// An ftpFile is a request for the file.
type ftpFile struct {
	session *ftpSession
	request *request
}

// WriteTo sends the file on the data connection. The library leaves all of it to this, and closes the connection then.
func (f *ftpFile) WriteTo(w io.Writer) (int64, error) {
	raw, ok := w.(net.Conn)
	if !ok {
		return 0, errors.New("not a data connection")
	}
	c := netconn.New(raw, f.session.server.options.Stall)
	c.LimitUnsent()
	c.LimitUnconfirmed()
	c.ResetOnClose() // to FTP a normal close is the end of the file
	if err := f.request.attach(c, f.request.part); err != nil {
		return 0, err
	}
	if err := f.send(c); err != nil {
		c.Reset()
		return f.request.out.Load(), err
	}
	c.CloseNormally()
	return f.request.out.Load(), nil
}

// send sends the file, and waits until it has arrived.
func (f *ftpFile) send(c *netconn.Conn) error {
	s := f.session.server
	piece, batch, giveBack := s.buffers.borrow()
	if batch != nil { // without TLS there is nothing to batch
		piece = batch
	}
	defer giveBack()
	err := f.request.send(c, piece, s.pace, c.Unconfirmed)
	f.request.out.Store(c.Written()) // of a piece that was cut, too
	if err == nil {
		gone := hungUp(c.Conn)
		err = c.WaitConfirmed(gone)
		_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
		<-gone
	}
	c.Confirmed()
	f.request.progress(c.Unconfirmed())
	return err
}

// hungUp returns a channel that is closed when the client hangs up, or at the deadline for reading: a client sends nothing
// on a data connection.
func hungUp(conn net.Conn) <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, io.LimitReader(conn, 1<<20))
	}()
	return gone
}

// Close ends the request.
func (f *ftpFile) Close() error {
	f.session.setRequest(nil)
	f.request.end()
	return nil
}

// The library sends by WriteTo, and GetHandle was told the offset.

func (f *ftpFile) Read([]byte) (int, error)                { return 0, fs.ErrPermission }
func (f *ftpFile) Write([]byte) (int, error)               { return 0, fs.ErrPermission }
func (f *ftpFile) Seek(offset int64, _ int) (int64, error) { return offset, nil }

// An ftpInfo describes the folder or the file.
type ftpInfo struct {
	name   string
	size   int64
	folder bool
}

func (i ftpInfo) Name() string       { return i.name }
func (i ftpInfo) Size() int64        { return i.size }
func (i ftpInfo) ModTime() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) } // always the same: clients that resume compare it
func (i ftpInfo) IsDir() bool        { return i.folder }
func (i ftpInfo) Sys() any           { return nil }

func (i ftpInfo) Mode() fs.FileMode {
	if i.folder {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
