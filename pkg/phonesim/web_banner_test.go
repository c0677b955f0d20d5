package phonesim_test

import (
	"html"
	"net/http"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// bannerCells are the model of a banner, and what stands after each label.
func bannerCells(text string) string {
	cells := []string{html.UnescapeString(find(text, `<td class="part_4">([^<]*)</td>`))}
	for _, label := range []string{"Phone number", "Phone IPv4 address", "Phone IPv6 address", "DNS name"} {
		cells = append(cells, find(text, label+`</td><td class="text_left">([^<]*)</td>`))
	}
	return strings.Join(cells, "|")
}

// TestBanner: the phone says without a login what it is and where, and nothing else.
func TestBanner(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		for web, want := range map[string]string{
			"127.0.0.1:0": "OpenScape Desk Phone CP600|4989100|127.0.0.1||",
			"[::1]:4443":  "OpenScape Desk Phone CP600|4989100||::1|",
		} {
			c := cp600()
			c.Web = web
			p := start(t, c)
			b := visit(t, p)
			got, err := b.do(http.MethodGet, "/main_banner.cmd", "", nil)
			fatal(t, err)
			if cells := bannerCells(got.text); cells != want || got.cookie != "" || strings.Contains(got.text, "V1 R4.9.0") || strings.Contains(got.text, c.MAC) {
				t.Errorf("it says %s, %q\n%s", cells, got.cookie, got.text)
			}
			if text := b.get("/main_banner.cmd?lang=de"); !strings.Contains(text, `<html lang="de">`) || bannerCells(text) != want {
				t.Errorf("in another language it says\n%s", text)
			}
			if got, err := b.do(http.MethodPost, "/main_banner.cmd", "", nil); err != nil || got.status != http.StatusNotFound {
				t.Errorf("to a POST it answers %d, %v", got.status, err)
			}
			p.never(phonesim.LoggedIn)
		}
	})
}

func testNoBanner(t *world, fault string) {
	got, err := visit(t, withPage(t, fault)).do(http.MethodGet, "/main_banner.cmd", "", nil)
	fatal(t, err)
	if got.status != http.StatusNotFound || strings.Contains(got.text, "part_4") {
		t.Errorf("it answers %d\n%s", got.status, got.text)
	}
}

func testBannerOtherModel(t *world, fault string) {
	if got := bannerCells(visit(t, withPage(t, fault)).get("/main_banner.cmd")); !strings.HasPrefix(got, "OpenScape Desk Phone CP205|") {
		t.Errorf("it says %s", got)
	}
	c := cp600()
	c.Web, c.DeviceType = "127.0.0.1:0", "OpenScape Desk Phone CP205"
	if got := bannerCells(visit(t, start(t, c, fault)).get("/main_banner.cmd")); !strings.HasPrefix(got, "OpenScape Desk Phone CP400|") {
		t.Errorf("another one says %s", got)
	}
}
