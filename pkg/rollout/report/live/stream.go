package live

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/rollout/report"
)

const (
	alive = 15 * time.Second // after so long without a change the server says that it is there; live.js knows it

	// maxRows is how many bytes of rows a browser gets at a time. If more have changed, the others follow the next time.
	maxRows = 512 << 10
)

// position returns a position as a browser keeps it.
func (p *Page) position(at report.Position) string {
	return fmt.Sprintf("%s.%d.%d", p.epoch, at.Parts, at.Rows)
}

// parsePosition returns the position that a browser names: the beginning if another process has made its page.
func (p *Page) parsePosition(text string) (at report.Position) {
	fields := strings.Split(text, ".")
	if len(fields) != 3 || fields[0] != p.epoch {
		return at
	}
	parts, err := strconv.ParseUint(fields[1], 10, 64)
	rows, rowsErr := strconv.ParseUint(fields[2], 10, 64)
	if err != nil || rowsErr != nil {
		return at
	}
	return report.Position{Parts: parts, Rows: rows}
}

// serveEvents tells a browser what changes, until it goes.
func (p *Page) serveEvents(w http.ResponseWriter, r *http.Request) {
	select {
	case p.streams <- struct{}{}:
		defer func() { <-p.streams }()
	default:
		w.Header().Set("Retry-After", "10")
		http.Error(w, "Too many browsers are connected.", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no") // nginx otherwise keeps events back
	if r.Method == http.MethodHead {
		return
	}
	out := newStream(w)
	out.event("hello", "")
	query := r.URL.Query()
	if moment, _, _ := p.now(); query.Get("page") != moment.ID() {
		out.event("reload", "")
		_ = out.flush() // the browser goes
		return
	}
	at := p.parsePosition(query.Get("after"))
	for said := false; ; {
		moment, away, changed := p.now()
		if away != said {
			said = away
			out.event(map[bool]string{true: "away", false: "hello"}[away], "")
		}
		next, err := p.send(out, moment, at)
		if err != nil || next != at && !p.pause(r.Context()) {
			return
		}
		at = next
		if at == moment.Position() && !p.wait(r.Context(), out, changed) {
			return
		}
	}
}

// pause waits between two changes. It reports whether the browser is still there.
func (p *Page) pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(p.rest):
		return true
	}
}

// send sends what has changed after a position, and returns the next one.
func (p *Page) send(out *stream, moment *report.Moment, at report.Position) (report.Position, error) {
	parts, rows, next := moment.Changes(at, maxRows)
	if len(parts) > 0 {
		id := p.position(report.Position{Parts: next.Parts, Rows: at.Rows})
		out.event("parts", id, parts...)
	}
	if len(rows) > 0 {
		out.event("rows", p.position(next), rows...)
	}
	return next, out.flush()
}

// wait waits for another moment. It reports whether the browser is still there.
func (p *Page) wait(ctx context.Context, out *stream, changed <-chan struct{}) bool {
	tick := time.NewTicker(alive)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-changed:
			return true
		case <-tick.C:
			out.event("alive", "")
			if out.flush() != nil {
				return false
			}
		}
	}
}

// A stream is what a browser is told. Texts are not copied: all browsers get the same ones.
type stream struct {
	out     *bufio.Writer
	control *http.ResponseController
}

func newStream(w http.ResponseWriter) *stream {
	slow := slowWriter{w, http.NewResponseController(w)}
	return &stream{bufio.NewWriterSize(slow, 16<<10), slow.control}
}

// event writes an event. The writer keeps its first error for [stream.flush].
func (s *stream) event(name, id string, texts ...string) {
	write := func(text string) { _, _ = s.out.WriteString(text) } // see flush
	write("event: " + name + "\n")
	if id != "" {
		write("id: " + id + "\n")
	}
	for _, text := range texts {
		for line := range strings.SplitSeq(text, "\n") {
			write("data: ")
			write(strings.ReplaceAll(line, "\r", ""))
			write("\n")
		}
	}
	if len(texts) == 0 {
		write("data:\n") // a browser drops an event without
	}
	write("\n")
}

// flush sends what was written.
func (s *stream) flush() error {
	if err := s.out.Flush(); err != nil {
		return err
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // a writer of a test has none
	return s.control.Flush()
}
