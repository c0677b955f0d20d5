package fleet_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// TestFetchesInParts says of a phone that keeps its old version what was seen: that it fetched the image to its end, or that it
// did not.
func TestFetchesInParts(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		ranges []string
		end    string
		says   string
	}{
		"two parts":          {[]string{"bytes=0-99999", "bytes=100000-"}, "rejected", "it fetched the whole image"},
		"three parts":        {[]string{"bytes=300000-", "bytes=0-199999", "bytes=200000-299999"}, "rejected", "it fetched the whole image"},
		"the rest alone":     {[]string{"bytes=100000-"}, "rejected", "it fetched the image to its end"},
		"the end alone":      {[]string{"bytes=-100"}, "cut", "it stopped fetching after 100 of "},
		"the beginning":      {[]string{"bytes=0-99999"}, "cut", "it stopped fetching after 100000 of "},
		"a gap":              {[]string{"bytes=0-99999", "bytes=200000-300000"}, "cut", "it stopped fetching after 200001 of "},
		"several in one":     {[]string{"bytes=0-5,9-"}, "rejected", "it fetched the whole image"},
		"beyond the end":     {[]string{"bytes=99999999-"}, "cut", "it stopped fetching after 0 of "},
		"the same part only": {[]string{"bytes=0-99999", "bytes=0-99999"}, "cut", "it stopped fetching after 100000 of "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := set(t, fleet.Options{})
				source := &granted{Source: s.plan.Image.Source}
				s.plan.Image.Source = source
				address := s.contactServer(func(w http.ResponseWriter, _ int) {
					w.WriteHeader(http.StatusNoContent)
					s.others.Go(func() {
						m := introduction(wpi.Solicited, hostOf(1)+":8085")
						m.Items[2].Value = oldVersion.String()
						if s.say(hostOf(1), m) != wpi.ActionSoftwareDeployment {
							return
						}
						where, err := url.Parse(source.given[0].URL)
						fatal(t, err)
						for _, part := range row.ranges {
							s.raw(true, fmt.Sprintf("GET %s HTTP/1.1\r\n%s\r\nRange: %s\r\nConnection: close\r\n\r\n", where.Path, host, part), false)
						}
					})
				})
				results := s.run(address)
				if ending(results[0]) != row.end || !strings.Contains(results[0].Failure.Msg, row.says) {
					t.Error(ending(results[0]), results[0].Failure, s.steps())
				}
			})
		})
	}
}
