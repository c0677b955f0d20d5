package realservers_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/realservers"
)

// A proxy that is told nothing changes nothing, counts, and sees what is not encrypted.
func TestProxyForwards(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("phone firmware\r\n"), 20_000)
	for _, o := range []realservers.Options{{}, {TLS: true}} {
		each(t, realservers.Servers(), func(t *testing.T, kind realservers.Kind) {
			s := realservers.Start(t, kind, o)
			p := realservers.NewProxy(t, s)
			if output, ok := put(t, s, p.Access, "a.bind", content); !ok || !bytes.Equal(s.Read("a.bind"), content) {
				t.Error(output)
			}
			control, data := p.Connections()
			if wantData := map[bool]int{true: 0, false: 1}[kind == realservers.Nginx]; control != 1 || data != wantData {
				t.Errorf("%d connections for control, %d for data", control, data)
			}
			clear := bytes.Contains(p.Seen(), []byte(s.Access.Password.Reveal())) && bytes.Contains(p.Seen(), content[:1000])
			if want := !o.TLS && kind != realservers.Nginx; clear != want || len(p.Seen()) < len(content) {
				t.Errorf("%d bytes seen; password in clear: %v", len(p.Seen()), clear)
			}
		})
	}
}

// What is cut is cut after exactly so many bytes, and the next attempt gets through.
func TestProxyCuts(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("phone firmware\r\n"), 20_000)
	for name, f := range map[string]realservers.Fault{
		"reset": {Action: realservers.Reset, After: 100_001}, "close": {Action: realservers.Close, After: 100_001},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, realservers.Servers(), func(t *testing.T, kind realservers.Kind) {
				s := realservers.Start(t, kind, realservers.Options{})
				p := realservers.NewProxy(t, s)
				p.Fail(f)
				if output, ok := put(t, s, p.Access, "a.bind", content); ok {
					t.Error(output)
				}
				if kind != realservers.Nginx && f.Action == realservers.Close {
					within(t, "the file has what passed", func() bool {
						n := int64(len(s.Read("a.bind")))
						// ProFTPD writes no more when it sees first that the control connection has ended as well.
						return n == f.After || kind == realservers.ProFTPD && n < f.After
					})
				}
				if output, ok := put(t, s, p.Access, "b.bind", content); !ok || !bytes.Equal(s.Read("b.bind"), content) {
					t.Error(output)
				}
			})
		})
	}
}

// within waits until something becomes true.
func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for range 12_000 { // two minutes: only a test that hangs gets there
		if is() {
			return
		}
		<-ticker.C
	}
	t.Errorf("never came true: %s", what)
}

func TestProxyAlways(t *testing.T) {
	t.Parallel()
	s := realservers.Start(t, realservers.ProFTPD, realservers.Options{TLS: true})
	p := realservers.NewProxy(t, s)
	p.Fail(realservers.Fault{Action: realservers.Reset, After: 10_000, Always: true})
	for range 2 {
		if output, ok := put(t, s, p.Access, "a.bind", make([]byte, 100_000)); ok {
			t.Error(output)
		}
	}
	p.Fail(realservers.Fault{})
	if output, ok := put(t, s, p.Access, "a.bind", make([]byte, 100_000)); !ok {
		t.Error(output)
	}
}

// The reply is lost, but the whole file arrives.
func TestProxyLosesReply(t *testing.T) {
	t.Parallel()
	content := make([]byte, 100_000)
	for _, o := range []realservers.Options{{}, {TLS: true}} {
		each(t, realservers.Servers(), func(t *testing.T, kind realservers.Kind) {
			s := realservers.Start(t, kind, o)
			p := realservers.NewProxy(t, s)
			p.Fail(realservers.Fault{Action: realservers.LoseReply, After: 50_000})
			if output, ok := put(t, s, p.Access, "a.bind", content); ok || strings.Contains(output, "< 226") {
				t.Error(output)
			}
			if fmt.Sprint(s.Files()) != "[a.bind]" || len(s.Read("a.bind")) != len(content) {
				t.Error(s.Files())
			}
		})
	}
}

func TestProxyStalls(t *testing.T) {
	t.Parallel()
	each(t, realservers.Servers(), func(t *testing.T, kind realservers.Kind) {
		s := realservers.Start(t, kind, realservers.Options{})
		p := realservers.NewProxy(t, s)
		p.Fail(realservers.Fault{Action: realservers.Stall, After: 50_000})
		a := p.Access
		for limit := 1; p.Waits() && limit < 100; limit *= 2 { // a busy machine may not get so far in a second
			output, ok := put(t, s, a, "a.bind", make([]byte, 100_000), "--max-time", strconv.Itoa(limit))
			if ok || !strings.Contains(output, "(28)") {
				t.Fatal(output)
			}
		}
		if p.Waits() {
			t.Fatal("nothing was stalled")
		}
		if output, ok := put(t, s, a, "b.bind", make([]byte, 100_000)); !ok {
			t.Error(output)
		}
	})
}

func TestProxyDropsControl(t *testing.T) {
	t.Parallel()
	each(t, realservers.FTPServers(), func(t *testing.T, kind realservers.Kind) {
		s := realservers.Start(t, kind, realservers.Options{})
		p := realservers.NewProxy(t, s)
		p.Fail(realservers.Fault{Action: realservers.DropControl, After: 50_000})
		if output, ok := put(t, s, p.Access, "a.bind", make([]byte, 100_000)); ok {
			t.Error(output)
		}
	})
}

func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	each(t, realservers.Servers(), func(t *testing.T, kind realservers.Kind) {
		s := realservers.Start(t, kind, realservers.Options{})
		p := realservers.NewProxy(t, s)
		p.Refuse(true)
		if output, ok := put(t, s, p.Access, "a.bind", []byte("x")); ok || !strings.Contains(output, "refused") {
			t.Error(output)
		}
		p.Refuse(false)
		if output, ok := put(t, s, p.Access, "a.bind", []byte("x")); !ok {
			t.Error(output)
		}
	})
}
