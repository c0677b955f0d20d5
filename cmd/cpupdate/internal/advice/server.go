package advice

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// A TransferRow says what a kind of trouble with a server means: the exit code, and what to do next.
type TransferRow struct {
	Kind transfer.Kind
	Code exit.Code
	Hint string
}

// TransferTable has a row for each kind. Code 7, which may pass, is for the kinds that [transfer.Error.Temporary] knows.
func TransferTable() []TransferRow {
	return []TransferRow{
		{transfer.KindUnreachable, exit.CodeUnreachable, "check the server's name and --port, that it runs, and the network and firewalls on the way"},
		{transfer.KindTimeout, exit.CodeUnreachable, "try again; check --method and --port (a port that is encrypted from the start says nothing to ftp and ftps); for a slow server raise --timeout; look for a firewall that lets the login through but not the data"},
		{transfer.KindBroken, exit.CodeUnreachable, "try again, more often with --retries; if it is cut at the same place each time, look into the server's log"},
		{transfer.KindBusy, exit.CodeUnreachable, "try again later, or more often with --retries"},
		{transfer.KindTrust, exit.CodeSettings, "name who signs the server's certificate with --ca FILE, or its key with --pin sha256:..."},
		{transfer.KindTLS, exit.CodeSettings, "check --method and --port: ftps begins without encryption and asks for TLS (usually port 21), https is encrypted from the start; if it is an old server, --legacy-tls speaks to it too: TLS 1.2 and an RSA key of 2048 bits are the least without"},
		{transfer.KindLogin, exit.CodeSettings, "check --username and the password, and whether the server lets this user in by this method"},
		{transfer.KindMissing, exit.CodeRejected, "check the folder (--path, or that of --base-url); by ftp and ftps --mkdir makes it"},
		{transfer.KindDenied, exit.CodeRejected, "have the server's administrator let this user write, rename and delete in the folder; by ftp and ftps --in-place does without renaming"},
		{transfer.KindExists, exit.CodeRejected, "send it under another name with --filename, or leave out --no-overwrite to replace what is there"},
		{transfer.KindFull, exit.CodeRejected, "make room on the server, or have the user's quota raised"},
		{transfer.KindName, exit.CodeRejected, "give it a plain name with --filename: letters, digits, dots and hyphens"},
		{transfer.KindRedirect, exit.CodeRejected, "an upload follows no redirect: if the address it points to is right, give that as --base-url"},
		{transfer.KindRefused, exit.CodeRejected, "the server's own words and its log say why; by https see whether the folder of --base-url exists, by ftp and ftps --in-place does without renaming"},
		{transfer.KindProtocol, exit.CodeRejected, "check that --method and --port fit the server; --verbose shows the dialogue"},
		{transfer.KindUnproven, exit.CodeUnverified, "let no phone fetch this file; send it again, and if that does not help look at the server's disk"},
	}
}

// TransferFailure turns what package transfer says into an error with the next step. The image's name is for trouble
// with the file itself; it may be empty where no file is sent. Settings that are wrong are taken for stored ones: for those
// that came from flags ask [settings.UsageError] first.
func TransferFailure(image string, err error) error {
	own, source := (*exit.Error)(nil), (*transfer.SourceError)(nil)
	setting, e := (*transfer.SettingError)(nil), (*transfer.Error)(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return WithLeft(err, LeftBy(err))
	case errors.As(err, &source):
		return WithLeft(images.Failure(image, source.Err), LeftBy(err))
	case errors.As(err, &setting):
		return exit.New(exit.CodeSettings, err, "set it with: cpupdate defaults set --"+setting.Setting+" ..., and look at all with: cpupdate defaults show")
	case errors.As(err, &e):
		return serverFailure(err, e)
	}
	return err
}

// serverFailure adds exit code and hints to what went wrong with a server.
func serverFailure(err error, e *transfer.Error) error {
	f := exit.New(exit.CodeRejected, err)
	for _, row := range TransferTable() {
		if row.Kind == e.Kind {
			f.Code, f.Hints = row.Code, []string{row.Hint}
		}
	}
	if stranger := trust.AsError(err); stranger != nil {
		f.Hints = knownhosts.TrustHints(e.Server, stranger)
	}
	if hints := knownhosts.WeakKeyHints(err); hints != nil {
		f.Hints = hints
	}
	if e.Kind == transfer.KindLogin && (e.Code == 332 || e.Code == 532) {
		f.Hints = []string{"this server wants an account besides the user name: --account"}
	}
	if e.Left != "" {
		f.Hints = append(f.Hints, leftHint(e))
	}
	return f
}

func leftHint(e *transfer.Error) string {
	return fmt.Sprintf("remove %s on the server: it could not be removed", e.Left)
}

// ServerEnded is [TransferFailure] for what Ctrl-C may have ended.
func ServerEnded(ctx context.Context, image string, err error) error {
	left := LeftBy(err)
	switch {
	case ctx.Err() == nil:
		return TransferFailure(image, err)
	case left == nil:
		return ctx.Err()
	}
	return exit.New(exit.CodeInterrupted, &leftError{errors.New("interrupted"), left}, "look at it on the server, and remove it if it is not wanted")
}

// A leftError is anything that ended a transfer and left something behind. The server's error is no cause of it, but
// tells programs what was left.
type leftError struct {
	err    error
	server *transfer.Error
}

func (e *leftError) Error() string { return e.err.Error() + "; left behind: " + e.server.Left }

func (e *leftError) Unwrap() error { return e.err }

// As finds the server's error.
func (e *leftError) As(target any) bool {
	server, ok := target.(**transfer.Error)
	if ok {
		*server = e.server
	}
	return ok
}

// LeftBy is the server's error if it names something that is left behind, else nil.
func LeftBy(err error) *transfer.Error {
	if e := (*transfer.Error)(nil); errors.As(err, &e) && e.Left != "" {
		return e
	}
	return nil
}

// WithLeft adds to a failure what is left behind on the server, if left is not nil.
func WithLeft(err error, left *transfer.Error) error {
	f := (*exit.Error)(nil)
	if left == nil || !errors.As(err, &f) || LeftBy(f.Err) != nil {
		return err
	}
	return exit.New(f.Code, &leftError{f.Err, left}, slices.Concat(f.Hints, []string{leftHint(left)})...)
}
