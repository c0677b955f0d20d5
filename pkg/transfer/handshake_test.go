package transfer_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// A peer is a server for a handshake.
type peer interface {
	Access() transfer.Access
	Trust() trust.Policy
	Pin() trust.Pin
	WaitClosed()
	Commands() []string
}

// TestHandshake: no more is said than what the handshake takes, whoever is believed.
func TestHandshake(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server peer
		said   []string
	}{
		"ftps":  {badserver.NewFTPS(t), []string{"AUTH TLS", "QUIT"}},
		"https": {badserver.NewHTTPS(t), nil},
		"ftp":   {badserver.NewFTP(t), nil}, // which shows nothing
	} {
		s := c.server
		if err := transfer.Handshake(t.Context(), s.Access(), transfer.Options{Trust: s.Trust()}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.WaitClosed()
		if got := s.Commands(); !slices.Equal(got, c.said) {
			t.Errorf("%s: it was told %q, want %q", name, got, c.said)
		}
		if name == "ftp" {
			continue
		}
		err := transfer.Handshake(t.Context(), s.Access(), transfer.Options{})
		stranger := trust.AsError(err)
		if e := (*transfer.Error)(nil); !errors.As(err, &e) || e.Kind != transfer.KindTrust || e.Server != s.Access().Address() || stranger == nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !stranger.UnknownPeer() || stranger.Presented != s.Pin() || stranger.Certificate == nil {
			t.Errorf("%s: %+v", name, stranger)
		}
		if err := transfer.Handshake(t.Context(), s.Access(), transfer.Options{Trust: trust.Policy{Known: []trust.Known{{Pin: s.Pin()}}}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHandshakeFails: what cannot be met is an error of its kind, in time.
func TestHandshakeFails(t *testing.T) {
	t.Parallel()
	gone := badserver.NewHTTPS(t).Access()
	gone.BaseURL = "https://127.0.0.1:1/"
	silent := badserver.NewFTPS(t, badserver.Always(badserver.Greeting, badserver.Silence))
	for name, c := range map[string]struct {
		access transfer.Access
		kind   transfer.Kind
	}{
		"nobody":       {gone, transfer.KindUnreachable},
		"silent":       {silent.Access(), transfer.KindTimeout},
		"no TLS":       {badserver.NewFTPS(t, badserver.Always("AUTH", badserver.Say("502 no\r\n"))).Access(), transfer.KindTLS},
		"not even FTP": {transfer.Access{Method: transfer.HTTPS, BaseURL: "https://" + badserver.NewFTP(t).Addr() + "/"}, transfer.KindTLS},
	} {
		o := transfer.Options{}
		if c.kind == transfer.KindTimeout {
			o.Timeout = silentLimit
		}
		err := transfer.Handshake(t.Context(), c.access, o)
		if e := (*transfer.Error)(nil); !errors.As(err, &e) || e.Kind != c.kind {
			t.Errorf("%s: %v, want %s", name, err, c.kind)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := transfer.Handshake(ctx, silent.Access(), transfer.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := transfer.Handshake(t.Context(), transfer.Access{Method: transfer.FTPS}, transfer.Options{}); err == nil {
		t.Error("no server is met")
	}
}

// TestKnownKeyIsHeld: who is known by one key is believed with no other, on no connection, whoever vouches for it.
func TestKnownKeyIsHeld(t *testing.T) {
	t.Parallel()
	for _, row := range badserver.FTPRows() {
		if !row.TLS || !strings.HasPrefix(row.Name, "data-certificate") && row.Name != "data-key-changed" {
			continue
		}
		s := row.Start(t)
		err := putKnown(t, s.Access(), s.Pin())
		e := trust.AsError(err)
		if e == nil || len(e.Known) != 1 || e.Presented == s.Pin() || e.UnknownPeer() {
			t.Errorf("%s: %v", row.Name, err)
		}
		s.WaitClosed()
		if len(s.Files()) > 0 {
			t.Errorf("%s: files arrived", row.Name)
		}
	}
	// By HTTPS it is the connection that is opened anew.
	other := badserver.NewHTTPS(t)
	changed := badserver.NewHTTPS(t)
	err := putKnown(t, changed.Access(), other.Pin())
	if e := trust.AsError(err); e == nil || len(e.Known) != 1 || e.Presented != changed.Pin() {
		t.Errorf("%v", err)
	}
	changed.WaitClosed()
	if len(changed.Commands()) > 0 {
		t.Errorf("who is not believed was told %q", changed.Commands())
	}
	if err := putKnown(t, changed.Access(), changed.Pin()); err != nil {
		t.Error(err)
	}
}

// putKnown sends a file to a server that is known by a key.
func putKnown(t *testing.T, access transfer.Access, pin trust.Pin) error {
	t.Helper()
	store, err := transfer.Dial(t.Context(), access, transfer.Options{Trust: trust.Policy{Known: []trust.Known{{Pin: pin}}}})
	if err != nil {
		return err
	}
	defer store.Close()
	content := strings.NewReader(strings.Repeat("x", 100_000))
	_, err = store.Put(t.Context(), transfer.Upload{Name: "a.bind", Content: io.NewSectionReader(content, 0, content.Size())})
	return err
}
