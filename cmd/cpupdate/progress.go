package main

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// The intervals at which progress is shown: a moving bar on a terminal, a line now and then elsewhere, JSON lines.
const (
	barInterval  = 100 * time.Millisecond
	lineInterval = 5 * time.Second
	jsonInterval = time.Second
)

// A progress shows how much of a file has been sent: a bar on a terminal, lines elsewhere, JSON lines with --json. The
// transfer only counts bytes; a separate goroutine draws, so that a slow terminal does not slow down the transfer.
type progress struct {
	con   *console
	emit  func(doc any) // writes a line of --json
	name  string
	whole string // the text when everything has been sent
	size  int64
	sent  atomic.Int64
	begun atomic.Int64 // when the attempt began, in Unix nanoseconds

	mu   sync.Mutex // guards what is written to the terminal
	bar  *progressbar.ProgressBar
	stop chan struct{}
	done sync.WaitGroup
}

// startProgress starts to show progress; emit writes a JSON line. The caller must call end.
func (c *console) startProgress(name, whole string, size int64, emit func(doc any)) *progress {
	p := &progress{con: c, emit: emit, name: name, whole: whole, size: size, stop: make(chan struct{})}
	p.restart()
	interval := lineInterval
	switch {
	case c.json:
		interval = jsonInterval
	case c.quiet:
		return p
	case c.errTerminal && c.errWidth() >= narrowest:
		interval = barInterval
		p.bar = newBar(c.err, c.errWidth(), size)
	}
	p.done.Go(func() { p.run(interval) })
	return p
}

// restart records that the transfer starts again from the beginning.
func (p *progress) restart() {
	p.begun.Store(time.Now().UnixNano())
	p.sent.Store(0)
}

// update records how many bytes have been sent.
func (p *progress) update(sent int64) { p.sent.Store(sent) }

// resize changes the number of bytes to send.
func (p *progress) resize(size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil && size != p.size {
		p.bar.ChangeMax64(size)
	}
	p.size = size
}

func (p *progress) run(interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			p.show()
		}
	}
}

func (p *progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.sent.Load()
	switch {
	case sent == 0:
	case p.con.json:
		p.emit(progressDoc{1, "progress", sent, p.size})
	case p.bar != nil:
		// One byte below the end: at the end, the library would stop drawing.
		_ = p.bar.Set64(min(sent, p.size-1))
	default:
		if sent == p.size {
			fmt.Fprintf(p.con.err, "%s: %s\n", escape(p.name), p.whole)
			return
		}
		rate := float64(sent) / max(time.Since(time.Unix(0, p.begun.Load())).Seconds(), 0.001)
		fmt.Fprintf(p.con.err, "%s: %d %%, %s of %s, %s/s\n", escape(p.name), sent*100/p.size, bytesText(sent), bytesText(p.size), bytesText(int64(rate)))
	}
}

// aside clears the bar and calls say, which may write other lines.
func (p *progress) aside(say func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	say()
}

// end stops the progress and clears the bar.
func (p *progress) end() {
	close(p.stop)
	p.done.Wait()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// The minimum widths of terminals, in columns, for what the bar shows.
const (
	narrowest = 20 // a bar at all
	middling  = 50 // also bytes and rate
	wide      = 70 // also times
)

// newBar returns a bar that fits on one line.
func newBar(w io.Writer, width int, size int64) *progressbar.ProgressBar {
	rest := 10 // " 100% |" and "| "
	if width >= middling {
		rest += 32 // "(999.9/999.9 MiB, 999.9 MiB/s)"
	}
	if width >= wide {
		rest += 16 // "[12m34s:12m34s]"
	}
	options := []progressbar.Option{
		progressbar.OptionSetWriter(struct{ io.Writer }{w}), // the wrapper hides the file, which the library would sync after each drawing
		progressbar.OptionSetWidth(max(width-rest, 4)),
		progressbar.OptionShowBytes(width >= middling),
		progressbar.OptionShowTotalBytes(width >= middling),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionSetElapsedTime(width >= wide),
		progressbar.OptionSetPredictTime(width >= wide),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}),
	}
	if width >= middling {
		options = append(options, progressbar.OptionShowCount())
	}
	return progressbar.NewOptions64(size, options...)
}

// A progressDoc is the JSON line of progress.
type progressDoc struct {
	Schema int    `json:"schema"`
	Event  string `json:"event"`
	Sent   int64  `json:"sent"`
	Size   int64  `json:"size"`
}
