package transfer

import (
	"context"
	"errors"
	"net/textproto"
	"os"
	"strings"
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
	target   string    // what the file is sent to
	trial    bool      // the last step that is told is the one that fails
	begun    bool      // target may exist, and is ours
	sent     int64     // bytes of the file that went out
	names    []string  // other temporary names, if the server does not accept target
	existing fileState // what has the name already
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
	refused, err := p.chooseTarget(ctx)
	if err == nil {
		err = p.queryExisting(ctx)
	}
	if err == nil && refused != nil {
		err = p.withoutTemporary(refused)
	}
	return err
}

// queryExisting notes whether a file of the name is there, which may be the end of it. If the server does not tell, there
// may be one. With NoOverwrite, and in place, it does not rely on one word of the server: the folder's listing may show the
// file.
func (p *ftpPut) queryExisting(ctx context.Context) (err error) {
	query := p.lookUp
	if p.u.NoOverwrite || p.u.InPlace {
		query = p.lookUpSent
	}
	if p.existing, err = query(ctx, p.u.Name); err != nil {
		return err
	}
	p.location.Replaced, p.location.Untold = p.existing.presence == present, p.existing.presence == unknown
	if p.u.NoOverwrite && p.existing.presence != absent && p.half != p.u.Name {
		e := &Error{Op: "sending", Server: p.address, Kind: KindExists, Untold: p.location.Untold, Err: errors.New("it must not be replaced")}
		if e.Untold {
			e.Code, e.Reply = p.existing.refusal.code, p.words(p.existing.refusal.text())
		}
		return e
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
	err := p.withData(ctx, p.store)
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
	if e := (*Error)(nil); errors.As(failure, &e) && e.Kind == KindMissing { // the folder is there: it was entered
		e.Kind, e.Err = KindDenied, errors.New("the server may hide a file of this name from the user")
	}
	if e := (*Error)(nil); errors.As(failure, &e) && p.target != p.u.Name && !p.begun && mayBeName(e) {
		return p.otherName(ctx, e)
	}
	if !p.sending.complete() || !p.inDoubt(failure) {
		return failure
	}
	return p.queryFile(ctx, failure)
}

// mayBeName reports whether a refusal may be one of the file's name. Code 553 is meant for that (RFC 959, 4.2.2), but servers also
// send it for other reasons, send 550 instead, and do not always say which.
func mayBeName(e *Error) bool {
	unsaid := e.Code == 550 && e.Kind == KindDenied || e.Code == 553
	return e.Code != 0 && (e.Kind == KindName || unsaid && !permissionWords().MatchString(strings.ToLower(e.Reply)))
}

// otherName sends the file under another name, since the server refuses the temporary one before the first byte.
func (p *ftpPut) otherName(ctx context.Context, refused *Error) error {
	if len(p.names) > 0 {
		p.target, p.names = p.names[0], p.names[1:]
	} else if refused.Kind != KindName {
		return refused
	} else if err := p.withoutTemporary(refused); err != nil {
		return err
	}
	p.location.InPlace = p.target == p.u.Name
	return p.send(ctx)
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
	file, err := p.lookUp(ctx, p.target)
	if err != nil || file.presence != present || file.bytes != p.u.Content.Size() {
		return failure
	}
	p.control.ctx = whole
	// A file of this name and size may be the old one, if the server puts new ones in place at the very end.
	if p.location.InPlace && p.existing.presence != absent {
		p.u.ReadBack = true
	}
	return nil
}

// reconnect goes back to the folder on a new connection.
func (p *ftpPut) reconnect(ctx context.Context) error {
	p.drop()
	return p.ready(ctx, false)
}
