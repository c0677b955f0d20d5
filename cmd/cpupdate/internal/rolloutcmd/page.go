package rolloutcmd

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/address"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/rollout/report"
	"github.com/cpupdate/cpupdate/pkg/rollout/report/live"
)

// PageOptions are the flags of rollout watch.
type PageOptions struct {
	Listen    string
	Cert, Key string // files
}

// pageDocument says where the page is.
type pageDocument struct {
	Schema int    `json:"schema"`
	Event  string `json:"event"` // ready
	Name   string `json:"name"`
	URL    string `json:"url"`
}

// Page serves the report of a rollout as a page until it is interrupted, which is its normal end.
func Page(ctx context.Context, env Env, o PageOptions, name string, now time.Time) error {
	security, err := o.security(ctx)
	if err != nil {
		return err
	}
	ledger, err := openJournal(ctx, env, name)
	if err != nil {
		return err
	}
	defer ledger.Close()
	listener, err := o.listen(ctx, security != nil)
	if err != nil {
		return err
	}
	defer listener.Close()
	serve := live.Options{
		Known: knownTo(o.host(), security),
		Report: report.Options{
			Location: now.Location(), Advice: func(kind string) string { return advice.HintOf(fleet.Kind(kind)) },
		},
	}
	if !loopback(listener) {
		serve.Token = rand.Text()
	}
	page, err := live.New(ctx, ledger, name, serve)
	if err != nil {
		return failure(env, name, err)
	}
	doc := pageDocument{1, "ready", name, o.url(listener, security, serve.Token)}
	if err := env.Console.Emit(doc, func(w io.Writer) {
		fmt.Fprintf(w, "%s\nthe page shows rollout %s and updates itself; press Ctrl-C to end\n", doc.URL, console.Escape(name))
	}); err != nil {
		return err
	}
	if err := servePage(ctx, page, listener, security); ctx.Err() == nil {
		return failure(env, name, err)
	}
	return nil
}

// servePage serves the page until the context ends or the journal or the listener fails.
func servePage(ctx context.Context, page *live.Page, l net.Listener, security *tls.Config) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	served := make(chan error, 1)
	go func() {
		err := page.Serve(ctx, l, security)
		stop(err)
		served <- err
	}()
	err := page.Follow(ctx)
	stop(err)
	if servedErr := <-served; err == nil {
		err = servedErr
	}
	return err
}

// security returns what the certificate of --service-cert amounts to; nil without one.
func (o PageOptions) security(ctx context.Context) (*tls.Config, error) {
	if (o.Cert == "") != (o.Key == "") {
		return nil, exit.Usage("rollout watch", "--service-cert and --service-key: give both or neither")
	}
	if o.Cert == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	pair, err := atomicfile.ReadKeyPair(ctx, o.Cert, o.Key)
	if err != nil {
		return nil, exit.New(exit.CodeSettings, fmt.Errorf("certificate %s: %w", o.Cert, exit.WithoutPath(err)), atomicfile.KeyPairHint(err))
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// listen opens the port. Other machines reach a page by HTTPS alone.
func (o PageOptions) listen(ctx context.Context, secure bool) (net.Listener, error) {
	host, port, err := net.SplitHostPort(o.Listen)
	if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
		return nil, exit.Usage("rollout watch", "--listen %s: must be [ADDR]:PORT, such as 127.0.0.1:8080", o.Listen)
	}
	if host != "" {
		if _, err := address.Host(host); err != nil {
			return nil, exit.Usage("rollout watch", "--listen: %w", err)
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return nil, exit.New(exit.CodeSettings, fmt.Errorf("listening on %s: %w", o.Listen, exit.WithoutPath(err)), "choose another address or port with --listen")
	}
	if !secure && !loopback(l) {
		_ = l.Close()
		return nil, exit.Usage("rollout watch", "--listen %s: other machines can reach this address, and the page has names and addresses: "+
			"give a certificate with --service-cert and --service-key, or listen on 127.0.0.1 and open the page through an SSH tunnel", o.Listen)
	}
	return l, nil
}

// host returns the host of --listen.
func (o PageOptions) host() string {
	host, _, _ := net.SplitHostPort(o.Listen)
	return host
}

// loopback reports whether only this machine reaches a listener.
func loopback(l net.Listener) bool {
	at, ok := l.Addr().(*net.TCPAddr)
	return ok && at.IP.IsLoopback()
}

// knownTo returns which names lead to the page: that of --listen, and those of the certificate.
func knownTo(host string, security *tls.Config) func(string) bool {
	return func(name string) bool {
		return host != "" && strings.EqualFold(name, host) || security != nil && security.Certificates[0].Leaf.VerifyHostname(name) == nil
	}
}

// url returns where the page is: at the name of --listen or of the certificate, if the address is any of this machine.
func (o PageOptions) url(l net.Listener, security *tls.Config, token string) string {
	host, port, _ := net.SplitHostPort(l.Addr().String())
	scheme := "http"
	if security != nil {
		scheme = "https"
		leaf := security.Certificates[0].Leaf
		names := slices.DeleteFunc(slices.Clone(leaf.DNSNames), func(name string) bool { return strings.HasPrefix(name, "*") })
		for _, ip := range leaf.IPAddresses {
			names = append(names, ip.String())
		}
		if at, ok := l.Addr().(*net.TCPAddr); ok && at.IP.IsUnspecified() && len(names) > 0 {
			host = names[0]
		}
	}
	if _, err := netip.ParseAddr(o.host()); err != nil && o.host() != "" {
		host = o.host()
	}
	at := url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port), Path: "/"}
	if token != "" {
		at.Path += token + "/"
	}
	return at.String()
}
