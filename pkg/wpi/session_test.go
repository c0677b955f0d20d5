package wpi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A visit is one request without a network between, and its answer.
type visit struct {
	status         int
	body, nonce    string
	action, cookie string
}

func call(ctx context.Context, s http.Handler, from, cookie, text string) visit {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, wpi.ServicePath, strings.NewReader(text))
	r.RemoteAddr = from + ":40000"
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	v := visit{status: w.Code, body: w.Body.String(), cookie: w.Header().Get("Set-Cookie")}
	if m, err := wpi.ParseServiceMessage(w.Body.Bytes()); err == nil {
		v.action, v.nonce = m.Action, m.Nonce
	}
	return v
}

// counting answers each message of a session with its number in it.
func counting(forget time.Duration, most int) *wpi.Service {
	return wpi.NewService(wpi.ServiceOptions{
		Forget: forget, Sessions: most,
		Answer: func(_ context.Context, c wpi.Call) (wpi.ServiceMessage, error) {
			n, _ := c.Session.Owner.(int)
			c.Session.Owner = n + 1
			if c.Message.Reason == wpi.PhoneCleanUp {
				return wpi.CleanUp(), nil
			}
			return wpi.ServiceMessage{Action: fmt.Sprint(n + 1)}, nil
		},
	})
}

// TestCorrelation: which messages belong to one conversation.
func TestCorrelation(t *testing.T) {
	t.Parallel()
	const here, there = "192.0.2.1", "192.0.2.2"
	first, reply := message("N", "solicited", ""), message("N", "reply-to", `status="accepted"`)
	over := message("N", "clean-up", "")
	type step struct {
		from   string
		cookie int // of which step before it is, from 1; 0 is none
		text   string
		want   string
	}
	for name, steps := range map[string][]step{
		"cookie":                      {{here, 0, first, "1"}, {here, 1, reply, "2"}, {here, 1, reply, "3"}},
		"cookie from elsewhere":       {{here, 0, first, "1"}, {there, 1, reply, "2"}},
		"cookie of a first message":   {{here, 0, first, "1"}, {here, 1, first, "2"}},
		"no cookie":                   {{here, 0, first, "1"}, {here, 0, reply, "2"}, {here, 0, reply, "3"}},
		"no cookie, first message":    {{here, 0, first, "1"}, {here, 0, first, "1"}},
		"no cookie, clean-up":         {{here, 0, first, "1"}, {here, 0, over, "CleanUp"}, {here, 1, reply, "2"}},
		"no cookie, from elsewhere":   {{here, 0, first, "1"}, {there, 0, reply, "1"}, {here, 1, reply, "2"}},
		"two phones at one address":   {{here, 0, first, "1"}, {here, 0, first, "1"}, {here, 0, reply, "1"}, {here, 1, reply, "2"}, {here, 2, reply, "2"}},
		"one of two has ended":        {{here, 0, first, "1"}, {here, 0, first, "1"}, {here, 1, over, "CleanUp"}, {here, 0, reply, "2"}},
		"over":                        {{here, 0, first, "1"}, {here, 1, over, "CleanUp"}, {here, 1, reply, "1"}},
		"over, no cookie":             {{here, 0, first, "1"}, {here, 1, over, "CleanUp"}, {here, 0, reply, "1"}},
		"reply that nobody asked for": {{here, 0, reply, "1"}, {here, 1, reply, "2"}},
		"IPv4 in IPv6":                {{here, 0, first, "1"}, {"[::ffff:192.0.2.1]", 0, reply, "2"}},
	} {
		s := counting(0, 0)
		var cookies []string
		for i, step := range steps {
			cookie := ""
			if step.cookie > 0 {
				cookie = cookies[step.cookie-1]
			}
			v := call(t.Context(), s, step.from, cookie, step.text)
			cookies = append(cookies, v.cookie)
			if v.status != http.StatusOK || v.action != step.want || v.nonce != "N" {
				t.Errorf("%s, step %d: got %d %s, want %s", name, i+1, v.status, v.action, step.want)
			}
			// A cookie is set once, at the start.
			if want := step.want == "1" || step.want == "CleanUp" && cookie == ""; (v.cookie != "") != want {
				t.Errorf("%s, step %d: cookie %q", name, i+1, v.cookie)
			}
		}
	}
}

// TestForgotten: sessions end by silence, counted from the last answer.
func TestForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := counting(2*time.Minute, 0)
		first, reply := message("N", "solicited", ""), message("N", "reply-to", "")
		cookie := call(t.Context(), s, "192.0.2.1", "", first).cookie
		for _, row := range []struct {
			after time.Duration
			want  string
		}{{119 * time.Second, "2"}, {119 * time.Second, "3"}, {2 * time.Minute, "1"}} {
			<-time.After(row.after)
			if v := call(t.Context(), s, "192.0.2.1", cookie, reply); v.action != row.want {
				t.Errorf("after %s: got %s, want %s", row.after, v.action, row.want)
			}
		}
		<-time.After(2 * time.Minute)
		if v := call(t.Context(), s, "192.0.2.1", "", reply); v.action != "1" {
			t.Errorf("by address: got %s", v.action)
		}
	})
}

// TestSlowAnswer: the time that an answer takes is no silence of the phone's.
func TestSlowAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := wpi.NewService(wpi.ServiceOptions{Answer: func(_ context.Context, c wpi.Call) (wpi.ServiceMessage, error) {
			<-time.After(25 * time.Second)
			if c.Session.Owner == nil {
				asked++
			}
			c.Session.Owner = true
			return wpi.ServiceMessage{Action: "x"}, nil
		}})
		cookie := call(t.Context(), s, "192.0.2.1", "", message("N", "solicited", "")).cookie
		<-time.After(110 * time.Second)
		if v := call(t.Context(), s, "192.0.2.1", cookie, message("N", "reply-to", "")); v.action != "x" || asked != 1 {
			t.Errorf("got %+v, %d conversations", v, asked)
		}
	})
}

// TestManySessions: the one that is silent for longest makes room.
func TestManySessions(t *testing.T) {
	t.Parallel()
	s := counting(0, 100)
	first, reply := message("N", "solicited", ""), message("N", "reply-to", "")
	cookies := make([]string, 100)
	for i := range cookies {
		cookies[i] = call(t.Context(), s, fmt.Sprintf("192.0.2.%d", i), "", first).cookie
	}
	call(t.Context(), s, "192.0.2.0", cookies[0], reply) // so that 1 and 2 are silent for longest
	call(t.Context(), s, "198.51.100.1", "", first)
	call(t.Context(), s, "198.51.100.2", "", first)
	for i, want := range map[int]string{0: "3", 3: "2", 99: "2", 1: "1", 2: "1"} {
		if i != 1 && i != 2 {
			if v := call(t.Context(), s, "192.0.2.200", cookies[i], reply); v.action != want {
				t.Errorf("%d: got %s, want %s", i, v.action, want)
			}
		}
	}
	for _, i := range []int{1, 2} {
		if v := call(t.Context(), s, "192.0.2.201", cookies[i], message("N", "start-up", "")); v.action != "1" {
			t.Errorf("%d: got %s, want a new one", i, v.action)
		}
	}
}

// TestManySessionsOfOne checks that an address with very many sessions takes the room from itself.
func TestManySessionsOfOne(t *testing.T) {
	t.Parallel()
	s := counting(0, 100)
	first, reply := message("N", "solicited", ""), message("N", "reply-to", "")
	cookie := call(t.Context(), s, "192.0.2.1", "", first).cookie
	other := call(t.Context(), s, "192.0.2.2", "", first).cookie
	for range 300 {
		call(t.Context(), s, "192.0.2.9", "", first)
	}
	for from, cookie := range map[string]string{"192.0.2.1": cookie, "192.0.2.2": other} {
		if v := call(t.Context(), s, from, cookie, reply); v.action != "2" {
			t.Errorf("%s: got %s", from, v.action)
		}
	}
}

// TestOneAtATime: two messages of one session are answered one after the other, however they come.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d diary
		hold := make(chan struct{})
		s := wpi.NewService(wpi.ServiceOptions{
			Timeout: time.Minute,
			Answer: func(_ context.Context, c wpi.Call) (wpi.ServiceMessage, error) {
				d.add("asked %s", c.Message.Nonce)
				if c.Message.Nonce == "2" {
					<-hold
				}
				return wpi.ServiceMessage{Action: "x"}, nil
			},
			Written: func(c wpi.Call, _ wpi.ServiceMessage, _ error) { d.add("wrote %s", c.Message.Nonce) },
		})
		cookie := call(t.Context(), s, "192.0.2.1", "", message("1", "solicited", "")).cookie
		var phones sync.WaitGroup
		phones.Go(func() { call(t.Context(), s, "192.0.2.1", cookie, message("2", "reply-to", "")) })
		synctest.Wait()
		phones.Go(func() { call(t.Context(), s, "192.0.2.1", cookie, message("3", "reply-to", "")) })
		leaving, leave := context.WithCancel(t.Context())
		phones.Go(func() {
			if v := call(leaving, s, "192.0.2.1", cookie, message("4", "reply-to", "")); v.status != http.StatusForbidden {
				t.Errorf("one that left: got %+v", v)
			}
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		if v := call(t.Context(), s, "192.0.2.1", "", message("5", "solicited", "")); v.nonce != "5" {
			t.Errorf("another session has to wait: got %+v", v)
		}
		close(hold)
		phones.Wait()
		if got, want := d.read(), "asked 1,wrote 1,asked 2,asked 5,wrote 5,wrote 2,asked 3,wrote 3"; strings.ReplaceAll(got, "\n", ",") != want {
			t.Errorf("got %s", got)
		}
	})
}

// TestManyPhones has phones behind one address, at once and over the network, each with its own conversation.
func TestManyPhones(t *testing.T) {
	t.Parallel()
	address := start(t, wpi.ServiceOptions{Answer: func(_ context.Context, c wpi.Call) (wpi.ServiceMessage, error) {
		mac, known := c.Message.Value(wpi.ItemMAC)
		if known && c.Session.Owner == nil {
			c.Session.Owner = mac
		}
		owner, _ := c.Session.Owner.(string)
		return wpi.ReadItems(owner), nil
	}})
	var phones sync.WaitGroup
	for n := range 40 {
		l := dial(t, address, nil)
		phones.Go(func() {
			mac, cookie := fmt.Sprintf("00:1A:E8:00:00:%02X", n), "X: y"
			for i := range 5 {
				nonce := fmt.Sprintf("%d.%d", n, i)
				text := message(nonce, "reply-to", "")
				if i == 0 {
					text = message(nonce, "solicited", "", "mac-addr="+mac)
				}
				head, body := l.post(text, cookie).answer()
				if found := cookieField.FindStringSubmatch(head); found != nil {
					cookie = "Cookie: " + found[1]
				}
				if m, err := wpi.ParseServiceMessage([]byte(body)); err != nil || m.Nonce != nonce || len(m.Items) != 1 || m.Items[0].Name != mac {
					t.Errorf("%s, message %d: got %s, %v", mac, i, body, err)
				}
			}
		})
	}
	phones.Wait()
}
