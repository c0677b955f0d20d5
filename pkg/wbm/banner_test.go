package wbm_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

const bannerPath = "/main_banner.cmd"

// aBanner is a banner in the shape that was observed.
func aBanner(model string) string {
	return `<html lang='de'><head><meta name='author' content='x'></head><body><table><tr><td class='part_1'>&nbsp;</td><td class='part_2'><img src='x' alt='Logo'></td>
<td class='part_4'>` + model + `</td><td class='part_5'><table><tr><td class='text_right text_bold'>
  Phone number
</td><td class='text_left'>
  4989100
</td></tr><tr><td class='text_right text_bold'>Phone IPv4 address</td><td class='text_left'>192.0.2.50</td></tr>
<tr><td>Phone IPv6 address</td><td></td></tr><tr><td>DNS name</td><td class='text_left'>hall&amp;co.example</td></tr></table></td><td class='part_6'>&nbsp;</td></tr></table></body></html>`
}

// readBanner reads the banner of a page.
func readBanner(t *testing.T, s *site) (wbm.Banner, error) {
	t.Helper()
	return wbm.ReadBanner(t.Context(), s.address, wbm.Options{TLS: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}, Dial: s.network.Dial})
}

// TestBanner reads banners: friendly ones, and such as no phone has.
func TestBanner(t *testing.T) {
	t.Parallel()
	const rest = "|4989100|192.0.2.50||hall&co.example"
	for name, test := range map[string]struct{ page, want, fails string }{
		"observed":          {page: aBanner("OpenStage 60G"), want: "OpenStage 60G" + rest},
		"blanks":            {page: aBanner("\n  OpenStage&nbsp; 40 \t"), want: "OpenStage 40" + rest},
		"elements within":   {page: aBanner(`<b>OpenStage</b> <a href="x">40</a><script>evil()</script>`), want: "OpenStage 40" + rest},
		"escaped HTML":      {page: aBanner("&lt;b&gt;OpenStage 40&lt;/b&gt;"), want: "<b>OpenStage 40</b>" + rest},
		"terminal sequence": {page: aBanner("\x1b[31mOpenStage 40"), want: "\x1b[31mOpenStage 40" + rest}, // who shows it escapes it
		"latin":             {page: strings.Replace(aBanner("Tel\xe9fono"), "<head>", "<head><meta charset=iso-8859-1>", 1), want: "Teléfono" + rest},
		"long":              {page: aBanner(strings.Repeat("x", 1<<20)), want: strings.Repeat("x", 200) + rest},
		"two":               {page: aBanner("OpenStage 40") + aBanner("OpenStage 60"), want: "OpenStage 40" + rest},
		"class of several":  {page: strings.Replace(aBanner("OpenStage 40"), "'part_4'", "'a PART_4 b'", 1), want: "OpenStage 40" + rest},
		"model alone":       {page: `<td class="part_4">OpenStage 40`, want: "OpenStage 40||||"},
		"labels with colons, and no values": {
			page: `<p class="part_4">CP400</p><table><tr><td>Phone number:<td>DNS name:<td>x<tr><td>Phone IPv4 address`, want: "CP400||||x",
		},
		"another language": {page: `<td class="part_4">CP400</td><tr><td>Rufnummer<td>4989100`, want: "CP400||||"},
		"value twice":      {page: `<td class="part_4">CP400</td><tr><td>Phone number<td>1<tr><td>Phone number<td>2`, want: "CP400|1|||"},
		"no cell":          {page: `<html><h1>Printer</h1>`, fails: "no-banner"},
		"empty cell":       {page: aBanner("&nbsp; "), fails: "no-banner"},
		"hidden cell":      {page: `<div hidden><p class="part_4">CP400</p></div>`, fails: "no-banner"},
		"in a comment":     {page: `<!-- <td class="part_4">CP400</td> -->`, fails: "no-banner"},
		"nothing":          {page: "", fails: "no-banner"},
		"huge":             {page: aBanner("CP400") + strings.Repeat("<p>and so on</p>", 1<<18), fails: "protocol"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.pages[bannerPath] = func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.Header.Get("Cookie") != "" || r.Header.Get("Authorization") != "" {
					t.Errorf("it is sent %s, %v", r.Method, r.Header)
				}
				kind := "text/html; charset=utf-8"
				if name == "latin" {
					kind = "text/html"
				}
				w.Header().Set("Content-Type", kind)
				_, _ = w.Write([]byte(test.page))
			}
			b, err := readBanner(t, s)
			if test.fails != "" {
				if e := (*wbm.Error)(nil); !errors.As(err, &e) || string(e.Kind) != test.fails {
					t.Errorf("%+v, %v", b, err)
				}
				return
			}
			noProblem(t, err)
			if got := strings.Join([]string{b.Model, b.Number, b.IPv4, b.IPv6, b.Name}, "|"); got != test.want {
				t.Errorf("it is %q, want %q", got, test.want)
			}
			if len(s.logins) > 0 {
				t.Error("somebody has logged in")
			}
		})
	}
}

// TestBannerElsewhere: what answers with something else than a banner, or leads elsewhere, has none.
func TestBannerElsewhere(t *testing.T) {
	t.Parallel()
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		}
	}
	for name, test := range map[string]struct {
		page http.HandlerFunc
		kind wbm.Kind
	}{
		"404": {func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, wbm.KindNoBanner},
		"401 with a banner": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			text(w, "%s", aBanner("CP400"))
		}, wbm.KindNoBanner},
		"image": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write([]byte("\x89PNG"))
		}, wbm.KindProtocol},
		"to another host":    {redirect("https://192.0.2.1/main_banner.cmd"), wbm.KindForeign},
		"to plain HTTP":      {redirect("http://127.0.0.1/main_banner.cmd"), wbm.KindForeign},
		"to the login":       {redirect("/index.cmd?user=Admin"), wbm.KindNoBanner},
		"to itself":          {redirect(bannerPath), wbm.KindProtocol},
		"to a factory reset": {redirect("/page.cmd?page=WEBM_Admin_FactoryReset&reset=1"), wbm.KindProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.pages[bannerPath] = test.page
			b, err := readBanner(t, s)
			if e := (*wbm.Error)(nil); !errors.As(err, &e) || e.Kind != test.kind {
				t.Errorf("%+v, %v", b, err)
			}
		})
	}
}

// TestBannerTrust: a page whose key is not trusted is not read.
func TestBannerTrust(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.pages[bannerPath] = func(http.ResponseWriter, *http.Request) { t.Error("the page is read") }
	_, err := wbm.ReadBanner(t.Context(), s.address, wbm.Options{Dial: s.network.Dial})
	if e := (*wbm.Error)(nil); !errors.As(err, &e) || e.Kind != wbm.KindTrust {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := wbm.ReadBanner(ctx, s.address, wbm.Options{Dial: s.network.Dial}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := wbm.ReadBanner(t.Context(), "no address", wbm.Options{}); err == nil {
		t.Error("it reads nowhere")
	}
}

// TestBannerOfSimulatedPhone reads what a simulated phone says.
func TestBannerOfSimulatedPhone(t *testing.T) {
	t.Parallel()
	for fault, want := range map[phonesim.Fault]string{
		"":                       "OpenScape Desk Phone CP600 127.0.0.1",
		"web-login-old":          "OpenScape Desk Phone CP600 127.0.0.1",
		"web-password-suspended": "OpenScape Desk Phone CP600 127.0.0.1",
		"web-banner-other-model": "OpenScape Desk Phone CP205 127.0.0.1",
		"web-no-banner":          "no-banner",
		"web-redirect-http":      "foreign",
	} {
		var faults []phonesim.Fault
		if fault != "" {
			faults = append(faults, fault)
		}
		phone, _ := browsed(t, faults...)
		b, err := wbm.ReadBanner(t.Context(), phone.State().WebAddress, wbm.Options{TLS: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}})
		got := b.Model + " " + b.IPv4
		if e := (*wbm.Error)(nil); errors.As(err, &e) {
			got = string(e.Kind)
		}
		if got != want || phone.State().Logins != 0 {
			t.Errorf("%s: it says %q, want %q", fault, got, want)
		}
	}
	phone, _ := browsed(t, "web-hostile-text")
	b, err := wbm.ReadBanner(t.Context(), phone.State().WebAddress, wbm.Options{TLS: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}})
	if noProblem(t, err); len(b.Model) > 200 || !strings.Contains(b.Model, "\x1b") {
		t.Errorf("it says %d bytes, %.80q", len(b.Model), b.Model)
	}
}
