package push

import (
	"context"
	"net"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// trustPages decides which keys of web pages are trusted, before a password is requested.
func (r *rollout) trustPages(ctx context.Context, base trust.Policy) ([]trust.Policy, error) {
	pages := option.Pages{
		Command: "push", Web: &r.o.Route.Web, Listen: &r.o.Listen, Phones: r.targets, Timeout: r.options.Timeout, Context: r.failureContext(),
	}
	return pages.Trust(ctx, r.con, r.hosts, base)
}

// pageOf returns the address of a phone's web page, HOST:PORT.
func (r *rollout) pageOf(number int) string { return r.o.Route.Web.Peer(r.targets[number].Address) }

// webHost returns the name or address of a phone.
func (r *rollout) webHost(number int) string {
	host, _, _ := net.SplitHostPort(r.pageOf(number))
	return host
}
