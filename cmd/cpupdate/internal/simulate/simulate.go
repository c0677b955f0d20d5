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

// maxSimulated is the maximum number of phones that one process simulates.
const maxSimulated = 1000

// Options are the flags of simulate.
type Options struct {
	count       int
	List        string
	columns     hwcheck.Columns // of the list
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
	defaults    phoneDefaults
}

// AddFlags declares the flags.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	end := console.Group(flags, "Phones")
	flags.IntVar(&o.count, "count", 1, fmt.Sprintf("`NUMBER` of phones, up to %d", maxSimulated))
	option.AddList(flags, &o.List, &o.columns, "simulate the phones of the list in `FILE` (CSV)")
	o.addPhoneFlags(flags)
	end()
	end = console.Group(flags, "Faults")
	flags.StringArrayVar(&o.faults, "fault", nil, "let phones fail: `[N=]NAME`, for the Nth phone or all; may be repeated")
	flags.BoolVar(&o.ListFaults, "list-faults", false, "show the names of faults and what they do, and simulate nothing")
	end()
	end = console.Group(flags, "Addresses")
	o.Place.addFlags(flags)
	flags.StringVar(&o.Password.File, "web-password-file", "", "read the password of the web pages from `FILE` (default 123456, as on a new phone)")
	o.defaults.addFlags(flags)
	end()
	end = console.Group(flags, "Phone list")
	flags.StringVarP(&o.output, "output", "o", "sim.csv", "write the phone list to `FILE`")
	flags.BoolVar(&o.force, "force", false, "replace an existing file even if simulate did not write it")
	end()
	end = console.Group(flags, "Timing")
	o.wait.addFlags(flags)
	end()
	defer console.Group(flags, "Secure mode")()
	o.trust.addFlags(flags)
}

// Run runs phones until it is interrupted, which is its normal end.
func Run(ctx context.Context, con *console.Console, o Options) error {
	plan, err := o.plan(ctx, con)
	if err != nil {
		return err
	}
	force, err := o.mayWrite(ctx)
	if err != nil {
		return err
	}
	if err := o.secureSite(plan); err != nil {
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

// A simulated phone has the configuration of a phone, and what the list says about it.
type simulated struct {
	config phonesim.Config
	listed hwcheck.ListedPhone
}

// startPhones starts all phones. On an error it returns those that did start as well.
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

// startFailure returns why a phone did not start. Only its address can be the reason, because everything else was
// checked before.
func startFailure(n int, c phonesim.Config, err error) error {
	const hint = "stop the program that uses that port, or choose another address or port with --listen; 127.0.0.1 without a port is always free"
	where := c.Listen
	if c.ListenSecure != "" {
		where += " and " + c.ListenSecure
	}
	if c.Web != "" {
		where += " and " + c.Web
	}
	return exit.New(exit.CodeSettings, fmt.Errorf("phone %d cannot listen on %s: %w", n, where, err), hint)
}

// Close closes all phones at once, because each waits for what it is doing.
func Close(phones []*phonesim.Phone) {
	var closing sync.WaitGroup
	for _, phone := range phones {
		closing.Go(func() { _ = phone.Close() }) // its error is always nil
	}
	closing.Wait()
}

// Seconds returns a default that is short, so that a test is quick; real phones take minutes.
func Seconds(n int) time.Duration { return time.Duration(n) * time.Second }
