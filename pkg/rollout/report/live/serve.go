package live

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/netutil"
)

// Limits of the server.
const (
	maxConnections = 128
	maxStreams     = 64 // browsers that are told what changes
	maxRequests    = 16 // at the same time, on a connection of HTTP/2
	maxHeader      = 16 << 10
	headerTimeout  = 10 * time.Second
	idleTimeout    = time.Minute
	writeTimeout   = 30 * time.Second // for one write of at most writeSize
	writeSize      = 64 << 10
)

// Serve answers browsers until the context ends. t is nil for HTTP. The error is nil after the end of the context.
func (p *Page) Serve(ctx context.Context, l net.Listener, t *tls.Config) error {
	server := &http.Server{
		Handler: p, TLSConfig: t, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		HTTP2:       &http.HTTP2Config{MaxConcurrentStreams: maxRequests},
		ErrorLog:    slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	l = netutil.LimitListener(l, maxConnections)
	var err error
	if t != nil {
		err = server.ServeTLS(l, "", "")
	} else {
		err = server.Serve(l)
	}
	if ctx.Err() != nil || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// ServeHTTP answers GET and HEAD for the page and for what changes of it. Nobody else's page may read them, and nothing keeps them.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	moment, _, _ := p.now()
	for name, value := range map[string]string{
		"Content-Security-Policy": moment.Policy() + "; frame-ancestors 'none'", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
	} {
		w.Header().Set(name, value)
	}
	switch {
	case !p.knows(r.Host):
		http.Error(w, "This name is not one of this server. Use the address that cpupdate printed.", http.StatusMisdirectedRequest)
	case fromElsewhere(r):
		http.Error(w, "Another page must not read this one.", http.StatusForbidden)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Only GET and HEAD are answered.", http.StatusMethodNotAllowed)
	default:
		p.answer(w, r)
	}
}

// answer answers a path.
func (p *Page) answer(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if p.options.Token != "" {
		first, rest, found := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		path = ""
		if subtle.ConstantTimeCompare([]byte(first), []byte(p.options.Token)) == 1 && found {
			path = "/" + rest
		}
	}
	switch path {
	case "/":
		p.servePage(w, r)
	case "/events":
		p.serveEvents(w, r)
	default:
		http.Error(w, "There is nothing here. Use the address that cpupdate printed.", http.StatusNotFound)
	}
}

// knows reports whether a request is for this server. A page of another site that has its own name lead here is not answered: its
// requests have its name. An IP address needs no look: no name has led there.
func (p *Page) knows(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(strings.TrimSuffix(host, "."), "[]"))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "localhost" || host != "" && p.options.Known != nil && p.options.Known(host)
}

// fromElsewhere reports whether a page of another site has made the request. A link to the page may be anywhere.
func fromElsewhere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		origin := r.Header.Get("Origin") // an old browser
		return origin != "" && origin != "http://"+r.Host && origin != "https://"+r.Host
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}

// servePage sends the whole page.
func (p *Page) servePage(w http.ResponseWriter, r *http.Request) {
	moment, _, _ := p.now()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if r.Method == http.MethodHead {
		return
	}
	_ = moment.WriteHTML(slowWriter{w, http.NewResponseController(w)}, p.position(moment.Position())) // whoever has gone gets no answer
}

// A slowWriter gives each write a time limit, so that a browser that does not read loses its connection.
type slowWriter struct {
	to      http.ResponseWriter
	control *http.ResponseController
}

// Write writes at most writeSize at a time.
func (s slowWriter) Write(data []byte) (n int, err error) {
	for len(data) > 0 {
		part := data[:min(len(data), writeSize)]
		_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // a writer of a test has none
		m, err := s.to.Write(part)
		n += m
		if err != nil {
			return n, err
		}
		data = data[m:]
	}
	return n, nil
}
