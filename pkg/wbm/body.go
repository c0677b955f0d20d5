package wbm

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// A body is a form with the image in it, as the body of a request. A goroutine of its own writes it into a pipe, so that
// nobody waits for a file that is slow.
type body struct {
	*io.PipeReader
	pipe        *io.PipeWriter
	mediaType   string
	length      int64
	parts       io.Reader
	paused      atomic.Pointer[chan struct{}] // closed when the body goes on; nil if it is not paused
	given       atomic.Int64                  // how many bytes of it net/http has
	complete    atomic.Bool                   // all of it is sent
	completed   chan struct{}                 // closed then
	interrupted func() error                  // why the upload is interrupted, nil if it is not
	limitAnswer func(on bool)                 // limits the head of an answer that comes before all is sent

	mu    sync.Mutex
	over  bool // Sent is not called any more
	image Image
	at    int64 // bytes of the image that were read
}

// newBody encodes a form as browsers do (HTML standard, "multipart/form-data encoding algorithm"). The image goes into the
// first field for files; there is one.
func newBody(f *htmlform.Form, image Image) *body {
	b := &body{image: image, completed: make(chan struct{}), limitAnswer: func(bool) {}}
	b.PipeReader, b.pipe = io.Pipe()
	var text bytes.Buffer
	w := multipart.NewWriter(&text)
	_ = w.SetBoundary("----cpupdate" + rand.Text()) // as the calls below it cannot fail: what is written to is memory
	b.mediaType = w.FormDataContentType()
	for _, field := range f.Fields() {
		header := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + f.Page.Encode(quote(field.Name)) + `"`}}
		isImage := field.File && b.parts == nil
		if field.File {
			name := ""
			if isImage {
				name = f.Page.Encode(quote(image.Name))
			}
			header["Content-Disposition"][0] += `; filename="` + name + `"`
			header["Content-Type"] = []string{"application/octet-stream"}
		}
		part, _ := w.CreatePart(header)
		_, _ = io.WriteString(part, f.Page.Encode(field.Value))
		if isImage {
			b.parts = io.MultiReader(bytes.NewReader(bytes.Clone(text.Bytes())), (*imageReader)(b))
			b.length = int64(text.Len()) + image.Content.Size()
			text.Reset()
		}
	}
	_ = w.Close()
	b.parts = io.MultiReader(b.parts, &text)
	b.length += int64(text.Len())
	return b
}

// quote escapes a name as browsers do.
func quote(name string) string {
	return strings.NewReplacer("\"", "%22", "\r", "%0D", "\n", "%0A").Replace(name)
}

// start begins to write the body into the pipe. It ends with the file, with an error of it, or with the pipe.
func (b *body) start() {
	go func() {
		_, err := io.Copy(b.pipe, b.parts)
		_ = b.pipe.CloseWithError(err)
	}()
}

// Read reads the body, unless it is paused.
func (b *body) Read(p []byte) (int, error) {
	if paused := b.paused.Load(); paused != nil {
		<-*paused
	}
	n, err := b.PipeReader.Read(p)
	b.given.Add(int64(n))
	return n, err
}

// pause holds back what is not read yet, while the head of an answer is read.
func (b *body) pause() {
	paused := make(chan struct{})
	if b.paused.CompareAndSwap(nil, &paused) && !b.complete.Load() {
		b.limitAnswer(true)
	}
}

// limitEarlyAnswer has late called when the head of an answer that comes before all is sent takes longer than a limit. It
// returns what ends that.
func (b *body) limitEarlyAnswer(limit time.Duration, late func()) (end func()) {
	timer := time.AfterFunc(limit, late)
	b.limitAnswer = func(on bool) {
		if timer.Stop(); on {
			timer.Reset(limit)
		}
	}
	b.limitAnswer(false)
	return func() { timer.Stop() }
}

// resume ends a pause.
func (b *body) resume() {
	b.limitAnswer(false)
	if paused := b.paused.Swap(nil); paused != nil {
		close(*paused)
	}
}

// sent notes that all of the body is sent.
func (b *body) sent() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.complete.Swap(true) {
		return
	}
	b.limitAnswer(false) // from here on it has Patience
	close(b.completed)
	if b.image.Sent != nil && !b.over {
		b.image.Sent(b.at)
	}
}

// wrote notes that what net/http has of the body is sent.
func (b *body) wrote() {
	if b.given.Load() == b.length {
		b.sent()
	}
}

// await waits for the write of the last bytes to return, if it is under way: their answer may be here before that.
func (b *body) await(limit time.Duration) {
	if b.given.Load() < b.length {
		return
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-b.completed:
	case <-timer.C:
	}
}

// finish returns when Sent is not called any more.
func (b *body) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

// An imageReader reads the image of a body. What goes wrong with the file is an [*Error].
type imageReader body

// Read reads a piece.
func (b *imageReader) Read(p []byte) (int, error) {
	size := b.image.Content.Size()
	if b.at == size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), size-b.at)]
	n, err := b.image.Content.ReadAt(p, b.at)
	if n < len(p) {
		return 0, readError(err, b.at+int64(n), size)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return 0, io.ErrClosedPipe
	}
	if b.image.Sent != nil && b.at > 0 {
		b.image.Sent(b.at) // what was read before is given to the connection
	}
	b.at += int64(n)
	return n, nil
}

// readError says why a file that was whole when it was opened cannot be read to its end.
func readError(err error, at, size int64) error {
	if err == nil || errors.Is(err, io.EOF) {
		return &Error{Kind: KindSource, Msg: fmt.Sprintf("the file ends at byte %d, but had %d bytes when it was opened", at, size)}
	}
	return &Error{Kind: KindSource, Msg: fmt.Sprintf("the file cannot be read at byte %d", at), Err: err}
}
