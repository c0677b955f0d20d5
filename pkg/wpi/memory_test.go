package wpi_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// sharing answers messages with a connection's hold in the budget, as the server does that counts what is unread.
func sharing(b *netconn.Budget, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hold := b.Hold(netip.MustParseAddrPort(r.RemoteAddr).Addr(), 1, func() {})
		defer hold.End()
		handler.ServeHTTP(w, r.WithContext(netconn.WithHold(r.Context(), hold)))
	})
}

// TestFragmentsShareBudget: fragments that wait for more count with everything else that is unread. The address with the
// most loses its oldest conversation, and another goes on.
func TestFragmentsShareBudget(t *testing.T) {
	t.Parallel()
	var d diary
	b := netconn.NewBudget(10<<20, nil)
	s := sharing(b, joining(&d, wpi.ServiceOptions{}))
	next := func(items ...string) string { return fragment("N", "next", "solicited", "", items...) }
	phone := call(t.Context(), s, "192.0.2.1", "", next("a=1"))
	long := "a=" + strings.Repeat("x", 500_000)
	var hostile []visit
	for range 50 {
		hostile = append(hostile, call(t.Context(), s, "192.0.2.9", "", next(long)))
		if used := b.Used(); used > 10<<20 {
			t.Fatalf("%d bytes are held", used)
		}
	}
	final := fragment("M", "final", "reply-to", "", "b=2")
	if v := call(t.Context(), s, "192.0.2.1", phone.cookie, final); v.action != wpi.ActionCleanUp || !strings.Contains(d.read(), "[a=1 b=2]") {
		t.Errorf("the phone: %+v, %s", v, d.read())
	}
	if v := call(t.Context(), s, "192.0.2.9", hostile[0].cookie, final); v.action != wpi.ActionCleanUp || strings.Contains(d.read(), "xx") {
		t.Errorf("what made room is still there: %d", v.status)
	}
	if v := call(t.Context(), s, "192.0.2.9", hostile[49].cookie, final); v.action != wpi.ActionCleanUp || !strings.Contains(d.read(), "xx") {
		t.Errorf("the last one is gone: %d", v.status)
	}
}

// TestManyItemsCount: what counts is the memory that a message takes, not its length. One message alone that takes more than
// all is not answered.
func TestManyItemsCount(t *testing.T) {
	t.Parallel()
	var d diary
	b := netconn.NewBudget(2<<20, nil)
	s := sharing(b, joining(&d, wpi.ServiceOptions{}))
	if v := call(t.Context(), s, "192.0.2.1", "", message("N", "solicited", "", strings.Fields(strings.Repeat("a=1 ", 10_000))...)); v.action != wpi.ActionCleanUp {
		t.Errorf("got %+v", v)
	}
	if v := call(t.Context(), s, "192.0.2.1", "", message("N", "solicited", "", strings.Fields(strings.Repeat("a=1 ", 20_000))...)); v.action != "" {
		t.Errorf("got %s", v.action)
	}
	if used := b.Used(); used != 0 {
		t.Errorf("%s", fmt.Sprintf("%d bytes are left", used))
	}
}
