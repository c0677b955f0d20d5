package transfer

import (
	"bytes"
	"context"
	"io"
)

// Try writes a small file as Put would, and removes it again.
func (s *ftpStore) Try(ctx context.Context) error {
	u := tryUpload()
	location := Location{Size: u.Content.Size(), Attempts: 1}
	p := &ftpPut{ftpStore: s, u: u, target: u.Name, location: location}
	if err := p.run(ctx); err != nil {
		return s.withLeft(err)
	}
	cancelled := context.Cause(ctx)
	ctx, cancel := s.cleanupContext(ctx)
	defer cancel()
	s.control.ctx = ctx
	s.tell(StepRemove, u.Name)
	if err := s.remove(ctx, u.Name); err != nil {
		return p.leftBehind(err, u.Name)
	}
	return cancelled
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
