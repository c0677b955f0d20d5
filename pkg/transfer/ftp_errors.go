package transfer

import (
	"context"
	"errors"
	"net/textproto"
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
		failure := s.peer.fail(ctx, op, err)
		if done == nil && errors.As(failure, &done) {
			done.Data = done.Data || s.asksForData()
			if d := (*dataError)(nil); errors.As(err, &d) && d.port != "" {
				done.Err = d.with(done.Err)
			}
		}
		return failure
	}
	if source := (*SourceError)(nil); errors.As(err, &source) {
		return source
	}
	e := s.refuse(op, s.replyKind(op, err), reply{serverErr.Code, []string{serverErr.Msg}})
	e.Data = serverErr.Code == 425 || s.asksForData() || e.Kind == KindTLS && s.control != nil && s.control.transfers()
	return e
}

// asksForData reports whether the last command was for a data connection.
func (s *ftpStore) asksForData() bool {
	return s.control != nil && (s.control.verb == "EPSV" || s.control.verb == "PASV")
}

// replyKind returns the kind of a reply to the last command: what the server repeats of that is not the server's word.
func (s *ftpStore) replyKind(op string, err error) Kind {
	serverErr := (*textproto.Error)(nil)
	if s.control == nil || !errors.As(err, &serverErr) {
		return replyKind(op, err)
	}
	_, argument, _ := strings.Cut(s.control.command, " ")
	return replyKind(op, &textproto.Error{Code: serverErr.Code, Msg: plainWords(serverErr.Msg, argument)})
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

// localKind returns what a server means by 451, an error of its own. Pure-FTPd sends it too when it may not rename.
func localKind(text string) Kind {
	switch {
	case fullWords().MatchString(text):
		return KindFull
	case permissionWords().MatchString(text):
		return KindDenied
	case nameWords().MatchString(text):
		return KindName
	case existsWords().MatchString(text):
		return KindExists
	}
	return KindBusy
}

// deniedKind returns what a server means by 550, 551 or 553.
func deniedKind(op, text string) Kind {
	switch {
	case fullWords().MatchString(text):
		return KindFull
	case passingWords().MatchString(text):
		return KindBusy
	case nameWords().MatchString(text):
		return KindName
	case existsWords().MatchString(text) && !absentWords().MatchString(text):
		return KindExists
	case permissionWords().MatchString(text):
		return KindDenied
	case saysAbsent(550, text) && (op == OpRename || op == OpRemove):
		return KindRefused
	case op == "opening the folder" || saysAbsent(550, text):
		return KindMissing
	}
	return KindDenied
}
