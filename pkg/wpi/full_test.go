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

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// isOverload reports whether a message got the end of the conversation for lack of room, with its own nonce.
func isOverload(v visit, nonce string) bool {
	m, err := wpi.ParseServiceMessage([]byte(v.body))
	return v.status == http.StatusOK && err == nil && m.IsOverload() && m.Nonce == nonce && v.cookie == ""
}

// TestFull: whoever has no room for a phone says so, to the phone and to whoever reports trouble.
func TestFull(t *testing.T) {
	t.Parallel()
	var d diary
	s := wpi.NewService(wpi.ServiceOptions{
		Answer: func(context.Context, wpi.Call) (wpi.ServiceMessage, error) {
			return wpi.ServiceMessage{}, fmt.Errorf("%w: no slot", wpi.ErrFull)
		},
		Written: func(wpi.Call, wpi.ServiceMessage, error) { t.Error("an answer of the answerer was written") },
		Trouble: func(remote netip.Addr, err error) { d.add("%s: %v", remote, err) },
	})
	if v := call(t.Context(), s, "192.0.2.1", "", message("A1", "start-up", "")); !isOverload(v, "A1") {
		t.Errorf("got %+v", v)
	}
	if got, want := d.read(), "192.0.2.1: this machine has no room for a phone's message: no slot"; got != want {
		t.Errorf("told %q", got)
	}
}

// TestWaitsTooLong: a message that has to wait for the one before it for too long gets the end, and the one before its answer.
func TestWaitsTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := wpi.NewService(wpi.ServiceOptions{
			Timeout: time.Minute,
			Answer: func(_ context.Context, c wpi.Call) (wpi.ServiceMessage, error) {
				if c.Message.Nonce == "2" {
					time.Sleep(3 * time.Minute)
				}
				return wpi.ReadItems("e164"), nil
			},
		})
		cookie := call(t.Context(), s, "192.0.2.1", "", message("1", "solicited", "")).cookie
		before := make(chan visit)
		go func() { before <- call(t.Context(), s, "192.0.2.1", cookie, message("2", "reply-to", "")) }()
		synctest.Wait()
		if v := call(t.Context(), s, "192.0.2.1", cookie, message("3", "reply-to", "")); !isOverload(v, "3") {
			t.Errorf("got %+v", v)
		}
		if v := <-before; v.action != wpi.ActionReadItems {
			t.Errorf("the one before got %+v", v)
		}
	})
}

// TestFullBudget: fragments that the budget has no room for end the conversation with the reason overload.
func TestFullBudget(t *testing.T) {
	t.Parallel()
	var d diary
	s := sharing(netconn.NewBudget(3<<20, nil), joining(&d, wpi.ServiceOptions{}))
	text := fragment("N", "next", "solicited", "", "a="+strings.Repeat("x", 500_000))
	cookie := ""
	for range 20 {
		v := call(t.Context(), s, "192.0.2.1", cookie, text)
		if isOverload(v, "N") {
			return
		}
		if v.cookie != "" {
			cookie = v.cookie
		}
	}
	t.Error("the conversation goes on for ever")
}
