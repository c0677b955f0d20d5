package rollout

import (
	"context"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"
)

// subnets bound how many phones of a network are on their way at a time: of a /24, or a /64 by IPv6. Phones that are known by
// a name count as a network of their own.
type subnets struct {
	most int64 // 0: any number

	mu   sync.Mutex
	free map[string]*semaphore.Weighted
	in   map[string]bool // addresses
}

func newSubnets(most int) *subnets {
	return &subnets{most: int64(most), free: map[string]*semaphore.Weighted{}, in: map[string]bool{}}
}

// subnetOf names the network of an address.
func subnetOf(address string) string {
	host := address
	if port, err := netip.ParseAddrPort(address); err == nil {
		host = port.Addr().String()
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return "names"
	}
	bits := 64
	if ip = ip.Unmap(); ip.Is4() {
		bits = 24
	}
	prefix, _ := ip.WithZone("").Prefix(bits)
	return prefix.String()
}

// enter waits for room in the network of an address.
func (s *subnets) enter(ctx context.Context, address string) error {
	if s.most == 0 {
		return nil
	}
	s.mu.Lock()
	name := subnetOf(address)
	if s.free[name] == nil {
		s.free[name] = semaphore.NewWeighted(s.most)
	}
	room := s.free[name]
	s.mu.Unlock()
	if err := room.Acquire(ctx, 1); err != nil {
		return err
	}
	s.mu.Lock()
	s.in[address] = true
	s.mu.Unlock()
	return nil
}

// leave makes room for the next phone of the network.
func (s *subnets) leave(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.in[address] {
		delete(s.in, address)
		s.free[subnetOf(address)].Release(1)
	}
}
