package badserver

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"

	"github.com/cpupdate/cpupdate/internal/testca"
)

// httpLoginRows want a login.
func httpLoginRows() []HTTPSRow {
	login := func(name string, ways ...Way) HTTPSRow {
		return HTTPSRow{Name: name, Faults: []HTTPFault{Login(ways...)}}
	}
	joined := func(name string, ways ...Way) HTTPSRow {
		return HTTPSRow{Name: "login-joined-" + name, Faults: []HTTPFault{LoginJoined(ways...)}}
	}
	return []HTTPSRow{
		login("login-basic", Basic),
		login("login-digest-md5", Digest("MD5", "auth", 0)),
		login("login-digest-no-algorithm", Digest("", "auth", 0)),
		login("login-digest-no-qop", Digest("MD5", "", 0)),
		login("login-digest-sha-256", Digest("SHA-256", "auth", 0)),
		login("login-digest-auth-and-int", Digest("SHA-256", "auth,auth-int", 0)),
		login("login-digest-int-before-auth", Digest("SHA-256", "auth-int, auth", 0)),
		login("login-digest-int-only", Digest("SHA-256", "auth-int", 0)),
		login("login-digest-int-only-and-basic", Digest("SHA-256", "auth-int", 0), Basic),
		login("login-digest-one-time", OneTime(true)),
		login("login-digest-one-time-untold", OneTime(false)),
		{Name: "login-cut", Faults: []HTTPFault{Login(func(x *Exchange) (bool, string) {
			if x.Request.Header.Get("Authorization") != "" {
				x.Close()
			}
			return false, `Basic realm="phones"`
		})}},
		login("login-digest-stale-once", Digest("SHA-256", "auth", 1)),
		login("login-digest-stale-for-ever", Digest("SHA-256", "auth", 1<<30)),
		login("login-digest-and-basic", Digest("SHA-256", "auth", 0), Basic),
		login("login-basic-and-digest", Basic, Digest("SHA-256", "auth", 0)),
		login("login-two-digests", Digest("SHA-256", "auth", 0), Digest("MD5", "auth", 0)),
		login("login-two-digests-weak-first", Digest("MD5", "auth", 0), Digest("SHA-256", "auth", 0)),
		joined("digest-basic", Digest("SHA-256", "auth", 0), Basic),
		joined("basic-digest", Basic, Digest("MD5", "auth", 0)),
		joined("basic-token-digest", Basic, Nobody("Negotiate TlRMTVNTUAAB=="), Nobody("NTLM"), Digest("SHA-256", "auth,auth-int", 0)),
		joined("weak-first", Digest("MD5", "auth", 0), Digest("SHA-256", "auth", 0), Basic),
		joined("digest-without-qop-basic", Digest("MD5", "", 0), Basic),
		joined("digest-stale", Basic, Digest("SHA-256", "auth", 1)),
		joined("only-unknown", Nobody("Negotiate"), Nobody("NTLM"), Nobody(`Bearer realm="x, Basic y"`)),
		login("login-digest-unknown-algorithm", Nobody(`Digest realm="phones", nonce="n", algorithm=ROT-13, qop="auth"`)),
		login("login-digest-garbage", Nobody(`Digest realm="phones, nonce=`)),
		login("login-digest-no-nonce", Nobody(`Digest realm="phones"`)),
		login("login-negotiate", Nobody("Negotiate")),
		login("login-401-for-ever", Nobody(`Basic realm="phones"`)),
		login("login-401-digest-for-ever", Nobody(`Digest realm="phones", nonce="n", algorithm=SHA-256, qop="auth"`)),
		{Name: "login-401-without-way", Faults: []HTTPFault{func(s *HTTPS) {
			s.login = func(x *Exchange) string { return challenge(x) }
		}}},
	}
}

// httpErrorPageRows refuse with a body that is unsafe to show.
func httpErrorPageRows() []HTTPSRow {
	refuse := func(name, body string, lines ...string) HTTPSRow {
		return on(name, ReplyOnly(Response(http.StatusForbidden, body, lines...)))
	}
	return []HTTPSRow{
		refuse("page-html", "<html><head><title>403</title></head><body><h1>Forbidden</h1><script>x()</script></body></html>",
			"Content-Type: text/html"),
		refuse("page-escapes", Escapes+"\r\n"+Escapes, "Content-Type: text/plain"),
		refuse("page-binary", "\x00\x01\x02\xff\xfe\x7fELF", "Content-Type: application/octet-stream"),
		refuse("page-echo-password", "you sent "+User+":"+Password),
		on("page-echo-authorization", func(x *Exchange) {
			x.Read(-1)
			x.Send(Response(http.StatusForbidden, "Authorization: "+x.Request.Header.Get("Authorization")+"\n"))
		}),
		on("page-echo-basic", ReplyOnly(Response(http.StatusForbidden, "Basic YWRtaW46U2VzYW0tNzczMS1vcGVu\n"))),
		on("status-text-escapes", ReplyOnly("HTTP/1.1 403 "+Escapes+"\r\nContent-Length: 0\r\n\r\n")),
		on("status-text-echo-password", ReplyOnly("HTTP/1.1 403 No "+Password+"\r\nContent-Length: 0\r\n\r\n")),
		refuse("page-gzip", "\x1f\x8b\x08not really", "Content-Encoding: gzip"),
	}
}

// connectRows go wrong before there is a request.
func connectRows() []HTTPSRow {
	connect := func(name string, do Answer) HTTPSRow {
		return HTTPSRow{Name: name, Faults: []HTTPFault{On(Connect, do)}}
	}
	hello := func(x *Exchange) { _, _ = x.tcp.Read(make([]byte, 64<<10)) }
	breakOff := func(raw string) Answer {
		return func(x *Exchange) {
			hello(x)
			x.Raw(raw)
			x.Close()
		}
	}
	rows := []HTTPSRow{
		connect("https-closed", func(x *Exchange) { x.Close() }),
		connect("https-reset", func(x *Exchange) { x.Reset() }),
		connect("https-tls-closed", breakOff("")),
		connect("https-tls-cut-in-the-middle", breakOff(halfAHello)),
		connect("https-tls-alert", breakOff(alert)),
		connect("https-tls-garbage", breakOff(noHello)),
		connect("https-plain-http", breakOff("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")),
		connect("https-silent", func(x *Exchange) { x.Silence() }),
		connect("https-tls-silent-in-the-middle", func(x *Exchange) {
			hello(x)
			x.Raw(halfAHello)
			x.Silence()
		}),
		connect("https-tls-drips", func(x *Exchange) {
			hello(x)
			Drip(halfAHello, "x")(x)
		}),
		{Name: "https-h2-only", Faults: []HTTPFault{func(s *HTTPS) { s.config.NextProtos = []string{"h2"} }}},
		{Name: "https-tls-too-old", Faults: []HTTPFault{func(s *HTTPS) {
			s.config.MinVersion, s.config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		}}},
	}
	for i := range rows {
		switch rows[i].Name {
		case "https-silent", "https-tls-silent-in-the-middle", "https-tls-drips":
			rows[i].Silent = true
		}
	}
	return rows
}

// httpLostRows lose the answer, or never give one.
func httpLostRows() []HTTPSRow {
	closeBy := func(x *Exchange) {
		x.Default()
		x.Close()
	}
	forget := func(x *Exchange) {
		x.Read(-1)
		x.Close()
	}
	inTheMiddle := func(end func(*Exchange)) Answer {
		return func(x *Exchange) {
			x.Read(Some)
			end(x)
		}
	}
	silent := func(name string, do Answer) HTTPSRow {
		return HTTPSRow{Name: name, Silent: true, Faults: []HTTPFault{On(http.MethodPut, do)}}
	}
	return []HTTPSRow{
		on("https-lost-stored", closeBy),
		on("https-lost-not-stored", forget),
		{Name: "https-lost-not-stored-once", Faults: []HTTPFault{OnFirst(1, http.MethodPut, forget)}},
		on("https-cut-in-the-middle", inTheMiddle((*Exchange).Close)),
		on("https-reset-in-the-middle", inTheMiddle((*Exchange).Reset)),
		silent("https-silent-after-body", func(x *Exchange) {
			x.Default()
			x.Silence()
		}),
		silent("https-silent-not-stored", func(x *Exchange) { x.Silence() }),
		silent("https-stall", func(x *Exchange) { x.Stall() }),
		silent("https-stall-in-the-middle", inTheMiddle((*Exchange).Stall)),
	}
}

// httpCertificateRows show a certificate not to be trusted.
func httpCertificateRows() []HTTPSRow {
	shows := func(name string, create func(*HTTPS) tls.Certificate) HTTPSRow {
		return HTTPSRow{Name: name, Faults: []HTTPFault{func(s *HTTPS) { s.config = serverConfig(create(s)) }}}
	}
	issue := func(change func(*x509.Certificate)) func(*HTTPS) tls.Certificate {
		return func(s *HTTPS) tls.Certificate { return s.authority.Issue(change) }
	}
	return []HTTPSRow{
		shows("https-certificate-expired", issue(testca.Expired)),
		shows("https-certificate-other-name", issue(testca.OtherName)),
		shows("https-certificate-self-signed", func(s *HTTPS) tls.Certificate { return *testca.New(s.t, testca.Options{}) }),
		shows("https-certificate-other-authority", func(s *HTTPS) tls.Certificate { return testca.NewAuthority(s.t).Issue(nil) }),
	}
}
