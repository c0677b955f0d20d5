package badserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// accept waits for the client's data connection, and takes up TLS on it if PROT P was said.
func (s *session) accept() (*net.TCPConn, net.Conn, error) {
	if s.passive == nil {
		return nil, nil, errors.New("no port is open")
	}
	_ = s.passive.(*net.TCPListener).SetDeadline(time.Now().Add(2 * time.Second))
	accepted, err := s.passive.Accept()
	if err != nil {
		return nil, nil, err
	}
	tcp := accepted.(*net.TCPConn)
	s.srv.keep(tcp)
	if !s.private {
		return tcp, tcp, nil
	}
	conn := tls.Server(tcp, s.srv.data)
	c := &Call{Step: DataTLS, s: s, conn: tcp}
	c.fallback = func() string {
		err = conn.HandshakeContext(context.Background())
		return ""
	}
	if do := s.srv.fault(DataTLS); do != nil {
		err = errors.New("a fault was planned")
		do(c)
	} else {
		c.Default()
	}
	if err == nil && s.srv.reuse && !conn.ConnectionState().DidResume {
		err = errors.New("a new session")
	}
	if err != nil {
		s.srv.drop(tcp)
		return nil, nil, err
	}
	return tcp, conn, nil
}

// receive takes the file's data, after what early does with the open connection if it is not nil, and returns the
// reply.
func (s *session) receive(name string, early func(net.Conn)) string {
	tcp, conn, err := s.accept()
	if err != nil {
		s.srv.record(Entry{Kind: Data, Conn: s.id, Text: "STOR " + name, End: EndOurs})
		return "425 Cannot open a data connection.\r\n"
	}
	defer s.srv.drop(tcp)
	if early != nil {
		early(conn)
	}
	content, end := drain(conn, -1)
	s.srv.record(Entry{Kind: Data, Conn: s.id, Text: "STOR " + name, Bytes: int64(len(content)), End: end})
	if end == EndReset && s.srv.forgetOnReset {
		s.srv.remove(name)
		return "426 Cut; removed.\r\n"
	}
	if s.ascii {
		content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	}
	s.srv.Put(name, content)
	if end != EndEOF {
		return "426 Cut.\r\n"
	}
	return "226 All of it is here.\r\n"
}

// abandon keeps an open data connection unread until the session is over, and then sees how it ended.
func (s *session) abandon(tcp *net.TCPConn, name string) {
	s.srv.spawn(func() {
		select {
		case <-s.gone:
		case <-s.srv.done:
		}
		content, end := drain(tcp, -1)
		s.srv.record(Entry{Kind: Data, Conn: s.id, Text: "STOR " + name, Bytes: int64(len(content)), End: end})
	}, tcp)
}
