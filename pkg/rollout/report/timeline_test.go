package report_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/rollout/report"
)

// TestTimeLine draws rollouts of a second to ten years, over midnight and both changes of the clock: a few different times, in their
// order, and everything within the drawing.
func TestTimeLine(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	noError(t, err)
	number := func(text string) float64 {
		n, err := strconv.ParseFloat(text, 64)
		noError(t, err)
		return n
	}
	for _, begin := range []time.Time{
		time.Date(2026, 11, 14, 22, 0, 0, 0, berlin), time.Date(2026, 3, 28, 23, 59, 59, 0, berlin), time.Date(2026, 10, 24, 22, 7, 13, 500, berlin), time.Date(2026, 10, 25, 0, 0, 0, 0, berlin),
	} {
		for _, takes := range []time.Duration{
			0, time.Second, time.Minute, 7 * time.Minute, time.Hour, 5*time.Hour + 59*time.Minute, 24 * time.Hour, 25 * time.Hour, 3 * 24 * time.Hour, 17 * 24 * time.Hour, 400 * 24 * time.Hour, 3650 * 24 * time.Hour,
		} {
			s := newSample(t, "times")
			s.phone(0, rollout.Phone{Address: address(1)})
			s.phone(1, rollout.Phone{Address: address(2)})
			s.phone(2, rollout.Phone{Address: address(3)})
			s.save()
			s.happens(address(1), begin.Sub(night), journal.Begun{Attempt: 1})
			s.happens(address(1), begin.Add(takes/2).Sub(night), journal.Outcome{Result: journal.Updated})
			s.happens(address(2), begin.Add(takes/2).Sub(night), journal.Begun{Attempt: 1})
			s.happens(address(2), begin.Add(takes).Sub(night), journal.LetGo{})
			r := s.report(report.Options{At: begin.Add(takes), Location: berlin})
			html := written(t, r, forms()[5])
			var labels []string
			last := -1.0
			for _, m := range regexp.MustCompile(`<text class="dim" x="([^"]*)%" y="12" text-anchor="[a-z]+">([^<]*)<`).FindAllStringSubmatch(html, -1) {
				x := number(m[1])
				if x <= last || x > 100 || slices.Contains(labels, m[2]) {
					t.Errorf("%v, %v: %s at %s after %v", begin, takes, m[2], m[1], labels)
				}
				last, labels = x, append(labels, m[2])
			}
			if len(labels) > 6 || len(labels) == 0 && takes < 24*time.Hour && takes > time.Minute {
				t.Errorf("%v, %v: the times %v", begin, takes, labels)
			}
			bars := regexp.MustCompile(`<rect class="(time|going)" x="([^"]*)%" y="[0-9]+" width="([^"]*)%"`).FindAllStringSubmatch(html, -1)
			for _, m := range bars {
				if x, w := number(m[2]), number(m[3]); x < 0 || w < 0 || x+w > 100.01 {
					t.Errorf("%v, %v: a bar from %s of %s", begin, takes, m[2], m[3])
				}
			}
			if got := fmt.Sprint(len(bars), strings.Count(html, `class="going"`), strings.Count(html, ": 1 phone, not begun")); got != "2 1 1" {
				t.Errorf("%v, %v: bars: %s", begin, takes, got)
			}
		}
	}
}
