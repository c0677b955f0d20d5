package wbm

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// pieceSize is how much of the image is read and written at a time. A piece may take as long as the limit for silence, so that
// larger ones would make a low rate one of bursts.
const pieceSize = 32 << 10

// A body is the form that is sent, with the image in the middle.
type body struct {
	boundary string
	front    string
	back     string
	image    Image
	digest   hash.Hash
	out      atomic.Int64 // bytes of the image that are out
	done     atomic.Bool  // all of the body is out
}

// newBody packs a form as browsers do (HTML standard, "multipart/form-data encoding algorithm"). The image goes into the
// first field for files; there is one.
func newBody(f *htmlform.Form, image Image) *body {
	var random [16]byte
	_, _ = rand.Read(random[:])
	b := &body{boundary: "----cpupdate" + hex.EncodeToString(random[:]), image: image, digest: sha256.New()}
	var text strings.Builder
	for _, e := range f.Fields() {
		fmt.Fprintf(&text, "--%s\r\nContent-Disposition: form-data; name=\"%s\"", b.boundary, f.Page.Encode(quote(e.Name)))
		switch {
		case e.File && b.front == "":
			fmt.Fprintf(&text, "; filename=\"%s\"\r\nContent-Type: application/octet-stream\r\n\r\n", f.Page.Encode(quote(image.Name)))
			b.front = text.String()
			text.Reset()
			text.WriteString("\r\n")
		case e.File:
			text.WriteString("; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n")
		default:
			fmt.Fprintf(&text, "\r\n\r\n%s\r\n", f.Page.Encode(e.Value))
		}
	}
	fmt.Fprintf(&text, "--%s--\r\n", b.boundary)
	b.back = text.String()
	return b
}

// quote escapes a name as browsers do.
func quote(name string) string {
	return strings.NewReplacer("\"", "%22", "\r", "%0D", "\n", "%0A").Replace(name)
}

func (b *body) kind() string { return htmlform.Multipart + "; boundary=" + b.boundary }

func (b *body) length() int64 {
	return int64(len(b.front)) + b.image.Content.Size() + int64(len(b.back))
}

func (b *body) complete() bool { return b.done.Load() }

// write writes the body, until it is told to quit. The last bytes go out when the watcher has agreed. What goes wrong with the
// file is an [*Error].
func (b *body) write(w io.Writer, quit <-chan struct{}) error {
	if _, err := io.WriteString(w, b.front); err != nil {
		return err
	}
	size := b.image.Content.Size()
	buffer := make([]byte, min(pieceSize, size))
	for at := int64(0); at < size; {
		piece := buffer[:min(int64(len(buffer)), size-at)]
		if err := b.read(piece, at, quit); err != nil {
			return err
		}
		if err := b.watch(piece, at+int64(len(piece)) == size); err != nil {
			return err
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
		at += int64(len(piece))
		b.out.Store(at)
		if b.image.Sent != nil {
			b.image.Sent(at)
		}
	}
	if _, err := io.WriteString(w, b.back); err != nil {
		return err
	}
	b.done.Store(true)
	return nil
}

// read fills a piece from the file. A file may be slow, and nobody waits for it who was told to quit: what it gives then, it
// gives to nobody.
func (b *body) read(piece []byte, at int64, quit <-chan struct{}) error {
	read := make(chan error, 1)
	go func() {
		n, err := b.image.Content.ReadAt(piece, at)
		if n == len(piece) {
			read <- nil
			return
		}
		read <- readError(err, at+int64(n), b.image.Content.Size())
	}()
	select {
	case err := <-read:
		return err
	case <-quit:
		return os.ErrClosed
	}
}

// watch shows bytes to the watcher, and asks it after the last ones.
func (b *body) watch(bytes []byte, last bool) error {
	b.digest.Write(bytes)
	if b.image.Watch == nil {
		return nil
	}
	if _, err := b.image.Watch.Write(bytes); err != nil {
		return &Error{Kind: KindSource, Msg: "the file is not the image any more", Err: err}
	}
	if !last {
		return nil
	}
	if err := b.image.Watch.Check([32]byte(b.digest.Sum(nil))); err != nil {
		return &Error{Kind: KindSource, Msg: "the file is not the image any more", Err: err}
	}
	return nil
}

// readError says why a file that was whole when it was opened cannot be read to its end.
func readError(err error, at, size int64) error {
	if err == nil || errors.Is(err, io.EOF) {
		return &Error{Kind: KindSource, Msg: fmt.Sprintf("the file ends at byte %d, but had %d bytes when it was opened", at, size)}
	}
	return &Error{Kind: KindSource, Msg: fmt.Sprintf("the file cannot be read at byte %d", at), Err: err}
}
