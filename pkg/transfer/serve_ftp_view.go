package transfer

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"time"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// An ftpView is what somebody sees who has logged in: a folder with one file. The rest of it refuses.
type ftpView struct {
	afero.Fs // empty, and read only
	session  *ftpSession
	offer    *Offer
}

func newFTPView(c *ftpSession, o *Offer) *ftpView {
	return &ftpView{afero.NewReadOnlyFs(afero.NewMemMapFs()), c, o}
}

// Stat knows the folder and the file.
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
	return name == "/"+v.offer.what.Name && v.session.server.shelf.find(v.offer.key) == v.offer
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
		v.session.server.options.Troubled(v.session.control.remote, ErrNotOffered)
		return nil, fs.ErrNotExist
	case offset < 0 || offset > v.offer.what.Content.Size():
		return nil, errors.New("there is no such place in the file")
	}
	r := v.offer.begin()
	if r == nil {
		return nil, fs.ErrNotExist
	}
	r.part = span{offset, v.offer.what.Content.Size()}
	v.session.fetch(r)
	return &ftpFile{session: v.session, run: r}, nil
}

// fetch notes the request under way.
func (c *ftpSession) fetch(r *run) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = r
}

// An ftpFile is a request for the file.
type ftpFile struct {
	session *ftpSession
	run     *run
	tried   int64
}

// WriteTo sends the file on the data connection. The library leaves all of it to this, and closes the connection then.
func (f *ftpFile) WriteTo(w io.Writer) (int64, error) {
	tcp, ok := w.(*net.TCPConn)
	if !ok {
		return 0, errors.New("this is no data connection")
	}
	line := netconn.New(tcp, f.session.server.options.Stall)
	line.LimitUnsent()
	line.ResetOnClose() // to FTP a normal close is the end of the file
	if err := f.run.attach(line, f.run.part); err != nil {
		return 0, err
	}
	if err := f.send(line); err != nil {
		line.Reset()
		return f.run.out.Load(), err
	}
	line.CloseNormally()
	return f.run.out.Load(), nil
}

// send sends the file, and waits until it has arrived.
func (f *ftpFile) send(line *netconn.Conn) error {
	s := f.session.server
	piece, batch, giveBack := s.buffers.lend()
	if batch != nil { // without TLS nothing has to be gathered
		piece = batch
	}
	defer giveBack()
	tried, err := f.run.carry(line, piece, s.pace, line.Unconfirmed)
	f.tried = tried
	f.run.out.Store(line.Written()) // of a piece that broke off, too, what went out
	if err == nil {
		gone := hungUp(line.Conn)
		err = line.WaitConfirmed(gone)
		_ = line.Conn.SetReadDeadline(time.Unix(1, 0))
		<-gone
	}
	line.Confirmed()
	f.run.passed(line.Unconfirmed())
	return err
}

// hungUp returns what is closed when the client hangs up: it has nothing to say on a data connection. A deadline for reading
// ends it too.
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
	f.session.fetch(nil)
	f.run.end(f.tried)
	return nil
}

// The library sends by WriteTo, and has looked for the place by GetHandle already.

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
func (i ftpInfo) ModTime() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) } // always the same: who goes on compares it
func (i ftpInfo) IsDir() bool        { return i.folder }
func (i ftpInfo) Sys() any           { return nil }

func (i ftpInfo) Mode() fs.FileMode {
	if i.folder {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
