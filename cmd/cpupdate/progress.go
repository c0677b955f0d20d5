package main

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// How often progress is shown. On a terminal it moves; elsewhere a line now and then says that it does.
const (
	barInterval  = 100 * time.Millisecond
	lineInterval = 5 * time.Second
	jsonInterval = time.Second
)

// A progress shows how much of a file is out: a bar on a terminal, lines elsewhere, JSON lines with --json. The
// transfer only counts; what is drawn is drawn by a goroutine of its own, so that a slow terminal slows nothing down.
type progress struct {
	con   *console
	emit  func(doc any) // writes a line of --json
	name  string
	whole string // what is said when all of it is out
	size  int64
	sent  atomic.Int64
	begun atomic.Int64 // when the attempt began, in Unix nanoseconds

	mu   sync.Mutex // everything that is written to the terminal
	bar  *progressbar.ProgressBar
	stop chan struct{}
	done sync.WaitGroup
}

// startProgress begins to show, with emit for --json; end must be called.
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

// restart is told that the file begins anew.
func (p *progress) restart() {
	p.begun.Store(time.Now().UnixNano())
	p.sent.Store(0)
}

// update is told how many bytes are out.
func (p *progress) update(sent int64) { p.sent.Store(sent) }

// resize is told that there will be more, or less, to send.
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
		// A hair below the end: at the end the library would take the work for done, and show nothing any more.
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

// aside says something while the bar is there: the bar makes room for it.
func (p *progress) aside(say func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	say()
}

// end takes the bar away.
func (p *progress) end() {
	close(p.stop)
	p.done.Wait()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// The widths of terminals, in columns, from which on the bar shows more.
const (
	narrowest = 20 // a bar at all
	middling  = 50 // bytes and rate
	wide      = 70 // times
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
		progressbar.OptionSetWriter(struct{ io.Writer }{w}), // it would sync a file after each picture
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

// progressDoc is a line of --json.
type progressDoc struct {
	Schema int    `json:"schema"`
	Event  string `json:"event"`
	Sent   int64  `json:"sent"`
	Size   int64  `json:"size"`
}
