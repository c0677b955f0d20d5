package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// maxSimulated is the maximum number of phones that one process simulates.
const maxSimulated = 1000

type simulateOptions struct {
	count       int
	list        string
	output      string
	force       bool
	listFaults  bool
	faults      []string
	place       placeOptions
	phone       phoneOptions
	mac, number string
	override    bool
	wait        waitOptions
	trust       simulatedTrust
	password    passwordOptions
}

func newSimulate(a *app) *cobra.Command {
	var o simulateOptions
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Run simulated phones for testing",
		Long: `Run one or more simulated phones until Ctrl-C. They accept contact requests, call
back, report what they are and run, fetch the image that they are told to fetch,
check it themselves, restart, and report the new version. docs/simulate.md says
how closely they follow real phones.

Their addresses are written to a phone list, for --phones of push, phone and check.
The list states what an operator would know: address, MAC, model, part number,
hardware level and lowest version. The phones themselves report what they run.

With --fault they fail as real phones do: --fault NAME for all of them,
--fault N=NAME for the Nth. --list-faults shows the names.

With --web they have a web page too, as real phones do: for a browser, and for
push --web. Its password is that of a new phone, or the one in --web-password-file.

With --phones they stand for the phones of a list; the flags set what the list does
not say. They listen at the addresses of the list, or where --listen says. This way
you can rehearse the update of a site on one machine.

Press Ctrl-C (or send SIGTERM) to end: the exit code is 0, and a line for each phone
says what happened to it. Only the list is kept.`,
		Example: `  cpupdate simulate --count 3 --fault 2=reject-image
  cpupdate push cp600.bind --phones sim.csv --serve    (in a second terminal)

  cpupdate simulate --phones site.csv --listen 127.0.0.1 --restart-time 90s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.listFaults {
				return listFaults(a.con)
			}
			if o.list != "" && cmd.Flags().Changed("count") {
				return usage("simulate", "--count cannot be used with --phones: the list says how many phones there are")
			}
			o.place.listenGiven = cmd.Flags().Changed("listen")
			if o.password.file != "" && o.place.web == "" {
				return usage("simulate", "--web-password-file needs --web: only a web page has a password")
			}
			return simulate(cmd.Context(), a.con, o)
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func (o *simulateOptions) addFlags(flags *pflag.FlagSet) {
	end := group(flags, "Phones")
	flags.IntVar(&o.count, "count", 1, fmt.Sprintf("`NUMBER` of phones, up to %d", maxSimulated))
	flags.StringVar(&o.list, "phones", "", "simulate the phones of the list in `FILE` (CSV)")
	o.addPhoneFlags(flags)
	end()
	end = group(flags, "Faults")
	flags.StringArrayVar(&o.faults, "fault", nil, "let phones fail: `[N=]NAME`, for the Nth phone or all; may be repeated")
	flags.BoolVar(&o.listFaults, "list-faults", false, "show the names of faults and what they do, and simulate nothing")
	end()
	end = group(flags, "Addresses")
	o.place.addFlags(flags)
	flags.StringVar(&o.password.file, "web-password-file", "", "read the password of the web pages from `FILE` (default 123456, as on a new phone)")
	end()
	end = group(flags, "Phone list")
	flags.StringVarP(&o.output, "output", "o", "sim.csv", "write the phone list to `FILE`")
	flags.BoolVar(&o.force, "force", false, "replace an existing file even if simulate did not write it")
	end()
	end = group(flags, "Timing")
	o.wait.addFlags(flags)
	end()
	defer group(flags, "Secure mode")()
	o.trust.addFlags(flags)
}

// simulate runs phones until it is interrupted, which is its normal end.
func simulate(ctx context.Context, con *console, o simulateOptions) error {
	plan, err := o.plan(ctx, con)
	if err != nil {
		return err
	}
	force, err := o.mayWrite()
	if err != nil {
		return err
	}
	con.keepPipes()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	show := newSimShow(con, len(plan), stop)
	phones, err := startPhones(ctx, plan, show)
	defer closePhones(phones)
	if err != nil {
		return err
	}
	err = writeFile(o.output, force, writeSimulated(plan, phones), nil)
	if err != nil {
		return err
	}
	show.begin(plan, phones, o.output)
	<-ctx.Done()
	if own := (*failure)(nil); errors.As(context.Cause(ctx), &own) {
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
	return fail(codeSettings, fmt.Errorf("phone %d cannot listen on %s: %w", n, where, err), hint)
}

// closePhones closes all phones at once, because each waits for what it is doing.
func closePhones(phones []*phonesim.Phone) {
	var closing sync.WaitGroup
	for _, phone := range phones {
		closing.Go(func() { _ = phone.Close() }) // its error is always nil
	}
	closing.Wait()
}

// seconds returns a default that is short, so that a test is quick; real phones take minutes.
func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
