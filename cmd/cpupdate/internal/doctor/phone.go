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

// A probe holds the findings about a phone's name and port.
type probe struct{ name, port finding }

// probed connects to the ports of all phones at once.
func (x *diagnosis) probed(ctx context.Context) []probe {
	if x.probes != nil {
		return x.probes
	}
	x.probes = make([]probe, len(x.targets))
	x.o.Listen.Fit(x.con)
	slots := make(chan struct{}, x.o.Listen.Parallel)
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

func (x *diagnosis) probe(ctx context.Context, address string) probe {
	contact, _ := hwcheck.ContactAddress(address) // targets has checked it
	host, _, _ := net.SplitHostPort(contact)
	hint := hintOf(advice.PhoneTable(), func(row advice.PhoneRow) (bool, string) { return row.Kind == fleet.KindUnreachable, row.Hint })
	p := probe{name: x.lookUp(ctx, host, hint)}
	if p.name.State == stateOK {
		p.port = x.knock(ctx, contact, hint)
	}
	return p
}

func doctorPhoneName(ctx context.Context, x *diagnosis, i int) finding {
	return x.probed(ctx)[i].name
}

func phonePort(ctx context.Context, x *diagnosis, i int) finding { return x.probed(ctx)[i].port }

// phoneCall checks whether the phone called back.
func phoneCall(ctx context.Context, x *diagnosis, i int) finding {
	if x.callbackServer == nil {
		f := skipped("skipped: there is no port for phones to call back")
		f.reason = "there is no port for phones to call back"
		return f
	}
	if err := x.query(ctx); err != nil {
		return failed(err)
	}
	r := x.asked[i]
	back := x.back(i)
	if r.Failure == nil {
		return passed("it called back to " + back)
	}
	f := x.failedPhone(i, advice.Context{List: x.o.List, Columns: x.o.Columns, Flags: x.con.Flags, Again: x.o.Listen.Again()}, r)
	switch r.Failure.Kind { //nolint:exhaustive // the other kinds need no more hints
	case fleet.KindAnotherPhone, fleet.KindDuplicate, fleet.KindOtherCertificate:
		f.Needed = true // no route may update a phone other than the named one
	case fleet.KindNoCall:
		contact, _ := hwcheck.ContactAddress(x.targets[i].Address) // targets has checked it
		host, _, _ := net.SplitHostPort(contact)
		f.Hints = []string{
			"allow TCP to " + back + " from " + host + " in the firewall of this machine; in a container or behind NAT, set this machine's address with --advertise",
			"a phone that was contacted recently ignores contact requests for up to 5 minutes: try again after that",
		}
	}
	return f
}

// failedPhone returns the finding for a phone that failed; its name stands in the heading.
func (x *diagnosis) failedPhone(i int, in advice.Context, r fleet.Result) finding {
	f := failed(advice.PhoneFailure(x.targets[i].Address, in, r))
	f.Text = r.Failure.Error()
	return f
}

// back returns the address that a phone is told to call back.
func (x *diagnosis) back(i int) string {
	for _, l := range x.locals {
		for _, name := range l.phones {
			if name == x.targets[i].Address {
				host, port := x.callbackServer.Back(l.addr)
				return net.JoinHostPort(host, strconv.Itoa(port))
			}
		}
	}
	return fmt.Sprintf("port %d", x.callbackServer.Server.Addr().Port())
}

// query sends a contact request to all reachable phones, once, and records what they report.
func (x *diagnosis) query(ctx context.Context) error {
	if x.asked != nil {
		return nil
	}
	var targets []fleet.Target
	var numbers []int
	for i, t := range x.targets {
		if x.probes[i].port.State == stateOK {
			targets, numbers = append(targets, t), append(numbers, i)
		}
	}
	x.wait(len(targets))
	results, err := x.callbackServer.Runner.Run(ctx, fleet.Plan{Phones: targets, Back: x.callbackServer.Back})
	if err != nil {
		return err
	}
	x.asked = make([]fleet.Result, len(x.targets))
	for i, r := range results {
		x.asked[numbers[i]] = r
	}
	return nil
}

// phoneRuns reports what the phone says about itself.
func phoneRuns(_ context.Context, x *diagnosis, i int) finding {
	d := x.asked[i].After
	var words []string
	for _, word := range []string{d.Type, runview.Typed(d), d.PartNumber, d.MAC} {
		if word != "" {
			words = append(words, word)
		}
	}
	if len(words) == 0 {
		return warn("it does not report what it is")
	}
	return passed(strings.Join(words, ", "))
}
