package badserver

import "strings"

// everyStep is the default dialogue of a client that sends a file.
func everyStep() []string {
	return []string{Greeting, "USER", "PASS", "FEAT", "TYPE", "CWD", "EPSV", "STOR", Complete, "SIZE", "RNFR", "RNTO"}
}

// everywhere is one action at every step.
func everywhere(name string, do Action) FTPRow {
	r := FTPRow{Name: name}
	for _, step := range everyStep() {
		r.Faults = append(r.Faults, Always(step, do))
	}
	return r
}

// multi makes one line many; the last one is the line itself.
func multi(between ...string) func(string) string {
	return func(reply string) string {
		first, last, found := reply[:3]+"-", reply, strings.Count(reply, "\n") == 1
		if !found {
			return reply
		}
		return first + "first\r\n" + strings.Join(between, "") + last
	}
}

// replyRows are replies that are odd, and yet can be understood.
func replyRows() []FTPRow {
	return []FTPRow{
		everywhere("split-replies", Slowly),
		everywhere("multi-line-replies", Bend(multi("second\r\n", " third\r\n"))),
		everywhere("multi-line-other-codes", Bend(multi("551 no\r\n", "421-later\r\n", "399 x\r\n", "99\r\n", "1\r\n", "\r\n"))),
		everywhere("multi-line-repeated-code", Bend(func(reply string) string { return multi(reply[:3] + "-again\r\n")(reply) })),
		everywhere("bare-lf", Bend(func(reply string) string { return strings.ReplaceAll(reply, "\r\n", "\n") })),
		everywhere("no-text", Bend(func(reply string) string {
			if strings.Count(reply, "\n") > 1 || strings.Contains("229 227 213", reply[:3]) {
				return reply
			}
			return reply[:3] + "\r\n"
		})),
		row("10000-line-greeting", Greeting, Bend(multi(strings.Repeat("line\r\n", 10_000)))),
		row("10000-line-complete", Complete, Bend(multi(strings.Repeat("line\r\n", 10_000)))),
		row("feat-refused", "FEAT", Say("502 Command not implemented.\r\n")),
		row("feat-one-line", "FEAT", Say("211 No features\r\n")),
		row("feat-garbage", "FEAT", Say("211-Features:\r\nMLST\r\n\x00\xff\r\n\t\r\n 211\r\n211 End\r\n")),
		row("opts-refused", "OPTS", Say("501 Option not understood.\r\n")),
		row("syst-refused", "SYST", Say("502 Command not implemented.\r\n")),
		row("pwd-refused", "PWD", Say("502 Command not implemented.\r\n")),
		row("pwd-garbage", "PWD", Say("257 nowhere\r\n")),
		row("quit-refused", "QUIT", Say("500 No.\r\n")),
		row("type-refused", "TYPE", Say("504 Not implemented for that parameter.\r\n")),
	}
}

// floodRows are replies without an end.
func floodRows() []FTPRow {
	long := strings.Repeat("x", 64<<10)
	rows := []FTPRow{
		row("64k-greeting", Greeting, Say("220 "+long+"\r\n")),
		row("64k-refusal", "STOR", Say("550 "+long+"\r\n")),
		row("endless-line-greeting", Greeting, EndlessAfter("220 ", "x")),
		row("endless-line-stor", "STOR", EndlessAfter("150 ", "x")),
		row("endless-line-complete", Complete, EndlessAfter("226 ", "x")),
		row("endless-multi-line-greeting", Greeting, EndlessAfter("220-first\r\n", "more\r\n")),
		row("endless-multi-line-complete", Complete, EndlessAfter("226-first\r\n", "more\r\n")),
		row("endless-feat", "FEAT", EndlessAfter("211-Features:\r\n", " UTF8\r\n")),
		row("endless-empty-lines", "USER", Endless("\r\n")),
		row("endless-zeros", "PASS", Endless("\x00")),
	}
	for _, step := range everyStep() {
		rows = append(rows, row("endless-1xx-at-"+strings.ToLower(step), step, Endless("150 Still at it.\r\n")))
	}
	return rows
}

// Escapes is what would do things to a terminal.
const Escapes = "\x1b[2J\x1b]0;owned\x07\x9b31m\u009b\u202e\x00\x08\x7f"

// hostileRows are replies that are unsafe to show.
func hostileRows() []FTPRow {
	return []FTPRow{
		row("greeting-escapes", Greeting, Say("220 "+Escapes+"\r\n")),
		row("greeting-escapes-refused", Greeting, Say("530 "+Escapes+"\r\n")),
		row("login-escapes", "PASS", Say("530 "+Escapes+"\r\n")),
		row("stor-550-escapes", "STOR", Say("550 "+Escapes+"\r\n")),
		row("complete-552-escapes", Complete, Say("552 "+Escapes+"\r\n")),
		row("not-utf8", "STOR", Say("550 \xff\xfe\xc3\x28\r\n")),
		row("carriage-returns", "STOR", Say("550 one\rtwo\rthree\r\n")),
		row("echo-password-refused", "PASS", Say("530 "+User+" cannot log in with "+Password+".\r\n")),
		row("echo-password-multi-line", "PASS", Say("530-You sent:\r\nPASS "+Password+"\r\n530 Go away.\r\n")),
		row("echo-password-later", "STOR", Say("550 denied to "+User+":"+Password+"\r\n")),
		row("echo-password-accepted", "PASS", DoAndSay("230 Welcome, "+User+"/"+Password+".\r\n")),
		row("echo-password-garbage", "PASS", Say("PASS "+Password+"\r\n")),
		row("echo-account", "PASS", Say("530 "+Account+"\r\n")),
		row("no-line-end-then-close", "USER", SayAndClose("331 Password")),
		row("no-line-end-complete", Complete, SayAndClose("226 Done")),
		row("garbage-greeting", Greeting, Say("SSH-2.0-OpenSSH_9.9\r\n")),
		row("http-greeting", Greeting, Say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")),
		row("garbage-user", "USER", Say("what?\r\n")),
		row("garbage-stor", "STOR", Say("\x00\x01\x02\x03\r\n")),
		row("garbage-complete", Complete, Say("??? done\r\n")),
		row("code-too-short", "USER", Say("33 Password\r\n")),
		row("code-too-long", "USER", Say("3311 Password\r\n")),
		row("code-of-no-class", "USER", Say("931 Password\r\n")),
		row("code-000", "USER", Say("000 Password\r\n")),
		row("multi-line-cut", "PASS", SayAndClose("230-Welcome\r\nhalf")),
		row("two-replies-at-once", "TYPE", DoAndSay("200 Done.\r\n200 Done.\r\n")),
	}
}
