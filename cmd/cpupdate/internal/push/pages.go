package push

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// trustPages decides which keys of web pages are trusted, before a password is requested. It performs all handshakes at
// once, then prompts for one page after another.
func (r *rollout) trustPages(ctx context.Context, base trust.Policy) ([]trust.Policy, error) {
	policies := make([]trust.Policy, len(r.targets))
	ended := make([]error, len(r.targets))
	unknown := 0
	for i := range r.targets {
		var err error
		if policies[i], err = r.hosts.PolicyAmong(base, r.pageOf(i), len(r.targets)); err != nil {
			return nil, err
		}
		if knownhosts.CanPromptFor(r.con, policies[i]) {
			unknown++
		}
	}
	if unknown > 1 {
		r.con.NoteAbout("note", "this machine", fmt.Sprintf("reads the keys of %d web pages first", unknown))
	}
	var all sync.WaitGroup
	r.o.Listen.Fit(r.con)
	slots := make(chan struct{}, r.o.Listen.Parallel)
	for i, p := range policies {
		if !knownhosts.CanPromptFor(r.con, p) {
			continue
		}
		all.Go(func() {
			slots <- struct{}{}
			ended[i] = r.handshake(ctx, i, p)
			<-slots
		})
	}
	all.Wait()
	pages := make([]string, len(r.targets))
	for i := range pages {
		pages[i] = r.pageOf(i)
	}
	refused, err := r.hosts.AcceptPages(ctx, pages, policies, ended)
	if err != nil {
		return nil, err
	}
	for i, err := range refused {
		switch {
		case err == nil:
		case len(r.targets) == 1:
			return nil, err
		default: // the others continue, and this page is refused when it is opened
			r.con.Note("warning", r.targets[i].Address, err.Error())
		}
	}
	return policies, nil
}

// pageOf returns the address of a phone's web page, HOST:PORT.
func (r *rollout) pageOf(number int) string { return r.o.Route.Web.Peer(r.targets[number].Address) }

// webHost returns the name or address of a phone.
func (r *rollout) webHost(number int) string {
	host, _, _ := net.SplitHostPort(r.pageOf(number))
	return host
}

// handshake performs a TLS handshake with the web page of a phone, and no more.
func (r *rollout) handshake(ctx context.Context, number int, p trust.Policy) error {
	access, err := knownhosts.PeerAccess(transfer.HTTPS, r.pageOf(number))
	if err != nil {
		return settings.UsageError("push", err)
	}
	err = transfer.Handshake(ctx, access, transfer.Options{Trust: p, Timeout: min(r.options.Timeout, option.ContactTimeout)})
	if e := (*transfer.Error)(nil); errors.As(err, &e) && e.Kind == transfer.KindTLS {
		f := fleet.PageFailure(&wbm.Error{Kind: wbm.KindTLS, Err: e.Err})
		return advice.PhoneFailure(r.targets[number].Address, r.failureContext(), fleet.Result{Failure: f})
	}
	return err
}
