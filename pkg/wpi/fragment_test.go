package wpi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// fragment is a message of which more follows, or the last.
func fragment(nonce, which, reason, attributes string, items ...string) string {
	return strings.Replace(message(nonce, reason, attributes, items...), `maxItems="-1"`, `maxItems="2" fragment="`+which+`"`, 1)
}

// joining keeps what it is asked, and ends with each whole message.
func joining(d *diary, o wpi.ServiceOptions) *wpi.Service {
	o.Answer = func(_ context.Context, c wpi.Call) (wpi.ServiceMessage, error) {
		m := c.Message
		d.add("%s %s %s %s %v", m.Nonce, m.Reason, m.Action, m.Status, m.Items)
		return wpi.CleanUp(), nil
	}
	o.Trouble = func(_ netip.Addr, err error) { d.add("trouble: %v", err) }
	return wpi.NewService(o)
}

// TestFragments: what each message is answered, and what the answerer gets to see.
func TestFragments(t *testing.T) {
	t.Parallel()
	const all = `action="ReadAllItems" status="accepted"`
	next := func(nonce string, items ...string) string {
		return fragment(nonce, "next", "reply-to", all, items...)
	}
	final := func(nonce string, items ...string) string {
		return fragment(nonce, "final", "reply-to", all, items...)
	}
	more, over := wpi.ActionGetNextFragment, wpi.ActionCleanUp
	for name, row := range map[string]struct {
		messages []string
		want     []string // actions
		seen     string
		cookie   bool // without one these are several conversations
	}{
		"three": {
			[]string{next("1", "a=1", "b=2"), next("2", "c=3"), final("3", "d=4")},
			[]string{more, more, over},
			"3 reply-to ReadAllItems accepted [a=1 b=2 c=3 d=4]", false,
		},
		"only a last one": {[]string{final("1", "a=1")}, []string{over}, "1 reply-to ReadAllItems accepted [a=1]", false},
		"of a first message": {
			[]string{fragment("1", "next", "solicited", "", "a=1"), final("2", "b=2")},
			[]string{more, over},
			"2 solicited   [a=1 b=2]", false,
		},
		"the same reason each time": {
			[]string{fragment("1", "next", "start-up", "", "a=1"), fragment("2", "final", "start-up", "", "b=2")},
			[]string{more, over},
			"2 start-up   [a=1 b=2]", true,
		},
		"named for the request": {
			[]string{next("1", "a=1"), fragment("2", "final", "reply-to", `action="GetNextFragment" status="accepted"`, "b=2")},
			[]string{more, over},
			"2 reply-to ReadAllItems accepted [a=1 b=2]", false,
		},
		"the rest fails": {
			[]string{next("1", "a=1"), fragment("2", "final", "reply-to", `status="failed"`)},
			[]string{more, over},
			"2 reply-to ReadAllItems failed [a=1]", false,
		},
		"began anew": {
			[]string{next("1", "a=1"), message("2", "solicited", "", "b=2")},
			[]string{more, over},
			"2 solicited   [b=2]", false,
		},
		"began anew in fragments": {
			[]string{next("1", "a=1"), fragment("2", "next", "start-up", "", "b=2"), final("3", "c=3")},
			[]string{more, more, over},
			"3 start-up   [b=2 c=3]", true,
		},
		"gave up": {
			[]string{next("1", "a=1"), message("2", "clean-up", "", "cleanup-reason=x")},
			[]string{more, over},
			"2 clean-up   [cleanup-reason=x]", false,
		},
		"unknown word": {
			[]string{fragment("1", "middle", "reply-to", all, "a=1")},
			[]string{over},
			"1 reply-to ReadAllItems accepted [a=1]", false,
		},
		"on the reason": {
			[]string{message("1", "reply-to", all+` fragment="next"`, "a=1"), message("2", "reply-to", all+` fragment="final"`, "b=2")},
			[]string{more, over},
			"2 reply-to ReadAllItems accepted [a=1 b=2]", false,
		},
	} {
		for _, withCookie := range []bool{true, false} {
			var d diary
			s, cookie := joining(&d, wpi.ServiceOptions{}), ""
			for i, text := range row.messages {
				v := call(t.Context(), s, "192.0.2.1", cookie, text)
				if v.status != http.StatusOK || v.action != row.want[i] || v.nonce != fmt.Sprint(i+1) {
					t.Errorf("%s, message %d: got %+v", name, i+1, v)
				}
				if withCookie && v.cookie != "" {
					cookie = v.cookie
				}
			}
			if got := d.read(); got != row.seen && (withCookie || !row.cookie) {
				t.Errorf("%s: got\n%s\nwant\n%s", name, got, row.seen)
			}
		}
	}
}

// TestFragmentLimits: more than the limits of one phone is refused, and more than all may have ends the conversation with the
// reason overload. Nothing of it is kept.
func TestFragmentLimits(t *testing.T) {
	t.Parallel()
	long := "a=" + strings.Repeat("x", 500_000)
	items := make([]string, 7000)
	for i := range items {
		items[i] = "a=1"
	}
	for name, row := range map[string]struct {
		o     wpi.ServiceOptions
		items []string
		taken int
	}{
		"items":     {wpi.ServiceOptions{}, items, 2},
		"fragments": {wpi.ServiceOptions{}, nil, 1000},
		"bytes":     {wpi.ServiceOptions{}, []string{long}, 8},
		"held":      {wpi.ServiceOptions{Held: 1_200_000}, []string{long}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d diary
			s := joining(&d, row.o)
			text := fragment("N", "next", "reply-to", "", row.items...)
			for round := range 2 { // what is forgotten makes room
				cookie := ""
				for i := range row.taken + 1 {
					v := call(t.Context(), s, "192.0.2.1", cookie, text)
					refused := v.status == http.StatusBadRequest && v.body == ""
					if name == "held" {
						refused = isOverload(v, "N")
					}
					if refused != (i == row.taken) {
						t.Fatalf("round %d, fragment %d: got %d", round, i, v.status)
					}
					if v.cookie != "" {
						cookie = v.cookie
					}
				}
			}
			trouble := "trouble: more fragments than are taken"
			if name == "held" {
				trouble = "trouble: this machine has no room for a phone's message: too many fragments wait for more"
			}
			if got := d.read(); strings.Count(got, trouble) != 2 || strings.Count(got, "\n") != 1 {
				t.Errorf("got %s", got)
			}
		})
	}
}

// TestFragmentsForgotten: phones that never go on leave no room taken behind.
func TestFragmentsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d diary
		long := "a=" + strings.Repeat("x", 500_000)
		s := joining(&d, wpi.ServiceOptions{Held: 1_200_000})
		for i, row := range []struct {
			after time.Duration
			full  bool
		}{{0, false}, {0, false}, {0, true}, {3 * time.Minute, false}, {0, false}, {0, true}} {
			<-time.After(row.after)
			from := fmt.Sprintf("192.0.2.%d", i)
			if v := call(t.Context(), s, from, "", fragment("N", "next", "solicited", "", long)); v.status != http.StatusOK || isOverload(v, "N") != row.full {
				t.Errorf("phone %d: got %+v", i, v)
			}
		}
	})
}
