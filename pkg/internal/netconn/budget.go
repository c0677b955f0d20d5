package netconn

import (
	"context"
	"net/netip"
	"sync"
)

// A Budget bounds the memory that holds what peers have begun to send and not finished. If it does not suffice, the peer
// that holds the most loses what it has held for longest: nobody can take the room of another. It is safe for concurrent use.
type Budget struct {
	limit   int64
	dropped func(remote netip.Addr)

	mu    sync.Mutex
	used  int64
	peers map[netip.Addr]*holder
}

// A holder is one address and what it holds, the oldest first.
type holder struct {
	bytes int64
	holds []*Hold
}

// A Hold is a part of a budget: what one connection, or one conversation, of a peer holds. It is safe for concurrent use.
type Hold struct {
	budget *Budget
	remote netip.Addr
	drop   func()

	// The rest is guarded by the budget's lock.
	bytes   int64
	dropped bool // for good: its memory belongs to others
	idle    bool // it is not counted at present
}

// NewBudget returns a budget of so many bytes. dropped, if not nil, is called with the address of whoever loses a hold; it
// must not wait.
func NewBudget(limit int64, dropped func(remote netip.Addr)) *Budget {
	if dropped == nil {
		dropped = func(netip.Addr) {}
	}
	return &Budget{limit: limit, dropped: dropped, peers: map[netip.Addr]*holder{}}
}

// Hold takes bytes for a peer, if need be from others. drop is called once if they are taken away again, perhaps by another
// goroutine and before Hold returns; it must not wait.
func (b *Budget) Hold(remote netip.Addr, bytes int64, drop func()) *Hold {
	h := &Hold{budget: b, remote: remote, drop: drop, idle: true}
	h.Resume(bytes)
	return h
}

// Used returns how many bytes are held.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Budget returns the budget that the hold is part of, or nil.
func (h *Hold) Budget() *Budget {
	if h == nil {
		return nil
	}
	return h.budget
}

// Add takes more bytes, and reports whether there is room. It always is for a hold that is suspended.
func (h *Hold) Add(bytes int64) bool {
	return h.change(func() {
		if !h.idle {
			h.count(bytes)
		}
	})
}

// Resume holds just so many bytes, and makes the hold the youngest of its peer. It reports whether there is room.
func (h *Hold) Resume(bytes int64) bool {
	return h.change(func() {
		h.leave()
		h.idle = false
		peer := h.budget.peers[h.remote]
		if peer == nil {
			peer = &holder{}
			h.budget.peers[h.remote] = peer
		}
		peer.holds = append(peer.holds, h)
		h.count(bytes)
	})
}

// Suspend gives all bytes back. The hold cannot be dropped until it is resumed.
func (h *Hold) Suspend() {
	h.change(h.leave)
}

// End gives all bytes back for good.
func (h *Hold) End() {
	h.change(h.take)
}

// MakeRoom drops the oldest hold of the peer that holds the most, for the use of another, and reports whether it did: a peer
// that holds as much itself gets nothing.
func (b *Budget) MakeRoom(remote netip.Addr) bool {
	b.mu.Lock()
	victim := b.victim()
	if own := b.peers[remote]; victim == nil || own != nil && own.bytes >= b.peers[victim.remote].bytes {
		b.mu.Unlock()
		return false
	}
	victim.take()
	b.mu.Unlock()
	b.lost(victim)
	return true
}

// change changes a hold, drops what no longer fits, and reports whether the hold itself is left.
func (h *Hold) change(how func()) bool {
	b := h.budget
	b.mu.Lock()
	if h.dropped {
		b.mu.Unlock()
		return false
	}
	how()
	var victims []*Hold
	for b.used > b.limit {
		victim := b.victim()
		if victim == nil {
			break
		}
		victim.take()
		victims = append(victims, victim)
	}
	left := !h.dropped
	b.mu.Unlock()
	for _, victim := range victims {
		b.lost(victim)
	}
	return left
}

// take takes everything from a hold for good. The lock is held.
func (h *Hold) take() {
	h.leave()
	h.dropped = true
}

// lost tells of a hold that was taken. The lock is not held.
func (b *Budget) lost(h *Hold) {
	h.drop()
	b.dropped(h.remote)
}

// victim returns the oldest hold of the peer that holds the most. The lock is held.
func (b *Budget) victim() *Hold {
	var most *holder
	for _, peer := range b.peers {
		if most == nil || peer.bytes > most.bytes {
			most = peer
		}
	}
	if most == nil {
		return nil
	}
	return most.holds[0]
}

// count changes what is held. The lock is held.
func (h *Hold) count(bytes int64) {
	h.bytes += bytes
	h.budget.used += bytes
	h.budget.peers[h.remote].bytes += bytes
}

// leave takes the hold out of the budget. The lock is held.
func (h *Hold) leave() {
	if h.idle {
		return
	}
	h.count(-h.bytes)
	h.idle = true
	peer := h.budget.peers[h.remote]
	peer.holds = without(peer.holds, h)
	if len(peer.holds) == 0 {
		delete(h.budget.peers, h.remote)
	}
}

// without returns the holds but one, in the same order.
func without(holds []*Hold, one *Hold) []*Hold {
	for i, h := range holds {
		if h == one {
			copy(holds[i:], holds[i+1:])
			holds[len(holds)-1] = nil
			return holds[:len(holds)-1]
		}
	}
	return holds
}

// holdKey is the key of a connection's hold in a context.
type holdKey struct{}

// WithHold returns a context that carries what a connection holds.
func WithHold(ctx context.Context, h *Hold) context.Context {
	return context.WithValue(ctx, holdKey{}, h)
}

// HoldOf returns what the connection of a context holds, or nil.
func HoldOf(ctx context.Context) *Hold {
	h, _ := ctx.Value(holdKey{}).(*Hold)
	return h
}
