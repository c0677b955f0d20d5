package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// version is the version of the journal that this program reads and writes.
const version = 1

// minPayload is the size of messages that the server must take: a batch of journal.MaxBatch bytes with its names and times.
const minPayload = 768 << 10

// A Ledger is a journal on a server.
type Ledger struct {
	place string // the servers
	site  string
	wait  time.Duration
	conn  *nats.Conn
	js    js.JetStream

	mu      sync.Mutex
	waiters int
	waiting map[int]waiter
	named   map[string]bool // names that are recorded, by subject
}

// format is the content of the message that says what the stream is.
type format struct {
	Program string `json:"program"`
	Version int    `json:"version"`
}

// Open opens the journal on a server. It makes the stream if the server has none; with Options.Site it does not. The error is
// ErrOptions, a [*journal.Error] or the context's cause.
func Open(ctx context.Context, o Options) (_ *Ledger, err error) {
	l := &Ledger{site: o.Site, wait: o.Wait, waiting: map[int]waiter{}, named: map[string]bool{}}
	if l.wait == 0 {
		l.wait = DefaultWait
	}
	if err := l.connect(ctx, o); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = l.Close()
		}
	}()
	if l.js, err = js.New(l.conn); err != nil {
		return nil, l.explain(ctx, reading, err)
	}
	if limit := l.conn.MaxPayload(); limit < minPayload {
		text := fmt.Sprintf("takes messages of %d bytes at most: it must take %d (max_payload)", limit, minPayload)
		return nil, failure(l.place, journal.ErrDenied, text, nil)
	}
	if l.site == "" {
		if err := l.prepare(ctx); err != nil {
			return nil, l.explain(ctx, writing, err)
		}
	}
	return l, l.explain(ctx, reading, l.recognise(ctx))
}

// subjects returns the subjects of the stream.
func subjects() []string {
	return []string{formatSubject, eventsPrefix + ">", namesPrefix + ">"}
}

// prepare makes the stream, or refuses one that is not a journal.
func (l *Ledger) prepare(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer l.expect(cancel, "$JS.API.STREAM.INFO."+Stream, "$JS.API.STREAM.CREATE."+Stream)()
	stream, err := l.js.Stream(ctx, Stream)
	if errors.Is(err, js.ErrStreamNotFound) {
		stream, err = l.js.CreateStream(ctx, js.StreamConfig{
			Name: Stream, Description: "the journal of cpupdate", Subjects: subjects(),
			Storage: js.FileStorage, Retention: js.LimitsPolicy, Discard: js.DiscardNew, DenyDelete: true, AllowDirect: true,
		})
		if errors.Is(err, js.ErrStreamNameAlreadyInUse) { // another process was faster
			stream, err = l.js.Stream(ctx, Stream)
		}
	}
	if err != nil {
		return causeOf(ctx, err)
	}
	info := stream.CachedInfo()
	if reason := unfit(info.Config); reason != "" {
		return failure(l.place, journal.ErrForeign, "cannot be used: the stream "+Stream+" "+reason, nil)
	}
	if info.State.LastSeq > 0 {
		return nil // recognise looks what it is
	}
	content, err := json.Marshal(format{"cpupdate", version})
	if err != nil {
		return err
	}
	_, err = l.publish(ctx, formatSubject, 0, content)
	if errors.Is(err, journal.ErrConflict) {
		return nil // another process was faster
	}
	return err
}

// unfit returns why a stream cannot hold a journal; "" if it can.
func unfit(c js.StreamConfig) string {
	missing := slices.ContainsFunc(subjects(), func(subject string) bool { return !slices.Contains(c.Subjects, subject) })
	switch {
	case missing || c.Mirror != nil || len(c.Sources) > 0:
		return "is not a journal of this program, and was left as it is: it has other subjects"
	case c.Retention != js.LimitsPolicy || c.MaxAge > 0 || c.MaxMsgsPerSubject > 0 || c.MaxMsgs > 0 && c.Discard != js.DiscardNew || c.MaxBytes > 0 && c.Discard != js.DiscardNew:
		return "removes old events: it needs the retention \"limits\", discard \"new\", no max-age and no max-msgs-per-subject"
	case c.NoAck || c.SubjectTransform != nil || c.AllowRollup:
		return "does not keep events as they are: it needs acknowledgements, no subject transform and no rollup"
	case c.Storage != js.FileStorage:
		return "is in the server's memory: it needs file storage"
	}
	return ""
}

// recognise refuses a stream that is not a journal of a version that this program knows.
func (l *Ledger) recognise(ctx context.Context) error {
	for m, err := range l.scan(ctx, formatSubject, 1, false) {
		if err != nil {
			return l.missing(err)
		}
		var f format
		if err := json.Unmarshal(m.data, &f); err != nil || f.Program != "cpupdate" || f.Version < 1 {
			break
		}
		if f.Version != version {
			text := fmt.Sprintf("was written by a newer program (version %d, this program knows %d): use that program", f.Version, version)
			return failure(l.place, journal.ErrNewer, text, nil)
		}
		return nil
	}
	text := "cannot be used: the stream " + Stream + " is not a journal of this program, and was left as it is"
	return failure(l.place, journal.ErrForeign, text, nil)
}

// missing returns the error about a journal that does not exist yet.
func (l *Ledger) missing(err error) error {
	if errors.Is(err, journal.ErrGone) && l.site != "" {
		return failure(l.place, journal.ErrGone, "does not exist yet, or the account of this worker may not read it", nil)
	}
	return err
}

// Close ends the use of the journal.
func (l *Ledger) Close() error {
	if l.conn != nil {
		l.conn.Close()
	}
	return nil
}

// String returns the servers.
func (l *Ledger) String() string { return strings.ReplaceAll(l.place, ",", ", ") }
