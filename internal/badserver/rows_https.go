package badserver

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// An HTTPSRow is a way for an HTTPS server to misbehave.
type HTTPSRow struct {
	Name   string
	Silent bool // somewhere the server says nothing for ever: a client wants a short time limit
	Faults []HTTPFault
}

// Start starts such a server.
func (r HTTPSRow) Start(t testing.TB) *HTTPS {
	t.Helper()
	return NewHTTPS(t, r.Faults...)
}

// HTTPSRows returns every way, each by a name of its own.
func HTTPSRows() []HTTPSRow {
	var rows []HTTPSRow
	for _, some := range [][]HTTPSRow{
		statusRows(), redirectRows(), httpFloodRows(), httpReplyRows(), httpStoredRows(), headRows(), httpDigestRows(),
		httpLoginRows(), httpErrorPageRows(), connectRows(), httpLostRows(), httpCertificateRows(),
		httpThroughRows(), httpDripRows(), httpOddRows(),
	} {
		rows = append(rows, some...)
	}
	return rows
}

// on is an answer to each PUT.
func on(name string, do Answer) HTTPSRow {
	return HTTPSRow{Name: name, Faults: []HTTPFault{On(http.MethodPut, do)}}
}

// onMethod is an answer to each request of a method.
func onMethod(name, method string, do Answer) HTTPSRow {
	return HTTPSRow{Name: name, Faults: []HTTPFault{On(method, do)}}
}

// statusRows are refusals of PUT: before the body, in the middle of it, and after it.
func statusRows() []HTTPSRow {
	rows := []HTTPSRow{
		{Name: "https-well-behaved"},
		on("expect-ignored", func(x *Exchange) {
			x.continued = true
			x.Send(x.Default())
		}),
		on("expect-417", func(x *Exchange) {
			if x.expects() {
				x.Send(Response(http.StatusExpectationFailed, "", "Connection: close"))
				x.Linger()
				return
			}
			x.Send(x.Default())
		}),
		on("expect-417-always", ReplyOnly(Response(http.StatusExpectationFailed, ""))),
	}
	for _, status := range []int{400, 401, 403, 404, 405, 408, 409, 411, 412, 413, 415, 423, 429, 500, 501, 502, 503, 504, 507} {
		var lines []string
		switch status {
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
			lines = []string{"Retry-After: 1"}
		case http.StatusUnauthorized:
			lines = []string{`WWW-Authenticate: Basic realm="phones"`}
		}
		raw := Response(status, "no\n", lines...)
		rows = append(rows, on(fmt.Sprintf("%d-after-body", status), ReplyOnly(raw)))
		switch status {
		case 401, 403, 413, 429, 500, 503, 507:
			rows = append(rows,
				on(fmt.Sprintf("%d-before-body", status), Refuse(0, true, raw)),
				on(fmt.Sprintf("%d-after-1k-linger", status), Refuse(1024, true, raw)),
				on(fmt.Sprintf("%d-after-1k-reset", status), Refuse(1024, false, raw)),
			)
		}
	}
	for _, status := range []int{429, 500, 503} {
		rows = append(rows, HTTPSRow{
			Name:   fmt.Sprintf("%d-once", status),
			Faults: []HTTPFault{OnFirst(1, http.MethodPut, ReplyOnly(Response(status, "", "Retry-After: 0")))},
		})
	}
	return rows
}

// redirectRows point to another path, another host, and to http.
func redirectRows() []HTTPSRow {
	var rows []HTTPSRow
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{"path", "host", "http", "nowhere", "garbage"} {
			rows = append(rows, HTTPSRow{
				Name:   fmt.Sprintf("%d-to-%s", status, to),
				Faults: []HTTPFault{redirect(status, to)},
			})
		}
	}
	return append(rows, on("304", ReplyOnly(Response(http.StatusNotModified, ""))))
}

func redirect(status int, to string) HTTPFault {
	return func(s *HTTPS) {
		s.other = NewHTTPS(s.t)
		line := ""
		switch to {
		case "path":
			line = "Location: /elsewhere/file"
		case "host":
			line = "Location: https://" + s.other.Addr() + Folder + "/file"
		case "http":
			line = "Location: http://" + s.other.Addr() + Folder + "/file"
		case "garbage":
			line = "Location: ht!tp:\x01//%zz"
		}
		lines := []string{line}
		if line == "" {
			lines = nil
		}
		On(http.MethodPut, ReplyOnly(Response(status, "", lines...)))(s)
	}
}

// httpFloodRows are answers without an end.
func httpFloodRows() []HTTPSRow {
	ok := "HTTP/1.1 201 Created\r\n"
	page := strings.Repeat("x", 1<<20)
	huge := func(first string) Answer {
		return func(x *Exchange) {
			x.Default()
			x.Send(first)
			for range 1 << 10 {
				if !x.Send(page) {
					return
				}
			}
		}
	}
	return []HTTPSRow{
		on("endless-100", EndlessReply("", "HTTP/1.1 100 Continue\r\n\r\n")),
		on("endless-102", EndlessReply("", "HTTP/1.1 102 Processing\r\n\r\n")),
		on("endless-103", EndlessReply("", "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")),
		on("three-1xx", BendReply(func(answer string) string {
			return "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + answer
		})),
		on("endless-header", EndlessReply(ok, "X-More: and more\r\n")),
		on("endless-header-line", EndlessReply(ok+"X-More: ", "x")),
		on("endless-status-line", EndlessReply("HTTP/1.1 201 ", "x")),
		on("header-1m", BendReply(func(answer string) string { return header(answer, "X-Long: "+page) })),
		on("body-1g", huge(ok+"Content-Length: 1073741824\r\n\r\n")),
		on("body-endless-error", EndlessReply("HTTP/1.1 403 Forbidden\r\n\r\n", "go away ")),
		on("chunks-endless", func(x *Exchange) {
			x.Default()
			EndlessReply(ok+"Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n")(x)
		}),
		onMethod("get-endless", http.MethodGet, EndlessReply("HTTP/1.1 200 OK\r\n\r\n", "x")),
		onMethod("head-endless-header", http.MethodHead, EndlessReply("HTTP/1.1 200 OK\r\n", "X-More: and more\r\n")),
	}
}

// httpReplyRows are answers that are odd or cannot be understood.
func httpReplyRows() []HTTPSRow {
	return []HTTPSRow{
		on("garbage-status-line", Reply("what?\r\n\r\n")),
		on("ftp-status-line", Reply("220 Ready.\r\n")),
		on("status-0", Reply("HTTP/1.1 0 Zero\r\nContent-Length: 0\r\n\r\n")),
		on("status-99999", Reply("HTTP/1.1 99999 Many\r\nContent-Length: 0\r\n\r\n")),
		on("status-600", Reply("HTTP/1.1 600 Beyond\r\nContent-Length: 0\r\n\r\n")),
		on("http-9", Reply("HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n")),
		on("http-1.0", func(x *Exchange) {
			x.continued = true
			x.Default()
			x.Send("HTTP/1.0 200 OK\r\n\r\nstored\n")
			x.Close()
		}),
		on("200-with-page", Reply(Response(http.StatusOK, "<html>stored</html>", "Content-Type: text/html"))),
		on("202-accepted", Reply(Response(http.StatusAccepted, ""))),
		on("201-negative-length", Reply("HTTP/1.1 201 Created\r\nContent-Length: -5\r\n\r\n")),
		on("201-two-lengths", Reply("HTTP/1.1 201 Created\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n")),
		on("201-cut-in-header", func(x *Exchange) {
			x.Default()
			x.Send("HTTP/1.1 201 Created\r\nContent-Le")
			x.Close()
		}),
		on("201-cut-in-body", func(x *Exchange) {
			x.Default()
			x.Send("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nhalf")
			x.Close()
		}),
		on("101-switching", Reply("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")),
		on("bare-lf-answer", BendReply(func(answer string) string { return strings.ReplaceAll(answer, "\r\n", "\n") })),
		on("split-answer", func(x *Exchange) {
			for _, b := range []byte(x.Default()) {
				x.Send(string([]byte{b}))
			}
		}),
		on("answer-before-body-201", func(x *Exchange) {
			x.continued = true
			x.Send(Response(http.StatusCreated, "", "Connection: close"))
			x.Linger()
		}),
	}
}
