package transfer

import (
	"cmp"
	"context"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/trust"
)

// Store is a folder on a server. It is used by one goroutine at a time.
type Store interface {
	// Put sends one file and proves that it is there. The error is an [*Error], a [*SourceError], or the context's
	// cause; if it is not nil, Put has left nothing behind but what [Error.Left] names.
	Put(ctx context.Context, u Upload) (Location, error)
	// Try shows that Put would work: it logs in, looks at the folder, and writes and removes a small file. Each step
	// is told to Options.Event.
	Try(ctx context.Context) error
	// Close ends the connection, if there is one.
	Close() error
}

// Upload is a file to be sent.
type Upload struct {
	// Name is the file's name in the folder: 1 to 255 bytes without slash, backslash and control characters, and
	// without a blank at either end.
	Name string
	// Content is the file. It is read once for each attempt.
	Content *io.SectionReader
	// Watch, if not nil, is called at the start of each attempt. What it returns is written every byte in the order
	// of the file; its Check is called before the last of them are sent. An error of Check is that of Put, as a
	// [*SourceError]: the file was wrong, and is not on the server. With whole the SHA-256 of all bytes is needed.
	Watch func(whole bool) Watcher
	// SHA256 wants Location.SHA256 in any case. Without it the digest is computed only where something is compared
	// with it, or Watch is nil.
	SHA256 bool
	// NoOverwrite refuses to replace a file of the name.
	NoOverwrite bool
	// InPlace writes to Name itself, by FTP, for servers that do not rename.
	InPlace bool
	// MakeFolder makes the folders of Access.Path that do not exist, by FTP.
	MakeFolder bool
	// ReadBack reads the whole file again and compares its digest.
	ReadBack bool
}

// Watcher sees the bytes that are sent.
type Watcher interface {
	io.Writer
	// Check is called after the last byte, and reports whether the bytes are those that are to be sent.
	Check() error
	// SHA256 is called after Check, and returns the digest of all bytes, or nil if it was not computed.
	SHA256() *[32]byte
}

// Location says where a file lies now, and how that was proven.
type Location struct {
	URL      string        // ftp://, ftps:// or https://, without login
	Size     int64         // bytes
	SHA256   *[32]byte     // of the bytes that were sent, nil if nothing needed it
	Proofs   []Proof       // what was compared with the server's word, or with what was read back
	InPlace  bool          // by FTP: written to its own name, without a temporary one
	Replaced bool          // a file of the name was there before
	Untold   bool          // the server did not tell whether a file of the name was there before
	Left     []string      // files of attempts that failed, which could not be removed
	Attempts int           // 1 if nothing had to be repeated
	Duration time.Duration // of the attempt that succeeded, from its first byte to the server's last word on it
}

// Proof says what was compared with the file on the server.
type Proof string

// The proofs.
const (
	ProofSize     Proof = "size"      // the server tells the right size
	ProofDigest   Proof = "sha256"    // the server tells the right SHA-256
	ProofReadBack Proof = "read-back" // the file was read again and has the right SHA-256
)

// proof notes that something was compared, and is equal.
func (l *Location) proof(what Proof) {
	if !slices.Contains(l.Proofs, what) {
		l.Proofs = append(l.Proofs, what)
	}
}

// interruptLimit is how long cleaning up may take after an interrupt, when a person or a system waits for the end: a server far away, or a busy
// machine, needs some seconds for a new connection and a login, and Windows ends a program after 5 s.
const interruptLimit = 4 * time.Second

// Options say how to talk to a server. The zero value of a field is its default.
type Options struct {
	Trust   trust.Policy  // which certificates and keys of the server are accepted
	Timeout time.Duration // the idle limit, and the limit of each step before the file flows as a whole; 30 s if 0
	Retries int           // how often to retry after a temporary error
	Pause   time.Duration // before the first retry, growing twofold to sixteen times; 0.5 s if 0
	CleanUp time.Duration // how long cleaning up may take after a failure or an interrupt; 0: up to 5 s, 4 s after an interrupt
	Rate    int64         // the most bytes a second; 0 is no limit
	// Dial connects to the server; nil means a TCP connection of this machine. The network is "tcp", the address HOST:PORT.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	InPlace bool // by FTP: Try writes to the name itself, as an upload with InPlace does

	// Event, if not nil, is told every step; one at a time, though not always by the same goroutine.
	Event func(Event)
	// Sent, if not nil, is told after each write how many bytes of the file are out. It must not wait.
	Sent func(sent int64)
	// ReadBack, if not nil, is told after each read how many bytes of the file were read back. It must not wait.
	ReadBack func(read int64)
}

// finish returns a context for a step that must not be left half done: it ends after the time limit of a step, or some seconds after an
// interrupt.
func (o Options) finish(ctx context.Context) (context.Context, context.CancelFunc) {
	step, end := context.WithCancelCause(context.WithoutCancel(ctx))
	limit := time.AfterFunc(o.Timeout, func() { end(os.ErrDeadlineExceeded) })
	stop := context.AfterFunc(ctx, func() { limit.Reset(min(cmp.Or(o.CleanUp, interruptLimit), o.Timeout)) })
	return step, func() {
		stop()
		limit.Stop()
		end(nil)
	}
}

// Event is a step of what Put and Try do.
type Event struct {
	Step    Step
	Text    string        // what, in the words of the step: a name, a command, a reply; hostile, not escaped
	Attempt int           // StepRetry: which attempt failed, from 1
	Wait    time.Duration // StepRetry: how long until then
	Err     error         // StepRetry: why
}

// Step is a kind of event.
type Step string

// The steps, in their order.
const (
	StepConnect Step = "connect"  // Text is host:port
	StepLogin   Step = "login"    // Text is the user name
	StepFolder  Step = "folder"   // Text is the folder
	StepMade    Step = "made"     // Text is a folder that was made
	StepSend    Step = "send"     // Text is the name it is sent to
	StepInPlace Step = "in-place" // Text is why there is no temporary name
	StepCheck   Step = "check"    // Text is what is compared
	StepRename  Step = "rename"   // Text is the new name
	StepReplace Step = "replace"  // Text is a name whose file Try replaces
	StepRemove  Step = "remove"   // Text is what is removed again
	StepQuery   Step = "look"     // Text is why the server is queried about the file
	StepRetry   Step = "retry"    // Wait and Err are set
	StepDialog  Step = "said"     // Text is a line of the dialogue, without secrets: "> " sent, "< " received
)

// Dial returns the folder that the access data names. By FTP and FTPS it connects and logs in; by HTTPS it sends nothing
// yet. The error is a [*SettingError], an [*Error], or the context's cause.
func Dial(ctx context.Context, a Access, o Options) (Store, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	o = o.complete()
	if a.method() == HTTPS {
		return newHTTPSStore(a, o)
	}
	return dialFTP(ctx, a, o)
}

// complete fills in the defaults.
func (o Options) complete() Options {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Pause <= 0 {
		o.Pause = 500 * time.Millisecond
	}
	if listener := o.Event; listener != nil {
		var one sync.Mutex
		o.Event = func(e Event) {
			one.Lock()
			defer one.Unlock()
			listener(e)
		}
	}
	return o
}

// A readCounter tells Options.ReadBack how many bytes were written to it.
type readCounter struct {
	io.Writer
	tell func(int64)
	n    int64
}

func (c *readCounter) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	if c.n += int64(n); c.tell != nil {
		c.tell(c.n)
	}
	return n, err
}

// counted returns a writer that tells ReadBack what is written to w.
func (o Options) counted(w io.Writer) io.Writer { return &readCounter{Writer: w, tell: o.ReadBack} }

// tell passes an event to Event, if that is set.
func (o Options) tell(e Event) {
	if o.Event != nil {
		o.Event(e)
	}
}
