package serve

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// TestPassiveAddress checks that the listener for a data connection is at the address that the client has reached, and at no
// other of this machine, and that the library's pointer to it still works.
func TestPassiveAddress(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		control, err := new(net.ListenConfig).Listen(t.Context(), "tcp", at)
		if err != nil {
			t.Log(err) // no IPv6 here
			continue
		}
		defer control.Close()
		client, err := new(net.Dialer).DialContext(t.Context(), "tcp", control.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		reached, err := control.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer reached.Close()
		wide, err := net.ListenTCP("tcp", nil)
		if err != nil {
			t.Fatal(err)
		}
		server := &FTPServer{listener: &listener{done: make(chan struct{})}}
		c := &ftpSession{server: server, control: &ftpControl{conn: &conn{Conn: reached, remote: addrPort(client.LocalAddr()).Addr()}}}
		data, err := c.WrapPassiveListener(wide)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := addrPort(data.Addr()).Addr(), addrPort(control.Addr()).Addr(); got != want || wide.Addr().String() != data.Addr().String() {
			t.Errorf("data connections at %s, the library's at %s, want %s", data.Addr(), wide.Addr(), want)
		}
		if err := wide.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Error(err)
		}
		sender, err := new(net.Dialer).DialContext(t.Context(), "tcp", data.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := data.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = sender.Close()
		if _, err := accepted.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		_ = accepted.Close()
		c.setListener(nil)
		if _, err := wide.Accept(); err == nil {
			t.Error("it still listens")
		}
	}
}
