package serve_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// A partOfFile can be read up to an offset, and notes where reading began.
type partOfFile struct {
	file  []byte
	until int64
	mu    sync.Mutex
	reads []int64
}

var errNotReadable = errors.New("not what it was")

func (p *partOfFile) ReadAt(b []byte, at int64) (int, error) {
	p.mu.Lock()
	p.reads = append(p.reads, at)
	p.mu.Unlock()
	if at+int64(len(b)) > p.until {
		return 0, errNotReadable
	}
	return copy(b, p.file[at:]), nil
}

// TestContentFails: when the content cannot be read, Failed is told why, and the client notices that it does not have all.
// What lay before was sent, to one client and to several that share chunks.
func TestContentFails(t *testing.T) {
	const size, until = 900 << 10, 600 << 10
	for _, by := range []string{"https", "ftp"} {
		for _, clients := range []int{1, 3} {
			t.Run(fmt.Sprintf("%d by %s", clients, by), func(t *testing.T) {
				var d *desk
				if by == "ftp" {
					d = openFTP(t)
				} else {
					d = open(t, nil)
				}
				file := content(size)
				section := io.NewSectionReader(&partOfFile{file: file, until: until}, 0, size)
				told := make(chan error, 100)
				var all sync.WaitGroup
				for range clients {
					w := &watch{t: t, news: make(chan struct{}, 1)}
					o := d.handing.Offer(serve.Offering{
						Name: name, Content: section, Clients: []netip.Addr{loopback}, Watch: w.tell, Failed: func(err error) { told <- err },
					})
					all.Go(func() {
						got, err := d.fetchAll(o)
						if err == nil || len(got) > until || !bytes.Equal(got, file[:len(got)]) {
							t.Errorf("it got %d bytes, %v", len(got), err)
						}
						w.cut()
					})
				}
				all.Wait()
				if err := <-told; !errors.Is(err, errNotReadable) {
					t.Error(err)
				}
			})
		}
	}
}

// fetchAll fetches what comes of a file. By FTP the error says that the reply was none of success.
func (d *desk) fetchAll(o *serve.Offer) ([]byte, error) {
	if d.pool != nil {
		_, got, err := d.ask(loopback, "GET", o.Path())
		return got, err
	}
	c := d.dialogue(loopback).login(o)
	conn := c.data()
	c.say("RETR " + name)
	got, err := io.ReadAll(conn)
	if reply := c.read(); reply[0] != '2' && err == nil {
		err = errors.New(reply)
	}
	return got, err
}

// TestClientLeavesContent: a client that hangs up is no failure of the content.
func TestClientLeavesContent(t *testing.T) {
	d := open(t, nil)
	file := content(8 << 20)
	w := &watch{t: t, news: make(chan struct{}, 1)}
	o := d.handing.Offer(serve.Offering{
		Name: name, Content: io.NewSectionReader(bytes.NewReader(file), 0, int64(len(file))), Clients: []netip.Addr{loopback},
		Watch: w.tell, Failed: func(err error) { t.Error(err) },
	})
	conn := d.dial()
	d.get(conn, o.Path(), 1000)
	_ = conn.NetConn().(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
	w.cut()
}

// TestContentIsReadInPieces: whatever range a client asks for, all pieces but the first begin at a multiple of 16 KiB, where
// a reader that compares its content in parts reads none of them twice.
func TestContentIsReadInPieces(t *testing.T) {
	d := open(t, nil)
	p := &partOfFile{file: content(300 << 10), until: 300 << 10}
	o := d.handing.Offer(serve.Offering{Name: name, Content: io.NewSectionReader(p, 0, p.until), Clients: []netip.Addr{loopback}})
	_, got, err := d.ask(loopback, "GET", o.Path(), "Range", "bytes=5001-")
	if err != nil || !bytes.Equal(got, p.file[5001:]) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for i, at := range p.reads {
		if i > 0 && at%(16<<10) != 0 {
			t.Errorf("piece %d begins at %d", i+1, at)
		}
	}
}
