package transfer

import (
	"context"
	"errors"
	"net/textproto"
	"slices"
	"strings"
)

// withLeft adds the files that no attempt could remove to the error of the last attempt.
func (s *ftpStore) withLeft(err error) error {
	urls := s.leftURLs()
	if len(urls) == 0 {
		return err
	}
	kept := s.kept
	s.left, s.half, s.kept = nil, "", false
	e := (*Error)(nil)
	if !errors.As(err, &e) {
		e = &Error{Op: "cleaning up", Server: s.address, Kind: KindUnproven, Err: err} // none that is tried again
	}
	left := *e
	left.Left, left.Unsure = strings.Join(urls, ", "), !kept
	return &left
}

// leftURLs returns where the files lie that no attempt could remove.
func (s *ftpStore) leftURLs() []string {
	var urls []string
	for _, name := range s.left {
		urls = append(urls, s.access.FileURL(name))
	}
	if s.half != "" {
		urls = append(urls, s.access.FileURL(s.half))
	}
	return urls
}

// leftBehind returns the error with the file that is left behind, or may be, if the server did not answer to its removal.
func (p *ftpPut) leftBehind(err error, name string, untried bool) error {
	e := (*Error)(nil)
	if !errors.As(err, &e) {
		e = &Error{Op: "cleaning up", Server: p.address, Kind: KindUnproven, Err: err} // none that is tried again
	}
	left := *e
	left.Left, left.Unsure = p.access.FileURL(name), untried
	return &left
}

// cleanUp removes what the attempt left, on a new connection if necessary, and returns why the attempt failed.
func (p *ftpPut) cleanUp(ctx context.Context, why error) error {
	ctx, cancel := p.cleanupContext(ctx)
	defer cancel()
	if !p.trial {
		p.tell(StepRemove, p.target)
	}
	if p.control != nil && !p.control.broken {
		p.control.ctx, p.control.late = ctx, false
		if p.removeOurs(ctx) {
			return why
		}
	}
	if p.reconnect(ctx) == nil && p.removeOurs(ctx) {
		return why
	}
	switch {
	case p.target == p.u.Name:
		p.half = p.target
	case !slices.Contains(p.left, p.target):
		p.left = append(p.left, p.target)
	}
	return why
}

// removeOurs removes the target, and reports whether nothing of ours is there now. Under the file's own name there may
// still be the old one, if the server had not begun to write: of that size, it is not touched, nor if nothing is known of
// it.
func (p *ftpPut) removeOurs(ctx context.Context) bool {
	if p.target == p.u.Name && p.existing.presence != absent {
		file, err := p.lookUpSent(ctx, p.target)
		switch {
		case err != nil || file.presence == unknown || p.existing.bytes < 0 || file.presence == present && file.bytes < 0:
			return false
		case file.presence == present && file.bytes == p.existing.bytes:
			return p.sent < p.existing.bytes // else it may be as much of the new one
		}
	}
	return p.remove(ctx, p.target) == nil
}

// remove removes a file. One that is not there counts as removed.
func (s *ftpStore) remove(ctx context.Context, name string) error {
	err := s.insist(ctx, func() error { return s.client.Delete(name) })
	if err == nil {
		return nil
	}
	failure := s.fail(ctx, OpRemove, err)
	serverErr := (*textproto.Error)(nil)
	if !errors.As(err, &serverErr) || s.control.broken {
		return failure
	}
	words := plainWords(serverErr.Msg, name)
	if saysAbsent(serverErr.Code, words) {
		return nil
	}
	if !permissionWords().MatchString(words) {
		if file, err := s.lookUp(ctx, name); err == nil && file.presence == absent {
			return nil
		}
	}
	s.kept = true
	return failure
}
