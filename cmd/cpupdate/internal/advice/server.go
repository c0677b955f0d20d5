package advice

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// A TransferRow maps a kind of server error to the exit code and the hint.
type TransferRow struct {
	Kind transfer.Kind
	Code exit.Code
	Hint string
}

// TransferTable returns a row for each kind. The kinds that [transfer.Error.Temporary] reports have code 7.
func TransferTable() []TransferRow {
	return []TransferRow{
		{transfer.KindUnreachable, exit.CodeUnreachable, "check the server's name and --port, that the server runs, and the network and firewalls on the route"},
		{transfer.KindMachine, exit.CodeUnreachable, "check this machine's network, and what it allows one program to open"},
		{transfer.KindTimeout, exit.CodeUnreachable, "try again; check --method and --port; with ftp and ftps, remember that a port that is encrypted from the start does not answer; for a slow server, raise --timeout; with ftp and ftps, look for a firewall that allows the login but blocks the data connection"},
		{transfer.KindBroken, exit.CodeUnreachable, "try again, or raise --retries; if the transfer is cut off at the same point each time, check the server's log"},
		{transfer.KindBusy, exit.CodeUnreachable, "try again later, or raise --retries"},
		{transfer.KindTrust, exit.CodeSettings, "give the CA of the server's certificate with --ca FILE, or its key with --pin sha256:..."},
		{transfer.KindTLS, exit.CodeSettings, "check --method and --port: ftps starts unencrypted and then requests TLS (usually port 21), https is encrypted from the start; if it is an old server, use --legacy-tls: TLS 1.2 and an RSA key of 2048 bits are the minimum otherwise; with --legacy-tls, no common cipher suite may be left: enable one with ECDHE or RSA key exchange on the server, because DHE and PSK are not supported"},
		{transfer.KindLogin, exit.CodeSettings, "check --username and the password, and whether the server allows this user to log in with this method"},
		{transfer.KindMissing, exit.CodeRejected, "check the folder (--path, or that of --base-url); with ftp and ftps, create it with --mkdir"},
		{transfer.KindDenied, exit.CodeRejected, "ask the server's administrator to let this user write, rename and delete in the folder"},
		{transfer.KindExists, exit.CodeRejected, "use another name with --filename; to replace the existing file, omit --no-overwrite"},
		{transfer.KindFull, exit.CodeRejected, "free space on the server, or raise the user's quota"},
		{transfer.KindName, exit.CodeRejected, "choose a plain name with --filename: letters, digits, dots and hyphens"},
		{transfer.KindRedirect, exit.CodeRejected, "if the address of the redirect is right, use it as --base-url: an upload does not follow redirects; if it is a page to log in, ask the server's administrator for an address that takes a login by HTTP (basic or digest)"},
		{transfer.KindRefused, exit.CodeRejected, "see the server's message above and its log; with https, check that the folder of --base-url exists"},
		{transfer.KindProtocol, exit.CodeRejected, "check that --method and --port fit the server; show the dialogue with --verbose"},
		{transfer.KindUnproven, exit.CodeUnverified, "let no phone fetch this file; send it again, and if that does not help, check the server's disk"},
	}
}

// ForMethod leaves out of hints the clauses about other transfer methods: those that begin with "with https" or "with ftp and
// ftps".
func ForMethod(method transfer.Method, hints []string) []string {
	other := "with ftp and ftps, "
	if method != transfer.HTTPS {
		other = "with https, "
	}
	var fit []string
	for _, hint := range hints {
		clauses := slices.DeleteFunc(strings.Split(hint, "; "), func(clause string) bool { return strings.HasPrefix(clause, other) })
		if len(clauses) > 0 {
			fit = append(fit, strings.Join(clauses, "; "))
		}
	}
	return fit
}

// TransferFailure turns an error of package transfer into a failure with a hint. The image's name is for errors of the
// file itself; it may be empty if no file is sent. Invalid settings are taken for stored ones: call [settings.UsageError] first
// for those that came from flags.
func TransferFailure(image string, err error) error {
	own, source := (*exit.Error)(nil), (*transfer.SourceError)(nil)
	setting, e := (*transfer.SettingError)(nil), (*transfer.Error)(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return WithLeft(err, LeftBy(err))
	case errors.As(err, &source) && source.Changed:
		return WithLeft(exit.New(exit.CodeImage, fmt.Errorf("%s: %w", images.DisplayName(image), source.Err), images.ChangedHint), LeftBy(err))
	case errors.As(err, &source):
		return WithLeft(images.Failure(image, source.Err), LeftBy(err))
	case errors.As(err, &setting):
		return exit.New(exit.CodeSettings, err, "set it with: cpupdate defaults set --"+setting.Setting+" ...; show all settings with: cpupdate defaults show")
	case errors.As(err, &e):
		return serverFailure(err, e)
	}
	return err
}

// serverFailure returns the failure for a server error, with exit code and hints.
func serverFailure(err error, e *transfer.Error) error {
	f := exit.New(exit.CodeRejected, err)
	for _, row := range TransferTable() {
		if row.Kind == e.Kind {
			f.Code, f.Hints = row.Code, []string{row.Hint}
		}
	}
	if presented := trust.AsError(err); presented != nil {
		f.Hints = knownhosts.TrustHints(e.Server, presented)
	}
	if hint := statusHint(e); hint != "" {
		f.Hints = []string{hint}
	} else if errors.Is(e, transfer.ErrClientCertificate) { // it may have nothing to do with that
		f.Hints = append(f.Hints, certificateHint)
	}
	f = withMachineHint(f)
	if hints := knownhosts.CertificateHints(err); hints != nil {
		f.Hints = hints
	}
	if hint := specialHint(e); hint != "" {
		f.Hints = []string{hint}
	}
	if e.Left != "" {
		f.Hints = append(f.Hints, leftHint(e))
	}
	return f
}

// specialHint returns the hint for an error whose step or reply says more than its kind; "" if none does.
func specialHint(e *transfer.Error) string {
	const inPlace = "use --in-place, which writes directly to the final name (phones may fetch half a file meanwhile)"
	switch {
	case e.Kind == transfer.KindLogin && (e.Code == 332 || e.Code == 532):
		return "give an account with --account: this server requires one in addition to the user name"
	case e.IsSlow():
		return "try again when the server and the line to it are less busy; if it stays so slow, use another server"
	case e.Data && e.Kind == transfer.KindTLS && e.Code != 0:
		return "the server requires data connections to resume the TLS session of the login: enable TLS 1.3 on the server, or session tickets with TLS 1.2 (ProFTPD: TLSSessionTickets on)"
	case e.Data && slices.Contains([]transfer.Kind{transfer.KindUnreachable, transfer.KindTimeout, transfer.KindBroken, transfer.KindRefused, transfer.KindProtocol}, e.Kind):
		return "the login works, but the data connection does not: open the ports of passive mode in the server's firewall and NAT, and let the server announce the address at which it can be reached"
	case e.Kind == transfer.KindBusy && e.Code != 421 && (e.Op == transfer.OpRename || e.Op == transfer.OpRemove):
		return "try again in some minutes: another program on the server uses the file, such as a virus scanner, or a phone fetches it"
	case e.Kind == transfer.KindExists && e.Untold:
		return "omit --no-overwrite if an existing file may be replaced, or let the server tell this user whether a file exists (SIZE, MLST or a listing)"
	case e.Kind == transfer.KindExists && e.Op == transfer.OpRename:
		return "this server does not replace a file by renaming: " + inPlace + ", or under another name with --filename"
	case e.Kind == transfer.KindExists && e.Code != 0 && e.Code != http.StatusPreconditionFailed:
		return "this server does not let the user replace the file: use another name with --filename, or ask the server's administrator"
	case (e.Kind == transfer.KindDenied || e.Kind == transfer.KindRefused) && e.Op == transfer.OpRename:
		return "ask the server's administrator to let this user write, rename and delete in the folder; if only renaming is forbidden, " + inPlace
	case e.Kind == transfer.KindName && e.Op == transfer.OpTemporary:
		return "ask the server's administrator to allow names that end with .part; otherwise " + inPlace
	case e.Kind == transfer.KindDenied && e.Op == transfer.OpRemove:
		return "ask the server's administrator to let this user write, rename and delete in the folder"
	}
	return ""
}

func leftHint(e *transfer.Error) string {
	if e.Unsure {
		return fmt.Sprintf("look for %s on the server, and remove it if it is not wanted", e.Left)
	}
	return fmt.Sprintf("remove %s on the server: cpupdate could not remove it", e.Left)
}

// ServerEnded returns the failure for a transfer that may have been interrupted.
func ServerEnded(ctx context.Context, image string, err error) error {
	left := LeftBy(err)
	switch {
	case ctx.Err() == nil:
		return TransferFailure(image, err)
	case left == nil:
		return ctx.Err()
	}
	return exit.New(exit.CodeInterrupted, &leftError{errors.New("interrupted"), left}, "check the file on the server, and remove it if it is not wanted")
}

// A leftError is an error that ended a transfer and left a file behind. The server's error is not its cause, but says
// what was left.
type leftError struct {
	err    error
	server *transfer.Error
}

func (e *leftError) Error() string {
	if e.server.Unsure {
		return e.err.Error() + "; may be there: " + e.server.Left
	}
	return e.err.Error() + "; left behind: " + e.server.Left
}

func (e *leftError) Unwrap() error { return e.err }

// As returns the server's error to [errors.As].
func (e *leftError) As(target any) bool {
	server, ok := target.(**transfer.Error)
	if ok {
		*server = e.server
	}
	return ok
}

// LeftBy returns the server's error if it names a file that was left behind, or nil.
func LeftBy(err error) *transfer.Error {
	if e := (*transfer.Error)(nil); errors.As(err, &e) && e.Left != "" {
		return e
	}
	return nil
}

// WithLeft adds the file that was left on the server to a failure, if left is not nil.
func WithLeft(err error, left *transfer.Error) error {
	f := (*exit.Error)(nil)
	if left == nil || !errors.As(err, &f) || LeftBy(f.Err) != nil {
		return err
	}
	return exit.New(f.Code, &leftError{f.Err, left}, slices.Concat(f.Hints, []string{leftHint(left)})...)
}
