package site

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// A Lease is a site for a rollout, for as long as it is alive. It belongs to one worker.
type Lease struct {
	queue   Queue
	rollout string
	reply   string // subject for answers about the message
	ahead   time.Duration
	ackWait time.Duration // how long the server waits for an answer

	mu        sync.Mutex
	confirmed time.Time // when the last heartbeat that the server confirmed was sent
	over      bool      // it was lost, or given back
	stop      context.CancelFunc
	stopped   chan struct{}
}

// Answers about a message of a work queue.
const (
	inProgress = "+WPI"
	done       = "+ACK"
	notDone    = "-NAK"
)

// ErrLost reports a lease that belongs to another worker by now, or may do so.
var ErrLost = errors.New("the server did not hear of this worker for too long: another one may carry out the rollout at the site")

func (q Queue) lease(m js.Msg, info *js.ConsumerInfo) *Lease {
	return &Lease{queue: q, rollout: rolloutOf(m.Subject()), reply: m.Reply(), ackWait: info.Config.AckWait, stopped: make(chan struct{})}
}

// Rollout returns the name of the rollout, "" if the message was not written by this program.
func (l *Lease) Rollout() string { return l.rollout }

// Ahead returns how far the clock of this machine is ahead of the server's, as far as that can be told.
func (l *Lease) Ahead() time.Duration { return l.ahead }

// Alive reports whether the site belongs to this worker for certain. After it was not, it never is again.
func (l *Lease) Alive() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = l.over || since(l.confirmed) >= l.ackWait
	return !l.over
}

// since returns how much time has passed: a clock stands still while a machine sleeps, and another one can be set.
func since(t time.Time) time.Duration {
	now := time.Now()
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}

// begin starts the heartbeats, if the server confirms the first one in time.
func (l *Lease) begin(ctx context.Context) error {
	l.confirmed = time.Now()
	if err := l.beat(ctx); err != nil {
		return err
	}
	beating, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	go func() {
		defer close(l.stopped)
		ticker := time.NewTicker(l.ackWait / beats)
		defer ticker.Stop()
		for l.Alive() {
			select {
			case <-beating.Done():
				return
			case <-ticker.C:
			}
			_ = l.beat(beating) // Alive says what follows from it
		}
	}()
	return nil
}

// beat tells the server that the rollout goes on. A confirmation that comes too late is none: the server may have given the site to
// another worker before it got the heartbeat.
func (l *Lease) beat(ctx context.Context) error {
	sent := time.Now()
	if err := l.answer(ctx, inProgress); err != nil {
		return err
	}
	if !l.Alive() {
		return ErrLost
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.confirmed = sent
	return nil
}

// answer sends an answer about the message, and waits until the server confirms it.
func (l *Lease) answer(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, l.ackWait/beats)
	defer cancel()
	return l.queue.Ledger.Once(ctx, func(ctx context.Context) error {
		_, err := l.queue.Ledger.Conn().RequestMsgWithContext(ctx, &nats.Msg{Subject: l.reply, Data: []byte(text)})
		return err
	}, l.reply)
}

// end ends the heartbeats, and reports whether the site belonged to this worker until now.
func (l *Lease) end() bool {
	l.stop()
	<-l.stopped
	alive := l.Alive()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	return alive
}

// Done gives the lease back because nothing is left to do. It fails with [ErrLost] if the site may belong to another worker.
func (l *Lease) Done(ctx context.Context) error {
	if !l.end() {
		return ErrLost
	}
	return l.answer(ctx, done)
}

// GiveBack lets another worker carry out the rollout, after a time.
func (l *Lease) GiveBack(ctx context.Context, after time.Duration) error {
	if !l.end() {
		return ErrLost
	}
	text := notDone
	if after > 0 {
		text += fmt.Sprintf(` {"delay": %d}`, after.Nanoseconds())
	}
	return l.answer(ctx, text)
}
