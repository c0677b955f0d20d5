package site

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
)

// Stream is the stream of a [Queue]: one message on the subject cpupdate.work.SITE.ROLLOUT for each rollout that has something to do
// at a site.
const Stream = "cpupdate-work"

const workPrefix = "cpupdate.work."

// Limits of a queue.
const (
	// AckWait is how long a site belongs to a worker that is not heard of.
	AckWait = 30 * time.Second
	beats   = 3 // heartbeats in that time

	takeTime  = 20 * time.Second // one request for a message
	takeBeat  = 5 * time.Second  // of the server meanwhile
	takePause = 2 * time.Second  // before the next request, if it failed
	offering  = 16               // sites at a time
)

// A Queue hands sites to workers, for a rollout each.
type Queue struct {
	Ledger  *jetstream.Ledger
	AckWait time.Duration // replaces AckWait in Offer: workers are told by the server
}

// consumerOf returns the consumer of a site: one for all of its workers.
func consumerOf(site string) string { return jetstream.Token(site) }

func workSubject(site, rollout string) string {
	return workPrefix + jetstream.Token(site) + "." + jetstream.Token(rollout)
}

// Offer lets workers carry out a rollout at sites. To offer what is offered already changes nothing. It needs the rights of the
// centre: it makes what it finds missing.
func (q Queue) Offer(ctx context.Context, rollout string, sites ...string) error {
	if len(sites) == 0 {
		return nil
	}
	server := q.Ledger.JetStream()
	if err := q.Ledger.Do(ctx, q.prepare, "$JS.API.STREAM.INFO."+Stream, "$JS.API.STREAM.CREATE."+Stream); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(offering)
	for _, site := range sites {
		group.Go(func() error {
			filter := workPrefix + jetstream.Token(site) + ".*"
			create := "$JS.API.CONSUMER.CREATE." + Stream + "." + consumerOf(site) + "." + filter
			err := q.Ledger.Do(ctx, func(ctx context.Context) error {
				_, err := server.CreateOrUpdateConsumer(ctx, Stream, js.ConsumerConfig{
					Durable: consumerOf(site), FilterSubject: filter, AckPolicy: js.AckExplicitPolicy, AckWait: cmp.Or(q.AckWait, AckWait), MaxDeliver: -1, DeliverPolicy: js.DeliverAllPolicy,
				})
				return err
			}, create)
			if err != nil {
				return err
			}
			return q.Again(ctx, rollout, site)
		})
	}
	return group.Wait()
}

// Again is Offer for one site, with the rights of its worker.
func (q Queue) Again(ctx context.Context, rollout, site string) error {
	subject := workSubject(site, rollout)
	return q.Ledger.Do(ctx, func(ctx context.Context) error {
		_, err := q.Ledger.JetStream().PublishMsg(ctx, &nats.Msg{Subject: subject}, js.WithExpectLastSequencePerSubject(0), js.WithExpectStream(Stream))
		var api *js.APIError
		if errors.As(err, &api) && (api.ErrorCode == js.JSErrCodeStreamWrongLastSequence || api.ErrorCode == js.JSErrCodeStreamWrongLastSequenceConstant) {
			return nil // it is offered already
		}
		return err
	}, subject)
}

// Offered returns the sites that have something to do, with the rollouts. It needs the rights of the centre.
func (q Queue) Offered(ctx context.Context) (map[string][]string, error) {
	rollouts := map[string][]string{}
	err := q.Ledger.Do(ctx, func(ctx context.Context) error {
		clear(rollouts)
		stream, err := q.Ledger.JetStream().Stream(ctx, Stream)
		if errors.Is(err, js.ErrStreamNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := stream.Info(ctx, js.WithSubjectFilter(workPrefix+">"))
		if err != nil {
			return err
		}
		for subject := range info.State.Subjects {
			token, _, _ := strings.Cut(strings.TrimPrefix(subject, workPrefix), ".")
			site, ok := jetstream.Text(token)
			if rollout := rolloutOf(subject); ok && rollout != "" {
				rollouts[site] = append(rollouts[site], rollout)
			}
		}
		return nil
	}, "$JS.API.STREAM.INFO."+Stream)
	return rollouts, err
}

// prepare makes the stream, or refuses one that is no queue.
func (q Queue) prepare(ctx context.Context) error {
	server := q.Ledger.JetStream()
	stream, err := server.Stream(ctx, Stream)
	if errors.Is(err, js.ErrStreamNotFound) {
		stream, err = server.CreateStream(ctx, js.StreamConfig{
			Name: Stream, Description: "sites and rollouts for workers of cpupdate", Subjects: []string{workPrefix + ">"}, Storage: js.FileStorage,
			Retention: js.WorkQueuePolicy, Discard: js.DiscardNew, MaxMsgsPerSubject: 1, DiscardNewPerSubject: true,
		})
		if errors.Is(err, js.ErrStreamNameAlreadyInUse) { // another process was faster
			stream, err = server.Stream(ctx, Stream)
		}
	}
	if err != nil {
		return err
	}
	if c := stream.CachedInfo().Config; c.Retention != js.WorkQueuePolicy || !slices.Contains(c.Subjects, workPrefix+">") || c.Storage != js.FileStorage {
		text := "has a stream " + Stream + " that is not a work queue of this program, and was left as it is"
		return &journal.Error{Place: q.Ledger.String(), Kind: journal.ErrForeign, Text: text}
	}
	return nil
}

// Take waits for something to do at a site, and returns the lease. waits is told why it cannot be asked for now, if that is so, and nil
// once it can be again; it may be nil. The error is that of the context, or one that does not pass by itself.
func (q Queue) Take(ctx context.Context, site string, waits func(error)) (*Lease, error) {
	told := false
	asked := func() {
		if told {
			told = false
			waits(nil)
		}
	}
	for {
		lease, err := q.take(ctx, site, asked)
		switch {
		case ctx.Err() != nil:
			if lease != nil {
				_ = lease.GiveBack(context.WithoutCancel(ctx), 0) // else it would belong to nobody for a while
			}
			return nil, context.Cause(ctx)
		case lease != nil:
			return lease, nil
		case err == nil:
			continue
		case errors.Is(err, journal.ErrDenied):
			return nil, err
		}
		if waits != nil {
			told = true
			waits(err)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(takePause):
		}
	}
}

// take asks for a message once; nil if there is none. It calls asked when the server has a queue for the site.
func (q Queue) take(ctx context.Context, site string, asked func()) (*Lease, error) {
	var consumer js.Consumer
	err := q.Ledger.Do(ctx, func(ctx context.Context) (err error) {
		consumer, err = q.Ledger.JetStream().Consumer(ctx, Stream, consumerOf(site))
		if errors.Is(err, js.ErrConsumerNotFound) || errors.Is(err, js.ErrStreamNotFound) {
			err = &journal.Error{Place: q.Ledger.String(), Kind: journal.ErrGone, Text: fmt.Sprintf("has no work for the site %q yet: no rollout with phones of a site of this name was begun at the centre", site)}
		}
		return err
	}, "$JS.API.CONSUMER.INFO."+Stream+"."+consumerOf(site))
	if err != nil {
		return nil, err
	}
	asked()
	ahead := aheadOf(consumer.CachedInfo().TimeStamp)
	lease, err := q.fetch(ctx, consumer)
	if lease == nil || err != nil {
		return nil, err
	}
	lease.ahead = ahead
	if err := lease.begin(ctx); err != nil {
		return nil, err
	}
	return lease, nil
}

// fetch waits for a message for a while; nil if none comes.
func (q Queue) fetch(ctx context.Context, consumer js.Consumer) (lease *Lease, err error) {
	limited, cancel := context.WithTimeout(ctx, takeTime)
	defer cancel()
	err = q.Ledger.Once(limited, func(limited context.Context) error {
		batch, err := consumer.Fetch(1, js.FetchContext(limited), js.FetchHeartbeat(takeBeat))
		if err != nil {
			return err
		}
		for m := range batch.Messages() {
			lease = q.lease(m, consumer.CachedInfo())
		}
		return batch.Error()
	}, "$JS.API.CONSUMER.MSG.NEXT."+Stream+"."+consumer.CachedInfo().Name)
	if lease != nil || limited.Err() != nil && ctx.Err() == nil {
		err = nil
	}
	return lease, err
}

// aheadOf returns how far the clock of this machine is ahead of a time that the server told a moment ago.
func aheadOf(server time.Time) time.Duration {
	if server.IsZero() { // an old server does not tell
		return 0
	}
	return time.Since(server)
}

// rolloutOf returns the rollout of a message.
func rolloutOf(subject string) string {
	tokens := strings.Split(strings.TrimPrefix(subject, workPrefix), ".")
	rollout, _ := jetstream.Text(tokens[len(tokens)-1])
	return rollout
}
