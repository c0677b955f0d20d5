package badserver

import "strings"

// LogIn lets in whoever it is, and replies so.
func LogIn(raw string) Action {
	return func(c *Call) {
		c.s.loggedIn = true
		c.Send(raw)
	}
}

// loginRows are ways to log in, and not to.
func loginRows() []FTPRow {
	in := LogIn
	let := in("230 Welcome.\r\n")
	return []FTPRow{
		row("user-530", "USER", Say("530 No such user.\r\n")),
		row("user-230", "USER", let),
		row("user-232", "USER", in("232 Logged in by certificate.\r\n")),
		row("pass-530", "PASS", Say("530 Login incorrect.\r\n")),
		row("pass-202", "PASS", in("202 Superfluous.\r\n")),
		with(row("user-332-acct-230", "USER", Say("332 Account, please.\r\n")), Always("ACCT", let)),
		with(row("user-332-acct-331", "USER", Say("332 Account, please.\r\n")), Always("ACCT", Say("331 Password, please.\r\n"))),
		with(row("pass-332-acct-230", "PASS", DoAndSay("332 Account, please.\r\n")), Always("ACCT", let)),
		with(row("pass-332-acct-202", "PASS", DoAndSay("332 Account, please.\r\n")), Always("ACCT", in("202 Superfluous.\r\n"))),
		with(row("pass-332-acct-530", "PASS", Say("332 Account, please.\r\n")), Always("ACCT", Say("530 No such account.\r\n"))),
		with(row("acct-332-for-ever", "PASS", Say("332 Account, please.\r\n")), Always("ACCT", Say("332 Account, please.\r\n"))),
		row("user-331-for-ever", "PASS", Say("331 Password, please.\r\n")),
		row("greeting-120-then-220", Greeting, Say("120 Ready in a minute.\r\n220 Ready.\r\n")),
		row("greeting-530", Greeting, Say("530 Not from there.\r\n")),
		row("greeting-554", Greeting, Say("554 No service.\r\n")),
		row("greeting-closed", Greeting, func(c *Call) { c.Close() }),
		row("greeting-reset", Greeting, func(c *Call) { c.Reset() }),
		silent(row("greeting-never", Greeting, func(c *Call) { c.Silence() })),
		silent(row("greeting-120-never", Greeting, func(c *Call) {
			c.Send("120 Ready in a minute.\r\n")
			c.Silence()
		})),
	}
}

// busyRows say 421 at each step, always and once, and cut the connection there.
func busyRows() []FTPRow {
	var rows []FTPRow
	for _, step := range everyStep() {
		at := strings.ToLower(step)
		rows = append(rows,
			row("421-at-"+at, step, SayAndClose("421 Too many users.\r\n")),
			once("421-once-at-"+at, step, SayAndClose("421 Too many users.\r\n")),
			row("cut-at-"+at, step, func(c *Call) { c.Close() }),
			once("cut-once-at-"+at, step, func(c *Call) { c.Close() }),
			row("reset-at-"+at, step, func(c *Call) { c.Reset() }),
		)
	}
	return rows
}

// silentRows never answer at a step.
func silentRows() []FTPRow {
	var rows []FTPRow
	for _, step := range everyStep() {
		if step != Greeting && step != Complete {
			rows = append(rows, silent(row("silent-at-"+strings.ToLower(step), step, func(c *Call) { c.Silence() })))
		}
	}
	return append(rows, silent(row("silent-at-quit", "QUIT", func(c *Call) { c.Silence() })))
}

// refusedRows are what servers say to STOR.
func refusedRows() []FTPRow {
	var rows []FTPRow
	for _, r := range []struct{ code, text string }{
		{"421", "Shutting down."},
		{"450", "File busy."},
		{"451", "Local error."},
		{"452", "Insufficient storage space."},
		{"500", "Unknown command."},
		{"501", "Syntax error."},
		{"502", "Not implemented."},
		{"530", "Not logged in."},
		{"532", "Need account for storing files."},
		{"550", "Permission denied."},
		{"552", "Quota exceeded."},
		{"553", "File name not allowed."},
	} {
		rows = append(rows, row("stor-"+r.code, "STOR", Say(r.code+" "+r.text+"\r\n")))
	}
	return rows
}
