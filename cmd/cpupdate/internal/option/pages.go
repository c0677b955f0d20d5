package option

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// Pages are the web pages of the phones of a command, whose keys are verified.
type Pages struct {
	Command string // for errors
	Web     *WebPage
	Listen  *Listen
	Phones  []fleet.Target
	Timeout time.Duration
	Context advice.Context
}

// Trust decides which keys of web pages are trusted, before anything is sent there. It performs all handshakes at once, then
// prompts for one page after another.
func (o *Pages) Trust(ctx context.Context, con *console.Console, hosts *knownhosts.Store, base trust.Policy) ([]trust.Policy, error) {
	policies := make([]trust.Policy, len(o.Phones))
	peers := make([]string, len(o.Phones))
	unknown := 0
	for i := range o.Phones {
		var err error
		peers[i] = o.Web.Peer(o.Phones[i].Address)
		if policies[i], err = hosts.PolicyAmong(base, peers[i], len(o.Phones)); err != nil {
			return nil, err
		}
		if knownhosts.CanPromptFor(con, policies[i]) {
			unknown++
		}
	}
	if unknown > 1 {
		con.NoteAbout("note", "this machine", fmt.Sprintf("reads the keys of %d web pages first", unknown))
	}
	refused, err := hosts.AcceptPages(ctx, peers, policies, o.handshakes(ctx, con, policies))
	if err != nil {
		return nil, err
	}
	for i, err := range refused {
		switch {
		case err == nil:
		case len(o.Phones) == 1:
			return nil, err
		default: // the others continue, and this page is refused when it is opened
			con.Note("warning", o.Phones[i].Address, err.Error())
		}
	}
	return policies, nil
}

// handshakes performs a TLS handshake with each page about which there is something to decide, and returns how they ended.
func (o *Pages) handshakes(ctx context.Context, con *console.Console, policies []trust.Policy) []error {
	ended := make([]error, len(policies))
	var all sync.WaitGroup
	o.Listen.Fit(con)
	slots := make(chan struct{}, o.Listen.Parallel)
	for i, p := range policies {
		if !knownhosts.CanPromptFor(con, p) {
			continue
		}
		all.Go(func() {
			slots <- struct{}{}
			ended[i] = o.handshake(ctx, i, p)
			<-slots
		})
	}
	all.Wait()
	return ended
}

// handshake performs a TLS handshake with the web page of a phone, and no more.
func (o *Pages) handshake(ctx context.Context, number int, p trust.Policy) error {
	phone := o.Phones[number].Address
	access, err := knownhosts.PeerAccess(transfer.HTTPS, o.Web.Peer(phone))
	if err != nil {
		return settings.UsageError(o.Command, err)
	}
	err = transfer.Handshake(ctx, access, transfer.Options{Trust: p, Timeout: min(o.Timeout, ContactTimeout)})
	if e := (*transfer.Error)(nil); errors.As(err, &e) && e.Kind == transfer.KindTLS {
		f := fleet.PageFailure(&wbm.Error{Kind: wbm.KindTLS, Err: e.Err})
		return advice.PhoneFailure(phone, o.Context, fleet.Result{Failure: f})
	}
	return err
}
