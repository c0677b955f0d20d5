package fleet

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A follower watches a phone that got the update command, or the image, until it says what it runs now.
type follower struct {
	reporter reporter
	options  Options
	facts    *facts
	dialog   *dialog
	problems *problems
	fetches  *fetchLog
	slot     *slot
	withdraw func()        // ends the phone's access to the image
	contact  func() string // returns the address that took the last contact request
	visit    *visit        // of the page by which the phone got the image, or its transfer form; nil if there is none

	answers       <-chan submitted // the page's answer to the transfer form; nil if none is awaited
	endSubmission func()           // gives up that answer
	notSent       bool             // the transfer form did not go out

	update  wpi.Deployment // what it was told
	fetch   fetchProgress
	silence *silence
	probes  *prober
	restart restart
	ending  ending

	refusal    error // why its page does not take the image, which it has all the same; nil if it does
	accepted   bool
	reported   bool   // it says that it has the image
	said       string // another word that it says of the image, "" for none
	saysFailed bool   // it says that its update failed, and what it fetched is still being counted
	queried    bool   // it is queried for what it runs
}

// A restart is when a phone was seen to go down and to be back.
type restart struct{ down, back time.Time }

func (p *phone) newFollower() *follower {
	o := p.runner.options
	return &follower{
		reporter: p, options: o, facts: p.facts, dialog: p.dialog, problems: p.problems, fetches: p.fetches, slot: &p.slot,
		withdraw: p.withdraw, endSubmission: func() {}, contact: p.contactAddress,
		silence: newSilence(o.Patience), probes: newProber(o.connect, o.Probe),
	}
}

// watch looks and listens until the phone says what it runs now.
func (f *follower) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer f.probes.stop()
	defer cancel()
	defer f.silence.stop()
	for !f.ending.reached {
		select {
		case c := <-f.dialog.calls:
			f.answer(f.dialog.took(&c))
		case <-f.fetches.changed:
			f.noteFetch()
		case a := <-f.answers:
			f.noteAnswer(ctx, a)
		case <-f.probes.ticks.C:
			f.probe(ctx)
		case err := <-f.probes.results:
			if f.probes.busy = false; ctx.Err() == nil {
				f.noteProbe(err)
			}
		case <-f.silence.timer.C:
			switch {
			case f.silence.again():
			case !f.saysFailed:
				return f.outOfPatience(ctx)
			default:
				f.endFailed()
			}
		case <-ctx.Done():
			return errStopped
		}
		if !f.restart.back.IsZero() && !f.ending.reached {
			return f.verify(ctx, f.options.Patience)
		}
	}
	return f.ending.err
}

// noteFetch takes over how far the phone got with fetching.
func (f *follower) noteFetch() {
	before := f.fetch.now
	f.silence.allow(f.fetches.state().Size)
	if f.fetch.advance(f.fetches.state()) && !f.saysFailed {
		f.silence.restart()
	}
	now := f.fetch.now
	switch {
	case f.fetch.whole:
	case now.Complete || f.fetch.toEnd():
		f.fetch.whole = now.Complete
		if f.fetch.ended {
			break
		}
		f.fetch.ended = true
		if !f.saysFailed {
			f.silence.restart()
		}
		f.reporter.report(Event{Step: StepFetched, Fetch: now, Limit: f.silence.left()})
		f.slot.free()
	case now.Sent > before.Sent || now.Requests > before.Requests || now.Cut != before.Cut:
		f.reporter.report(Event{Step: StepFetching, Fetch: now, Limit: f.silence.left()})
	}
	if f.saysFailed && f.counted() {
		f.endFailed()
	}
}

// counted reports whether the count of what the phone fetched is final.
func (f *follower) counted() bool { return f.fetch.counted(f.fetches.state()) }

// answer answers what the phone says after it got the update command.
func (f *follower) answer(c *call) {
	f.noteFetch() // what it did comes before what it says of it
	m := c.Message
	reply := wpi.CleanUp()
	switch {
	case f.visit != nil && (m.Reason == wpi.ReplyTo || m.Reason == wpi.PhoneCleanUp || m.Reason == wpi.FileStatus):
		// It was queried for nothing but what it is.
	case m.Reason == wpi.ReplyTo && m.Action != "" && !strings.EqualFold(m.Action, wpi.ActionSoftwareDeployment):
		// To an earlier query.
	case m.Reason == wpi.ReplyTo && m.Status == wpi.Busy:
		if f.mayRetry(c) {
			reply = wpi.CleanUpAndCall()
			f.ending.end(errBusy)
		}
	case m.Reason == wpi.ReplyTo && m.Status == wpi.Failed:
		if f.dialog.ofUpdate(c) {
			f.refused()
		}
	case m.Reason == wpi.ReplyTo:
		if m.Status == wpi.Accepted && !f.accepted {
			f.accepted = true
			f.silence.restart()
			f.reporter.report(Event{Step: StepAccepted, Limit: f.silence.left()})
		}
	case m.Reason == wpi.PhoneCleanUp:
		if f.dialog.ofUpdate(c) {
			f.ending.end(f.dialog.brokeOff(m))
		}
	case m.Reason == wpi.FileStatus:
		f.noteStatus(m)
	default:
		f.noteIdentity(m)
	}
	f.dialog.reply(c, reply)
}

// refused takes over that the phone refuses the update. One that requested the image did not: it says that its update failed.
func (f *follower) refused() {
	if f.fetch.watched && f.fetches.state().Requests > 0 {
		f.noteFailed()
		return
	}
	f.ending.end(failf(KindNotTaken, "it refused the update"))
}

// mayRetry reports whether a phone that says that it is busy can be believed, and get the command again: it says so in the
// conversation in which it got it, and did nothing else before.
func (f *follower) mayRetry(c *call) bool {
	began := f.accepted || f.reported || f.fetch.complete || f.fetches.state().Requests > 0
	return c.Session == f.dialog.instructed && f.dialog.ofUpdate(c) && !began && !f.queried && f.restart.down.IsZero()
}

// noteIdentity takes over what a phone says of itself without being asked: after a restart, if this machine is its own
// service. It is not believed before it had the whole image, where that can be seen.
func (f *follower) noteIdentity(m *wpi.PhoneMessage) {
	f.facts.after = Device{}
	f.facts.read(m)
	if err := f.facts.rightPhone(); err != nil {
		f.ending.end(err)
		return
	}
	if f.fetch.watched && !f.fetch.complete {
		return
	}
	started := m.Reason == wpi.StartUp
	if started {
		f.wentDown()
		f.cameBack()
	}
	switch said := f.facts.after; {
	case f.facts.runs(said) && (started || !f.facts.ranBefore()):
		f.ending.end(f.success())
	case started && said.Version != "" && !f.facts.lacksType(said):
		f.ending.end(f.oldVersion())
	}
}

func (f *follower) wentDown() {
	if f.restart.down.IsZero() {
		f.restart.down = time.Now()
		f.endSubmission() // nobody answers any more
		f.silence.restart()
		f.slot.free()
		f.reporter.report(Event{Step: StepRestarting, Limit: f.silence.left()})
	}
}

func (f *follower) cameBack() {
	if f.restart.back.IsZero() {
		f.restart.back = time.Now()
		f.reporter.report(Event{Step: StepBack, Limit: f.options.Patience})
	}
}

// command returns what the phone was given.
func (f *follower) command() string {
	if f.visit != nil {
		return "transfer form"
	}
	return "update command"
}

// because adds to a failure what went wrong at the phone's address meanwhile.
func (f *follower) because(failure *Failure) *Failure {
	if err := f.problems.first(f.dialog.shared(), problemRequest); err != nil {
		return &Failure{Kind: KindOtherwise, Msg: fmt.Sprintf("it received the %s, but did not request the image as it was told", f.command()), Err: err}
	}
	failure.Err = f.problems.first(f.dialog.shared(), problemFetch, problemOtherCertificate, problemCertificate, problemNoCertificate, problemNotTrusted, problemTLS)
	return failure
}
