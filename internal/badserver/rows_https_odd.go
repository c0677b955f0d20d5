package badserver

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
)

// httpOddRows are servers whose answers are not about the file that was asked for.
func httpOddRows() []HTTPSRow {
	page := Response(http.StatusNotFound, "The resource cannot be found.\n", "Content-Type: text/html")
	bare := strings.TrimSuffix(page, "The resource cannot be found.\n")
	missing := func(x *Exchange) {
		if x.Request.Method == http.MethodHead {
			x.Send(bare)
			return
		}
		x.Send(page)
	}
	elsewhere := Response(http.StatusFound, "", "Location: /login?ReturnUrl=%2Fphones")
	all := func(do Answer) []HTTPFault {
		var faults []HTTPFault
		for _, method := range []string{http.MethodHead, http.MethodGet, http.MethodPut, http.MethodDelete, "PROPFIND"} {
			faults = append(faults, On(method, do))
		}
		return faults
	}
	errorPage := func(x *Exchange) {
		answer := x.Default()
		if strings.HasPrefix(answer, "HTTP/1.1 404 ") && !strings.HasSuffix(x.Request.URL.Path, "/") {
			answer = Response(http.StatusFound, "", "Location: /error?aspxerrorpath="+x.Request.URL.Path)
		}
		x.Send(answer)
	}
	return append(momentRows(missing), []HTTPSRow{
		onMethod("put-200-not-done", http.MethodPut, ReplyOnly(Response(http.StatusOK, ""))),
		onMethod("put-201-not-done", http.MethodPut, ReplyOnly(Response(http.StatusCreated, ""))),
		// IIS hands out no file whose type it does not know. It takes them, and lists them.
		{Name: "iis-unknown-type", Faults: []HTTPFault{On(http.MethodHead, missing), On(http.MethodGet, missing), On("PROPFIND", propfind)}},
		{Name: "unknown-type-no-webdav", Faults: []HTTPFault{On(http.MethodHead, missing), On(http.MethodGet, missing)}},
		{Name: "unknown-type-delete-403", Faults: []HTTPFault{
			On(http.MethodHead, missing), On(http.MethodGet, missing), On(http.MethodDelete, ReplyOnly(Response(http.StatusForbidden, ""))),
		}},
		{Name: "propfind-cut", Faults: []HTTPFault{On("PROPFIND", func(x *Exchange) { x.Close() })}},
		{Name: "login-page", Faults: all(ReplyOnly(elsewhere))},
		{Name: "login-page-before-body", Faults: all(Refuse(0, true, elsewhere))},
		{Name: "login-page-for-put", Faults: []HTTPFault{On(http.MethodPut, ReplyOnly(elsewhere))}},
		{Name: "missing-redirects", Faults: []HTTPFault{On(http.MethodHead, errorPage), On(http.MethodGet, errorPage)}},
		{Name: "folder-wants-slash", Faults: []HTTPFault{On(http.MethodHead, errorPage), On(http.MethodGet, func(x *Exchange) {
			if strings.HasSuffix(x.Request.URL.Path, "/") {
				x.Send(Response(http.StatusMovedPermanently, "", "Location: "+strings.TrimSuffix(x.Request.URL.Path, "/")))
				return
			}
			errorPage(x)
		})}},
		wantsCertificate("client-certificate", tls.VersionTLS13),
		wantsCertificate("client-certificate-tls12", tls.VersionTLS12),
		{Name: "client-certificate-400", Faults: append(all(ReplyOnly(Response(http.StatusBadRequest, ""))), func(s *HTTPS) {
			s.config.ClientAuth = tls.RequestClientCert
		})},
		{Name: "client-certificate-optional", Faults: []HTTPFault{func(s *HTTPS) { s.config.ClientAuth = tls.RequestClientCert }}},
	}...)
}

// momentRows are servers that say for a moment that a file is missing, and then refuse another one.
func momentRows(missing Answer) []HTTPSRow {
	untilPut := func(x *Exchange) {
		if !x.s.Saw("PUT ") {
			missing(x)
			return
		}
		x.Send(x.Default())
	}
	var rows []HTTPSRow
	for _, status := range []int{http.StatusForbidden, http.StatusConflict, http.StatusInternalServerError} {
		rows = append(rows, HTTPSRow{Name: fmt.Sprintf("missing-for-a-moment-%d", status), Faults: []HTTPFault{
			On(http.MethodHead, untilPut), On(http.MethodPut, ReplyOnly(Response(status, ""))),
		}})
	}
	return rows
}

// propfind says whether there is a file, as WebDAV does.
func propfind(x *Exchange) {
	if _, ok := x.s.file(x.Request.URL.Path); !ok {
		x.Send(Response(http.StatusNotFound, ""))
		return
	}
	x.Send(Response(http.StatusMultiStatus, `<?xml version="1.0"?><multistatus xmlns="DAV:"/>`, "Content-Type: application/xml"))
}

// wantsCertificate is a server that ends the connection of whoever presents no client certificate.
func wantsCertificate(name string, version uint16) HTTPSRow {
	return HTTPSRow{Name: name, Faults: []HTTPFault{func(s *HTTPS) {
		s.config.ClientAuth, s.config.MinVersion, s.config.MaxVersion = tls.RequireAnyClientCert, version, version
	}}}
}
