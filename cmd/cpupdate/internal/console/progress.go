package console

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// The intervals at which progress is shown: a moving bar on a terminal, a line now and then elsewhere.
const (
	barInterval  = 100 * time.Millisecond
	lineInterval = 5 * time.Second
)

// JSONInterval is the interval at which progress is shown as JSON lines.
const JSONInterval = time.Second

// A Progress shows how much of a file has been sent: a bar on a terminal, lines elsewhere, JSON lines with --json. The
// transfer only counts bytes; a separate goroutine draws, so that a slow terminal does not slow down the transfer.
type Progress struct {
	emit  func(doc any) // writes a line of --json
	name  string
	whole string // the text when everything has been sent
	Size  int64
	Sent  atomic.Int64
	begun atomic.Pointer[time.Time] // when the attempt began
	draw  func(sent int64)          // nil if nothing is shown

	mu   sync.Mutex // guards what is written to the terminal
	bar  *progressbar.ProgressBar
	stop chan struct{}
	done sync.WaitGroup
}

// StartProgress starts to show progress; emit writes a JSON line. The caller must call End.
func (c *Console) StartProgress(name, whole string, size int64, emit func(doc any)) *Progress {
	p := &Progress{emit: emit, name: name, whole: whole, Size: size, stop: make(chan struct{})}
	p.begun.Store(new(time.Now()))
	p.Restart()
	var interval time.Duration
	if p.draw, interval = c.Output().meter(p); p.draw != nil {
		p.done.Go(func() { p.run(interval) })
	}
	return p
}

// meter draws a bar on a terminal that is wide enough, and lines elsewhere.
func (o textOutput) meter(p *Progress) (draw func(sent int64), interval time.Duration) {
	switch width := o.c.ErrColumns(); {
	case o.c.Quiet:
		return nil, 0
	case o.c.ErrTerminal && width >= narrowest:
		p.bar = newBar(o.c.Err, width, p.Size)
		// One byte below the end: at the end, the library would stop drawing.
		return func(sent int64) { _ = p.bar.Set64(min(sent, p.Size-1)) }, barInterval
	}
	return func(sent int64) {
		if sent == p.Size {
			fmt.Fprintf(o.c.Err, "%s: %s\n", Escape(p.name), p.whole)
			return
		}
		rate := float64(sent) / max(time.Since(*p.begun.Load()).Seconds(), 0.001)
		fmt.Fprintf(o.c.Err, "%s: %d %%, %s of %s, %s/s\n", Escape(p.name), sent*100/p.Size, Bytes(sent), Bytes(p.Size), Bytes(int64(rate)))
	}, lineInterval
}

// meter emits JSON lines.
func (o jsonOutput) meter(p *Progress) (draw func(sent int64), interval time.Duration) {
	return func(sent int64) { p.emit(progressDoc{1, "progress", sent, p.Size}) }, JSONInterval
}

// Restart records that the transfer starts again from the beginning.
func (p *Progress) Restart() {
	p.begun.Store(new(time.Now()))
	p.Sent.Store(0)
}

// Update records how many bytes have been sent.
func (p *Progress) Update(sent int64) { p.Sent.Store(sent) }

// Resize changes the number of bytes to send.
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

// Show draws how much has been sent, if anything has.
func (p *Progress) Show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sent := p.Sent.Load(); sent > 0 && p.draw != nil {
		p.draw(sent)
	}
}

// WithoutBar clears the bar and calls say, which may write other lines.
func (p *Progress) WithoutBar(say func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	say()
}

// End stops the progress and clears the bar.
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
