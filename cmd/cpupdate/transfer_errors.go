package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// A transferRow says what a kind of trouble with a server means: the exit code, and what to do next.
type transferRow struct {
	kind transfer.Kind
	code code
	hint string
}

// transferTable has a row for each kind. Code 7, which may pass, is for the kinds that [transfer.Error.Temporary] knows.
func transferTable() []transferRow {
	return []transferRow{
		{transfer.KindUnreachable, codeUnreachable, "check the server's name and --port, that it runs, and the network and firewalls on the way"},
		{transfer.KindTimeout, codeUnreachable, "try again; check --method and --port (a port that is encrypted from the start says nothing to ftp and ftps); for a slow server raise --timeout; look for a firewall that lets the login through but not the data"},
		{transfer.KindBroken, codeUnreachable, "try again, more often with --retries; if it is cut at the same place each time, look into the server's log"},
		{transfer.KindBusy, codeUnreachable, "try again later, or more often with --retries"},
		{transfer.KindTrust, codeSettings, "name who signs the server's certificate with --ca FILE, or its key with --pin sha256:..."},
		{transfer.KindTLS, codeSettings, "check --method and --port: ftps begins without encryption and asks for TLS (usually port 21), https is encrypted from the start; if it is an old server, --legacy-tls speaks to it too: TLS 1.2 and an RSA key of 2048 bits are the least without"},
		{transfer.KindLogin, codeSettings, "check --username and the password, and whether the server lets this user in by this method"},
		{transfer.KindMissing, codeRejected, "check the folder (--path, or that of --base-url); by ftp and ftps --mkdir makes it"},
		{transfer.KindDenied, codeRejected, "have the server's administrator let this user write, rename and delete in the folder; by ftp and ftps --in-place does without renaming"},
		{transfer.KindExists, codeRejected, "send it under another name with --filename, or leave out --no-overwrite to replace what is there"},
		{transfer.KindFull, codeRejected, "make room on the server, or have the user's quota raised"},
		{transfer.KindName, codeRejected, "give it a plain name with --filename: letters, digits, dots and hyphens"},
		{transfer.KindRedirect, codeRejected, "an upload follows no redirect: if the address it points to is right, give that as --base-url"},
		{transfer.KindRefused, codeRejected, "the server's own words and its log say why; by https see whether the folder of --base-url exists, by ftp and ftps --in-place does without renaming"},
		{transfer.KindProtocol, codeRejected, "check that --method and --port fit the server; --verbose shows the dialogue"},
		{transfer.KindUnproven, codeUnverified, "let no phone fetch this file; send it again, and if that does not help look at the server's disk"},
	}
}

// transferFailure turns what package transfer says into an error with the next step. The image's name is for trouble
// with the file itself; it may be empty where no file is sent. Settings that are wrong are taken for stored ones: for those
// that came from flags ask settingUsage first.
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
		return fail(codeSettings, err, "set it with: cpupdate defaults set --"+setting.Setting+" ..., and look at all with: cpupdate defaults show")
	case errors.As(err, &e):
		return serverFailure(err, e)
	}
	return err
}

// serverFailure adds exit code and hints to what went wrong with a server.
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
		f.hints = []string{"this server wants an account besides the user name: --account"}
	}
	if e.Left != "" {
		f.hints = append(f.hints, leftHint(e))
	}
	return f
}

func leftHint(e *transfer.Error) string {
	return fmt.Sprintf("remove %s on the server: it could not be removed", e.Left)
}

// serverEnded is transferFailure for what Ctrl-C may have ended.
func serverEnded(ctx context.Context, image string, err error) error {
	left := leftBy(err)
	switch {
	case ctx.Err() == nil:
		return transferFailure(image, err)
	case left == nil:
		return ctx.Err()
	}
	return fail(codeInterrupted, &leftError{errors.New("interrupted"), left}, "look at it on the server, and remove it if it is not wanted")
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

// leftBy is the server's error if it names something that is left behind, else nil.
func leftBy(err error) *transfer.Error {
	if e := (*transfer.Error)(nil); errors.As(err, &e) && e.Left != "" {
		return e
	}
	return nil
}

// withLeft adds to a failure what is left behind on the server, if left is not nil.
func withLeft(err error, left *transfer.Error) error {
	f := (*failure)(nil)
	if left == nil || !errors.As(err, &f) || leftBy(f.err) != nil {
		return err
	}
	return fail(f.code, &leftError{f.err, left}, slices.Concat(f.hints, []string{leftHint(left)})...)
}
