package phonesim_test

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestMain fails if a phone has left a goroutine behind.
func TestMain(m *testing.M) {
	code := m.Run()
	left := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); runtime.Gosched() {
		if left = goroutines(); left == "" {
			os.Exit(code)
		}
	}
	fmt.Fprintln(os.Stderr, "left behind:\n"+left)
	os.Exit(1)
}

// goroutines returns the stacks of goroutines that are in the package.
func goroutines() string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var left []string
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, "pkg/phonesim.") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}

// TestClose: a phone can be closed at any moment, more than once, and its port is free then.
func TestClose(t *testing.T) {
	t.Parallel()
	for _, kind := range []phonesim.Kind{"", phonesim.Contacted, phonesim.Instructed, phonesim.Fetching, phonesim.Restarting, phonesim.Gone, phonesim.CallBegins, phonesim.Uploading} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *world) {
				s := newService(t)
				s.file = cpb(t, nil)
				c := cp600()
				faults := map[phonesim.Kind][]string{
					phonesim.Contacted: {"calls-late"}, phonesim.Fetching: {"stalls-mid-download"}, phonesim.Gone: {"never-comes-back"}, phonesim.CallBegins: {"busy"},
				}[kind]
				c.Web = "127.0.0.1:0"
				if kind == phonesim.Restarting {
					c.RestartTime = time.Hour
				}
				p := start(t, c, faults...)
				address := p.Address()
				if kind == phonesim.Uploading {
					b := visit(t, p)
					b.logIn()
					b.half(s.file)
				}
				switch kind {
				case phonesim.Contacted:
					contact(t, address, s.address())
				case phonesim.Instructed, phonesim.Fetching, phonesim.Restarting, phonesim.Gone:
					s.say(solicit(t, address, s), "SoftwareDeployment", httpsItems(s, "normal")...)
				}
				if kind != "" {
					p.await(kind)
				}
				fatal(t, p.Close())
				fatal(t, p.Close())
				for _, address := range []string{address, p.State().WebAddress} {
					if conn, err := t.dial(address); err == nil {
						t.Errorf("it listens still: %v", conn.Close())
					}
				}
			})
		})
	}
}

// TestPortIsTaken: a phone waits until it can have its port again.
func TestPortIsTaken(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		c := cp600()
		p := start(t, c)
		address := p.Address()
		s.say(solicit(t, address, s), "Restart")
		p.await(phonesim.Restarting)
		if got := p.State().Status; got != phonesim.StatusRestarting {
			t.Errorf("it is %s", got)
		}
		begun := time.Now()
		other, err := t.Listen(t.Context(), "tcp", address)
		fatal(t, err)
		time.AfterFunc(10*time.Minute, func() { _ = other.Close() })
		p.await(phonesim.Started)
		if took := time.Since(begun); took < 10*time.Minute || took > 11*time.Minute {
			t.Errorf("it came back after %s", took)
		}
		if p.Address() != address {
			t.Errorf("it came back at %s", p.Address())
		}
		s.say(solicit(t, address, s), "CleanUp")
	})
}

// TestConfig: phones that cannot be.
func TestConfig(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		taken, err := t.Listen(t.Context(), "tcp", "127.0.0.1:0")
		fatal(t, err)
		defer taken.Close()
		for name, change := range map[string]func(*phonesim.Config){
			"no device":      func(c *phonesim.Config) { c.DeviceType = "" },
			"bad MAC":        func(c *phonesim.Config) { c.MAC = "00:1A" },
			"bad time":       func(c *phonesim.Config) { c.RestartTime = -1 },
			"bad service":    func(c *phonesim.Config) { c.Service = "host" },
			"no such fault":  func(c *phonesim.Config) { c.Faults = []phonesim.Fault{"sings"} },
			"two answers":    func(c *phonesim.Config) { c.Faults = []phonesim.Fault{"accepts", "refuse-deployment"} },
			"taken port":     func(c *phonesim.Config) { c.Listen = taken.Addr().String() },
			"taken web port": func(c *phonesim.Config) { c.Web = taken.Addr().String() },
			"bad suspension": func(c *phonesim.Config) { c.Suspension = -1 },
			"taken TLS port": func(c *phonesim.Config) { c.ListenSecure = taken.Addr().String() },
		} {
			c := cp600()
			change(&c)
			c.Network = t.Network
			if p, err := phonesim.Start(c); err == nil {
				t.Errorf("%s: it starts", name)
				fatal(t, p.Close())
			}
		}
		c := cp600()
		fatal(t, c.AddFault("accepts"))
		fatal(t, c.AddFault("accepts"))
		if c.AddFault("refuse-deployment") == nil || c.AddFault("") == nil {
			t.Error("it takes any fault")
		}
	})
}

// TestMemory: a phone that fetches is small, so that a thousand fit into a process.
func TestMemory(t *testing.T) {
	onSystem(t, func(t *world) { // a network in memory would count too
		const phones = 50
		s := newService(t)
		s.file = cpb(t, nil)
		var before, during runtime.MemStats
		var all []*watched
		for i := range phones {
			c := cp600()
			c.MAC = fmt.Sprintf("00:1A:E8:00:01:%02X", i)
			all = append(all, start(t, c, "stalls-mid-download"))
		}
		runtime.GC()
		runtime.ReadMemStats(&before)
		for _, p := range all {
			s.say(solicit(t, p.Address(), s), "SoftwareDeployment", httpsItems(s, "normal")...)
			for p.State().Bytes < int64(len(s.file)/2) {
				runtime.Gosched()
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&during)
		each := (int64(during.HeapInuse+during.StackInuse) - int64(before.HeapInuse+before.StackInuse)) / phones
		t.Logf("%d KiB a phone, the server's side included", each>>10)
		if each > 200<<10 {
			t.Errorf("a phone that fetches takes %d bytes", each)
		}
	})
}

// FuzzContact: whatever comes to the contact port, the phone lives on.
func FuzzContact(f *testing.F) {
	f.Add([]byte("POST /contact_dls.html/ContactDLS HTTP/1.1\r\nContent-Length: 14\r\n\r\nContactMe=true"))
	f.Add([]byte("GET /contact_dls.html/ContactDLS?ContactMe=true&dls_ip_addr=[::1]&dls_ip_port=x HTTP/1.1\r\n\r\n"))
	f.Add([]byte("POST /contact_dls.html/ContactDLS HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"))
	f.Add(bytes.Repeat([]byte("A: b\r\n"), 20_000))
	c := cp600()
	n := memnet.New()
	c.Faults, c.Network = []phonesim.Fault{"ignores-contact"}, n
	phone, err := phonesim.Start(c)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = phone.Close() })
	f.Fuzz(func(t *testing.T, text []byte) {
		w := &world{t, n}
		conn, err := w.dial(phone.Address())
		fatal(t, err)
		fatal(t, conn.SetDeadline(time.Now().Add(time.Minute)))
		_, _ = conn.Write(text)
		_ = conn.(*memnet.Conn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		fatal(t, conn.Close())
		if got := contact(w, phone.Address(), "127.0.0.1:1"); got != acknowledged {
			t.Errorf("after that it answers %q", got)
		}
	})
}

// TestNoContactPortHeld: a phone without a contact port keeps that port from others, whether it was free or named, and nobody
// can connect to it. It is free when the phone has ended.
func TestNoContactPortHeld(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("127.0.77.1 is an address on Linux only") // where no other program takes a port
	}
	system := loopback{}
	seen := map[string]bool{}
	named := "127.0.77.1:0"
	for i := range 16 {
		c := cp600()
		c.Listen = named
		fatal(t, c.AddFault("no-contact-port"))
		p, err := phonesim.Start(c)
		fatal(t, err)
		defer p.Close()
		at := p.Address()
		if named != at && named != "127.0.77.1:0" {
			t.Errorf("named %s, got %s", named, at)
		}
		if l, err := system.Listen(t.Context(), "tcp", at); err == nil {
			_ = l.Close()
			t.Errorf("%d: another has %s", i, at)
		}
		if conn, err := system.DialFrom(t.Context(), netip.Addr{}, "tcp", at); err == nil {
			_ = conn.Close()
			t.Errorf("%d: somebody listens on %s", i, at)
		}
		if seen[at] && named != at {
			t.Errorf("%s is given twice", at)
		}
		seen[at] = true
		if named = "127.0.77.1:0"; i%2 == 0 {
			_ = p.Close()
			named = at
		}
	}
}
