package realservers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// nobody is the user that the FTP servers work as, and its group.
const nobody = 65534

// patience is how long a server may take to start. They take some hundredths of a second.
const patience = 20 * time.Second

// Start starts a server, waits until it answers, and stops it when the test ends.
func Start(t testing.TB, kind Kind, o Options) *Server {
	t.Helper()
	Require(t, kind)
	s := &Server{Kind: kind, t: t, options: o, work: t.TempDir(), address: "127.0.0.1"}
	if o.IPv6 {
		s.address = "::1"
	}
	s.identify()
	s.makeFolder()
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("%s:\n%s", kind, s.Log())
		}
	})
	for attempt := 1; ; attempt++ {
		s.block = reserve(t, s.address)
		err := s.launch()
		if err == nil {
			break
		}
		if attempt == 3 {
			t.Fatalf("%s does not start: %v\n%s", kind, err, s.Log())
		}
	}
	s.Access = s.access()
	return s
}

// access returns how the server is reached.
func (s *Server) access() transfer.Access {
	a := transfer.Access{Method: transfer.FTP, Server: s.address, Port: s.block.control()}
	if !s.options.NoLogin {
		a.Username, a.Password = Username, secret.New(s.options.password())
	}
	switch {
	case s.Kind == Nginx:
		a.Method, a.Server, a.Port = transfer.HTTPS, "", 0
		a.BaseURL = "https://" + net.JoinHostPort(s.address, strconv.Itoa(s.block.control())) + "/"
	case s.options.TLS:
		a.Method = transfer.FTPS
	}
	return a
}

// Stop ends the server and all its connections, as a crash would.
func (s *Server) Stop() {
	if s.process != nil {
		s.process.kill()
		s.process = nil
	}
}

// Restart starts a server that was stopped, on the same port and with the same folder.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	if err := s.launch(); err != nil {
		s.t.Fatalf("%s does not start again: %v\n%s", s.Kind, err, s.Log())
	}
}

// Log returns what the server wrote.
func (s *Server) Log() string {
	text := &strings.Builder{}
	for _, name := range []string{"output", "log", "tls.log"} {
		if content, err := os.ReadFile(filepath.Join(s.work, name)); err == nil {
			text.Write(content)
		}
	}
	return text.String()
}

// launch starts the server and waits until it takes connections.
func (s *Server) launch() error {
	s.t.Helper()
	command := s.configure()
	var environment []string
	if s.options.MaxTLS12 {
		// Not every server has a setting for it; OpenSSL has one for all.
		s.write("openssl.cnf", "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = default\n"+
			"[default]\nMaxProtocol = TLSv1.2\n")
		environment = append(environment, "OPENSSL_CONF="+s.path("openssl.cnf"))
	}
	ctx := context.WithoutCancel(s.t.Context())
	p, err := startProcess(ctx, s.path("output"), environment, command)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.wait(ctx, net.JoinHostPort(s.address, strconv.Itoa(s.block.control())), s.Kind != Nginx); err != nil {
		p.kill()
		return err
	}
	s.process = p
	return nil
}

// configure writes the server's configuration and returns its command line.
func (s *Server) configure() []string {
	s.t.Helper()
	program, _ := Find(s.Kind)
	switch s.Kind {
	case VSFTPD:
		return s.configureVSFTPD(program)
	case ProFTPD:
		return s.configureProFTPD(program)
	case PureFTPd:
		return s.configurePureFTPd(program)
	case Nginx:
		return s.configureNginx(program)
	}
	s.t.Fatalf("there is no server %s", s.Kind)
	return nil
}

// wait returns when the server answers at the address, or has ended.
func (p *process) wait(ctx context.Context, address string, greets bool) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := answers(ctx, address, greets)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return errors.New("it has ended")
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-ticker.C:
		}
	}
}

// answers connects, and reads the first byte of a greeting.
func answers(ctx context.Context, address string, greets bool) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	if !greets {
		return nil
	}
	deadline, _ := ctx.Deadline()
	_ = connection.SetReadDeadline(deadline)
	_, err = connection.Read(make([]byte, 1))
	return err
}

// path returns a path among the server's own files.
func (s *Server) path(name string) string { return filepath.Join(s.work, name) }

// write writes a file of the server's own.
func (s *Server) write(name, content string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}
