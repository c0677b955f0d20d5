package record

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
)

// OnServer reports whether a NATS server has the journal.
func (s *Store) OnServer() bool { return s.Server.URL != "" }

// CheckServer refuses an address of a server that cannot be used, before anything is done. command is for the error.
func (s *Store) CheckServer(command string) error {
	switch {
	case !s.OnServer() && s.Server.Creds != "":
		return exit.Usage(command, "--nats-creds is about the server of --nats, which is missing")
	case !s.OnServer() && s.Server.CA != "":
		return exit.Usage(command, "--nats-ca is about the server of --nats, which is missing")
	case !s.OnServer():
		return nil
	case s.Flag != "":
		return exit.Usage(command, "--journal cannot be used with --nats: the server has the journal")
	}
	if err := s.Server.Check(); err != nil {
		return exit.Usage(command, "--nats: %w", err)
	}
	return nil
}

// ServerFlags returns the flags that say which server has the journal, as a shell takes them; "" without a server. At a site the login is left
// out: other commands are given at the centre, which has its own.
func (s *Store) ServerFlags() string {
	if !s.OnServer() {
		return ""
	}
	text := "--nats " + exit.Word(s.Server.URL)
	if s.Server.Site != "" {
		return text
	}
	if s.Server.Creds != "" {
		text += " --nats-creds " + exit.Word(s.Server.Creds)
	}
	if s.Server.CA != "" {
		text += " --nats-ca " + exit.Word(s.Server.CA)
	}
	return text
}

// OpenServer opens the journal on the server. The error has an exit code and a hint.
func (s *Store) OpenServer(ctx context.Context) (*jetstream.Ledger, error) {
	ledger, err := jetstream.Open(ctx, s.Server)
	switch {
	case errors.Is(err, jetstream.ErrOptions):
		return nil, exit.New(exit.CodeSettings, err, "name a file that contains it with --nats-creds or --nats-ca")
	case err != nil:
		return nil, Error(err)
	}
	return ledger, nil
}

// serverError returns the error of a journal on a server with exit code and hint.
func serverError(e *journal.Error) error {
	unknown, invalid := (*tls.CertificateVerificationError)(nil), x509.UnknownAuthorityError{}
	if errors.As(e, &unknown) || errors.As(e, &invalid) {
		return exit.New(exit.CodeSettings, e, "name the file with the certificate of the authority that signed the server's with --nats-ca FILE; check that the name in the address is one of its certificate")
	}
	switch {
	case errors.Is(e, jetstream.ErrNoTLS):
		return exit.New(exit.CodeSettings, e, "give the server a certificate (docs/sites.md); if it is on this machine, nats:// in the place of tls:// does without")
	case errors.Is(e, jetstream.ErrNoLogins):
		return exit.New(exit.CodeSettings, e, "add the users of docs/sites.md to the server's configuration; without them, omit --nats-creds")
	case errors.Is(e, jetstream.ErrNoAnswer), errors.Is(e, jetstream.ErrNoStream):
		return exit.New(exit.CodeSettings, e, "enable JetStream on the server, and for this account: docs/sites.md; if the stream was removed, make the rollout again at the centre")
	}
	code := exit.CodeSettings
	if errors.Is(e.Kind, journal.ErrUnreachable) {
		code = exit.CodeUnreachable
	}
	for _, row := range []struct {
		kind error
		hint string
	}{
		{journal.ErrUnreachable, "check that the server runs, and that firewalls let this machine reach it, then try again"},
		{journal.ErrDenied, "use the login of this site or of the centre with --nats-creds FILE; docs/sites.md shows which permissions each needs"},
		{journal.ErrFull, "make room on the server: docs/sites.md says how much a rollout needs"},
		{journal.ErrForeign, "use another server or account; this stream is left as it is"},
		{journal.ErrNewer, "use the cpupdate that wrote it, or a newer one"},
		{journal.ErrDamaged, "find out who wrote the message: its subject names the site; docs/sites.md says how to go on"},
		{journal.ErrGone, "at the centre, make a rollout first: cpupdate rollout plan IMAGE --phones FILE"},
	} {
		if errors.Is(e.Kind, row.kind) {
			return exit.New(code, e, row.hint)
		}
	}
	return exit.New(code, e, "look into the log of the server")
}

// isOfServer reports whether an error is about a journal on a server.
func isOfServer(e *journal.Error) bool { return strings.Contains(e.Place, "://") }
