package wpi_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// yes is the documented answer, byte by byte.
const yes = "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nContent-type: text/html\r\nServer: DlsClient\r\n\r\n"

// nobody is where nothing listens.
const nobody = "127.0.0.1:1"

func back(host string, port int) func(netip.Addr) (string, int) {
	return func(netip.Addr) (string, int) { return host, port }
}

func refusal(status string) func(net.Conn) {
	return say("HTTP/1.1 " + status + " canary\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\ncanary")
}

// TestContact has the way everything goes right.
func TestContact(t *testing.T) {
	t.Parallel()
	d := listen(t, tcp(t), say(yes))
	var local netip.Addr
	done, err := wpi.Contact{Address: d.address, Back: func(l netip.Addr) (string, int) {
		local = l
		return l.String(), 18443
	}}.Send(t.Context())
	want := wpi.Contacted{Local: netip.MustParseAddr("127.0.0.1"), Remote: netip.MustParseAddrPort(d.address), Scheme: "http", Method: "POST", Status: 204}
	if err != nil || done != want || local != want.Local {
		t.Errorf("got %+v, %v, asked with %v", done, err, local)
	}
	body := "ContactMe=true&dls_ip_addr=127.0.0.1&dls_ip_port=18443"
	request := "POST /contact_dls.html/ContactDLS HTTP/1.1\r\nHost: " + d.address + "\r\nConnection: close\r\n" +
		"Content-Length: " + strconv.Itoa(len(body)) + "\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n" + body
	if got := d.requests(); len(got) != 1 || got[0] != request {
		t.Errorf("asked %q, want %q", got, request)
	}
}

// TestContactForm: what a phone is told, in both forms of the request.
func TestContactForm(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		back func(netip.Addr) (string, int)
		form string
	}{
		{nil, "ContactMe=true"},
		{back("", 18443), "ContactMe=true"},
		{back("192.0.2.1", 0), "ContactMe=true&dls_ip_addr=192.0.2.1"},
		{back("192.0.2.1", 65535), "ContactMe=true&dls_ip_addr=192.0.2.1&dls_ip_port=65535"},
		{back("::ffff:192.0.2.1", 1), "ContactMe=true&dls_ip_addr=192.0.2.1&dls_ip_port=1"},
		{back("[2001:db8::1]", 1), "ContactMe=true&dls_ip_addr=2001:db8::1&dls_ip_port=1"},
		{back("fe80::1%eth0", 1), "ContactMe=true&dls_ip_addr=fe80::1&dls_ip_port=1"},
		{back("dls.example", 1), "ContactMe=true&dls_ip_addr=dls.example&dls_ip_port=1"},
		{back("a&b\r\nX: y", 1), "ContactMe=true&dls_ip_addr=a%26b%0D%0AX:+y&dls_ip_port=1"},
	} {
		d := listen(t, tcp(t), refusal("405"), say(yes))
		done, err := wpi.Contact{Address: d.address, Back: row.back, Pause: time.Millisecond}.Send(t.Context())
		if err != nil || done.Method != http.MethodGet {
			t.Errorf("%s: got %+v, %v", row.form, done, err)
		}
		got := d.requests()
		if len(got) != 2 || !strings.HasSuffix(got[0], "\r\n\r\n"+row.form) ||
			got[1] != "GET /contact_dls.html/ContactDLS?"+row.form+" HTTP/1.1\r\nHost: "+d.address+"\r\nConnection: close\r\n\r\n" {
			t.Errorf("%s: asked %q", row.form, got)
		}
	}
}

// TestContactMethod: who is known to take one form is asked in that one only.
func TestContactMethod(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		d := listen(t, tcp(t), say(yes))
		done, err := wpi.Contact{Address: d.address, Method: method}.Send(t.Context())
		if got := d.requests(); err != nil || done.Method != method || len(got) != 1 || !strings.HasPrefix(got[0], method+" ") {
			t.Errorf("%s: got %+v, %v, asked %q", method, done, err, got)
		}
		d = listen(t, tcp(t), refusal("405"))
		_, err = wpi.Contact{Address: d.address, Method: method}.Send(t.Context())
		wantContactError(t, err, wpi.ContactRefused, d.address, 405)
		if got := d.requests(); len(got) != 1 {
			t.Errorf("%s: asked %q", method, got)
		}
	}
}

// TestContactAnswers: whatever a phone, or what poses as one, does.
func TestContactAnswers(t *testing.T) {
	t.Parallel()
	const elsewhere, short = "127.0.0.1:9999", 100 * time.Millisecond
	for name, row := range map[string]struct {
		each     []func(net.Conn)
		kind     wpi.ContactKind // "" for success
		status   int
		requests int
		timeout  time.Duration
	}{
		"HTTP/1.0":            {[]func(net.Conn){say("HTTP/1.0 204 No Content\r\n\r\n")}, "", 0, 1, 0},
		"no reason phrase":    {[]func(net.Conn){say("HTTP/1.1 204\r\n\r\n")}, "", 0, 1, 0},
		"100 first":           {[]func(net.Conn){say("HTTP/1.1 100 Continue\r\n\r\n" + yes)}, "", 0, 1, 0},
		"stays open":          {[]func(net.Conn){sayAndWait(yes)}, "", 0, 1, 0},
		"400, GET":            {[]func(net.Conn){refusal("400"), say(yes)}, "", 0, 2, 0},
		"404, GET":            {[]func(net.Conn){refusal("404"), say(yes)}, "", 0, 2, 0},
		"411, GET":            {[]func(net.Conn){refusal("411"), say(yes)}, "", 0, 2, 0},
		"501, GET":            {[]func(net.Conn){refusal("501"), say(yes)}, "", 0, 2, 0},
		"404 twice":           {[]func(net.Conn){refusal("404")}, wpi.ContactRefused, 404, 2, 0},
		"404, then 200":       {[]func(net.Conn){refusal("404"), refusal("200")}, "", 0, 2, 0},
		"404, then closed":    {[]func(net.Conn){refusal("404"), say("")}, wpi.ContactRefused, 404, 2, 0},
		"404, then silent":    {[]func(net.Conn){refusal("404"), silence}, wpi.ContactRefused, 404, 2, short},
		"200":                 {[]func(net.Conn){refusal("200")}, "", 0, 1, 0},
		"200 with a text":     {[]func(net.Conn){say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")}, "", 0, 1, 0},
		"200, endless":        {[]func(net.Conn){sayAndWait("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")}, "", 0, 1, 0},
		"202":                 {[]func(net.Conn){refusal("202")}, "", 0, 1, 0},
		"299":                 {[]func(net.Conn){refusal("299")}, "", 0, 1, 0},
		"304":                 {[]func(net.Conn){refusal("304")}, wpi.ContactRefused, 304, 1, 0},
		"401":                 {[]func(net.Conn){refusal("401")}, wpi.ContactRefused, 401, 1, 0},
		"503":                 {[]func(net.Conn){refusal("503")}, wpi.ContactRefused, 503, 1, 0},
		"redirect":            {[]func(net.Conn){say("HTTP/1.1 302 Found\r\nLocation: http://" + elsewhere + "/\r\n\r\n")}, wpi.ContactRefused, 302, 1, 0},
		"redirect to TLS":     {[]func(net.Conn){say("HTTP/1.1 301 x\r\nLocation: https://127.0.0.1/\r\n\r\n")}, wpi.ContactRefused, 301, 1, 0},
		"closes at once":      {[]func(net.Conn){say("")}, wpi.ContactNoPhone, 0, 1, 0},
		"garbage":             {[]func(net.Conn){say("SSH-2.0-canary\r\n\x1b[31mcanary\r\n")}, wpi.ContactNoPhone, 0, 1, 0},
		"status out of range": {[]func(net.Conn){say("HTTP/1.1 99999 canary\r\n\r\n")}, wpi.ContactNoPhone, 0, 1, 0},
		"binary":              {[]func(net.Conn){say("\x15\x03\x01\x00\x02\x02\x0a")}, wpi.ContactNoPhone, 0, 1, 0},
		"half a header":       {[]func(net.Conn){say("HTTP/1.1 204 No Content\r\nServer: canary")}, wpi.ContactNoPhone, 0, 1, 0},
		"bad header":          {[]func(net.Conn){say("HTTP/1.1 204 No Content\r\ncanary\r\n\r\n")}, wpi.ContactNoPhone, 0, 1, 0},
		"header without end":  {[]func(net.Conn){drivel}, wpi.ContactNoPhone, 0, 1, 0},
		"silence":             {[]func(net.Conn){silence}, wpi.ContactTimeout, 0, 1, short},
		"slow header":         {[]func(net.Conn){sayAndWait("HTTP/1.1 204 No Content\r\nServer: canary")}, wpi.ContactTimeout, 0, 1, short},
		"slow status":         {[]func(net.Conn){sayAndWait("HTTP")}, wpi.ContactTimeout, 0, 1, short},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				network := memnet.New()
				at := func(address string) net.Listener {
					l, err := network.Listen(t.Context(), "tcp", address)
					if err != nil {
						t.Fatal(err)
					}
					return l
				}
				d := listen(t, at("127.0.0.1:0"), row.each...)
				second, other := listen(t, at("127.0.0.1:0"), say(yes)), listen(t, at(elsewhere), say(yes))
				c := wpi.Contact{Address: d.address, AltAddress: second.address, Timeout: row.timeout, Dial: network.Dial}
				done, err := c.Send(t.Context())
				if row.kind == "" {
					if err != nil || done.Scheme != "http" || done.Status < 200 || done.Status > 299 {
						t.Errorf("got %+v, %v", done, err)
					}
				} else {
					wantContactError(t, err, row.kind, d.address, row.status)
					if done != (wpi.Contacted{}) {
						t.Errorf("got %+v beside the error", done)
					}
				}
				if got := d.requests(); len(got) != row.requests {
					t.Errorf("%d requests, want %d", len(got), row.requests)
				}
				if len(second.requests()) > 0 {
					t.Error("the alternative address was tried, though the first was reached")
				}
				if len(other.requests()) > 0 {
					t.Error("a redirect was followed")
				}
			})
		})
	}
}

func wantContactError(t *testing.T, err error, kind wpi.ContactKind, address string, status int) {
	t.Helper()
	e := (*wpi.ContactError)(nil)
	if !errors.As(err, &e) || e.Kind != kind || e.Address != address || e.Status != status {
		t.Errorf("got %v (%+v), want %s of %s, status %d", err, e, kind, address, status)
		return
	}
	text := err.Error()
	if !strings.HasPrefix(text, address+": ") || strings.Contains(text, "canary") || strings.ContainsAny(text, "\x1b\r\n") || len(text) > 200 {
		t.Errorf("got %q", text)
	}
	if status != 0 && !strings.Contains(text, strconv.Itoa(status)) {
		t.Errorf("got %q, without the status", text)
	}
}

// TestSecondDoor: nobody is at the first.
func TestSecondDoor(t *testing.T) {
	t.Parallel()
	modern := &tls.Config{Certificates: []tls.Certificate{certificate(t)}} //nolint:gosec // the server's default is meant
	old := modern.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	old.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
	secure := func(config *tls.Config) net.Listener { return tls.NewListener(tcp(t), config) }
	for name, row := range map[string]struct {
		l       net.Listener
		each    func(net.Conn)
		kind    wpi.ContactKind
		status  int
		timeout time.Duration
		plain   bool
	}{
		"TLS 1.3":     {secure(modern), say(yes), "", 0, 0, false},
		"TLS 1.0":     {secure(old), say(yes), "", 0, 0, false},
		"refuses":     {secure(modern), refusal("403"), wpi.ContactRefused, 403, 0, false},
		"closes":      {secure(modern), say(""), wpi.ContactNoPhone, 0, 0, false},
		"silent":      {secure(modern), silence, wpi.ContactTimeout, 0, 500 * time.Millisecond, false},
		"no TLS":      {tcp(t), say(yes), wpi.ContactNoPhone, 0, 0, true},
		"mute":        {tcp(t), silence, wpi.ContactTimeout, 0, 100 * time.Millisecond, true},
		"404, no GET": {secure(modern), refusal("404"), wpi.ContactRefused, 404, 0, false},
	} {
		read := readRequest
		if row.plain {
			read = func(net.Conn) string { return "" }
		}
		d := listenWith(t, row.l, read, row.each)
		c := wpi.Contact{Address: nobody, AltAddress: d.address, Timeout: row.timeout, Pause: time.Millisecond, Back: back("192.0.2.1", 18443)}
		done, err := c.Send(t.Context())
		if row.kind != "" {
			wantContactError(t, err, row.kind, d.address, row.status)
			continue
		}
		if err != nil || done.Scheme != "https" || done.Remote.String() != d.address || done.Local.String() != "127.0.0.1" {
			t.Errorf("%s: got %+v, %v", name, done, err)
		}
		if got := d.requests(); len(got) != 1 || !strings.HasSuffix(got[0], "dls_ip_port=18443") {
			t.Errorf("%s: asked %q", name, got)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	_, err := wpi.Contact{Address: nobody}.Send(t.Context())
	wantContactError(t, err, wpi.ContactUnreachable, nobody, 0)
	_, err = wpi.Contact{Address: nobody, AltAddress: "127.0.0.1:2"}.Send(t.Context())
	wantContactError(t, err, wpi.ContactUnreachable, nobody, 0)
	if errors.Unwrap(err) == nil {
		t.Errorf("%v has no cause", err)
	}
	_, err = wpi.Contact{Address: "no port"}.Send(t.Context())
	wantContactError(t, err, wpi.ContactUnreachable, "no port", 0)
}

func TestContactIPv6(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	d := listen(t, l, say(yes))
	done, err := wpi.Contact{Address: d.address, Back: func(l netip.Addr) (string, int) { return l.String(), 18443 }}.Send(t.Context())
	if err != nil || done.Local.String() != "::1" || done.Remote.String() != d.address {
		t.Errorf("got %+v, %v", done, err)
	}
	if got := d.requests(); len(got) != 1 || !strings.Contains(got[0], "Host: "+d.address+"\r\n") || !strings.Contains(got[0], "&dls_ip_addr=::1&") {
		t.Errorf("asked %q", got)
	}
}

// TestContactCancelled: whoever waits can leave at any point.
func TestContactCancelled(t *testing.T) {
	t.Parallel()
	why := errors.New("enough")
	for name, row := range map[string]func(cancel func()) func(net.Conn){
		"waiting for the answer": func(cancel func()) func(net.Conn) {
			return func(conn net.Conn) { cancel(); silence(conn) }
		},
		"in the pause": func(cancel func()) func(net.Conn) {
			return func(conn net.Conn) { refusal("404")(conn); _ = conn.Close(); cancel() }
		},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		d := listen(t, tcp(t), row(func() { cancel(why) }))
		_, err := wpi.Contact{Address: d.address, Timeout: time.Hour, Pause: time.Hour}.Send(ctx)
		if !errors.Is(err, why) || len(d.requests()) != 1 {
			t.Errorf("%s: got %v, %d requests", name, err, len(d.requests()))
		}
		if _, err := (wpi.Contact{Address: d.address, AltAddress: d.address}).Send(ctx); !errors.Is(err, why) || len(d.requests()) != 1 {
			t.Errorf("%s: cancelled before: got %v", name, err)
		}
	}
	d := listen(t, tcp(t), refusal("404"))
	ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, why)
	defer cancel()
	if _, err := (wpi.Contact{Address: d.address, Pause: time.Hour}).Send(ctx); !errors.Is(err, why) {
		t.Errorf("a limit that ends in the pause: got %v", err)
	}
}

// TestContactDial checks that nothing is sent but over the dialer that the caller gives.
func TestContactDial(t *testing.T) {
	t.Parallel()
	d := listen(t, tcp(t), say(yes))
	c := wpi.Contact{Address: "phone.test:8085", Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if network != "tcp" || address != "phone.test:8085" {
			return nil, errors.New("unexpected")
		}
		return (&net.Dialer{}).DialContext(ctx, network, d.address)
	}}
	if _, err := c.Send(t.Context()); err != nil || len(d.requests()) != 1 || !strings.Contains(d.requests()[0], "\r\nHost: phone.test:8085\r\n") {
		t.Errorf("%v, asked %q", err, d.requests())
	}
	c.Address = "other.test:8085"
	_, err := c.Send(t.Context())
	wantContactError(t, err, wpi.ContactUnreachable, c.Address, 0)
}
