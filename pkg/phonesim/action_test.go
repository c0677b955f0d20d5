package phonesim_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestContact: what the contact port takes, and what it answers.
func TestContact(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		c := cp600()
		p := start(t, c)
		host, port, err := net.SplitHostPort(s.address())
		fatal(t, err)
		to := "&dls_ip_addr=" + host + "&dls_ip_port=" + port
		get := func(target string) string {
			return "GET " + target + " HTTP/1.1\r\nHost: phone\r\nConnection: close\r\n\r\n"
		}
		post := func(body string) string {
			return "POST /contact_dls.html/ContactDLS HTTP/1.0\r\nContent-Length: " + string(rune('0'+len(body)/10)) + string(rune('0'+len(body)%10)) + "\r\n\r\n" + body
		}
		for name, test := range map[string]struct {
			text   string
			status string
			calls  bool
		}{
			"GET":            {get("/contact_dls.html/ContactDLS?ContactMe=true" + to), "204", true},
			"POST":           {post("ContactMe=true" + to), "204", true},
			"nobody to call": {post("ContactMe=true"), "204", false},
			"not wanted":     {post("ContactMe=false" + to), "400", false},
			"nothing":        {post("x=1"), "400", false},
			"bad form":       {post("ContactMe=true&%zz"), "400", false},
			"other path":     {get("/index.html"), "404", false},
			"other method":   {"PUT /contact_dls.html/ContactDLS HTTP/1.0\r\n\r\n", "405", false},
		} {
			before := p.State().Contacts
			if got := request(t, p.Address(), test.text); !strings.HasPrefix(got, "HTTP/1.1 "+test.status+" ") {
				t.Errorf("%s: it answers %q", name, got)
			}
			if test.calls {
				s.say(s.expect("solicited"), "CleanUp")
				p.await(phonesim.Ended)
			}
			if (p.State().Contacts > before) != (test.status == "204") {
				t.Errorf("%s: %d contacts, %d before", name, p.State().Contacts, before)
			}
		}
	})
}

// TestSecureListener: the contact path is also served by TLS, with a certificate of the phone's own.
func TestSecureListener(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		c := cp600()
		l, err := t.Listen(t.Context(), "tcp", "127.0.0.1:0")
		fatal(t, err)
		c.ListenSecure = l.Addr().String()
		fatal(t, l.Close())
		p := start(t, c)
		for range 2 { // it is there after a restart too
			conn := t.dialTLS(c.ListenSecure)
			host, port, err := net.SplitHostPort(s.address())
			fatal(t, err)
			got := exchange(t, conn, "GET /contact_dls.html/ContactDLS?ContactMe=true&dls_ip_addr="+host+"&dls_ip_port="+port+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			if got != acknowledged {
				t.Errorf("it answers %q", got)
			}
			fatal(t, conn.Close())
			s.say(s.expect("solicited"), "Restart")
			p.await(phonesim.Started)
		}
	})
}

// TestSecureMode: a service that the phone's authorities vouch for is called, and shown a certificate.
func TestSecureMode(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		own := certificate(t, false)
		s := newServiceTLS(t, &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAnyClientCert})
		leaf, err := x509.ParseCertificate(own.Certificate[0])
		fatal(t, err)
		c := cp600()
		c.Authorities = x509.NewCertPool()
		c.Authorities.AddCert(leaf)
		shown := certificate(t, false)
		c.Certificate = &shown
		p := start(t, c, "secure-mode")
		s.say(solicit(t, p.Address(), s), "CleanUp")
		p.await(phonesim.Ended)
	})
}

// TestRequest: what a phone's request looks like.
func TestRequest(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		p := start(t, cp600())
		first := solicit(t, p.Address(), s)
		want := regexp.MustCompile(`^POST /DeploymentService/LoginService HTTP/1\.1\r\nHost: ` + regexp.QuoteMeta(s.address()) + `\r\nContent-Type: text/xml\r\nContent-Length: \d+\r\n$`)
		if !want.MatchString(first.head) {
			t.Errorf("it asks %q", first.head)
		}
		if !regexp.MustCompile(`^[0-9A-F]{32}$`).MatchString(first.nonce) {
			t.Errorf("its nonce is %s", first.nonce)
		}
		for name, value := range map[string]string{
			"device-type": "OpenScape Desk Phone CP600", "related-device-type": "OpenScape Desk Phone CP600", "software-type": "Unify HFA",
			"software-version": "V1 R4.9.0", "related-software-version": "V1 R4.9.0", "mac-addr": "00:1A:E8:00:00:01",
			"part-number": "S30817-S7720-A101-4", "e164": "4989100", "contact-me-uri": "http://" + p.Address() + "/contact_dls.html/ContactDLS",
		} {
			if first.items[name] != value {
				t.Errorf("%s is %q, want %q", name, first.items[name], value)
			}
		}
		// The whole Set-Cookie comes back, in this conversation and not in the next.
		body := documented(first.nonce, "ReadItems", "part-number", "", "no-such-item", "")
		s.answer(reply{raw: httpAnswer(body, "Set-Cookie: JSESSIONID=ab12; path=/DeploymentService/; secure")})
		second := s.expect("reply-to")
		if !strings.Contains(second.head, "\r\nCookie: JSESSIONID=ab12; path=/DeploymentService/; secure\r\n") {
			t.Errorf("it asks %q", second.head)
		}
		if second.nonce == first.nonce || second.action != "ReadItems" || second.status != "accepted" ||
			second.items["part-number"] != "S30817-S7720-A101-4" || second.states["no-such-item"] != "unknown item" {
			t.Errorf("it says %s", second.body)
		}
		s.say(second, "CleanUp")
		p.await(phonesim.Ended)
		if third := solicit(t, p.Address(), s); strings.Contains(third.head, "Cookie") {
			t.Errorf("it asks %q", third.head)
		}
	})
}

// TestWrong: answers that a phone does not understand end the conversation with clean-up.
func TestWrong(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(call) string{
		"other nonce":  func(call) string { return httpAnswer(documented("00", "CleanUp")) },
		"no nonce":     func(call) string { return httpAnswer(documented("", "CleanUp")) },
		"no XML":       func(call) string { return httpAnswer("<html>") },
		"text before":  func(c call) string { return httpAnswer("oops " + documented(c.nonce, "CleanUp")) },
		"endless":      func(c call) string { return httpAnswer(documented(c.nonce, strings.Repeat("x", 1<<20))) },
		"other root":   func(c call) string { return httpAnswer(`<Other><Message nonce="` + c.nonce + `"/></Other>`) },
		"no action":    func(c call) string { return httpAnswer(`<DLSMessage><Message nonce="` + c.nonce + `"/></DLSMessage>`) },
		"error answer": func(call) string { return "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *world) {
				s := newService(t)
				p := start(t, cp600())
				c := solicit(t, p.Address(), s)
				s.answer(reply{raw: answer(c), hangsUp: name == "endless"})
				if name == "error answer" {
					p.await(phonesim.CallFailed)
					return
				}
				s.say(s.expect("clean-up"), "CleanUp")
				p.await(phonesim.Ended)
			})
		})
	}
}

// TestSpellings: phones take the root in both spellings.
func TestSpellings(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		p := start(t, cp600())
		c := solicit(t, p.Address(), s)
		s.answer(reply{raw: httpAnswer(strings.ReplaceAll(documented(c.nonce, "ReadItems", "e164", ""), "DLSMessage", "DlsMessage"))})
		c = s.expect("reply-to")
		s.say(c, "Dance")
		c = s.expect("reply-to")
		if c.action != "Dance" || c.status != "failed" {
			t.Errorf("to an unknown action it says %s", c.body)
		}
		s.say(c, "GetNextFragment")
		c = s.expect("reply-to")
		if c.action != "GetNextFragment" || c.status != "failed" {
			t.Errorf("without fragments it says %s", c.body)
		}
		s.say(c, "CleanUp")
		p.await(phonesim.Ended)
	})
}

// TestSendSolicited: an idle phone calls at once, and once; a restart makes it forget.
func TestSendSolicited(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		p := start(t, cp600())
		s.say(solicit(t, p.Address(), s), "CleanUp", "send-solicited", "true")
		s.say(s.expect("solicited"), "CleanUp")
		p.await(phonesim.Ended)
		p.await(phonesim.Ended)
		p.Call()
		s.say(solicit(t, p.Address(), s), "CleanUp", "send-solicited", "true")
		p.await(phonesim.Ended)
		s.say(solicit(t, p.Address(), s), "Restart")
		p.await(phonesim.Started)
		p.Call()
		p.HangUp()
		p.await(phonesim.CallEnds)
		s.say(solicit(t, p.Address(), s), "CleanUp")
		p.await(phonesim.Ended)
		if got := p.State().Calls; got != 5 {
			t.Errorf("it called %d times", got)
		}
	})
}

// TestGapForgotten: a restart ends the contact gap.
func TestGapForgotten(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		p := start(t, cp600(), "contact-gap")
		s.say(solicit(t, p.Address(), s), "Restart")
		p.await(phonesim.Started)
		s.say(solicit(t, p.Address(), s), "CleanUp")
	})
}
