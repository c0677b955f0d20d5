package main

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// relayed is how many bytes a relay lets through to the phone before it is opened: more than messages, less than images.
const relayed = 512 << 10

// A relay stands between a phone and push, and holds up what the phone fetches until it is opened.
type relay struct {
	listener net.Listener
	opened   chan struct{} // closed when everything may pass
	once     sync.Once
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	listen := net.ListenConfig{}
	listener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, opened: make(chan struct{})}
	t.Cleanup(func() {
		r.open()
		_ = listener.Close()
	})
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) open() { r.once.Do(func() { close(r.opened) }) }

// serve passes connections on to a port of this machine.
func (r *relay) serve(port string) {
	go func() {
		for {
			phone, err := r.listener.Accept()
			if err != nil {
				return
			}
			go r.pass(phone, port)
		}
	}()
}

func (r *relay) pass(phone net.Conn, port string) {
	defer phone.Close()
	dialer := net.Dialer{Timeout: 10 * time.Second}
	push, err := dialer.DialContext(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return
	}
	defer push.Close()
	go func() {
		defer push.Close()
		_, _ = io.Copy(push, phone) // ends when one of them does
	}()
	if _, err := io.CopyN(phone, push, relayed); err != nil {
		return
	}
	<-r.opened
	_, _ = io.Copy(phone, push)
}
