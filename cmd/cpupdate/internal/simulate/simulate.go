// Package simulate runs simulated phones for testing, and shows what happens to them.
package simulate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// maxSimulated is how many phones one process simulates at most.
const maxSimulated = 1000

// Options are the flags of simulate.
type Options struct {
	count       int
	List        string
	output      string
	force       bool
	ListFaults  bool
	faults      []string
	Place       placeOptions
	phone       option.Phone
	mac, number string
	override    bool
	wait        waitOptions
	trust       simulatedTrust
	Password    credentials.Source
}

// AddFlags declares the flags.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	flags.IntVar(&o.count, "count", 1, fmt.Sprintf("how many phones: a `NUMBER` up to %d", maxSimulated))
	flags.StringVar(&o.List, "phones", "", "be the phones of the list in `FILE` (CSV)")
	flags.StringVarP(&o.output, "output", "o", "sim.csv", "the phone list to write, a `FILE`")
	flags.BoolVar(&o.force, "force", false, "replace a file that simulate did not write")
	flags.StringArrayVar(&o.faults, "fault", nil, "what they do that other phones do not: `[N=]NAME`, for the Nth phone or all; may be repeated")
	flags.BoolVar(&o.ListFaults, "list-faults", false, "show the names of faults and what they do, and simulate nothing")
	o.addPhoneFlags(flags)
	o.Place.addFlags(flags)
	o.wait.addFlags(flags)
	o.trust.addFlags(flags)
	flags.StringVar(&o.Password.File, "web-password-file", "", "the password of their web pages is in `FILE` (usual: 123456, as phones come)")
}

// Run runs phones until it is interrupted, which is how it is meant to end.
func Run(ctx context.Context, con *console.Console, o Options) error {
	plan, err := o.plan(ctx, con)
	if err != nil {
		return err
	}
	force, err := o.mayWrite()
	if err != nil {
		return err
	}
	con.KeepPipes()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	show := newSimShow(con, len(plan), stop)
	phones, err := startPhones(ctx, plan, show)
	defer Close(phones)
	if err != nil {
		return err
	}
	err = atomicfile.Write(o.output, force, writeSimulated(plan, phones), nil)
	if err != nil {
		return err
	}
	show.begin(plan, phones, o.output)
	<-ctx.Done()
	if own := (*exit.Error)(nil); errors.As(context.Cause(ctx), &own) {
		return own
	}
	return show.end(phones)
}

// A simulated phone is what a phone will be, and what the list says of it.
type simulated struct {
	config phonesim.Config
	listed hwcheck.ListedPhone
}

// startPhones starts all of them; those that did start are returned also with an error.
func startPhones(ctx context.Context, plan []simulated, show *simShow) ([]*phonesim.Phone, error) {
	var phones []*phonesim.Phone
	for i, s := range plan {
		if ctx.Err() != nil {
			return phones, ctx.Err()
		}
		s.config.Event = func(e phonesim.Event) { show.event(i, e) }
		phone, err := phonesim.Start(s.config)
		if err != nil {
			return phones, startFailure(i+1, s.config, err)
		}
		phones = append(phones, phone)
	}
	return phones, nil
}

// startFailure says why a phone did not start: where it was to listen, since the rest was checked before.
func startFailure(n int, c phonesim.Config, err error) error {
	const hint = "end whatever listens there, or choose another address or port with --listen; 127.0.0.1 without a port is always free"
	where := c.Listen
	if c.ListenSecure != "" {
		where += " and " + c.ListenSecure
	}
	if c.Web != "" {
		where += " and " + c.Web
	}
	return exit.New(exit.CodeSettings, fmt.Errorf("phone %d cannot listen on %s: %w", n, where, err), hint)
}

// Close ends all of them at once: each waits for what it is doing.
func Close(phones []*phonesim.Phone) {
	var closing sync.WaitGroup
	for _, phone := range phones {
		closing.Go(func() { _ = phone.Close() }) // its error is always nil
	}
	closing.Wait()
}

// Seconds is a usual value that is short, so that a try is quick; real phones take minutes.
func Seconds(n int) time.Duration { return time.Duration(n) * time.Second }
