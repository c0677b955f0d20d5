package address_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/cpupdate/cpupdate/pkg/address"
)

// TestHost checks that every host has one form.
func TestHost(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.1":              "192.0.2.1",
		"0.0.0.0":                "0.0.0.0",
		"255.255.255.255":        "255.255.255.255",
		"2001:DB8:0:0::1":        "2001:db8::1",
		"::ffff:192.0.2.50":      "192.0.2.50",
		"::":                     "::",
		"fe80::1%eth0":           "fe80::1%eth0",
		"fe80::1%12":             "fe80::1%12",
		"fe80::1%Ethernet 2":     "fe80::1%Ethernet 2",
		"Phone-1.Site.Example":   "phone-1.site.example",
		"phone.example.":         "phone.example.",
		"phone_1":                "phone_1",
		"localhost":              "localhost",
		"001ae8123456":           "001ae8123456", // phones are named so
		"4c1fa3e9":               "4c1fa3e9",
		"cafe":                   "cafe",
		"dead.beef":              "dead.beef",
		"abc.de":                 "abc.de",
		"1.2.3.de":               "1.2.3.de",
		"3com.com":               "3com.com",
		"1e100.net":              "1e100.net",
		"0xide.example":          "0xide.example",
		"fa1.b2":                 "fa1.b2",
		"phone.4711":             "phone.4711",
		"10-0-0-5":               "10-0-0-5",
		"4711a":                  "4711a",
		"x":                      "x",
		"BÜCHER.example":         "bücher.example",
		"xn--bcher-kva.example":  "xn--bcher-kva.example",
		"电话.example":             "电话.example",
		strings.Repeat("h", 253): strings.Repeat("h", 253),
	} {
		if got, err := address.Host(in); err != nil || got != want {
			t.Errorf("%+q: got %q, %v, want %q", in, got, err, want)
		}
	}
}

// TestNoHost checks what is refused, and what the error says.
func TestNoHost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		says  string
		hosts []string
	}{
		{"looks like an IP address", []string{
			"127.0.0.010", "127.0.0.08", "0x7f.1", "0X7F.0.0.1", "0x7f000001", "0x", "127.1", "127.0.1", "2130706433", "017700000001", "0", "1",
			"1.2.3.4.5", "999.1.1.1", "256.0.0.1", "192.0.2.1.", "192.0.2.1..", "127.1.", "1.", "192.0.2..1", "1..", ".1", "192.168.1.1f", "7f.0.0.1", "abc.1",
			"127.0.0.0x1", "00.0.0.0", "192.0.2.01", "4294967296",
		}},
		{"is not a host name or address", []string{"2001:db8:::1", "2001:db8::10000", "::ffff:127.0.0.010", "1:2", "fe80::1%", ":"}},
		{"has a zone", []string{"2001:db8::1%eth0", "::1%lo", "::ffff:192.0.2.1%eth0"}},
		{"invalid zone", []string{"fe80::1%25eth0", "fe80::1%2x", "fe80::1%%eth0", "fe80::1%a/b", "fe80::1%eth0]"}},
		{"invisible character", []string{
			"192.0.2.1\u200b", "\ufeff192.0.2.1", "192.0.2.1\u200f", "pho\u00adne", "pho\u200dne", "phone\u2060", "\u202ephone", "phone\u00a0", "\u3000phone",
			"phone\t", "phone\n", "phone\x00", "\x1b[31mphone", "a\u3164b", "a\u034fb", "phone\ufe0f", "a\u115fb", "a\u2800b", "a\U000e0061b", "\u2028a", "fe80::1%eth\u200b0",
			"क्\u200dष",
		}},
		{"is not a host name", []string{
			"", " ", "１２７.0.0.1", "127。0。0。1", "١٢٧.0.0.1", "१२७.०.०.१", "①.example", "ｐhone", "\u212aiosk", "ho st", "-x", ".a", "a..b", "host!", "a,b", "a;b",
			"a%b", "[host]", "u\u0308ber", "☎.example", "fi$les", "\xff", "a@b", "ü_.example", strings.Repeat("h", 254),
		}},
		{"contains a slash", []string{"192.0.2.1/24", "phone/admin"}},
	} {
		for _, host := range c.hosts {
			got, err := address.Host(host)
			e := (*address.Error)(nil)
			if !errors.As(err, &e) || got != "" || !strings.Contains(e.Problem, c.says) || e.Advice == "" {
				t.Errorf("%+q: got %q, %v, want an error that says %q", host, got, err, c.says)
			}
			if err != nil && (len(err.Error()) > 300 || strings.ContainsFunc(err.Error(), unicode.IsControl)) {
				t.Errorf("%+q: the error is %q", host, err)
			}
		}
	}
}

// TestSplit checks the forms with a port and with brackets.
func TestSplit(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Phone":                "phone:0",
		"phone:1":              "phone:1",
		"phone:65535":          "phone:65535",
		"192.0.2.1:00021":      "192.0.2.1:21",
		"2001:db8::1":          "[2001:db8::1]:0",
		"[2001:db8::1]":        "[2001:db8::1]:0",
		"[2001:DB8::1]:8085":   "[2001:db8::1]:8085",
		"[::ffff:192.0.2.1]:1": "192.0.2.1:1",
		"[fe80::1%eth0]:443":   "[fe80::1%eth0]:443",
		"::1":                  "[::1]:0",
	} {
		if host, port, err := address.Split(in); err != nil || address.Join(host, port) != want {
			t.Errorf("%q: got %q, %d, %v, want %s", in, host, port, err, want)
		}
	}
	for in, says := range map[string]string{
		"127.0.0.010:8085":                 "looks like an IP address",
		"[2001:db8::1":                     "is not HOST, HOST:PORT",
		"2001:db8::1]":                     "is not HOST, HOST:PORT",
		"2001:db8::1]:443":                 "is not HOST, HOST:PORT",
		"[2001:db8::1]443":                 "is not HOST, HOST:PORT",
		"[[2001:db8::1]]:443":              "is not HOST, HOST:PORT",
		"[]:443":                           "is not HOST, HOST:PORT",
		"[192.0.2.1]:443":                  "is not HOST, HOST:PORT",
		"[phone]:443":                      "is not HOST, HOST:PORT",
		"[phone":                           "is not HOST, HOST:PORT",
		"phone]":                           "is not a host name",
		"2001:db8::1:8085:1:2:3:4:5":       "is not HOST, HOST:PORT",
		"phone:":                           "port \"\"",
		"phone:0":                          "port \"0\"",
		"phone:65536":                      "port \"65536\"",
		"phone:+1":                         "port",
		"phone:1 ":                         "port",
		"phone:https":                      "port",
		"phone:\uff11":                     "port",
		":443":                             "is not a host name",
		"http://192.0.2.1":                 "is a web address",
		"https://cp:pass@192.0.2.1/":       "an @",
		"admin:pass@192.0.2.1":             "an @",
		"":                                 "is not a host name",
		"[" + strings.Repeat(":", 300):     "is not HOST, HOST:PORT",
		"phone:" + strings.Repeat("1", 90): "port",
	} {
		host, port, err := address.Split(in)
		e := (*address.Error)(nil)
		if !errors.As(err, &e) || host != "" || !strings.Contains(e.Problem, says) || e.Advice == "" {
			t.Errorf("%q: got %q, %d, %v, want an error that says %q", in, host, port, err, says)
		}
		if strings.Contains(err.Error(), "pass") {
			t.Errorf("%q: the error shows a password: %v", in, err)
		}
	}
}

// TestCheckOne checks that an address which systems take for themselves or for many is none of one machine.
func TestCheckOne(t *testing.T) {
	t.Parallel()
	for host, one := range map[string]bool{
		"0.0.0.0": false, "::": false, "::ffff:0.0.0.0": false, "255.255.255.255": false, "224.0.0.1": false, "239.255.255.250": false, "ff02::1": false,
		"127.0.0.1": true, "::1": true, "fe80::1%eth0": true, "192.0.2.255": true, "phone": true,
	} {
		host, err := address.Host(host)
		if err == nil && (address.CheckOne(host) == nil) != one {
			t.Errorf("%s: %v", host, address.CheckOne(host))
		}
	}
}

// FuzzSplit checks that the form of a host is stable, and that no form is one of two hosts.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"192.0.2.1:80", "[fe80::1%eth0]:443", "Bücher.example", "0x7f.1", "a\u200b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		host, port, err := address.Split(text)
		if err != nil {
			return
		}
		if again, err := address.Host(host); err != nil || again != host {
			t.Errorf("%q: the form %q becomes %q, %v", text, host, again, err)
		}
		if port == 0 {
			return
		}
		if h, p, err := address.Split(address.Join(host, port)); err != nil || h != host || p != port {
			t.Errorf("%q: %q and %d become %q and %d, %v", text, host, port, h, p, err)
		}
	})
}

func TestASCII(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"Bücher.example": "xn--bcher-kva.example", "Phone": "phone", "192.0.2.1": "192.0.2.1", "fe80::1%eth0": "fe80::1%eth0", "127.1": ""} {
		if got, err := address.ASCII(in); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
	}
}
