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

// maxSimulated is how many phones one process simulates at most.
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
		Short: "Be phones, for a try without any",
		Long: `Be one phone or many until Ctrl-C: they take requests to call, call back, say
what they are and run, fetch the image that they are told to fetch, look at it
themselves, restart and come back with the new version. docs/simulate.md says
how faithfully.

Where they are is written into a phone list, for --phones of push, phone and
check. The list states what an operator would know: address, MAC, model, part
number, hardware level and lowest version. What they run they say themselves.

With --fault they do what phones do on bad days: --fault NAME for all of them,
--fault N=NAME for the Nth. --list-faults shows the names.

With --web they have a web page too, as phones do: for a browser, for push --web.
Its password is that of a new phone, or stands in --web-password-file.

With --phones they are the phones of a list; what it leaves open, the flags say.
They listen at the list's addresses, or where --listen says: so the update of a
site can be rehearsed on one machine.

Ctrl-C (or SIGTERM) is how it ends: with exit code 0, and a line for each phone
that says what became of it. Nothing is kept but the list.`,
		Example: `  cpupdate simulate --count 3 --fault 2=reject-image
  cpupdate push cp600.bind --phones sim.csv --serve    (in a second terminal)

  cpupdate simulate --phones site.csv --listen 127.0.0.1 --restart-time 90s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.listFaults {
				return listFaults(a.con)
			}
			if o.list != "" && cmd.Flags().Changed("count") {
				return usage("simulate", "--phones lists the phones: --count does not go with it")
			}
			o.place.listenGiven = cmd.Flags().Changed("listen")
			if o.password.file != "" && o.place.web == "" {
				return usage("simulate", "--web-password-file is the password of a web page: name its place with --web")
			}
			return simulate(cmd.Context(), a.con, o)
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func (o *simulateOptions) addFlags(flags *pflag.FlagSet) {
	flags.IntVar(&o.count, "count", 1, fmt.Sprintf("how many phones: a `NUMBER` up to %d", maxSimulated))
	flags.StringVar(&o.list, "phones", "", "be the phones of the list in `FILE` (CSV)")
	flags.StringVarP(&o.output, "output", "o", "sim.csv", "the phone list to write, a `FILE`")
	flags.BoolVar(&o.force, "force", false, "replace a file that simulate did not write")
	flags.StringArrayVar(&o.faults, "fault", nil, "what they do that other phones do not: `[N=]NAME`, for the Nth phone or all; may be repeated")
	flags.BoolVar(&o.listFaults, "list-faults", false, "show the names of faults and what they do, and simulate nothing")
	o.addPhoneFlags(flags)
	o.place.addFlags(flags)
	o.wait.addFlags(flags)
	o.trust.addFlags(flags)
	flags.StringVar(&o.password.file, "web-password-file", "", "the password of their web pages is in `FILE` (usual: 123456, as phones come)")
}

// simulate runs phones until it is interrupted, which is how it is meant to end.
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
	return fail(codeSettings, fmt.Errorf("phone %d cannot listen on %s: %w", n, where, err), hint)
}

// closePhones ends all of them at once: each waits for what it is doing.
func closePhones(phones []*phonesim.Phone) {
	var closing sync.WaitGroup
	for _, phone := range phones {
		closing.Go(func() { _ = phone.Close() }) // its error is always nil
	}
	closing.Wait()
}

// seconds is a usual value that is short, so that a try is quick; real phones take minutes.
func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
