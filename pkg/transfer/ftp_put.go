package transfer

import (
	"context"
	"errors"
	"net/textproto"
	"os"
	"time"
)

// Put sends a file.
func (s *ftpStore) Put(ctx context.Context, u Upload) (Location, error) {
	if err := u.validate(); err != nil {
		return Location{}, err
	}
	var p *ftpPut
	err := s.o.again(ctx, func(n int) error {
		p = &ftpPut{ftpStore: s, u: u, target: u.Name, location: Location{Size: u.Content.Size(), Attempts: n, URL: s.access.FileURL(u.Name)}}
		return p.run(ctx)
	})
	if err != nil {
		return Location{}, s.withLeft(err)
	}
	s.half = "" // it is whole now
	s.sweep(ctx)
	p.location.Left = s.leftURLs()
	s.left = nil
	return p.location, nil
}

// An ftpPut is one attempt to send a file.
type ftpPut struct {
	*ftpStore
	u        Upload
	target   string // what the file is sent to
	begun    bool   // target may exist, and is ours
	sent     int64  // bytes of the file that went out
	old      int64  // the size of the file that has the name, -1 if it is not known
	location Location
	start    time.Time
}

// run makes the attempt, and removes what a failed one would leave behind.
func (p *ftpPut) run(ctx context.Context) error {
	err := p.prepare(ctx)
	if err == nil {
		err = p.sendAndProve(ctx)
	}
	if err == nil && p.target != p.u.Name {
		err = p.rename(ctx)
	}
	if err == nil {
		p.location.Duration = time.Since(p.start)
		return nil
	}
	if p.begun {
		return p.cleanUp(ctx, err)
	}
	return err
}

// prepare connects, goes to the folder, looks whether the name is taken, and decides what to send to.
func (p *ftpPut) prepare(ctx context.Context) error {
	if err := p.ready(ctx, p.u.MakeFolder); err != nil {
		return err
	}
	if err := p.queryExisting(ctx); err != nil {
		return err
	}
	if p.u.InPlace {
		return nil
	}
	temporary := temporaryName(p.u.Name)
	answer, err := p.control.ask("RNFR " + temporary)
	if err != nil {
		return p.fail(ctx, "asking for renaming", err)
	}
	if answer.code == 421 {
		return p.refuse("asking for renaming", KindBusy, answer)
	}
	if answer.code == 500 || answer.code == 502 || answer.code == 504 {
		p.tell(StepInPlace, "the server does not rename: "+p.words(answer.text()))
		p.u.InPlace = true
		return nil
	}
	p.target = temporary
	return nil
}

// queryExisting notes whether a file of the name is there, which may be the end of it.
func (p *ftpPut) queryExisting(ctx context.Context) error {
	size, err := p.size(ctx, p.u.Name)
	if err != nil {
		return err
	}
	p.location.Replaced, p.old = size.there, -1
	if size.there && size.known {
		p.old = size.bytes
	}
	if size.there && p.u.NoOverwrite && p.half != p.u.Name {
		return &Error{Op: "sending", Server: p.address, Kind: KindExists, Err: errors.New("it must not be replaced")}
	}
	return nil
}

// sendAndProve sends the file, and proves that it is there.
func (p *ftpPut) sendAndProve(ctx context.Context) error {
	p.location.InPlace = p.target == p.u.Name
	p.tell(StepSend, p.target)
	p.start = time.Now()
	p.sending = newHashingReader(ctx, p.u, p.o, p.control.digestCommand() != "")
	defer func() {
		p.sent = p.sending.out
		p.sending = nil
	}()
	if err := p.sending.fill(); err != nil { // a file whose start is wrong is never begun on a server
		return err
	}
	if err := p.send(ctx); err != nil {
		return err
	}
	p.location.SHA256 = p.sending.sum
	return p.prove(ctx)
}

// send sends the file to the target.
func (p *ftpPut) send(ctx context.Context) error {
	err := p.store()
	if d := (*dataError)(nil); errors.As(err, &d) && ctx.Err() == nil && !p.control.skipEPSV && p.control.tcp.IsIPv4() {
		// The port that EPSV named may be closed on the way; PASV's is another. By IPv6 there is no PASV.
		p.control.skipEPSV = true
		err = p.store()
	}
	if serverErr := (*textproto.Error)(nil); errors.As(err, &serverErr) && serverErr.Code == 532 && p.access.Account != "" {
		if answer, _ := p.control.ask("ACCT " + p.access.Account); answer.code >= 200 && answer.code < 300 {
			err = p.store()
		}
	}
	if err == nil {
		return nil
	}
	if p.control.fault != nil {
		err = p.control.fault
	}
	failure := p.fail(ctx, "sending", err)
	if !p.sending.complete() || !p.inDoubt(failure) {
		return failure
	}
	return p.queryFile(ctx, failure)
}

// store has the library send the file, and notes whether the server may have begun to write it.
func (p *ftpPut) store() error {
	p.control.stored = false
	err := p.client.Stor(p.target, p.sending)
	if p.control.stored && (p.control.begun || p.control.broken) {
		p.begun = true
	}
	return err
}

// inDoubt reports whether the server said neither that it has the file nor that it has not.
func (p *ftpPut) inDoubt(err error) bool {
	e := (*Error)(nil)
	if !errors.As(err, &e) {
		return false
	}
	return e.Code == 0 && (e.Kind == KindBroken || e.Kind == KindTimeout) || e.Code == 421
}

// queryFile asks, on a new connection, whether a file that was sent to its last byte is there, since the server's last
// word was lost.
func (p *ftpPut) queryFile(ctx context.Context, failure error) error {
	p.tell(StepQuery, failure.Error())
	whole := ctx
	if p.control.late {
		limited, cancel := context.WithTimeoutCause(ctx, queryAfterSilent, os.ErrDeadlineExceeded)
		defer cancel()
		ctx = limited
	}
	if err := p.reconnect(ctx); err != nil {
		return failure
	}
	size, err := p.size(ctx, p.target)
	p.control.ctx = whole
	if err != nil || !size.there || size.bytes != p.u.Content.Size() {
		return failure
	}
	// A file of this name and size may be the old one, if the server puts new ones in place at the very end.
	if p.location.InPlace && p.location.Replaced {
		p.u.ReadBack = true
	}
	return nil
}

// reconnect goes back to the folder on a new connection.
func (p *ftpPut) reconnect(ctx context.Context) error {
	p.drop()
	return p.ready(ctx, false)
}

// rename gives the file its name. Once asked for it is not interrupted: nobody would know which name the file has.
func (p *ftpPut) rename(ctx context.Context) error {
	if p.u.NoOverwrite {
		if err := p.queryExisting(ctx); err != nil {
			return err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	whole := ctx
	ctx, cancel := p.cleanupContext(ctx)
	defer cancel()
	p.control.ctx = ctx
	p.tell(StepRename, p.u.Name)
	err := p.client.Rename(p.target, p.u.Name)
	if err == nil {
		return p.proveName(ctx)
	}
	failure := p.fail(ctx, "renaming", err)
	if p.inDoubt(failure) {
		return p.queryName(ctx, whole, failure)
	}
	e := (*Error)(nil)
	if !errors.As(failure, &e) || e.Temporary() {
		return failure
	}
	serverErr := (*textproto.Error)(nil)
	if errors.As(err, &serverErr) && serverErr.Code != 500 && serverErr.Code != 502 && serverErr.Code != 504 && p.location.Replaced {
		e.Kind = KindExists
		return e
	}
	p.control.ctx = whole
	return p.fallBack(whole, e)
}

// queryName asks whether the file has its name, since the server's word on that was lost.
func (p *ftpPut) queryName(ctx, whole context.Context, failure error) error {
	p.tell(StepQuery, failure.Error())
	if err := p.reconnect(ctx); err != nil {
		return failure
	}
	size, err := p.size(ctx, p.target)
	switch {
	case err != nil:
		return failure
	case !size.there && size.known:
		return p.proveName(ctx)
	}
	err = p.client.Rename(p.target, p.u.Name)
	if serverErr := (*textproto.Error)(nil); err != nil && !size.known && errors.As(err, &serverErr) && serverErr.Code == 550 {
		// It may have its name already, or nobody may rename it: only reading it tells.
		temporary := p.target
		p.target, p.control.ctx = p.u.Name, whole
		if p.readBack(whole) == nil {
			return p.proveName(ctx)
		}
		p.target, p.control.ctx = temporary, ctx
	}
	if err != nil {
		return p.fail(ctx, "renaming", err)
	}
	return p.proveName(ctx)
}

// fallBack sends the file once more, to its own name, where the server does not rename. No file of that name is there
// that could be lost.
func (p *ftpPut) fallBack(ctx context.Context, why *Error) error {
	if err := p.remove(ctx, p.target); err != nil {
		return why // cleanUp tries again, and says what is left
	}
	p.begun = false
	p.tell(StepInPlace, "the server does not rename: "+why.Reply)
	p.target, p.location.Proofs = p.u.Name, nil
	return p.sendAndProve(ctx)
}
