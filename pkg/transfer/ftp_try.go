package transfer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
)

// Try writes a small file as Put would, replaces it, and removes it again. A server that lets nobody remove a file is found
// out before there is one.
func (s *ftpStore) Try(ctx context.Context) error {
	if err := s.tryRemoving(ctx); err != nil {
		if e := (*Error)(nil); errors.As(err, &e) && e.Op == OpRemove && !s.control.broken {
			if _, listErr := s.list(ctx); listErr != nil {
				return listErr // there is no data connection, which comes first
			}
			s.tell(StepRemove, "a file that is not there")
		}
		return err
	}
	u := tryUpload()
	u.InPlace = s.o.InPlace
	p, err := s.try(ctx, u)
	e := (*Error)(nil)
	if errors.As(err, &e) && e.Kind == KindName && len(s.left) == 0 {
		u.Name = shortName(".bind") // some servers take files of some kinds only
		p, err = s.try(ctx, u)
	}
	if err != nil {
		if errors.As(err, &e) && e.Kind == KindName {
			e.Op = OpTemporary // the name is of our choice
		}
		return s.withLeft(err)
	}
	replaced := s.tryReplacing(ctx, p.u)
	last := s.o.finish // removing is a step like the others
	if replaced != nil {
		last = s.cleanupContext
	} else {
		s.tell(StepRemove, p.u.Name)
	}
	ctx, cancel := last(ctx)
	defer cancel()
	if s.control == nil || s.control.broken {
		_ = p.reconnect(ctx) // what was tried on it has its own error
	}
	if s.control != nil {
		s.control.ctx = ctx
		if err = s.remove(ctx, p.u.Name); err == nil {
			return s.withLeft(replaced)
		}
	}
	s.half = p.u.Name
	return s.withLeft(cmp.Or(replaced, err))
}

// tryUpload returns the small file of Try. It says what it is to whoever finds it. Its name ends as an image's does: servers
// refuse, or do not hand out, files by the ends of their names.
func tryUpload() Upload {
	text := []byte("cpupdate tried whether it may write here. This file can be removed.\n")
	return Upload{
		Name:    "cpupdate-test." + randomHex() + ".img",
		Content: io.NewSectionReader(bytes.NewReader(text), 0, int64(len(text))),
	}
}

// try makes one attempt to send a file.
func (s *ftpStore) try(ctx context.Context, u Upload) (*ftpPut, error) {
	p := &ftpPut{ftpStore: s, u: u, target: u.Name, trial: true, location: Location{Size: u.Content.Size(), Attempts: 1}}
	return p, p.run(ctx)
}

// tryReplacing sends the small file once more: not every server replaces a file by renaming.
func (s *ftpStore) tryReplacing(ctx context.Context, u Upload) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	s.tell(StepReplace, u.Name)
	listener := s.o.Event
	s.o.Event = nil // the steps are those of the first time; the dialogue has its own listener
	defer func() { s.o.Event = listener }()
	_, err := s.try(ctx, u)
	return err
}

// tryRemoving asks to remove a file that is not there: a server that forbids removing says so.
func (s *ftpStore) tryRemoving(ctx context.Context) error {
	if err := s.ready(ctx, false); err != nil {
		return err
	}
	name := shortName(".bind")
	answer, err := s.control.ask("DELE " + name)
	switch words := plainWords(answer.text(), name); {
	case err != nil:
		return s.fail(ctx, OpRemove, err)
	case answer.code == 421:
		return s.refuse(OpRemove, KindBusy, answer)
	case answer.code == 500 || answer.code == 502 || answer.code == 504:
		return s.refuse(OpRemove, KindRefused, answer)
	case answer.code >= 400 && permissionWords().MatchString(words):
		return s.refuse(OpRemove, KindDenied, answer)
	}
	return nil
}
