package rolloutcmd

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/site"
)

// siteStatus is a site that the wave waits for.
type siteStatus struct {
	Site string          `json:"site"` // "" for phones without one
	Left int             `json:"left"` // phones of the wave without an outcome
	Last time.Time       `json:"last_event,omitzero"`
	By   *journal.Origin `json:"run_by,omitempty"` // who began the last run there

	Other string `json:"other_rollout,omitempty"` // if no run began there: the rollout of the newest run there that is not complete
}

// othersTime is how long that may take.
const othersTime = 5 * time.Second

// findOthers finds out which rollouts keep the workers of sites at which no run of this one has begun. That is only information: without it, the
// status is as good.
func (doc *statusDocument) findOthers(ctx context.Context, ledger journal.Ledger) {
	server, on := ledger.(*jetstream.Ledger)
	begun := func(s siteStatus) bool { return s.By != nil }
	if !on || len(doc.Sites) == 0 || !slices.ContainsFunc(doc.Sites, func(s siteStatus) bool { return !begun(s) }) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, othersTime)
	defer cancel()
	offered, err := site.Queue{Ledger: server}.Offered(ctx)
	if err != nil {
		return
	}
	for i := range doc.Sites {
		one, newest := &doc.Sites[i], time.Time{}
		if begun(*one) {
			continue
		}
		for _, other := range offered[one.Site] {
			if other == doc.Name {
				continue
			}
			if run, err := rollout.LastRun(ctx, ledger, other, one.Site); err == nil && run.At.After(newest) {
				one.Other, newest = other, run.At
			}
		}
	}
}

// sitesLeft returns the sites that a rollout waits for now.
func sitesLeft(s *rollout.Saved, state rollout.State, d rollout.Decision) []siteStatus {
	if d.Verb != rollout.Run && d.Verb != rollout.Wait {
		return nil
	}
	var sites []siteStatus
	for _, left := range s.Left(state, d.Wave) {
		one := siteStatus{Site: left.Name, Left: left.Phones, Last: left.Last.UTC()}
		if left.Begun.Run != "" {
			one.By = &left.Begun.By
		}
		sites = append(sites, one)
	}
	return sites
}

// writeSites names the sites that a rollout waits for.
func writeSites(w io.Writer, con *console.Console, sites []siteStatus) {
	const named = 10
	table := con.Table(2)
	for i, site := range sites {
		if i == named {
			table.Row(console.Cells("waits for", fmt.Sprintf("%d more sites", len(sites)-named), "", "")...)
			break
		}
		about := "no run has begun there yet"
		if site.Other != "" {
			about += "; the newest run there is of rollout " + site.Other + ", which is not complete"
		}
		if site.By != nil {
			about = "the last run there is by " + originText(*site.By)
		}
		if !site.Last.IsZero() {
			about += ", last event of a phone: " + site.Last.Local().Format(time.DateTime)
		}
		name := site.Site
		if name == "" {
			name = "phones without a site"
		}
		table.Row(console.Cells("waits for", name, display.Plural(site.Left, "phone"), about)...)
	}
	table.Draw(w)
}
