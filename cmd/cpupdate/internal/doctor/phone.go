package doctor

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/runview"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// A probe is what a phone looks like from outside.
type probe struct{ name, port finding }

// probed knocks at all phones at once.
func (x *examination) probed(ctx context.Context) []probe {
	if x.probes != nil {
		return x.probes
	}
	x.probes = make([]probe, len(x.targets))
	slots := make(chan struct{}, x.o.Talk.Parallel)
	var all sync.WaitGroup
	for i, t := range x.targets {
		all.Go(func() {
			slots <- struct{}{}
			x.probes[i] = x.probe(ctx, t.Address)
			<-slots
		})
	}
	all.Wait()
	return x.probes
}

func (x *examination) probe(ctx context.Context, address string) probe {
	contact, _ := hwcheck.ContactAddress(address) // targets has seen it
	host, _, _ := net.SplitHostPort(contact)
	hint := hintOf(advice.PhoneTable(), func(row advice.PhoneRow) (bool, string) { return row.Kind == fleet.KindUnreachable, row.Hint })
	p := probe{name: x.lookUp(ctx, host, hint)}
	if p.name.State == stateWell {
		p.port = x.knock(ctx, contact, hint)
	}
	return p
}

func doctorPhoneName(ctx context.Context, x *examination, i int) finding {
	return x.probed(ctx)[i].name
}

func phonePort(ctx context.Context, x *examination, i int) finding { return x.probed(ctx)[i].port }

// phoneCall is whether the phone called.
func phoneCall(ctx context.Context, x *examination, i int) finding {
	if x.station == nil {
		f := skipped("not looked at: phones have no port to call")
		f.reason = "phones have no port to call"
		return f
	}
	if err := x.ask(ctx); err != nil {
		return bad(err)
	}
	r := x.asked[i]
	back := x.back(i)
	if r.Failure == nil {
		return well("it called " + back)
	}
	f := x.badPhone(i, advice.Context{List: x.o.List}, r)
	switch r.Failure.Kind { //nolint:exhaustive // the others say enough
	case fleet.KindOther, fleet.KindTwice:
		f.Needed = true // no way goes to another phone than the one that is meant
	case fleet.KindNoCall:
		contact, _ := hwcheck.ContactAddress(x.targets[i].Address) // targets has seen it
		host, _, _ := net.SplitHostPort(contact)
		f.Hints = []string{
			"let the firewall of this machine take TCP to " + back + " from " + host + "; in a container or behind NAT name this machine with --advertise",
			"a phone that was contacted a short while ago stays silent for up to 5 minutes: try again then",
		}
	}
	return f
}

// badPhone is a bad end with a phone, whose name stands above it.
func (x *examination) badPhone(i int, in advice.Context, r fleet.Result) finding {
	f := bad(advice.PhoneFailure(x.targets[i].Address, in, r))
	f.Text = r.Failure.Error()
	return f
}

// back is where a phone is told to call.
func (x *examination) back(i int) string {
	for _, l := range x.locals {
		for _, name := range l.phones {
			if name == x.targets[i].Address {
				host, port := x.station.Back(l.addr)
				return net.JoinHostPort(host, strconv.Itoa(port))
			}
		}
	}
	return fmt.Sprintf("port %d", x.station.Server.Addr().Port())
}

// ask asks all phones that answer to call, once, and notes what they say.
func (x *examination) ask(ctx context.Context) error {
	if x.asked != nil {
		return nil
	}
	var targets []fleet.Target
	var numbers []int
	for i, t := range x.targets {
		if x.probes[i].port.State == stateWell {
			targets, numbers = append(targets, t), append(numbers, i)
		}
	}
	x.wait(len(targets))
	results, err := x.station.Runner.Run(ctx, fleet.Plan{Phones: targets, Back: x.station.Back})
	if err != nil {
		return err
	}
	x.asked = make([]fleet.Result, len(x.targets))
	for i, r := range results {
		x.asked[numbers[i]] = r
	}
	return nil
}

// phoneRuns is what the phone says of itself.
func phoneRuns(_ context.Context, x *examination, i int) finding {
	d := x.asked[i].After
	var words []string
	for _, word := range []string{d.Type, runview.Typed(d), d.PartNumber, d.MAC} {
		if word != "" {
			words = append(words, word)
		}
	}
	if len(words) == 0 {
		return mind("it does not say what it is")
	}
	return well(strings.Join(words, ", "))
}
