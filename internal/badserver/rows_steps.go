package badserver

// before sends a stray reply, and then the right one.
func before(stray string) Action {
	return func(c *Call) {
		reply := c.Default()
		c.Send(stray)
		c.Send(reply)
	}
}

// stepRows are servers whose replies are out of step, and replies that end with another code.
func stepRows() []FTPRow {
	const done = "226 Transfer complete.\r\n"
	return []FTPRow{
		{Name: "step-226-before-size", Faults: []Fault{second("SIZE", before(done))}},
		with(once("step-226-before-hash", "HASH", before(done)), Feature("HASH SHA-256*")),
		with(once("step-226-before-xsha256", "XSHA256", before(done)), Feature("XSHA256")),
		{Name: "step-226-before-rnfr", Faults: []Fault{second("RNFR", before(done))}},
		once("step-226-before-rnto", "RNTO", before(done)),
		once("step-213-before-rnto", "RNTO", before("213 5\r\n")),
		row("step-226-then-rnto-refused", "RNTO", Say(done+"550 Permission denied.\r\n")),
		once("step-200-before-epsv", "EPSV", before("200 Done.\r\n")),
		with(once("step-226-before-dele", "DELE", before(done)), Always(Complete, Say("552 Quota exceeded.\r\n"))),
		row("step-220-before-331", "USER", before("220 Ready.\r\n")),
		silent(row("ends-otherwise-complete", Complete, Say("226-Transfer complete.\r\n250 That was all.\r\n"))),
		silent(row("ends-otherwise-stor", "STOR", Say("550-No.\r\n553 Not into this folder.\r\n"))),
		silent(row("ends-otherwise-pass", "PASS", Say("530-No.\r\n421 Not you.\r\n"))),
		silent(row("ends-otherwise-greeting", Greeting, Say("220-Hello.\r\n221 Come in.\r\n"))),
		row("ends-otherwise-and-closed", "STOR", SayAndClose("550-No.\r\n553 Not into this folder.\r\n")),
	}
}
