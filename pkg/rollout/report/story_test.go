package report_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/browser"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// story is a rollout to a site with 412 phones, as the pictures of the documents show it.
func story(t testing.TB) *sample {
	t.Helper()
	s := newSample(t, "site-november")
	s.plan.Images = s.plan.Images[:1]
	wave := func(i int) int {
		switch {
		case i%23 == 22:
			return -1
		case i < 4:
			return 0
		case i < 86:
			return 1
		}
		return 2
	}
	for i := range 412 {
		p := rollout.Phone{
			Address: fmt.Sprintf("192.0.2.%d", i+1), Note: fmt.Sprintf("room %d.%02d", i/60+1, i%60+1), MAC: fmt.Sprintf("00:1A:E8:00:%02X:%02X", i/256, i%256),
			Running: oldVersion, Device: model, Level: 3,
		}
		if i > 250 {
			p.Address = fmt.Sprintf("198.51.100.%d", i-250)
		}
		if wave(i) < 0 {
			p.Device, p.LeftWhy = "OpenScape Desk Phone CP200", "no image of the folder is for this model"
		}
		s.phone(wave(i), p)
	}
	s.plan.Waves[1].Name = "20%"
	s.plan.Rules.StopOn = rollout.Limits{{Cause: rollout.Unverified, Count: 3}, {Cause: rollout.Rejected, Percent: 10}}
	s.plan.Phones[2].Override = "tested in the laboratory"
	s.save()
	by := journal.Origin{User: "technician", Host: "laptop", Tool: "1.4.0"}
	s.happens("", time.Hour, journal.RunBegun{Run: "r1", By: by, Route: journal.Route{Way: "serve", Listen: "192.0.2.250:8085"}})
	s.happens("", 65*time.Minute, journal.Paused{By: by, Reason: "look at the canaries first"})
	s.happens("", 71*time.Minute, journal.Resumed{By: by})
	for i, p := range s.plan.Phones {
		begin := []time.Duration{time.Hour, 72 * time.Minute, 80 * time.Minute}[max(wave(i), 0)] + time.Duration(i%90)*12*time.Second + time.Duration(i/90)*15*time.Minute
		bodies := installs(oldVersion, newVersion)
		switch {
		case !p.GetsImage():
			continue
		case i == 2:
			bodies[2] = journal.Checked{Verdict: "overridden", Overrides: []journal.Override{{Rule: "hardware-level", Reason: "tested in the laboratory"}}}
		case i%97 == 61:
			bodies = append(bodies[:9:9], failed("rejected", "it fetched the image, did not restart, and runs its old software", true, 6*time.Minute))
		case i%131 == 100:
			bodies = []journal.Body{journal.Begun{Run: "r1", Attempt: 3}, failed("unreachable", "connection refused", false, 10*time.Minute)}
		case i == 300:
			bodies = append(bodies[:10:10], failed("never-back", "it went down, and did not come back within 15 min", true, 21*time.Minute))
		case i%40 == 17:
			bodies = []journal.Body{journal.Begun{Run: "r1", Attempt: 1}, bodies[11], journal.Outcome{Result: journal.NothingToDo, Version: newVersion, Took: 22 * time.Second}}
		}
		s.happens(p.Address, begin, bodies...)
	}
	return s
}

// TestPicturesOfDocs takes the pictures of the documents, if PICTURES names a folder for them.
func TestPicturesOfDocs(t *testing.T) {
	folder := os.Getenv("PICTURES")
	if folder == "" {
		t.Skip("PICTURES does not name a folder")
	}
	c := newChromium(t)
	o := options()
	o.At = night.Add(12 * time.Hour)
	path := pageFile(t, "story", story(t).report(o))
	c.open(path)
	c.Screen(1280, "screen", "light")
	noError(t, os.WriteFile(filepath.Join(folder, "rollout-report.png"), browser.FewColours(t, c.Picture(1180)), 0o644))
	c.Screen(1280, "screen", "dark")
	c.Eval(`document.querySelectorAll("main > section:not([aria-labelledby=needs]):not([aria-labelledby=phones]), .groups, nav, .lead").forEach((e) => e.hidden = true);
		document.querySelector("details").open = true`)
	noError(t, os.WriteFile(filepath.Join(folder, "rollout-report-phones.png"), browser.FewColours(t, c.Picture(1180)), 0o644))
}
