package rolloutcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/runview"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// PlanOptions are the flags of rollout plan.
type PlanOptions struct {
	Image    images.Options
	Phones   option.Phones
	Hardware string
	Listen   option.Listen
	Timeout  time.Duration
	Name     string
	Offline  bool

	Waves, Pause, StopOn, Window, StartRate string
	PerSubnet, Attempts                     int
	Settle                                  time.Duration
}

// planner makes one plan.
type planner struct {
	env      Env
	o        PlanOptions
	rules    rollout.Rules
	sizes    []rollout.WaveSize
	table    *hwcheck.Table
	permits  rollout.Permits
	policy   hwcheck.Policy
	offers   []rollout.Offer
	forecast forecast
}

// Plan decides which phones get which image, in which waves, and keeps that in the journal. It changes no phone.
func Plan(ctx context.Context, env Env, o PlanOptions, name string, now time.Time) error {
	o.Phones.Sites = env.Journal.OnServer()
	p := &planner{env: env, o: o}
	if err := p.parse(now); err != nil {
		return err
	}
	var err error
	if p.table, err = env.Settings.HardwareTable(ctx, o.Hardware); err != nil {
		return err
	}
	if err = p.load(ctx, name); err != nil {
		return err
	}
	candidates, err := p.candidates(ctx)
	if err != nil {
		return err
	}
	plan, err := rollout.Build(candidates, p.offers, p.sizes, p.rules, p.check)
	if err != nil {
		return exit.New(exit.CodeSettings, err)
	}
	plan.Permits = p.permits
	if !plan.Fits() {
		return noneFits(plan)
	}
	if err := p.checkSites(plan); err != nil {
		return err
	}
	if err := p.save(ctx, plan, now); err != nil {
		return err
	}
	return env.Console.Print(planDocument{1, p.o.Name, plan, p.forecast.document()}, p.text(plan))
}

// parse reads the flags.
func (p *planner) parse(now time.Time) (err error) {
	o := &p.o
	if err := cmp.Or(o.Phones.Validate("rollout plan", nil), o.Listen.Validate("rollout plan")); err != nil {
		return err
	}
	usage := func(flag string, err error) error {
		if err == nil {
			return nil
		}
		return exit.Usage("rollout plan", "--%s: %w", flag, err)
	}
	p.sizes, err = rollout.ParseWaves(o.Waves)
	if err := usage("waves", err); err != nil {
		return err
	}
	p.rules = rollout.Rules{Parallel: o.Listen.Parallel, PerSubnet: o.PerSubnet, Attempts: o.Attempts, Settle: o.Settle}
	p.rules.Pause, err = rollout.ParsePause(o.Pause)
	if err := usage("pause", err); err != nil {
		return err
	}
	p.rules.StopOn, err = rollout.ParseLimits(o.StopOn)
	if err := usage("stop-on", err); err != nil {
		return err
	}
	p.rules.Window, err = rollout.ParseWindow(o.Window)
	if err := usage("window", err); err != nil {
		return err
	}
	p.rules.StartRate, err = parseRate(o.StartRate)
	if err := usage("start-rate", err); err != nil {
		return err
	}
	o.Name = cmp.Or(o.Name, "rollout-"+now.Format("20060102-150405"))
	switch {
	case o.Phones.List == "":
		return exit.Usage("rollout plan", "--phones FILE is missing: name a list of phones")
	case o.PerSubnet < 0 || o.Attempts < 1 || o.Attempts > maxAttempts:
		return exit.Usage("rollout plan", "--per-subnet must be 0 or more, and --attempts from 1 to %d", maxAttempts)
	case strings.HasPrefix(o.Name, "-"):
		return exit.Usage("rollout plan", "--name %s: a name does not begin with -, since other commands would take it for a flag", exit.ShownArgument(secret.Cut(o.Name, journal.MaxRollout)))
	case o.Timeout <= 0:
		return exit.Usage("rollout plan", "--timeout must be greater than zero")
	}
	return cmp.Or(option.CheckSettle("rollout plan", o.Settle), usage("name", journal.Key{Rollout: o.Name}.Check()))
}

// maxAttempts bounds how often a phone is tried.
const maxAttempts = 100

// parseRate reads how many phones are begun in a time, such as 30/m, as phones a minute; 0 for "".
func parseRate(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	count, unit, _ := strings.Cut(text, "/")
	n, err := strconv.ParseUint(count, 10, 31)
	minutes := map[string]float64{"s": 1.0 / 60, "m": 1, "h": 60}[unit]
	if err != nil || n == 0 || minutes == 0 {
		return 0, fmt.Errorf("%q must be a number of phones in a second, minute or hour, such as 30/m", text)
	}
	return float64(n) / minutes, nil
}

// load reads the images.
func (p *planner) load(ctx context.Context, name string) error {
	l, err := images.NewLoader(ctx, p.env.Console, p.env.Settings, p.env.Open, p.o.Image)
	if err != nil {
		return err
	}
	l.SHA256 = true
	p.permits = p.o.Phones.Permit.OfAll()
	p.policy = p.permits.Policy(l.Policy)
	all, err := images.Targets([]string{name})
	if err != nil {
		return err
	}
	total := 0
	var bad []*images.Image
	_, err = l.LoadAll(ctx, all, func(im *images.Image) error {
		total++
		if im.Err != nil {
			bad = append(bad, im)
			return nil //nolint:nilerr // all of them are reported together
		}
		used := im.Used("").Image
		path, err := filepath.Abs(im.Name)
		if err != nil {
			return err
		}
		p.offers = append(p.offers, rollout.Offer{Facts: im.Facts, Image: rollout.Image{
			Name: filepath.Base(im.Name), Path: path, SHA256: used.SHA256, Size: im.Facts.Size, Version: im.Facts.Version.Value, SoftwareType: used.SoftwareType,
		}})
		return nil
	})
	if err != nil {
		return err
	}
	return images.BadImages(bad, total)
}

// candidates returns the phones of the list, with what they say themselves.
func (p *planner) candidates(ctx context.Context) ([]rollout.Candidate, error) {
	targets, err := p.o.Phones.Targets(ctx, "rollout plan", nil, hwcheck.Phone{})
	if err != nil {
		return nil, err
	}
	results := make([]fleet.Result, len(targets))
	if !p.o.Offline {
		plan := fleet.Plan{Phones: targets, Table: p.table}
		if results, err = runview.Query(ctx, p.env.Console, p.o.Listen, p.o.Timeout, &plan); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, exit.Errorf(exit.CodeInterrupted, "nothing was changed", "interrupted while the phones were queried")
		}
	}
	candidates := make([]rollout.Candidate, len(targets))
	for i, t := range targets {
		candidates[i] = p.candidate(t, results[i])
	}
	return candidates, nil
}

// candidate returns what is known of a phone. One that did not answer is planned by what the list says.
func (p *planner) candidate(t fleet.Target, r fleet.Result) rollout.Candidate {
	answered := !p.o.Offline && r.Failure == nil
	c := rollout.Candidate{Known: p.table.Complete(t.Known)}
	if answered {
		c.Known = r.Known
	}
	c.Phone = rollout.Phone{
		Address: t.Address, MAC: cmp.Or(t.MAC, r.After.MAC), Note: t.Note, Site: t.Site, Queried: answered, Stated: t.Known,
		Running: r.After.Version, Device: r.After.Type, Type: r.After.SoftwareType, Part: r.After.PartNumber,
	}
	if t.Override {
		c.Phone.Override = cmp.Or(t.Reason, "no reason is stated")
	}
	if len(c.Known.Level) > 0 {
		c.Phone.Level = c.Known.Level[0].Value
	}
	if f := r.Failure; f != nil {
		if _, passes := causes(f.Kind, false); passes {
			p.env.Console.NoteAbout("warning", t.Label(), "planned by what the list says: "+f.Error())
		} else {
			c.Left = f.Error() // it is not what the list says
		}
	}
	return c
}

// check decides whether an image fits a phone.
func (p *planner) check(facts bind.Facts, c rollout.Candidate) hwcheck.Verdict {
	policy := p.policy
	policy.Override, policy.Reason = c.Phone.Override != "", c.Phone.Override
	return hwcheck.Check(facts, c.Known, policy)
}

// save keeps the plan in the journal.
func (p *planner) save(ctx context.Context, plan rollout.Plan, now time.Time) error {
	ledger, err := p.env.Journal.Open(ctx)
	if err != nil {
		return err
	}
	defer ledger.Close()
	if err := p.store(ctx, ledger, plan); err != nil {
		return err
	}
	planned := journal.Planned{By: p.env.Journal.Origin()}
	for _, rule := range plan.Permits.Rules() {
		planned.Overrides = append(planned.Overrides, journal.Override{Rule: rule})
	}
	for _, image := range plan.Images {
		planned.Images = append(planned.Images, journal.Image{
			Name: image.Name, Version: image.Version.String(), SoftwareType: image.SoftwareType, SHA256: image.SHA256, Size: image.Size,
		})
	}
	p.forecast = forecastOf(&plan, rollout.State{Phones: make([]rollout.Progress, len(plan.Phones))}, earlier(ctx, ledger), now)
	return failure(p.env, p.o.Name, rollout.Save(ctx, ledger, p.o.Name, now, planned, plan))
}

// noneFits returns the error of a plan in which no image fits any phone: there is nothing to carry out. It is not kept.
func noneFits(plan rollout.Plan) error {
	const named = 5
	var hints []string
	reasons, phones := leftAlone(plan)
	for _, why := range reasons[:min(named, len(reasons))] {
		hints = append(hints, fmt.Sprintf("%s, such as %s: %s", display.Plural(len(phones[why]), "phone"), phones[why][0], why))
	}
	code := exit.CodeRefused
	if slices.ContainsFunc(plan.Phones, func(p rollout.Phone) bool { return strings.HasPrefix(p.LeftWhy, "whether ") }) {
		code = exit.CodeUnknown
	}
	return exit.New(code, errors.New("no phone of the list gets an image, so there is no plan"), hints...)
}
