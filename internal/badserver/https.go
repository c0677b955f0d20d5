package badserver

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// HTTPS is a server that takes files with PUT and gives them with GET.
type HTTPS struct {
	core
	authority   *testca.Authority
	certificate tls.Certificate
	config      *tls.Config
	login       func(*Exchange) string // a 401, or "": nil asks nobody
	faults      []*plannedAnswer
	other       *HTTPS
	through     bool // what arrives of a file is written to it at once
}

// An HTTPFault changes an [HTTPS] server before it starts.
type HTTPFault func(*HTTPS)

// An Answer is what the server does with a request instead of the default.
type Answer func(*Exchange)

type plannedAnswer struct {
	method string
	left   int // how often it is still to come; negative: always
	do     Answer
}

// Connect is the step before TLS; the other steps are methods.
const Connect = "connect"

// On has the server do something with each request of a method.
func On(method string, do Answer) HTTPFault { return OnFirst(-1, method, do) }

// OnFirst has the server do something with the first n requests of a method.
func OnFirst(n int, method string, do Answer) HTTPFault {
	return func(s *HTTPS) { s.faults = append(s.faults, &plannedAnswer{method, n, do}) }
}

// WriteThrough has the server write to the file itself as the bytes come, instead of replacing it when all are there.
func WriteThrough(s *HTTPS) { s.through = true }

// NewHTTPS starts a server. Without faults it asks nobody to log in.
func NewHTTPS(t testing.TB, faults ...HTTPFault) *HTTPS {
	t.Helper()
	s := &HTTPS{authority: testca.NewAuthority(t)}
	s.t = t
	s.certificate = s.authority.Issue(nil)
	s.config = serverConfig(s.certificate)
	for _, f := range faults {
		f(s)
	}
	s.start(t, s.serve)
	return s
}

// Access is what a client needs to log in and to find [Folder].
func (s *HTTPS) Access() transfer.Access {
	return transfer.Access{
		Method:   transfer.HTTPS,
		BaseURL:  "https://" + s.Addr() + Folder + "/",
		Username: User,
		Password: secret.New(Password),
	}
}

// Trust is the authority that signed the server's first certificate.
func (s *HTTPS) Trust() trust.Policy { return trust.Policy{Authorities: s.authority.Pool()} }

// Authority signs for the server.
func (s *HTTPS) Authority() *testca.Authority { return s.authority }

// Pin is that of the server's first certificate.
func (s *HTTPS) Pin() trust.Pin { return trust.PinOf(s.certificate.Leaf) }

// Other is a server that this one points to, or nil.
func (s *HTTPS) Other() *HTTPS { return s.other }

func (s *HTTPS) fault(method string) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.faults {
		if p.method == method && p.left != 0 {
			p.left--
			return p.do
		}
	}
	return nil
}

// serve answers the requests of one connection.
func (s *HTTPS) serve(id int, tcp *net.TCPConn) {
	x := &Exchange{s: s, id: id, tcp: tcp, conn: tcp}
	defer func() { s.record(Entry{Kind: Closed, Conn: id, End: x.left}) }()
	if do := s.fault(Connect); do != nil {
		do(x)
	}
	if x.over {
		return
	}
	conn := tls.Server(tcp, s.config)
	if err := conn.HandshakeContext(context.Background()); err != nil {
		x.leave(endOf(err))
		return
	}
	if conn.ConnectionState().NegotiatedProtocol == "h2" {
		x.leave(EndOurs) // it was not meant
		return
	}
	in := bufio.NewReader(conn)
	for !x.over {
		request, err := http.ReadRequest(in)
		if err != nil {
			x.leave(endOf(err))
			return
		}
		next := &Exchange{Request: request, s: s, id: id, tcp: tcp, conn: conn, in: in}
		next.answer()
		x.over, x.left = next.over, next.left
	}
	_ = conn.Close()
}

// Exchange is a request and what is done with it.
type Exchange struct {
	Request *http.Request

	s         *HTTPS
	id        int
	tcp       *net.TCPConn
	conn      net.Conn
	in        *bufio.Reader
	over      bool
	left      End // how the connection ended
	continued bool
	took      int64
	ended     End // how the body ended
	file      *openFile
}

func (x *Exchange) leave(end End) {
	if !x.over {
		x.over, x.left = true, end
	}
}

// answer does what a fault wants, or else the default.
func (x *Exchange) answer() {
	// The entry is in its place before the answer is; what came is added afterwards.
	place := x.s.open(Entry{
		Kind: Request, Conn: x.id, Text: x.Request.Method + " " + x.Request.RequestURI,
		Authorization: x.Request.Header.Get("Authorization"), Expect: x.expects(),
	})
	defer func() { x.s.close(place, x.took, x.ended) }()
	if x.Request.Body == http.NoBody {
		x.ended = EndEOF
	}
	if do := x.s.fault(x.Request.Method); do != nil {
		do(x)
	} else {
		x.Send(x.Default())
	}
	if x.over {
		return
	}
	if x.expects() && !x.continued && x.ended == "" {
		x.Linger() // nobody knows whether the body comes
		return
	}
	x.Read(-1)
	if x.Request.Close {
		x.leave(EndOurs)
	}
}

// open adds an entry, and tells where it is.
func (c *core) open(e Entry) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, e)
	return len(c.log) - 1
}

func (c *core) close(place int, bytes int64, end End) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log[place].Bytes, c.log[place].End = bytes, end
}

func (x *Exchange) expects() bool {
	return strings.EqualFold(x.Request.Header.Get("Expect"), "100-continue")
}

// Response writes a whole answer; header lines are given without line ends.
func Response(status int, body string, header ...string) string {
	text := fmt.Sprintf("HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	for _, line := range header {
		text += line + "\r\n"
	}
	if status != http.StatusNoContent && status >= 200 {
		text += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	return text + "\r\n" + body
}

// Default does what the request asks for and returns the whole answer, which is not sent yet.
func (x *Exchange) Default() string {
	if x.s.login != nil {
		if refusal := x.s.login(x); refusal != "" {
			return refusal
		}
	}
	name := x.Request.URL.Path
	switch x.Request.Method {
	case http.MethodPut:
		return x.defaultPut(name)
	case http.MethodDelete:
		if !x.s.remove(name) {
			return Response(http.StatusNotFound, "")
		}
		return Response(http.StatusNoContent, "")
	case http.MethodGet, http.MethodHead:
		content, ok := x.s.file(name)
		switch {
		case !ok && x.Request.Method == http.MethodGet:
			return Response(http.StatusNotFound, "not found\n")
		case !ok:
			return Response(http.StatusNotFound, "")
		}
		answer := Response(http.StatusOK, string(content), "Content-Type: application/octet-stream")
		if x.Request.Method == http.MethodHead {
			answer = answer[:len(answer)-len(content)]
		}
		return answer
	}
	return Response(http.StatusMethodNotAllowed, "", "Allow: GET, HEAD, PUT, DELETE")
}

func (x *Exchange) defaultPut(name string) string {
	_, there := x.s.file(name)
	if there && x.Request.Header.Get("If-None-Match") == "*" {
		return Response(http.StatusPreconditionFailed, "")
	}
	content := x.Read(-1)
	if x.ended != EndEOF {
		x.leave(x.ended)
		return ""
	}
	x.s.Put(name, content)
	if there {
		return Response(http.StatusNoContent, "")
	}
	return Response(http.StatusCreated, "")
}
