package badserver

import (
	"sync/atomic"
	"time"
)

// lossRows are servers that tempt a client into losing the file that was there, or into leaving its own behind.
func lossRows() []FTPRow {
	noRename := Always("RNFR", Say("502 Command not implemented.\r\n"))
	noSize := []Fault{Without("SIZE"), Without("MLST"), Always("LIST", Say("502 No.\r\n")), Always("MLSD", Say("502 No.\r\n"))}
	return []FTPRow{
		with(row("no-rename-421-at-epsv", "EPSV", SayAndClose("421 Too many users.\r\n")), noRename),
		with(row("no-rename-cut-at-epsv", "EPSV", func(c *Call) { c.Close() }), noRename),
		with(row("no-rename-150-then-552", "STOR", Say("150 Send it.\r\n552 Over the quota.\r\n")), Always(Incoming, NeverAccept("x")), Always(Complete, Say("")), noRename),
		with(row("no-rename-cut-in-the-middle", Incoming, CutAfter(Some)), noRename),
		with(once("no-rename-cut-dele-450-twice", Incoming, CutAfter(Some)), First(2, "DELE", Say("450 Busy.\r\n")), noRename),
		with(once("left-then-swept", Incoming, CutAfter(Some)), second("USER", func(c *Call) { c.Close() })),
		with(once("left-for-ever", Incoming, CutAfter(Some)), Always("DELE", Say("550 Permission denied.\r\n")), Always("RNTO", Say("452 Full.\r\n"))),
		once("mkd-450-once", "MKD", Say("450 Busy.\r\n")),
		with(row("rnto-cut-and-no-size", "RNTO", func(c *Call) { c.Close() }), noSize...),
		with(row("rnto-lost-and-no-size", "RNTO", Cut), noSize...),
		with(row("list-endless", "LIST", endlessList), Without("SIZE"), Without("MLST"), Always("MLSD", Say("502 No.\r\n"))),
		once("stor-532-once", "STOR", Say("532 Need account for storing files.\r\n")),
		row("pass-530-too-many", "PASS", Say("530 Sorry, the maximum number of clients (1) are already connected.\r\n")),
		once("pass-421-incorrect-once", "PASS", SayAndClose("421 Login incorrect.\r\n")),
		silent(row("greeting-drips", Greeting, drip)),
		silent(row("user-drips", "USER", drip)),
	}
}

// second is a fault at the second step of the name alone.
func second(step string, do Action) Fault {
	return func(s *FTP) {
		var times atomic.Int32
		Always(step, func(c *Call) {
			if times.Add(1) == 2 {
				do(c)
				return
			}
			c.Send(c.Default())
		})(s)
	}
}

// drip sends a reply without end, byte by byte, so that the line is never silent for long.
func drip(c *Call) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for c.Send("2") {
		select {
		case <-ticker.C:
		case <-c.s.srv.done:
			return
		}
	}
}

// endlessList sends a listing without end.
func endlessList(c *Call) {
	tcp, conn, err := c.s.accept()
	if err != nil {
		c.Send("425 Cannot open a data connection.\r\n")
		return
	}
	defer c.s.srv.drop(tcp)
	c.Send("150 Here it comes.\r\n")
	for err == nil {
		_, err = conn.Write([]byte("-rw-r--r-- 1 ftp ftp 12345 Jan 01 00:00 some-file-or-other.bind\r\n"))
	}
	c.Send("426 Cut.\r\n")
}
