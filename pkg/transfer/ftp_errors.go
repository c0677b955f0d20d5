package transfer

import (
	"context"
	"errors"
	"net/textproto"
	"regexp"
	"strings"
)

// replyError returns the error of an unexpected reply.
func replyError(r reply) error { return &textproto.Error{Code: r.code, Msg: r.text()} }

// refuse returns the error of a reply whose kind is known.
func (s *ftpStore) refuse(op string, kind Kind, r reply) *Error {
	return &Error{Op: op, Server: s.address, Kind: kind, Code: r.code, Reply: s.words(r.text())}
}

// fail turns any error into what Put returns. The server's own words win over what the network says.
func (s *ftpStore) fail(ctx context.Context, op string, err error) error {
	serverErr := (*textproto.Error)(nil)
	done := (*Error)(nil)
	if ctx.Err() != nil || errors.As(err, &done) || !errors.As(err, &serverErr) {
		err = s.peer.fail(ctx, op, err)
		if done == nil && errors.As(err, &done) {
			done.Data = done.Data || s.asksForData()
		}
		return err
	}
	if source := (*SourceError)(nil); errors.As(err, &source) {
		return source
	}
	e := s.refuse(op, replyKind(op, err), reply{serverErr.Code, []string{serverErr.Msg}})
	e.Data = serverErr.Code == 425 || s.asksForData()
	return e
}

// asksForData reports whether the last command was for a data connection.
func (s *ftpStore) asksForData() bool {
	return s.control != nil && (s.control.verb == "EPSV" || s.control.verb == "PASV")
}

// replyKind returns the kind of a reply, by its code (RFC 959, 4.2) and by the step; servers use one code for many things,
// so that their words have to help. It returns "" if err holds no reply.
func replyKind(op string, err error) Kind {
	serverErr := (*textproto.Error)(nil)
	if !errors.As(err, &serverErr) {
		return ""
	}
	text := strings.ToLower(serverErr.Msg)
	switch code := serverErr.Code; {
	case code == 421 || code == 450:
		return KindBusy
	case op == "starting TLS" || op == "protecting the data":
		return KindTLS
	case code == 425 && strings.Contains(text, "operation not permitted"):
		return KindTLS // ProFTPD's words for a data connection that does not resume the TLS session
	case code == 425 || code == 426:
		if fullWords().MatchString(text) {
			return KindFull
		}
		return KindBroken
	case code == 452 || code == 552:
		return KindFull
	case code == 451:
		return localKind(text)
	case code == 530 && tooManyWords().MatchString(text):
		return KindBusy
	case code == 332 || code == 430 || code == 530 || code == 532:
		return KindLogin
	case code == 431 || code == 522 || code == 533 || code == 534 || code == 535 || code == 536:
		return KindTLS
	case op == "logging in" && code >= 500:
		return KindLogin
	case code < 400:
		return KindProtocol
	case code == 500 || code == 501 || code == 502 || code == 503 || code == 504:
		return KindRefused
	}
	return deniedKind(op, text)
}

// tooManyWords matches the words of a server that is full: ProFTPD sends them with the code of a wrong login.
func tooManyWords() *regexp.Regexp { return regexp.MustCompile(`too many|maximum number`) }

// localKind returns what a server means by 451, an error of its own. Pure-FTPd sends it too when it may not rename.
func localKind(text string) Kind {
	switch {
	case fullWords().MatchString(text):
		return KindFull
	case permissionWords().MatchString(text):
		return KindDenied
	}
	return KindBusy
}

// deniedKind returns what a server means by 550, 551 or 553.
func deniedKind(op, text string) Kind {
	switch {
	case fullWords().MatchString(text):
		return KindFull
	case strings.Contains(text, "name") && strings.Contains(text, "long"), strings.Contains(text, "filename"), strings.Contains(text, "file name"):
		return KindName
	case strings.Contains(text, "exists"):
		return KindExists
	case permissionWords().MatchString(text):
		return KindDenied
	case op == "opening the folder" || strings.Contains(text, "no such"):
		return KindMissing
	}
	return KindDenied
}

// permissionWords matches the words of a server that forbids something.
func permissionWords() *regexp.Regexp { return regexp.MustCompile(`permi|denied|read-only`) }

// fullWords matches the words of a server whose disk is full: "Failure writing to local file" is vsftpd's for it, "Error
// during write to file" Pure-FTPd's, and ProFTPD has "Input/output error" when a write ended halfway.
func fullWords() *regexp.Regexp {
	return regexp.MustCompile(`quota|no space|disk full|file too large|too big|failure writing|error during write|input/output error|insufficient|exceed`)
}
