package doctor

import (
	"context"
	"net"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/phone"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// phonePage reports what the phone's web page says without a login. No route needs it, and no password is sent: it tells what
// is there where a phone does not call back.
func phonePage(ctx context.Context, x *diagnosis, i int) finding {
	if why := x.notMeant(i); why != "" {
		return skipped("skipped: " + why)
	}
	address := x.o.Route.Web.Peer(x.targets[i].Address)
	policy, err := x.pagePolicy(ctx, address)
	if err != nil {
		return skipped("not read: " + err.Error())
	}
	host, _, _ := net.SplitHostPort(address)
	p := phone.ReadPage(ctx, address, wbm.Options{TLS: policy.TLS(host), Timeout: x.o.Timeout})
	if p.Failure != nil {
		return skipped("not read: " + p.Failure.Error())
	}
	called := fleet.Device{}
	if x.asked != nil && x.asked[i].Failure == nil {
		called = x.asked[i].After
	}
	differences := p.Differences(x.targets[i].Address, called)
	if len(differences) == 0 {
		return passed(p.Text())
	}
	f := warn(p.Text())
	for _, d := range differences {
		f.Hints = append(f.Hints, d.Text)
	}
	return f
}
