package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// A transferRow maps a kind of server error to the exit code and the hint.
type transferRow struct {
	kind transfer.Kind
	code code
	hint string
}

// transferTable returns a row for each kind. The kinds that [transfer.Error.Temporary] reports have code 7.
func transferTable() []transferRow {
	return []transferRow{
		{transfer.KindUnreachable, codeUnreachable, "check the server's name and --port, that the server runs, and the network and firewalls on the route"},
		{transfer.KindTimeout, codeUnreachable, "try again; check --method and --port (a port that is encrypted from the start does not answer ftp and ftps); for a slow server, raise --timeout; look for a firewall that allows the login but blocks the data connection"},
		{transfer.KindBroken, codeUnreachable, "try again, or raise --retries; if the transfer is cut off at the same point each time, check the server's log"},
		{transfer.KindBusy, codeUnreachable, "try again later, or raise --retries"},
		{transfer.KindTrust, codeSettings, "give the CA of the server's certificate with --ca FILE, or its key with --pin sha256:..."},
		{transfer.KindTLS, codeSettings, "check --method and --port: ftps starts unencrypted and then requests TLS (usually port 21), https is encrypted from the start; if it is an old server, use --legacy-tls: without it, TLS 1.2 and an RSA key of 2048 bits are the minimum"},
		{transfer.KindLogin, codeSettings, "check --username and the password, and whether the server allows this user to log in with this method"},
		{transfer.KindMissing, codeRejected, "check the folder (--path, or that of --base-url); with ftp and ftps, create it with --mkdir"},
		{transfer.KindDenied, codeRejected, "ask the server's administrator to let this user write, rename and delete in the folder; with ftp and ftps, use --in-place if the user must not rename"},
		{transfer.KindExists, codeRejected, "use another name with --filename, or omit --no-overwrite to replace the existing file"},
		{transfer.KindFull, codeRejected, "free space on the server, or raise the user's quota"},
		{transfer.KindName, codeRejected, "choose a plain name with --filename: letters, digits, dots and hyphens"},
		{transfer.KindRedirect, codeRejected, "if the address of the redirect is right, use it as --base-url: an upload does not follow redirects"},
		{transfer.KindRefused, codeRejected, "see the server's message above and its log; with https, check that the folder of --base-url exists; with ftp and ftps, try --in-place, which does not rename"},
		{transfer.KindProtocol, codeRejected, "check that --method and --port fit the server; show the dialogue with --verbose"},
		{transfer.KindUnproven, codeUnverified, "let no phone fetch this file; send it again, and if that does not help, check the server's disk"},
	}
}

// transferFailure turns an error of package transfer into a failure with a hint. The image's name is for errors of the
// file itself; it may be empty if no file is sent. Invalid settings are taken for stored ones: call settingUsage first
// for those that came from flags.
func transferFailure(image string, err error) error {
	own, source := (*failure)(nil), (*transfer.SourceError)(nil)
	setting, e := (*transfer.SettingError)(nil), (*transfer.Error)(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return withLeft(err, leftBy(err))
	case errors.As(err, &source):
		return withLeft(imageFailure(image, source.Err), leftBy(err))
	case errors.As(err, &setting):
		return fail(codeSettings, err, "set it with: cpupdate defaults set --"+setting.Setting+" ...; show all settings with: cpupdate defaults show")
	case errors.As(err, &e):
		return serverFailure(err, e)
	}
	return err
}

// serverFailure returns the failure for a server error, with exit code and hints.
func serverFailure(err error, e *transfer.Error) error {
	f := fail(codeRejected, err)
	for _, row := range transferTable() {
		if row.kind == e.Kind {
			f.code, f.hints = row.code, []string{row.hint}
		}
	}
	if stranger := trust.AsError(err); stranger != nil {
		f.hints = trustHints(e.Server, stranger)
	}
	if hints := weakKeyHints(err); hints != nil {
		f.hints = hints
	}
	if e.Kind == transfer.KindLogin && (e.Code == 332 || e.Code == 532) {
		f.hints = []string{"give an account with --account: this server requires one in addition to the user name"}
	}
	if e.Left != "" {
		f.hints = append(f.hints, leftHint(e))
	}
	return f
}

func leftHint(e *transfer.Error) string {
	return fmt.Sprintf("remove %s on the server: cpupdate could not remove it", e.Left)
}

// serverEnded returns the failure for a transfer that may have been interrupted.
func serverEnded(ctx context.Context, image string, err error) error {
	left := leftBy(err)
	switch {
	case ctx.Err() == nil:
		return transferFailure(image, err)
	case left == nil:
		return ctx.Err()
	}
	return fail(codeInterrupted, &leftError{errors.New("interrupted"), left}, "check the file on the server, and remove it if it is not wanted")
}

// A leftError is an error that ended a transfer and left a file behind. The server's error is not its cause, but says
// what was left.
type leftError struct {
	err    error
	server *transfer.Error
}

func (e *leftError) Error() string { return e.err.Error() + "; left behind: " + e.server.Left }
func (e *leftError) Unwrap() error { return e.err }

// As returns the server's error to [errors.As].
func (e *leftError) As(target any) bool {
	server, ok := target.(**transfer.Error)
	if ok {
		*server = e.server
	}
	return ok
}

// leftBy returns the server's error if it names a file that was left behind, or nil.
func leftBy(err error) *transfer.Error {
	if e := (*transfer.Error)(nil); errors.As(err, &e) && e.Left != "" {
		return e
	}
	return nil
}

// withLeft adds the file that was left on the server to a failure, if left is not nil.
func withLeft(err error, left *transfer.Error) error {
	f := (*failure)(nil)
	if left == nil || !errors.As(err, &f) || leftBy(f.err) != nil {
		return err
	}
	return fail(f.code, &leftError{f.err, left}, slices.Concat(f.hints, []string{leftHint(left)})...)
}
