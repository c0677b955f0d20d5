package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// policyAmong is policyFor for one of several peers. Keys that are stated for all of them are no word on which of them has
// which: whose key is known has to show that one all the same.
func (h *hostStore) policyAmong(base trust.Policy, peer string, peers int) (trust.Policy, error) {
	if peers < 2 || base.Authorities != nil || len(base.Pins) == 0 {
		return h.policyFor(base, peer)
	}
	known, err := h.policyFor(trust.Policy{}, peer)
	base.Known = known.Known
	return base, err
}

// meetPages settles whom to believe that it is which phone's page, before a password is asked for. Hands are shaken with all
// at once; then they are asked about, one after another.
func (r *rollout) meetPages(ctx context.Context, base trust.Policy) ([]trust.Policy, error) {
	policies := make([]trust.Policy, len(r.targets))
	ended := make([]error, len(r.targets))
	strangers := 0
	for i := range r.targets {
		var err error
		if policies[i], err = r.hosts.policyAmong(base, r.pageOf(i), len(r.targets)); err != nil {
			return nil, err
		}
		if r.con.canIntroduce(policies[i]) {
			strangers++
		}
	}
	if strangers > 1 {
		r.con.remark("note", "this machine", fmt.Sprintf("looks at the keys of %d web pages first", strangers))
	}
	var all sync.WaitGroup
	slots := make(chan struct{}, r.o.talk.parallel)
	for i, p := range policies {
		if !r.con.canIntroduce(p) {
			continue
		}
		all.Go(func() {
			slots <- struct{}{}
			ended[i] = r.shake(ctx, i, p)
			<-slots
		})
	}
	all.Wait()
	for i, p := range policies {
		if !r.con.canIntroduce(p) {
			continue
		}
		var err error
		if policies[i], err = r.hosts.acquaint(ctx, r.pageOf(i), p, ended[i]); err == nil {
			continue
		}
		if len(r.targets) == 1 || ctx.Err() != nil || len(policies[i].Known) > 0 {
			return nil, err
		}
		r.con.note("warning", r.targets[i].Address, err.Error()) // the others go on, and this one is refused when its page is visited
	}
	return policies, nil
}

// pageOf is the page of a phone, HOST:PORT.
func (r *rollout) pageOf(number int) string { return r.o.route.web.peer(r.targets[number].Address) }

// webHost is the name or address of a phone.
func (r *rollout) webHost(number int) string {
	host, _, _ := net.SplitHostPort(r.pageOf(number))
	return host
}

// shake shakes hands with the page of a phone, and no more.
func (r *rollout) shake(ctx context.Context, number int, p trust.Policy) error {
	access, err := peerAccess(transfer.HTTPS, r.pageOf(number))
	if err != nil {
		return settingUsage("push", err)
	}
	err = transfer.Meet(ctx, access, transfer.Options{Trust: p, Timeout: min(r.options.Timeout, contactTimeout)})
	if e := (*transfer.Error)(nil); errors.As(err, &e) && e.Kind == transfer.KindTLS {
		f := fleet.PageFailure(&wbm.Error{Kind: wbm.KindTLS, Err: e.Err})
		return phoneFailure(r.targets[number].Address, r.failureContext(), fleet.Result{Failure: f})
	}
	return err
}
