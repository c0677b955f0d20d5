package console

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
	JSONInterval = time.Second
)

// A Progress shows how much of a file is out: a bar on a terminal, lines elsewhere, JSON lines with --json. The
// transfer only counts; what is drawn is drawn by a goroutine of its own, so that a slow terminal slows nothing down.
type Progress struct {
	con   *Console
	emit  func(doc any) // writes a line of --json
	name  string
	whole string // what is said when all of it is out
	Size  int64
	Sent  atomic.Int64
	begun atomic.Int64 // when the attempt began, in Unix nanoseconds

	mu   sync.Mutex // everything that is written to the terminal
	bar  *progressbar.ProgressBar
	stop chan struct{}
	done sync.WaitGroup
}

// StartProgress begins to show, with emit for --json; end must be called.
func (c *Console) StartProgress(name, whole string, size int64, emit func(doc any)) *Progress {
	p := &Progress{con: c, emit: emit, name: name, whole: whole, Size: size, stop: make(chan struct{})}
	p.Restart()
	interval := lineInterval
	switch {
	case c.JSON:
		interval = JSONInterval
	case c.Quiet:
		return p
	case c.ErrTerminal && c.ErrWidth() >= narrowest:
		interval = barInterval
		p.bar = newBar(c.Err, c.ErrWidth(), size)
	}
	p.done.Go(func() { p.run(interval) })
	return p
}

// Restart is told that the file begins anew.
func (p *Progress) Restart() {
	p.begun.Store(time.Now().UnixNano())
	p.Sent.Store(0)
}

// Update is told how many bytes are out.
func (p *Progress) Update(sent int64) { p.Sent.Store(sent) }

// Resize is told that there will be more, or less, to send.
func (p *Progress) Resize(size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil && size != p.Size {
		p.bar.ChangeMax64(size)
	}
	p.Size = size
}

func (p *Progress) run(interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			p.Show()
		}
	}
}

func (p *Progress) Show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.Sent.Load()
	switch {
	case sent == 0:
	case p.con.JSON:
		p.emit(progressDoc{1, "progress", sent, p.Size})
	case p.bar != nil:
		// A hair below the end: at the end the library would take the work for done, and show nothing any more.
		_ = p.bar.Set64(min(sent, p.Size-1))
	default:
		if sent == p.Size {
			fmt.Fprintf(p.con.Err, "%s: %s\n", Escape(p.name), p.whole)
			return
		}
		rate := float64(sent) / max(time.Since(time.Unix(0, p.begun.Load())).Seconds(), 0.001)
		fmt.Fprintf(p.con.Err, "%s: %d %%, %s of %s, %s/s\n", Escape(p.name), sent*100/p.Size, Bytes(sent), Bytes(p.Size), Bytes(int64(rate)))
	}
}

// Aside says something while the bar is there: the bar makes room for it.
func (p *Progress) Aside(say func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	say()
}

// End takes the bar away.
func (p *Progress) End() {
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
