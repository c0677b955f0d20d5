package realservers_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	each(t, realservers.Servers(), func(t *testing.T, kind realservers.Kind) {
		s := realservers.Start(t, kind, realservers.Options{})
		a := s.Access
		a.Password = secret.New("wrong")
		output, ok := put(t, s, a, "a.bind", []byte("x"))
		if ok || !strings.Contains(output, "530 ") && !strings.Contains(output, " 401") || len(s.Files()) != 0 {
			t.Error(output, s.Files())
		}
	})
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	each(t, realservers.Servers(), func(t *testing.T, kind realservers.Kind) {
		s := realservers.Start(t, kind, realservers.Options{ReadOnly: true})
		output, ok := put(t, s, s.Access, "a.bind", []byte("x"))
		if ok || !strings.Contains(output, "< 55") && !strings.Contains(output, " 403") || len(s.Files()) != 0 {
			t.Error(output, s.Files())
		}
	})
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	each(t, realservers.Servers(), func(t *testing.T, kind realservers.Kind) {
		s := realservers.Start(t, kind, realservers.Options{FullDisk: 64 << 10})
		if output, ok := put(t, s, s.Access, "small", make([]byte, 20_000)); !ok {
			t.Error(output)
		}
		output, ok := put(t, s, s.Access, "large", make([]byte, 200_000))
		if ok {
			t.Error(output)
		}
		if kind == realservers.Nginx && !strings.Contains(output, " 500") {
			t.Error(output)
		}
	})
}

func TestNoOverwrite(t *testing.T) {
	t.Parallel()
	each(t, realservers.Servers(), func(t *testing.T, kind realservers.Kind) {
		s := realservers.Start(t, kind, realservers.Options{NoOverwrite: true})
		s.Place("old", []byte("old"))
		if output, ok := put(t, s, s.Access, "new", []byte("new")); !ok {
			t.Error(output)
		}
		output, ok := put(t, s, s.Access, "old", []byte("new"))
		if ok || kind == realservers.Nginx && !strings.Contains(output, " 412") {
			t.Error(output)
		}
		if kind != realservers.Nginx {
			if output, ok := curl(t, s, s.Access, "", "--quote", "RNFR new", "--quote", "RNTO old"); ok {
				t.Error(output)
			}
			if output, ok := curl(t, s, s.Access, "", "--quote", "RNFR new", "--quote", "RNTO newer"); !ok {
				t.Error(output)
			}
			if output, ok := curl(t, s, s.Access, "", "--quote", "DELE newer"); !ok {
				t.Error(output)
			}
		}
		if string(s.Read("old")) != "old" {
			t.Errorf("%s", s.Read("old"))
		}
	})
}

// Usually a file can be replaced, be it by writing or by renaming, and removed.
func TestOverwrite(t *testing.T) {
	t.Parallel()
	each(t, realservers.FTPServers(), func(t *testing.T, kind realservers.Kind) {
		s := realservers.Start(t, kind, realservers.Options{})
		s.Place("old", []byte("old"))
		if output, ok := put(t, s, s.Access, "old", []byte("newer")); !ok || string(s.Read("old")) != "newer" {
			t.Error(output)
		}
		s.Place("new", []byte("new"))
		if output, ok := curl(t, s, s.Access, "", "--quote", "RNFR new", "--quote", "RNTO old"); !ok || string(s.Read("old")) != "new" {
			t.Error(output)
		}
		if output, ok := curl(t, s, s.Access, "", "--quote", "DELE old"); !ok || len(s.Files()) != 0 {
			t.Error(output)
		}
	})
}

func TestDeny(t *testing.T) {
	t.Parallel()
	each(t, realservers.FTPServers(), func(t *testing.T, kind realservers.Kind) {
		s := realservers.Start(t, kind, realservers.Options{Deny: []string{"RNFR", "RNTO"}})
		s.Place("old", []byte("old"))
		output, ok := curl(t, s, s.Access, "", "--quote", "RNFR old", "--quote", "RNTO new")
		if ok || fmt.Sprint(s.Files()) != "[old]" {
			t.Error(output, s.Files())
		}
	})
	t.Run("nginx", func(t *testing.T) {
		s := realservers.Start(t, realservers.Nginx, realservers.Options{Deny: []string{"DELETE"}})
		s.Place("old", []byte("old"))
		if output, ok := curl(t, s, s.Access, "old", "--request", "DELETE"); ok || !strings.Contains(output, " 405") {
			t.Error(output)
		}
	})
}

func TestRestart(t *testing.T) {
	t.Parallel()
	each(t, realservers.Servers(), func(t *testing.T, kind realservers.Kind) {
		s := realservers.Start(t, kind, realservers.Options{Root: t.TempDir()})
		s.Stop()
		if output, ok := put(t, s, s.Access, "a.bind", []byte("x")); ok {
			t.Error(output)
		}
		s.Restart()
		if output, ok := put(t, s, s.Access, "a.bind", []byte("x")); !ok {
			t.Error(output)
		}
	})
}

// dialogue is a control connection.
type dialogue struct {
	*textproto.Conn
	t *testing.T
}

// login opens a control connection to the server, by TLS if it has it, and logs in.
func login(t *testing.T, s *realservers.Server, config *tls.Config) dialogue {
	t.Helper()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", net.JoinHostPort(s.Access.Server, fmt.Sprint(s.Access.Port)))
	if err != nil {
		t.Fatal(err)
	}
	d := dialogue{textproto.NewConn(connection), t}
	d.expect(220)
	if config != nil {
		d.do(234, "AUTH TLS")
		d = dialogue{textproto.NewConn(tls.Client(connection, config)), t}
	}
	t.Cleanup(func() { _ = d.Close() })
	d.do(331, "USER %s", s.Access.Username)
	d.do(230, "PASS %s", s.Access.Password.Reveal())
	if config != nil {
		d.do(200, "PBSZ 0")
		d.do(200, "PROT P")
	}
	return d
}

func (d dialogue) expect(code int) string {
	d.t.Helper()
	got, text, err := d.ReadResponse(0)
	if err != nil || got != code && code != 0 {
		d.t.Fatalf("%d %s, %v; want %d", got, text, err, code)
	}
	return fmt.Sprint(got, " ", text)
}

func (d dialogue) do(code int, format string, a ...any) string {
	d.t.Helper()
	if err := d.PrintfLine(format, a...); err != nil {
		d.t.Fatal(err)
	}
	return d.expect(code)
}

// vsftpd and ProFTPD take data connections only that resume the session of the control connection. Go cannot do that
// for TLS 1.2 without session tickets, which ProFTPD does not give out unless it is told to.
func TestSessionReuse(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("phone firmware\r\n"), 20_000)
	each(t, realservers.FTPServers(), func(t *testing.T, kind realservers.Kind) {
		for _, o := range []realservers.Options{{TLS: true}, {TLS: true, MaxTLS12: true}} {
			for _, reuse := range []bool{true, false} {
				t.Run(fmt.Sprintf("TLS 1.2 %v reuse %v", o.MaxTLS12, reuse), func(t *testing.T) {
					s := realservers.Start(t, kind, o)
					said := store(t, s, content, reuse)
					t.Log(said)
					whole := len(s.Files()) == 1 && bytes.Equal(s.Read("a.bind"), content)
					possible := reuse && (kind != realservers.ProFTPD || !o.MaxTLS12)
					if want := possible || kind == realservers.PureFTPd; whole != want {
						t.Errorf("the file is there: %v; want %v", whole, want)
					}
				})
			}
		}
	})
}

// store sends a file by TLS and returns what the server says and how the data connection went.
func store(t *testing.T, s *realservers.Server, content []byte, reuse bool) string {
	config := &tls.Config{RootCAs: s.Authorities, ServerName: s.Access.Server, ClientSessionCache: tls.NewLRUClientSessionCache(8)} //nolint:gosec // the usual versions
	d := login(t, s, config)
	d.do(200, "TYPE I")
	port := 0
	reply := d.do(229, "EPSV")
	if _, err := fmt.Sscanf(reply[strings.Index(reply, "(|||"):], "(|||%d|)", &port); err != nil {
		t.Fatal(err)
	}
	raw, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", net.JoinHostPort(s.Access.Server, fmt.Sprint(port)))
	if err != nil {
		t.Fatal(err)
	}
	if !reuse {
		config = config.Clone()
		config.ClientSessionCache = nil
	}
	if err := d.PrintfLine("STOR a.bind"); err != nil {
		t.Fatal(err)
	}
	said := d.expect(0)
	data := tls.Client(raw, config)
	_, writeErr := data.Write(content)
	resumed := data.ConnectionState().DidResume
	version := tls.VersionName(data.ConnectionState().Version)
	_ = data.CloseWrite()
	_, readErr := data.Read(make([]byte, 1)) // until the server has closed: tickets that nobody read would reset the connection
	_ = data.Close()
	if strings.HasPrefix(said, "1") {
		said += ", " + d.expect(0)
	}
	return fmt.Sprintf("%s, resumed %v, write %v, read %v, said %s", version, resumed, writeErr, readErr, said)
}

func TestHash(t *testing.T) {
	t.Parallel()
	s := realservers.Start(t, realservers.ProFTPD, realservers.Options{Hash: true})
	s.Place("a.bind", []byte("abc"))
	d := login(t, s, nil)
	d.do(200, "OPTS HASH SHA-256")
	d.hash(213, "HASH a.bind")
	d.hash(250, "XSHA256 a.bind")
}

// hash asks for a digest of abc. ProFTPD tells in a line of its own that it computes.
func (d dialogue) hash(code int, command string) {
	d.t.Helper()
	if said := strings.ToLower(d.do(code, "%s", command)); !strings.Contains(said, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") {
		d.t.Errorf("%s: %s", command, said)
	}
}

func TestRequireWithoutCI(t *testing.T) {
	t.Setenv("CI", "")
	if os.Geteuid() == 0 {
		t.Skip("everything is there for root")
	}
	realservers.Require(t, realservers.VSFTPD)
	t.Error("a server that needs root would be started without")
}
