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
	s.left, s.half = nil, ""
	e := (*Error)(nil)
	if !errors.As(err, &e) {
		e = &Error{Op: "cleaning up", Server: s.address, Kind: KindUnproven, Err: err} // none that is tried again
	}
	left := *e
	left.Left = strings.Join(urls, ", ")
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

// leftBehind returns the error with the file that is left behind.
func (p *ftpPut) leftBehind(err error, name string) error {
	e := (*Error)(nil)
	if !errors.As(err, &e) {
		e = &Error{Op: "cleaning up", Server: p.address, Kind: KindUnproven, Err: err} // none that is tried again
	}
	left := *e
	left.Left = p.access.FileURL(name)
	return &left
}

// cleanUp removes what the attempt left, on a new connection if necessary, and returns why the attempt failed.
func (p *ftpPut) cleanUp(ctx context.Context, why error) error {
	ctx, cancel := p.cleanupContext(ctx)
	defer cancel()
	p.tell(StepRemove, p.target)
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
// still be the old one, if the server had not begun to write: of that size, it is not touched.
func (p *ftpPut) removeOurs(ctx context.Context) bool {
	if p.target == p.u.Name && p.location.Replaced {
		size, err := p.size(ctx, p.target)
		switch {
		case err != nil || !size.known:
			return false
		case size.there && size.bytes == p.old:
			return p.sent < p.old // else it may be as much of the new one
		}
	}
	return p.remove(ctx, p.target) == nil
}

// remove removes a file. One that is not there counts as removed. A server that forbids removing may say "no such
// file" as well when asked for the size, so that its words count too.
func (s *ftpStore) remove(ctx context.Context, name string) error {
	err := s.client.Delete(name)
	if err == nil {
		return nil
	}
	serverErr := (*textproto.Error)(nil)
	if errors.As(err, &serverErr) && !permissionWords().MatchString(strings.ToLower(serverErr.Msg)) {
		if size, sizeErr := s.size(ctx, name); sizeErr == nil && !size.there && size.known {
			return nil
		}
	}
	return s.fail(ctx, "removing", err)
}
