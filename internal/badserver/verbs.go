package badserver

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"path"
	"strings"
)

// verbs are the commands that are answered with one reply and no data.
func (s *session) verbs() map[string]func(arg string) string {
	say := func(reply string) func(string) string { return func(string) string { return reply } }
	verbs := map[string]func(string) string{
		"USER": s.userVerb, "PASS": s.passVerb, "ACCT": say("230 Welcome.\r\n"),
		"PBSZ": s.pbszVerb, "PROT": s.protVerb,
		"FEAT": s.featVerb, "OPTS": say("200 Done.\r\n"), "SYST": say("215 UNIX Type: L8\r\n"), "NOOP": say("200 Done.\r\n"),
		"TYPE": s.typeVerb, "PWD": s.pwdVerb, "CWD": s.cwdVerb, "CDUP": func(string) string { return s.cwdVerb("..") },
		"MKD": s.mkdVerb, "EPSV": s.epsvVerb, "PASV": s.pasvVerb,
		"SIZE": s.sizeVerb, "MLST": s.mlstVerb, "DELE": s.deleVerb, "RNFR": s.rnfrVerb, "RNTO": s.rntoVerb,
		"ABOR": say("226 Nothing to abort.\r\n"),
	}
	if s.srv.knows("HASH") {
		verbs["HASH"] = s.hashVerb
	}
	if s.srv.knows("XSHA256") {
		verbs["XSHA256"] = s.xsha256Verb
	}
	return verbs
}

func (s *session) userVerb(arg string) string {
	if s.srv.secure && s.conn == net.Conn(s.tcp) {
		return "530 TLS first.\r\n"
	}
	s.user = arg
	return "331 Password, please.\r\n"
}

func (s *session) passVerb(arg string) string {
	if s.user != User || arg != Password {
		return "530 Login incorrect.\r\n"
	}
	s.loggedIn = true
	return "230 Welcome.\r\n"
}

func (s *session) pbszVerb(string) string {
	if s.conn == net.Conn(s.tcp) {
		return "503 TLS first.\r\n"
	}
	return "200 PBSZ=0\r\n"
}

func (s *session) protVerb(arg string) string {
	if s.conn == net.Conn(s.tcp) || (arg != "P" && arg != "C") {
		return "503 TLS first.\r\n"
	}
	s.private = arg == "P"
	return "200 Done.\r\n"
}

func (s *session) featVerb(string) string {
	return "211-Features:\r\n " + strings.Join(s.srv.features, "\r\n ") + "\r\n211 End\r\n"
}

func (s *session) typeVerb(arg string) string {
	if arg != "I" && arg != "A" {
		return "504 No such type.\r\n"
	}
	s.ascii = arg == "A"
	return "200 Done.\r\n"
}

func (s *session) pwdVerb(string) string {
	return fmt.Sprintf("257 \"%s\" is where you are.\r\n", strings.ReplaceAll(s.folder, `"`, `""`))
}

func (s *session) cwdVerb(arg string) string {
	if !s.srv.hasFolder(s.path(arg)) {
		return "550 No such folder.\r\n"
	}
	s.folder = s.path(arg)
	return "250 There you are.\r\n"
}

func (s *session) mkdVerb(arg string) string {
	name := s.path(arg)
	switch {
	case s.srv.hasFolder(name):
		return "550 File exists.\r\n"
	case !s.srv.makeFolder(name):
		return "550 No such folder.\r\n"
	}
	return fmt.Sprintf("257 \"%s\" is made.\r\n", name)
}

func (s *session) epsvVerb(string) string {
	port, err := s.open()
	if err != nil {
		return "425 No port is free.\r\n"
	}
	return fmt.Sprintf("229 Come in (|||%d|)\r\n", port)
}

func (s *session) pasvVerb(string) string {
	port, err := s.open()
	if err != nil {
		return "425 No port is free.\r\n"
	}
	return fmt.Sprintf("227 Come in (127,0,0,1,%d,%d)\r\n", port>>8, port&0xff)
}

func (s *session) sizeVerb(arg string) string {
	content, ok := s.srv.file(s.path(arg))
	switch {
	case !ok:
		return "550 No such file.\r\n"
	case s.ascii:
		return "550 No sizes in ASCII mode.\r\n"
	}
	return fmt.Sprintf("213 %d\r\n", len(content))
}

func (s *session) mlstVerb(arg string) string {
	name := s.path(arg)
	content, ok := s.srv.file(name)
	switch {
	case s.srv.hasFolder(name):
		return fmt.Sprintf("250-Listing\r\n type=dir;modify=20260102030405; %s\r\n250 End\r\n", name)
	case !ok:
		return "550 No such file.\r\n"
	}
	return fmt.Sprintf("250-Listing\r\n type=file;size=%d;modify=20260102030405; %s\r\n250 End\r\n", len(content), name)
}

func (s *session) deleVerb(arg string) string {
	if !s.srv.remove(s.path(arg)) {
		return "550 No such file.\r\n"
	}
	return "250 Removed.\r\n"
}

func (s *session) rnfrVerb(arg string) string {
	if _, ok := s.srv.file(s.path(arg)); !ok {
		return "550 No such file.\r\n"
	}
	s.renaming = s.path(arg)
	return "350 And now?\r\n"
}

func (s *session) rntoVerb(arg string) string {
	from, to := s.renaming, s.path(arg)
	s.renaming = ""
	content, ok := s.srv.file(from)
	_, taken := s.srv.file(to)
	switch {
	case !ok:
		return "503 RNFR first.\r\n"
	case s.srv.hasFolder(to) || !s.srv.hasFolder(path.Dir(to)):
		return "553 Not a name for a file.\r\n"
	case taken && s.srv.noReplace:
		return "553 File exists.\r\n"
	}
	s.srv.remove(from)
	s.srv.Put(to, content)
	return "250 Renamed.\r\n"
}

func (s *session) digest(arg string) (string, int, bool) {
	content, ok := s.srv.file(s.path(strings.Trim(arg, `"`)))
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), len(content), ok
}

func (s *session) hashVerb(arg string) string {
	sum, size, ok := s.digest(arg)
	if !ok {
		return "550 No such file.\r\n"
	}
	return fmt.Sprintf("213 SHA-256 0-%d %s %s\r\n", max(0, size-1), sum, arg)
}

func (s *session) xsha256Verb(arg string) string {
	sum, _, ok := s.digest(arg)
	if !ok {
		return "550 No such file.\r\n"
	}
	return "250 " + sum + "\r\n"
}

// content is what a command that sends data has to send, or why there is none.
func (s *session) content(verb, arg string) (content []byte, refusal string) {
	if strings.HasPrefix(arg, "-") {
		_, arg, _ = strings.Cut(arg, " ")
	}
	name := s.path(arg)
	file, ok := s.srv.file(name)
	if verb == "RETR" {
		if !ok {
			return nil, "550 No such file.\r\n"
		}
		return file, ""
	}
	names := s.srv.list(name)
	folder := name
	if ok {
		names, folder = []string{path.Base(name)}, path.Dir(name)
	}
	var text strings.Builder
	for _, n := range names {
		if s.srv.hidden && !temporary(n) {
			continue
		}
		f, _ := s.srv.file(path.Join(folder, n))
		switch verb {
		case "NLST":
			fmt.Fprintf(&text, "%s\r\n", n)
		case "MLSD":
			fmt.Fprintf(&text, "type=file;size=%d;modify=20260102030405; %s\r\n", len(f), n)
		default:
			fmt.Fprintf(&text, "-rw-r--r-- 1 ftp ftp %12d Jan 02 03:04 %s\r\n", len(f), n)
		}
	}
	return []byte(text.String()), ""
}
