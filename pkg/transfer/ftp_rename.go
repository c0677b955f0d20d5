package transfer

import (
	"context"
	"errors"
	"net/textproto"
	"time"
)

// insistPauses is how many pauses what a passing fault prevents is repeated for: about six seconds by default.
const insistPauses = 12

// insist repeats what a passing fault of the server prevents, such as a virus scanner that holds the file just after the
// upload, for some seconds.
func (s *ftpStore) insist(ctx context.Context, do func() error) error {
	pause := s.o.Pause / 2
	for waited := time.Duration(0); ; waited, pause = waited+pause, 2*pause {
		err := do()
		if err == nil || s.control.broken || s.replyKind(OpRename, err) != KindBusy || waited >= insistPauses*s.o.Pause {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
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
	p.tell(StepRename, p.u.Name)
	var failure error
	err := p.insist(ctx, func() error {
		limited, cancel := p.o.finish(ctx)
		defer cancel()
		p.control.ctx = limited
		err := p.client.Rename(p.target, p.u.Name)
		if err != nil {
			failure = p.fail(limited, OpRename, err)
		}
		return err
	})
	whole := ctx
	if err == nil {
		ctx, cancel := p.o.finish(ctx)
		defer cancel()
		p.control.ctx = ctx
		return p.proveName(ctx, whole)
	}
	ctx, cancel := p.cleanupContext(ctx)
	defer cancel()
	p.control.ctx = ctx
	e := (*Error)(nil)
	if p.inDoubt(failure) || errors.As(failure, &e) && e.Kind == KindProtocol && p.control.broken {
		return p.queryName(ctx, whole, failure)
	}
	if e == nil && !errors.As(failure, &e) {
		return failure
	}
	p.control.ctx = whole
	return p.notRenamed(whole, e)
}

// notRenamed decides by the server's words what follows from its refusal to rename.
func (p *ftpPut) notRenamed(ctx context.Context, e *Error) error {
	unknownCommand := e.Code == 500 || e.Code == 502 || e.Code == 504
	switch {
	case e.Kind == KindBusy && e.Code != 421:
		e.final = true // it was repeated
		return e
	case e.Temporary():
		return e
	case e.Kind == KindExists && p.u.NoOverwrite:
		return &Error{Op: "sending", Server: p.address, Kind: KindExists, Err: errors.New("it must not be replaced")}
	case unknownCommand, p.existing.presence == absent && (e.Kind == KindDenied || e.Kind == KindRefused):
		return p.fallBack(ctx, e)
	}
	return e
}

// queryName asks whether the file has its name, since the server's word on that was lost.
func (p *ftpPut) queryName(ctx, whole context.Context, failure error) error {
	p.tell(StepQuery, failure.Error())
	if err := p.reconnect(ctx); err != nil {
		return failure
	}
	file, err := p.lookUp(ctx, p.target)
	switch {
	case err != nil:
		return failure
	case file.presence == absent:
		return p.proveName(ctx, whole)
	}
	err = p.client.Rename(p.target, p.u.Name)
	if serverErr := (*textproto.Error)(nil); err != nil && file.presence == unknown && errors.As(err, &serverErr) && serverErr.Code == 550 {
		// It may have its name already, or nobody may rename it: only reading it tells.
		temporary := p.target
		p.target, p.control.ctx = p.u.Name, whole
		if p.readBack(whole) == nil {
			return p.proveName(ctx, whole)
		}
		p.target, p.control.ctx = temporary, ctx
	}
	if serverErr := (*textproto.Error)(nil); err != nil && !errors.As(err, &serverErr) {
		return failure // no more is known than before
	}
	if err != nil {
		return p.fail(ctx, OpRename, err)
	}
	return p.proveName(ctx, whole)
}

// fallBack sends the file once more, to its own name, where the server does not rename. No file of that name is there
// that could be lost, or the server knows no renaming at all.
func (p *ftpPut) fallBack(ctx context.Context, why *Error) error {
	if p.existing.presence == absent {
		file, err := p.lookUpSent(ctx, p.u.Name)
		if err != nil || file.presence != absent {
			return why // there is one after all
		}
	}
	if err := p.remove(ctx, p.target); err != nil {
		return why // cleanUp tries again, and says what is left
	}
	p.begun = false
	p.inPlace("the server does not rename: " + why.Reply)
	p.location.Proofs = nil
	return p.sendAndProve(ctx)
}
