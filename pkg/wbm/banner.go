package wbm

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// A Banner is what a phone's page says of the phone without a login, word by word, bounded. What it does not say is "". The page
// and its labels were observed on OpenStage phones by two public programs, which have no more in common (nbe95/cowphone,
// unify_numbers.py); no document of the vendor describes it, and whether CP phones have it is assumed.
type Banner struct {
	Model  string // such as "OpenStage 60G"; never ""
	Number string
	IPv4   string
	IPv6   string
	Name   string // of DNS
}

// ReadBanner reads main_banner.cmd at HOST:PORT. It sends no password and no cookie. The error is an [*Error], or the context's
// cause.
func ReadBanner(ctx context.Context, address string, o Options) (Banner, error) {
	s, err := newSession(address, o)
	if err != nil {
		return Banner{}, err
	}
	defer s.disconnect()
	p, err := s.visit(ctx, request{url: s.at("/main_banner.cmd", url.Values{"lang": {"en"}}.Encode())})
	if e := (*Error)(nil); errors.As(err, &e) && e.status != 0 {
		return Banner{}, &Error{Kind: KindNoBanner, Msg: e.Msg}
	}
	if err != nil {
		return Banner{}, err
	}
	if p.Model == "" {
		return Banner{}, s.errorf(KindNoBanner, "%s has no cell of class part_4 with a model", s.uri(p.URL))
	}
	return s.banner(p), nil
}

// banner takes what is known of a banner from its page: the cell after a label is its value.
func (s *Session) banner(p *htmlform.Page) Banner {
	b := Banner{Model: s.redact(p.Model)}
	values := map[string]*string{
		"phone number": &b.Number, "phone ipv4 address": &b.IPv4, "phone ipv6 address": &b.IPv6, "dns name": &b.Name,
	}
	for i, cell := range p.Cells {
		value := values[label(cell)]
		if value == nil || *value != "" || i+1 == len(p.Cells) {
			continue
		}
		if next := p.Cells[i+1]; values[label(next)] == nil { // the next label, or the end of the row
			*value = s.redact(next)
		}
	}
	return b
}

// label returns a cell as a label is written.
func label(cell string) string {
	return strings.ToLower(strings.TrimSpace(strings.TrimSuffix(cell, ":")))
}
