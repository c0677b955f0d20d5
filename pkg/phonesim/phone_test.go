package phonesim_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// A watched phone is one whose events can be waited for.
type watched struct {
	*phonesim.Phone
	t      *world
	events chan phonesim.Event
	mu     sync.Mutex
	all    []phonesim.Event
}

func cp600() phonesim.Config {
	return phonesim.Config{
		Listen: "127.0.0.1:0", DeviceType: "OpenScape Desk Phone CP600", MAC: "00:1A:E8:00:00:01", PartNumber: "S30817-S7720-A101-4",
		Level: 3, SoftwareType: "Unify HFA", Version: bind.Version{Major: 1, Release: 4, Fix: 9}, E164: "4989100",
		InstallTime: time.Minute, RestartTime: 2 * time.Minute,
	}
}

func start(t *world, c phonesim.Config, faults ...string) *watched {
	t.Helper()
	for _, fault := range faults {
		fatal(t, c.AddFault(fault))
	}
	w := &watched{t: t, events: make(chan phonesim.Event, 1000)}
	c.Network = t.Network
	if c.Network == (loopback{}) {
		c.InstallTime, c.RestartTime = 0, 0
	}
	c.Event = func(e phonesim.Event) {
		w.mu.Lock()
		w.all = append(w.all, e)
		w.mu.Unlock()
		w.events <- e
	}
	phone, err := phonesim.Start(c)
	fatal(t, err)
	w.Phone = phone
	t.Cleanup(func() { fatal(t, phone.Close()) })
	return w
}

// await waits for an event, and returns it; the ones before it are passed over.
func (w *watched) await(kind phonesim.Kind) phonesim.Event {
	w.t.Helper()
	limit := time.After(time.Hour)
	var before []string
	for {
		select {
		case e := <-w.events:
			if e.Kind == kind {
				return e
			}
			before = append(before, string(e.Kind)+" "+e.Detail)
		case <-limit:
			w.t.Fatalf("%q did not happen, but %q", kind, before)
		}
	}
}

// never fails if an event of the kind has happened.
func (w *watched) never(kind phonesim.Kind) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.all {
		if e.Kind == kind {
			w.t.Errorf("%q happened: %s", kind, e.Detail)
		}
	}
}

// cpb builds an image; the payload is large enough for several reads.
func cpb(t testing.TB, change func(*bind.Builder)) []byte {
	t.Helper()
	levels, err := bind.ParseLevels("1-3, 5")
	if err != nil {
		t.Fatal(err)
	}
	b := &bind.Builder{
		Family: "OpenScape Desk Phone CP", Models: []string{"CP400", "CP600"}, SoftwareType: "Unify HFA",
		Version: bind.Version{Major: 1, Release: 9, Fix: 2}, Levels: levels,
	}
	if change != nil {
		change(b)
	}
	payload := bytes.Repeat([]byte("firmware"), 20_000)
	var image bytes.Buffer
	if err := b.Build(context.Background(), &image, io.NewSectionReader(bytes.NewReader(payload), 0, int64(len(payload)))); err != nil {
		t.Fatal(err)
	}
	return image.Bytes()
}

// httpsItems are the items of a deployment by HTTPS.
func httpsItems(s *service, priority string) []string {
	return []string{
		"file-https-base-url", "https://" + s.address() + "/file/image.img", "file-type", "APP", "file-sw-type", "Unify HFA",
		"file-sw-version", "1.9.2.0", "file-priority", priority,
	}
}

// TestStyles updates a phone by services of three manners.
func TestStyles(t *testing.T) {
	t.Parallel()
	for _, style := range []string{"documented", "dlsir", "pentagrid"} {
		t.Run(style, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *world) {
				s := newService(t)
				s.file = cpb(t, nil)
				c := cp600()
				c.Service = s.address()
				p := start(t, c)
				answers := map[string]func(call, string, ...string){"documented": s.say, "dlsir": s.sayDlsir, "pentagrid": s.sayPentagrid}[style]

				first := s.expect("start-up")
				if style == "dlsir" {
					s.answer(reply{raw: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"})
				} else {
					answers(first, "CleanUp")
				}
				asked := solicit(t, p.Address(), s)
				if got := asked.items["software-version"]; got != "V1 R4.9.0" {
					t.Errorf("it runs %q", got)
				}
				if style == "dlsir" {
					asked = s.dlsirFile(asked)
				}
				answers(asked, "SoftwareDeployment", httpsItems(s, "immediate")...)
				back := s.expect("start-up")
				if got := back.items["software-version"]; got != "V1 R9.2.0" {
					t.Errorf("after the update it runs %q", got)
				}
				if style == "dlsir" {
					s.answer(reply{raw: "HTTP/1.1 204 No Content\r\n\r\n"})
				} else {
					answers(back, "CleanUp")
				}
				asked = solicit(t, p.Address(), s)
				if got := asked.items["software-version"]; got != "V1 R9.2.0" {
					t.Errorf("asked again it runs %q", got)
				}
				answers(asked, "CleanUp")
				p.await(phonesim.Restarting)
				if state := p.State(); state.Instructed != 1 || state.Restarts != 1 || state.Calls < 3 || state.Refusal != "" {
					t.Errorf("the phone's state is %+v", state)
				}
			})
		})
	}
}

// sayDlsir answers as dlsir does: application/xml, no declaration and namespace, an empty reason, chunks over 2 KB.
func (s *service) sayDlsir(c call, action string, items ...string) {
	s.t.Helper()
	list := itemList(items...)
	if list == "" {
		list = "<ItemList></ItemList>"
	}
	body := `<DLSMessage><Message nonce="` + c.nonce + `"><Action>` + action + `</Action><ReasonForContact></ReasonForContact>` + list +
		`</Message>` + strings.Repeat("\n", 3000) + `</DLSMessage>`
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/xml; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
	s.answer(reply{raw: head + fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", 2048, body[:2048], len(body)-2048, body[2048:])})
}

// dlsirFile reads everything, then sends a file, and returns the status that follows.
func (s *service) dlsirFile(c call) call {
	s.t.Helper()
	s.sayDlsir(c, "ReadAllItems")
	c = s.expect("reply-to")
	if c.action != "ReadAllItems" || c.items["display-id"] != "" || c.items["mac-addr"] == "" {
		s.t.Errorf("to ReadAllItems it says %s", c.body)
	}
	s.sayDlsir(c, "FileDeployment", "file-type#1", "LOGO", "file-https-base-url#1", "https://"+s.address()+"/file/logo.png")
	c = s.expect("status")
	if c.items["file-deployment-status"] != "ok" || c.items["file-deployment-type"] != "LOGO" || c.items["file-deployment-name"] != "logo.png" {
		s.t.Errorf("it reports %s", c.body)
	}
	return c
}

// sayPentagrid answers as Pentagrid's server does: HTTP/1.0, no declaration and namespace, the items behind the message.
func (s *service) sayPentagrid(c call, action string, items ...string) {
	s.t.Helper()
	body := `<DLSMessage><Message nonce="` + c.nonce + `"><Action>` + action + `</Action></Message>` + itemList(items...) + `</DLSMessage>`
	s.answer(reply{raw: fmt.Sprintf("HTTP/1.0 200 OK\r\nServer: BaseHTTP/0.6\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s", len(body), body), hangsUp: true})
}

// TestOwnAddress: a phone calls from the address that it listens on.
func TestOwnAddress(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		c := cp600()
		c.Listen = "127.0.0.7:0"
		l, err := net.Listen("tcp", c.Listen) //nolint:noctx // it listens at once
		if err != nil {
			t.Skip("this system has no second address of loopback")
		}
		fatal(t, l.Close())
		p := start(t, c)
		asked := solicit(t, p.Address(), s)
		if host, _, err := net.SplitHostPort(asked.remote); err != nil || host != "127.0.0.7" {
			t.Errorf("it calls from %s", asked.remote)
		}
		if want := "http://" + p.Address() + "/contact_dls.html/ContactDLS"; asked.items["contact-me-uri"] != want {
			t.Errorf("contact-me-uri is %q, want %q", asked.items["contact-me-uri"], want)
		}
		s.say(asked, "CleanUp")
		p.await(phonesim.Ended)
	})
}
