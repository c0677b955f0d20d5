package badserver

import (
	"strings"
)

// shaped has EPSV or PASV answer with another text around the same numbers.
func shaped(verb string, shape func(numbers string) string) Action {
	return Bend(func(reply string) string {
		first, last := strings.Index(reply, "("), strings.Index(reply, ")")
		if first < 0 || last < first {
			return reply
		}
		code := map[string]string{"PASV": "227 ", "EPSV": "229 "}[verb]
		return code + shape(reply[first+1:last]) + "\r\n"
	})
}

// FormRows are replies in other forms than most servers', which standard or practice know.
func FormRows() []FTPRow {
	noEPSV := Always("EPSV", Say("500 Unknown command.\r\n"))
	noPASV := Always("PASV", Say("500 Unknown command.\r\n"))
	pasv := func(name string, shape func(string) string) FTPRow {
		return with(row(name, "PASV", shaped("PASV", shape)), noEPSV)
	}
	epsv := func(name string, shape func(string) string) FTPRow {
		return with(row(name, "EPSV", shaped("EPSV", shape)), noPASV)
	}
	rows := []FTPRow{
		pasv("pasv-bare", func(n string) string { return "Entering Passive Mode " + n }),
		pasv("pasv-equals", func(n string) string { return "=" + n }),
		pasv("pasv-blanks", func(n string) string { return "Entering Passive Mode ( " + strings.ReplaceAll(n, ",", ", ") + " )." }),
		pasv("pasv-text-around", func(n string) string { return "(ok) Passive on 127.0.0.1 [" + n + "] (port open for 60 s)" }),
		pasv("pasv-brackets", func(n string) string { return "Entering Passive Mode [" + n + "]" }),
		with(row("pasv-200", "PASV", Bend(func(reply string) string { return "200" + reply[3:] })), noEPSV),
		with(row("pasv-two-groups", "PASV", Bend(func(reply string) string { return strings.Replace(reply, "\r\n", " or 1,2,3,4,5,6\r\n", 1) })), noEPSV),
		epsv("epsv-other-sign", func(n string) string { return "Extended (" + strings.ReplaceAll(n, "|", "!") + ")" }),
		epsv("epsv-bare", func(n string) string { return "Entering Extended Passive Mode " + n }),
		epsv("epsv-full", func(n string) string { return "Extended (|1|127.0.0.1|" + strings.Trim(n, "|") + "|)" }),
		row("stor-151", "STOR", Bend(func(reply string) string { return strings.Replace(reply, "150", "151", 1) })),
		row("complete-200", Complete, Say("200 Done.\r\n")),
		row("greeting-200", Greeting, Say("200 Ready.\r\n")),
		row("pass-200", "PASS", LogIn("200 Welcome.\r\n")),
		row("opts-421", "OPTS", SayAndClose("421 Too many users.\r\n")),
		silent(row("opts-silent", "OPTS", func(c *Call) { c.Silence() })),
	}
	for _, code := range []string{"202", "211", "250", "331", "451", "500", "501", "502", "503", "530", "550"} {
		rows = append(rows, row("opts-"+code, "OPTS", Say(code+" UTF8.\r\n")))
	}
	secure := []FTPRow{
		row("auth-200", "AUTH", Bend(func(string) string { return "200 Go ahead.\r\n" })),
		row("auth-334", "AUTH", Bend(func(string) string { return "334 Go ahead.\r\n" })),
		{Name: "auth-ssl-only", Faults: []Fault{func(s *FTP) { s.onlySSL = true }}},
		with(FTPRow{Name: "auth-ssl-only-234-late", Faults: []Fault{func(s *FTP) { s.onlySSL = true }}}, Once("AUTH", Say("500 AUTH not understood.\r\n"))),
		row("pbsz-250", "PBSZ", DoAndSay("250 PBSZ=0\r\n")),
		row("pbsz-202", "PBSZ", DoAndSay("202 Not needed.\r\n")),
		row("prot-250", "PROT", DoAndSay("250 Private.\r\n")),
		row("prot-234", "PROT", DoAndSay("234 Private.\r\n")),
		{Name: "tls-strict-end", Faults: []Fault{func(s *FTP) { s.strict = true }}},
		{Name: "tls-strict-end-list", Faults: []Fault{func(s *FTP) { s.strict = true }, Without("SIZE"), Without("MLST")}},
		row("retr-426-at-the-end", "RETR "+Incoming, Bend(func(string) string { return "426 Failure writing network stream.\r\n" })),
		row("retr-cut-at-the-end", "RETR "+Incoming, Cut),
	}
	for i := range secure {
		secure[i].TLS = true
	}
	return append(rows, secure...)
}
