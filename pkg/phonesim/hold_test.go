package phonesim_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestPortsWhileDown restarts a phone by too many requests: who connects is refused, and no other program gets its port meanwhile.
func TestPortsWhileDown(t *testing.T) {
	t.Parallel()
	p, err := phonesim.Start(phonesim.Config{
		Listen: "127.0.0.1:0", DeviceType: "OpenScape Desk Phone CP600", MAC: "00:1A:E8:00:00:01", SoftwareType: "Unify HFA",
		Version: bind.Version{Major: 1, Release: 4}, Level: 3, Faults: []phonesim.Fault{"overload"}, RestartTime: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.Address())
		if err != nil { // refused, or reset if the phone is closing its port
			break
		}
		_, _ = conn.Write([]byte("GET /contact_dls.html/ContactDLS?ContactMe=true HTTP/1.1\r\nHost: phone\r\nConnection: close\r\n\r\n"))
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.(*net.TCPConn).SetLinger(0) // a connection that ended in order has the port for a minute, and so nobody else gets it
		_ = conn.Close()
	}
	here, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	own, err := net.ResolveTCPAddr("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	for ctx.Err() == nil { // the phone may have closed its port a moment ago
		conn, err := (&net.Dialer{LocalAddr: own}).DialContext(ctx, "tcp", here.Addr().String())
		if err != nil && ctx.Err() == nil { // the phone has it
			return
		}
		if err == nil {
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
		<-time.After(100 * time.Millisecond) // it had the port itself
	}
	t.Error("another program gets the phone's port")
}
