package rolloutcmd

import (
	"fmt"
	"io"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// siteStatus is a site that the wave waits for.
type siteStatus struct {
	Site string          `json:"site"` // "" for phones without one
	Left int             `json:"left"` // phones of the wave without an outcome
	Last time.Time       `json:"last_event,omitzero"`
	By   *journal.Origin `json:"run_by,omitempty"` // who began the last run there
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
		table.Row(console.Cells("waits for", name, console.Plural(site.Left, "phone"), about)...)
	}
	table.Draw(w)
}
