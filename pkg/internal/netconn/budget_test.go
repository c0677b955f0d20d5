package netconn_test

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

var (
	peerA = netip.MustParseAddr("192.0.2.1")
	peerB = netip.MustParseAddr("192.0.2.2")
	peerC = netip.MustParseAddr("192.0.2.3")
)

// A ledger notes what a budget drops, in order.
type ledger struct {
	budget  *netconn.Budget
	dropped []string
	peers   []netip.Addr
}

func newLedger() *ledger {
	l := &ledger{}
	l.budget = netconn.NewBudget(100, func(remote netip.Addr) { l.peers = append(l.peers, remote) })
	return l
}

func (l *ledger) hold(remote netip.Addr, bytes int64, name string) *netconn.Hold {
	return l.budget.Hold(remote, bytes, func() { l.dropped = append(l.dropped, name) })
}

func (l *ledger) want(t *testing.T, used int64, dropped ...string) {
	t.Helper()
	if l.budget.Used() != used || !slices.Equal(l.dropped, dropped) || len(l.peers) != len(dropped) {
		t.Errorf("used %d, dropped %v of %v, want %d, %v", l.budget.Used(), l.dropped, l.peers, used, dropped)
	}
}

// The peer that holds the most loses what it has held for longest, whoever needs the room.
func TestBudgetFair(t *testing.T) {
	t.Parallel()
	l := newLedger()
	l.hold(peerA, 30, "a1")
	a2 := l.hold(peerA, 30, "a2")
	b := l.hold(peerB, 20, "b")
	l.want(t, 80)
	if c := l.hold(peerC, 30, "c"); !c.Add(0) {
		t.Error("a new peer has no room")
	}
	l.want(t, 80, "a1")
	if a2.Add(31) { // now it is the one with the most
		t.Error("the largest has room for more")
	}
	l.want(t, 50, "a1", "a2")
	if a2.Add(1) || a2.Resume(1) {
		t.Error("what was dropped is held again")
	}
	if !b.Add(50) {
		t.Error("no room, though there is")
	}
	b.End()
	b.End()
	l.want(t, 30, "a1", "a2")
}

// A peer that is alone takes room from itself, the oldest first; what is resumed is the youngest.
func TestBudgetOwn(t *testing.T) {
	t.Parallel()
	l := newLedger()
	first := l.hold(peerA, 40, "first")
	l.hold(peerA, 40, "second")
	first.Resume(40)
	l.hold(peerA, 40, "third")
	l.want(t, 80, "second")
	if l.hold(peerA, 101, "huge").Add(0) {
		t.Error("more than all is held")
	}
	l.want(t, 0, "second", "first", "third", "huge")
}

// What is suspended holds nothing, and is not dropped.
func TestBudgetSuspended(t *testing.T) {
	t.Parallel()
	l := newLedger()
	a := l.hold(peerA, 90, "a")
	a.Suspend()
	if !a.Add(1000) {
		t.Error("a suspended hold has no room")
	}
	l.hold(peerB, 100, "b")
	l.want(t, 100)
	if a.Suspend(); !a.Resume(20) {
		t.Error("the smaller peer has no room")
	}
	l.want(t, 20, "b")
}

// Room for a connection too many is made by the peer that holds the most, unless that is the one that asks.
func TestBudgetMakeRoom(t *testing.T) {
	t.Parallel()
	l := newLedger()
	if l.budget.MakeRoom(peerA) {
		t.Error("room from nobody")
	}
	l.hold(peerA, 10, "a1")
	l.hold(peerA, 10, "a2")
	l.hold(peerB, 10, "b")
	if l.budget.MakeRoom(peerA) || !l.budget.MakeRoom(peerC) || l.budget.MakeRoom(peerB) {
		t.Error("the wrong peer has room")
	}
	l.want(t, 20, "a1")
}

// Holds are changed by many at a time, and drop each other.
func TestBudgetTogether(t *testing.T) {
	t.Parallel()
	b := netconn.NewBudget(1000, nil)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for range 200 {
				var held atomic.Pointer[netconn.Hold] // another peer can drop it before Hold returns it
				h := b.Hold(netip.AddrFrom4([4]byte{192, 0, 2, byte(i % 5)}), 100, func() {
					if h := held.Load(); h != nil {
						h.End()
					}
				})
				held.Store(h)
				h.Add(50)
				h.Suspend()
				h.Resume(70)
				if used := b.Used(); used < 0 || used > 1000 {
					t.Errorf("%d bytes are held", used)
				}
				h.End()
			}
		})
	}
	all.Wait()
	if b.Used() != 0 {
		t.Errorf("%d bytes are left", b.Used())
	}
}

// A context carries a hold, or none.
func TestBudgetContext(t *testing.T) {
	t.Parallel()
	l := newLedger()
	h := l.hold(peerA, 1, "a")
	if got := netconn.HoldOf(netconn.WithHold(t.Context(), h)); got != h || got.Budget() != l.budget {
		t.Errorf("got %v", got)
	}
	if none := netconn.HoldOf(context.Background()); none != nil || none.Budget() != nil {
		t.Errorf("got %v", none)
	}
}
