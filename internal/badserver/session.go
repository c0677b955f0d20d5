package badserver

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"path"
	"slices"
	"strings"
)

// session is one control connection.
type session struct {
	srv  *FTP
	id   int
	tcp  *net.TCPConn
	conn net.Conn // tcp, or TLS over it
	in   *bufio.Reader
	over bool
	end  End
	gone chan struct{} // closed when the session is over

	user, renaming    string
	loggedIn, private bool // private: PROT P
	ascii             bool
	folder            string
	passive           net.Listener
	outcome           string // the reply after the data
}

func newSession(srv *FTP, id int, tcp *net.TCPConn) *session {
	return &session{
		srv: srv, id: id, tcp: tcp, conn: tcp, in: bufio.NewReader(tcp),
		gone: make(chan struct{}), ascii: true, folder: "/",
	}
}

func (s *session) serve() {
	defer func() {
		close(s.gone)
		s.closePassive()
		if s.conn != net.Conn(s.tcp) && s.end == EndEOF {
			_ = s.conn.Close() // says good-bye
		}
		s.srv.record(Entry{Kind: Closed, Conn: s.id, End: s.end})
	}()
	s.step(Greeting, "", func() string { return "220 Ready.\r\n" })
	for !s.over {
		line, err := s.in.ReadString('\n')
		if err != nil {
			s.leave(endOf(err))
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.srv.record(Entry{Kind: Command, Conn: s.id, Text: line})
		verb, arg, _ := strings.Cut(line, " ")
		s.command(strings.ToUpper(verb), arg)
	}
}

func (s *session) leave(end End) {
	if !s.over {
		s.over, s.end = true, end
	}
}

// step takes the default reply, or what a fault makes of it, and returns what was sent.
func (s *session) step(name, arg string, fallback func() string) string {
	c := &Call{Step: name, Arg: arg, s: s, conn: s.tcp, fallback: fallback}
	if do := s.srv.fault(name); do != nil {
		do(c)
	} else {
		c.Send(c.Default())
	}
	return c.sent
}

func (s *session) command(verb, arg string) {
	switch verb {
	case "AUTH":
		s.auth(arg)
	case "STOR":
		s.stor(arg)
	case "RETR", "LIST", "NLST", "MLSD":
		s.outgoing(verb, arg)
	case "QUIT":
		s.step(verb, arg, func() string { return "221 Good-bye.\r\n" })
		s.leave(EndEOF)
	default:
		s.step(verb, arg, func() string { return s.answer(verb, arg) })
	}
}

// answer does what a plain command asks for.
func (s *session) answer(verb, arg string) string {
	do, known := s.verbs()[verb]
	switch {
	case !known:
		return "500 Unknown command.\r\n"
	case !s.loggedIn && !strings.Contains(" USER PASS ACCT PBSZ PROT FEAT NOOP OPTS SYST ", " "+verb+" "):
		return "530 Please log in.\r\n"
	}
	return do(arg)
}

// auth takes up TLS.
func (s *session) auth(arg string) {
	sent := s.step("AUTH", arg, func() string {
		if !s.srv.secure || !slices.Contains(s.srv.mechanisms(), arg) {
			return "504 Not here.\r\n"
		}
		return "234 Go ahead.\r\n"
	})
	if s.over || !strings.HasPrefix(sent, "2") && !strings.HasPrefix(sent, "334") {
		return
	}
	s.step(Handshake, "", func() string {
		conn := tls.Server(s.tcp, s.srv.control)
		if err := conn.HandshakeContext(context.Background()); err != nil {
			s.leave(endOf(err))
			return ""
		}
		s.conn, s.in = conn, bufio.NewReader(conn)
		return ""
	})
}

// stor takes a file.
func (s *session) stor(arg string) {
	name := s.path(arg)
	sent := s.step("STOR", arg, func() string {
		switch {
		case !s.loggedIn:
			return "530 Please log in.\r\n"
		case s.srv.secure && !s.private:
			return "522 Data must be protected.\r\n"
		case s.passive == nil:
			return "425 Use EPSV or PASV first.\r\n"
		case s.srv.hasFolder(name) || !s.srv.hasFolder(path.Dir(name)):
			return "553 Not a name for a file.\r\n"
		}
		s.srv.Put(name, nil)
		return "150 Send it.\r\n"
	})
	if !s.over && strings.HasPrefix(sent, "1") {
		c := &Call{Step: Incoming, Arg: name, s: s, conn: s.tcp}
		c.fallback = func() string { return s.receive(name, nil) }
		s.outcome = ""
		if do := s.srv.fault(Incoming); do != nil {
			do(c)
		} else {
			c.Default()
		}
		if !s.over && s.outcome != "" {
			s.step(Complete, name, func() string { return s.outcome })
		}
	}
	s.closePassive()
}

// outgoing sends a file or a list.
func (s *session) outgoing(verb, arg string) {
	content, refusal := s.content(verb, arg)
	sent := s.step(verb, arg, func() string {
		switch {
		case !s.loggedIn:
			return "530 Please log in.\r\n"
		case s.passive == nil:
			return "425 Use EPSV or PASV first.\r\n"
		case refusal != "":
			return refusal
		}
		return "150 Here it comes.\r\n"
	})
	if !s.over && strings.HasPrefix(sent, "1") {
		s.step(verb+" "+Incoming, arg, func() string {
			reply := "226 That was all.\r\n"
			tcp, conn, err := s.accept()
			if err != nil {
				return "425 Cannot open a data connection.\r\n"
			}
			defer s.srv.drop(tcp)
			if _, err := conn.Write(content); err != nil {
				return "426 Cut.\r\n"
			}
			if !s.endTLS(conn) {
				reply = "426 Failure writing network stream.\r\n"
			}
			_ = conn.Close()
			s.srv.record(Entry{Kind: Data, Conn: s.id, Text: verb + " " + arg, Bytes: int64(len(content)), End: EndOurs})
			return reply
		})
	}
	s.closePassive()
}

// endTLS says the end of TLS, and, if the server is strict, reports whether the client does too.
func (s *session) endTLS(conn net.Conn) bool {
	secure, ok := conn.(*tls.Conn)
	if !ok || !s.srv.strict {
		return true
	}
	_ = secure.CloseWrite()
	_, err := secure.Read(make([]byte, 1))
	return errors.Is(err, io.EOF)
}

// path is the whole name of what an argument names.
func (s *session) path(arg string) string {
	if !strings.HasPrefix(arg, "/") {
		arg = s.folder + "/" + arg
	}
	return path.Clean(arg)
}

// open opens a port for data.
func (s *session) open() (int, error) {
	s.closePassive()
	l, err := s.srv.listen()
	if err != nil {
		return 0, err
	}
	s.passive = l
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *session) closePassive() {
	if s.passive != nil {
		s.srv.drop(s.passive)
		s.passive = nil
	}
}
