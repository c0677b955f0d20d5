package phonesim_test

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// An ftpServer serves one file to one client at a time.
type ftpServer struct {
	t        *world
	listener net.Listener
	file     []byte
	short    bool // it ends the data early, and says so
	refuse   string
	mu       sync.Mutex
	commands []string
}

func newFTPServer(t *world, file []byte) *ftpServer {
	t.Helper()
	l, err := t.Listen(t.Context(), "tcp", "127.0.0.1:0")
	fatal(t, err)
	s := &ftpServer{t: t, listener: l, file: file}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		served.Wait()
	})
	return s
}

func (s *ftpServer) serve(conn net.Conn) {
	defer conn.Close()
	_, _ = fmt.Fprint(conn, "220 ready\r\n")
	data, err := s.t.Listen(s.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		return
	}
	defer data.Close()
	port := data.Addr().(*net.TCPAddr).Port
	from := 0
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		s.mu.Lock()
		s.commands = append(s.commands, lines.Text())
		s.mu.Unlock()
		verb, rest, _ := strings.Cut(lines.Text(), " ")
		answer := "200 fine"
		switch verb {
		case s.refuse:
			answer = "530 no"
		case "USER":
			answer = "331 go on"
		case "PASS":
			answer = "230 welcome"
		case "CWD":
			answer = "250 here"
		case "FEAT":
			answer = "211-these\r\n EPSV\r\n SIZE\r\n211 end"
		case "EPSV":
			answer = fmt.Sprintf("229 here (|||%d|)", port)
		case "SIZE":
			answer = fmt.Sprintf("213 %d", len(s.file))
		case "REST":
			from, _ = strconv.Atoi(rest)
			answer = "350 from there"
		case "RETR":
			answer = s.send(conn, data, from)
		case "QUIT":
			_, _ = fmt.Fprint(conn, "221 bye\r\n")
			return
		}
		_, _ = fmt.Fprint(conn, answer+"\r\n")
	}
}

func (s *ftpServer) send(conn net.Conn, data net.Listener, from int) string {
	_, _ = fmt.Fprint(conn, "150 it comes\r\n")
	out, err := data.Accept()
	if err != nil {
		return "425 no connection"
	}
	defer out.Close()
	file := s.file[from:]
	if s.short {
		file = file[:len(file)/2]
	}
	if _, err := out.Write(file); err != nil || s.short {
		return "426 it broke"
	}
	return "226 done"
}

func (s *ftpServer) saw(command string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.commands, command)
}

// TestFTP: a phone fetches by FTP what the items say, and nothing comes of it if the server does not send all of it.
func TestFTP(t *testing.T) {
	t.Parallel()
	image := cpb(t, nil)
	for name, test := range map[string]struct {
		faults []string
		short  bool
		refuse string
		kind   phonesim.Kind
		seen   []string
	}{
		"whole":        {kind: phonesim.Started, seen: []string{"USER fw", "PASS s3cret", "TYPE I", "CWD /cp600", "RETR image.img"}},
		"short":        {short: true, kind: phonesim.FetchEnded},
		"login":        {refuse: "PASS", kind: phonesim.FetchEnded},
		"folder":       {refuse: "CWD", kind: phonesim.FetchEnded},
		"no such file": {refuse: "RETR", kind: phonesim.FetchEnded},
		"no size":      {refuse: "SIZE", kind: phonesim.Started},
		"resumed":      {faults: []string{"cut-and-resumes"}, kind: phonesim.Started, seen: []string{fmt.Sprintf("REST %d", len(image)/2)}},
		"cut":          {faults: []string{"cut-mid-download"}, kind: phonesim.FetchEnded},
		"cut, no size": {faults: []string{"cut-mid-download"}, refuse: "SIZE", kind: phonesim.FetchEnded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *world) {
				server := newFTPServer(t, image)
				server.short, server.refuse = test.short, test.refuse
				host, port, err := net.SplitHostPort(server.listener.Addr().String())
				fatal(t, err)
				s := newService(t)
				p := start(t, cp600(), test.faults...)
				s.say(solicit(t, p.Address(), s), "SoftwareDeployment", "file-server", host, "file-port", port, "file-username", "fw", "file-pwd", "s3cret",
					"file-path", "/cp600", "file-name", "image.img", "file-type", "APP", "file-sw-type", "Unify HFA", "file-sw-version", "1.9.2.0", "file-priority", "normal")
				if e := p.await(test.kind); strings.Contains(e.Detail, "s3cret") {
					t.Errorf("the event tells the password: %s", e.Detail)
				}
				for _, command := range test.seen {
					if !server.saw(command) {
						t.Errorf("the server saw no %s", command)
					}
				}
				if want := map[bool]string{true: "V1 R9.2.0", false: "V1 R4.9.0"}[test.kind == phonesim.Started]; p.State().Version.String() != want {
					t.Errorf("it runs %s", p.State().Version)
				}
			})
		})
	}
}
