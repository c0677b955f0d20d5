package phonesim

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// maxStored is how many bytes of items a phone stores: as many as fit into one message, whatever is in them.
const maxStored = 128 << 10

// stored are the items that were written, by name and index. They are kept over restarts and updates, and are safe for
// concurrent use.
type stored struct {
	mu    sync.Mutex
	items []wpi.Item // sorted
	bytes int
}

// set stores an item, and reports whether there was room.
func (s *stored) set(i wpi.Item) bool {
	const each = 64 // bytes around an item
	size := func(i wpi.Item) int { return each + len(i.Name) + len(i.Index) + len(i.Value) }
	s.mu.Lock()
	defer s.mu.Unlock()
	at, found := slices.BinarySearchFunc(s.items, i, byNameAndIndex)
	grown := s.bytes + size(i)
	if found {
		grown -= size(s.items[at])
	}
	if grown > maxStored {
		return false
	}
	s.bytes = grown
	if found {
		s.items[at] = i
	} else {
		s.items = slices.Insert(s.items, at, i)
	}
	return true
}

// all returns the items.
func (s *stored) all() []wpi.Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.items)
}

// value returns the value of an item without an index, and whether it was written.
func (s *stored) value(name string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, found := slices.BinarySearchFunc(s.items, wpi.Item{Name: name}, byNameAndIndex)
	if !found {
		return "", false
	}
	return s.items[at].Value, true
}

// byNameAndIndex compares items; indexes are numbers.
func byNameAndIndex(a, b wpi.Item) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(len(a.Index), len(b.Index)), cmp.Compare(a.Index, b.Index))
}

// isItemName reports whether an item may have the name.
func isItemName(name string) bool {
	return len(name) <= 64 && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	})
}
