package main

import (
	"cmp"
	"maps"
	"sync"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
)

// A memoryKeyring is a keyring for one test, with errors on demand.
type memoryKeyring struct {
	mu    sync.Mutex
	items map[string]string
	calls int
	// step is called before and after each change, and returns the error that happens instead of it, or after it.
	step func(call int, after bool) error
	hold chan struct{} // a call waits until it is closed; nil: no call waits
	got  int           // how often an item was read
}

func newMemoryKeyring() *memoryKeyring { return &memoryKeyring{items: map[string]string{}} }

func (k *memoryKeyring) wait() {
	if k.hold != nil {
		<-k.hold
	}
}

func (k *memoryKeyring) Get(item string) (string, error) {
	k.wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.got++
	text, found := k.items[item]
	if !found {
		return "", credentials.ErrNoItem
	}
	return text, nil
}

func (k *memoryKeyring) change(do func() error) error {
	k.wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls++
	if k.step != nil {
		if err := k.step(k.calls, false); err != nil {
			return err
		}
	}
	err := do()
	if k.step != nil {
		err = cmp.Or(k.step(k.calls, true), err)
	}
	return err
}

func (k *memoryKeyring) Set(item, text string) error {
	return k.change(func() error {
		k.items[item] = text
		return nil
	})
}

func (k *memoryKeyring) Delete(item string) error {
	return k.change(func() error {
		if _, found := k.items[item]; !found {
			return credentials.ErrNoItem
		}
		delete(k.items, item)
		return nil
	})
}

func (k *memoryKeyring) all() map[string]string { return maps.Clone(k.items) }

// A failingKeyring answers every call with an error.
type failingKeyring struct{ err error }

func (k failingKeyring) Get(string) (string, error) { return "", k.err }

func (k failingKeyring) Set(string, string) error { return k.err }

func (k failingKeyring) Delete(string) error { return k.err }
