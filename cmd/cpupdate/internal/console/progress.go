package console

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/cpupdate/cpupdate/pkg/display"
)

// The intervals at which progress is shown: a moving bar on a terminal, a line now and then elsewhere.
const (
	barInterval  = 100 * time.Millisecond
	lineInterval = 5 * time.Second
)

// JSONInterval is the interval at which progress is shown as JSON lines.
const JSONInterval = time.Second

// A Progress shows how much of a file has been sent, and how much of it has been read back if it is: a bar on a terminal,
// lines elsewhere, JSON lines with --json. The
// transfer only counts bytes; a separate goroutine draws, so that a slow terminal does not slow down the transfer.
type Progress struct {
	emit  func(doc any) // writes a line of --json
	name  string
	whole string // the text when everything has been sent
	Size  int64
	Sent  atomic.Int64
	read  atomic.Int64              // bytes that were read back; 0 while the file is sent
	begun atomic.Pointer[time.Time] // when the attempt, or reading back, began
	draw  func(done int64)          // nil if nothing is shown

	status atomic.Pointer[[]string] // what a status bar says, the longest form first; nil for the bar of a transfer

	mu   sync.Mutex // guards what is written to the terminal
	bar  *progressbar.ProgressBar
	wipe func() // clears the bar
	stop chan struct{}
	done sync.WaitGroup
}

// StartProgress starts to show progress; emit writes a JSON line. The caller must call End.
func (c *Console) StartProgress(name, whole string, size int64, emit func(doc any)) *Progress {
	return c.start(&Progress{emit: emit, name: name, whole: whole, Size: size})
}

// StartStatus starts to show a bar with a status text instead of bytes and times, on a terminal. Elsewhere nothing is
// shown. The caller must call End.
func (c *Console) StartStatus(size int64, status string) *Progress {
	p := &Progress{emit: func(any) {}, Size: size}
	p.SetStatus(status)
	return c.start(p)
}

// SetStatus changes the text of a status bar. The first form that fits is shown, and the last one is cut.
func (p *Progress) SetStatus(forms ...string) { p.status.Store(&forms) }

func (c *Console) start(p *Progress) *Progress {
	p.stop = make(chan struct{})
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
	case o.c.ErrTerminal && p.status.Load() != nil:
		return o.statusMeter(p), barInterval
	case o.c.ErrTerminal && width >= narrowest:
		p.bar = newBar(o.c.Err, width, p.Size)
		sending := p.bar
		return func(sent int64) {
			if reading := p.read.Load() > 0; reading == (p.bar == sending) {
				_ = p.bar.Clear()
				if p.bar = sending; reading {
					p.bar = newReadBar(o.c.Err, width, p.Size)
				}
			}
			_ = p.bar.Set64(min(sent, p.Size-1)) // one byte below the end: at the end, the library would stop drawing
		}, barInterval
	case p.status.Load() != nil:
		return nil, 0
	}
	return func(sent int64) {
		doing := ""
		switch {
		case p.read.Load() > 0:
			doing = readingBack + ", "
		case sent == p.Size:
			fmt.Fprintf(o.c.Err, "%s: %s\n", Escape(p.name), p.whole)
			return
		}
		rate := float64(sent) / max(time.Since(*p.begun.Load()).Seconds(), 0.001)
		fmt.Fprintf(o.c.Err, "%s: %s%d %%, %s of %s, %s/s\n", Escape(p.name), doing, sent*100/p.Size, display.Bytes(sent), display.Bytes(p.Size), display.Bytes(int64(rate)))
	}, lineInterval
}

// statusMeter draws a status bar for the width that the terminal has now. When the terminal became narrower, the bar before was broken
// into several lines: it stays, and a new one begins below it.
func (o textOutput) statusMeter(p *Progress) func(done int64) {
	drawn := 0
	p.wipe = func() {
		if o.c.ErrColumns() >= drawn {
			_ = p.bar.Clear()
			return
		}
		fmt.Fprintln(o.c.Err)
		p.bar = nil
	}
	return func(done int64) {
		width := o.c.ErrColumns()
		if p.bar != nil && width != drawn {
			p.wipe()
			p.bar = nil
		}
		if width < narrowest {
			return
		}
		if p.bar == nil {
			p.bar, drawn = newStatusBar(o.c.Err, p.Size), width
		}
		p.bar.Describe(firstFit(*p.status.Load(), width-statusRest))
		_ = p.bar.Set64(min(done, p.Size-1))
	}
}

// firstFit returns the first of several forms of a text that fits into so many columns, or the last one, cut.
func firstFit(forms []string, columns int) string {
	text := ""
	for _, form := range forms {
		if text = Escape(form); Columns(text) <= columns {
			return text
		}
	}
	return cut(text, columns)
}

// meter emits JSON lines.
func (o jsonOutput) meter(p *Progress) (draw func(sent int64), interval time.Duration) {
	return func(int64) { p.emit(ProgressDoc{1, "progress", p.Sent.Load(), p.Size, p.read.Load()}) }, JSONInterval
}

// Restart records that the transfer starts again from the beginning.
func (p *Progress) Restart() {
	p.begun.Store(new(time.Now()))
	p.Sent.Store(0)
	p.read.Store(0)
}

// Update records how many bytes have been sent.
func (p *Progress) Update(sent int64) { p.Sent.Store(sent) }

// UpdateRead records how many bytes have been read back.
func (p *Progress) UpdateRead(read int64) {
	if p.read.Swap(read) == 0 {
		p.begun.Store(new(time.Now()))
	}
}

// readingBack says that a file is read back.
const readingBack = "read back"

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

// Show draws how much has been sent or read back, if anything has.
func (p *Progress) Show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := p.Sent.Load()
	if read := p.read.Load(); read > 0 {
		done = read
	}
	if done > 0 && p.draw != nil {
		p.draw(done)
	}
}

// WithoutBar clears the bar and calls say, which may write other lines.
func (p *Progress) WithoutBar(say func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	say()
}

// End stops the progress and clears the bar.
func (p *Progress) End() {
	close(p.stop)
	p.done.Wait()
	p.clear()
}

// clear clears the bar.
func (p *Progress) clear() {
	switch {
	case p.bar == nil:
	case p.wipe != nil:
		p.wipe()
	default:
		_ = p.bar.Clear()
	}
}

// The widths of terminals, in columns, from which on the bar shows more.
const (
	narrowest = 20 // a bar at all
	middling  = 50 // bytes and rate
	wide      = 70 // times
)

// statusRest is what a status text leaves of a line, in columns: " 100% [======] ".
const statusRest = 16

// newStatusBar returns a bar with a status text.
func newStatusBar(w io.Writer, size int64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(size, append(barLook(w), progressbar.OptionSetWidth(6), progressbar.OptionSetPredictTime(false))...)
}

// newBar returns a bar that fits on one line, with bytes and times.
func newBar(w io.Writer, width int, size int64) *progressbar.ProgressBar {
	rest := 10 // " 100% |" and "| "
	if width >= middling {
		rest += 32 // "(999.9/999.9 MiB, 999.9 MiB/s)"
	}
	if width >= wide {
		rest += 16 // "[12m34s:12m34s]"
	}
	options := append(
		barLook(w),
		progressbar.OptionSetWidth(max(width-rest, 4)),
		progressbar.OptionShowBytes(width >= middling),
		progressbar.OptionShowTotalBytes(width >= middling),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionSetElapsedTime(width >= wide),
		progressbar.OptionSetPredictTime(width >= wide),
	)
	if width >= middling {
		options = append(options, progressbar.OptionShowCount())
	}
	return progressbar.NewOptions64(size, options...)
}

// newReadBar returns a bar for a file that is read back. It says so where there is room.
func newReadBar(w io.Writer, width int, size int64) *progressbar.ProgressBar {
	rest := width - len(readingBack) - 1
	if rest < narrowest {
		return newBar(w, width, size)
	}
	bar := newBar(w, rest, size)
	bar.Describe(readingBack)
	return bar
}

// barLook returns the options of all bars.
func barLook(w io.Writer) []progressbar.Option {
	return []progressbar.Option{
		progressbar.OptionSetWriter(barWriter(w, runtime.GOOS)),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}),
	}
}

// cut shortens a text to a number of columns.
func cut(text string, columns int) string {
	if Columns(text) <= columns {
		return text
	}
	short, used := "", 0
	for text != "" {
		cluster, rest, width := firstCluster(text)
		if used+width > columns-3 {
			break
		}
		short, text, used = short+cluster, rest, used+width
	}
	return short + "..."
}

// A ProgressDoc is the JSON line for how much was sent.
type ProgressDoc struct {
	Schema int    `json:"schema"`
	Event  string `json:"event"`
	Sent   int64  `json:"sent"`
	Size   int64  `json:"size"`
	Read   int64  `json:"read_back,omitempty"`
}

// barWriter returns the writer for a bar. The library would sync a file after each picture, and on Windows it does not clear what it has drawn.
func barWriter(w io.Writer, system string) io.Writer {
	if system == "windows" {
		return &wiper{w: w}
	}
	return struct{ io.Writer }{w}
}

// A wiper clears a bar where the library only returns to the beginning of the line.
type wiper struct {
	w      io.Writer
	widest int // of the pictures, in columns
}

// Write writes a picture, or clears the last one.
func (w *wiper) Write(b []byte) (int, error) {
	text := string(b)
	if text == "\r" {
		text += strings.Repeat(" ", w.widest) + "\r"
	}
	w.widest = max(w.widest, Columns(strings.Trim(text, "\r")))
	if _, err := io.WriteString(w.w, text); err != nil {
		return 0, err
	}
	return len(b), nil
}
