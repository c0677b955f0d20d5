package badserver

import "bytes"

// passiveRows are wrong ways to the data.
func passiveRows() []FTPRow {
	noEPSV := Always("EPSV", Say("500 Unknown command.\r\n"))
	return []FTPRow{
		with(row("pasv-foreign-host", "PASV", ForeignPASV), noEPSV),
		row("epsv-refused", "EPSV", Say("500 Unknown command.\r\n")),
		row("epsv-522", "EPSV", Say("522 Network protocol not supported, use (1)\r\n")),
		row("epsv-port-closed", "EPSV", ClosedPort),
		silent(row("epsv-port-blocked", "EPSV", BlockedPort)),
		with(row("pasv-port-closed", "PASV", ClosedPort), noEPSV),
		silent(with(row("pasv-port-blocked", "PASV", BlockedPort), noEPSV)),
		with(row("both-ports-closed", "PASV", ClosedPort), Always("EPSV", ClosedPort)),
		silent(with(row("both-ports-blocked", "PASV", BlockedPort), Always("EPSV", BlockedPort))),
		with(row("pasv-garbage", "PASV", Say("227 Entering Passive Mode (here)\r\n")), noEPSV),
		with(row("pasv-too-few-numbers", "PASV", Say("227 Entering Passive Mode (127,0,0,1,4)\r\n")), noEPSV),
		with(row("pasv-numbers-too-big", "PASV", Say("227 Entering Passive Mode (127,0,0,1,400,900)\r\n")), noEPSV),
		with(row("pasv-port-0", "PASV", Say("227 Entering Passive Mode (127,0,0,1,0,0)\r\n")), noEPSV),
		with(row("pasv-refused-too", "PASV", Say("502 Command not implemented.\r\n")), noEPSV),
		row("epsv-garbage", "EPSV", Say("229 Entering Extended Passive Mode\r\n")),
		row("epsv-port-0", "EPSV", Say("229 Entering Extended Passive Mode (|||0|)\r\n")),
		row("epsv-port-too-big", "EPSV", Say("229 Entering Extended Passive Mode (|||70000|)\r\n")),
		row("epsv-negative-port", "EPSV", Say("229 Entering Extended Passive Mode (|||-21|)\r\n")),
		with(row("epsv-intruder-empty", "EPSV", Intruder("")), Always("PASV", Intruder(""))),
		with(row("epsv-intruder-other", "EPSV", Intruder("not yours")), Always("PASV", Intruder("not yours"))),
	}
}

// Some is how many bytes a server takes before it does something in the middle of a file.
const Some = 64 << 10

const cutReply = "426 Connection closed; transfer aborted.\r\n"

// dataRows are data connections that break.
func dataRows() []FTPRow {
	return []FTPRow{
		silent(row("data-never-accepted", Incoming, NeverAccept(""))),
		row("data-never-accepted-425", Incoming, NeverAccept("425 Cannot open data connection.\r\n")),
		row("data-closed-at-once", Incoming, CloseData(cutReply)),
		row("data-closed-at-once-226", Incoming, CloseData("226 Done.\r\n")),
		row("data-reset-at-once", Incoming, ResetData(cutReply)),
		row("data-reset-at-once-226", Incoming, ResetData("226 Done.\r\n")),
		once("data-reset-once", Incoming, ResetData(cutReply)),
		silent(row("data-stall", Incoming, Stall(0))),
		silent(row("data-stall-in-the-middle", Incoming, Stall(Some))),
		silent(once("data-stall-once", Incoming, Stall(Some))),
		row("both-cut-in-the-middle", Incoming, CutAfter(Some)),
		once("both-cut-in-the-middle-once", Incoming, CutAfter(Some)),
		row("stor-425", "STOR", Say("425 Cannot open data connection.\r\n")),
		row("stor-150-twice", "STOR", DoAndSay("150 Coming.\r\n150 Really.\r\n")),
		row("stor-125", "STOR", DoAndSay("125 Data connection already open.\r\n")),
		row("stor-226-at-once", "STOR", Say("226 Done.\r\n")),
		row("ascii-unless-type-i", Incoming, Crippled),
		with(row("forgets-what-was-reset", Complete, Say("451 Local error.\r\n")), func(s *FTP) { s.forgetOnReset = true }),
	}
}

// earlyRows are replies that come while the data still flows.
func earlyRows() []FTPRow {
	const full = "552 Quota exceeded.\r\n"
	return []FTPRow{
		row("early-552-stops-reading", Incoming, StopEarly(Some, full)),
		row("early-552-goes-on-reading", Incoming, ReplyEarly(Some, full)),
		row("early-452-stops-reading", Incoming, StopEarly(Some, "452 Disk full.\r\n")),
		row("early-421-stops-reading", Incoming, StopEarly(Some, "421 Shutting down.\r\n")),
		row("early-226-goes-on-reading", Incoming, ReplyEarly(Some, "226 Done.\r\n")),
	}
}

// completeRows are odd ends of a file that has come in whole.
func completeRows() []FTPRow {
	return []FTPRow{
		row("complete-250", Complete, Say("250 Fine.\r\n")),
		row("complete-426", Complete, Say(cutReply)),
		row("complete-451", Complete, Say("451 Local error.\r\n")),
		once("complete-451-once", Complete, Say("451 Local error.\r\n")),
		row("complete-452", Complete, Say("452 Insufficient storage.\r\n")),
		row("complete-550", Complete, Say("550 Rejected.\r\n")),
		row("complete-551", Complete, Say("551 Page type unknown.\r\n")),
		row("complete-552", Complete, Say("552 Quota exceeded.\r\n")),
		row("complete-553", Complete, Say("553 File name not allowed.\r\n")),
		row("complete-350", Complete, Say("350 And now?\r\n")),
		with(row("complete-451-dele-refused", Complete, Say("451 Local error.\r\n")), Always("DELE", Say("550 Not you.\r\n"))),
		with(row("complete-552-dele-cut", Complete, Say("552 Quota exceeded.\r\n")), Always("DELE", func(c *Call) { c.Close() })),
	}
}

// lostRows are files whose last reply is lost.
func lostRows() []FTPRow {
	half := func(content []byte) []byte { return content[:len(content)/2] }
	return []FTPRow{
		silent(row("complete-never", Complete, func(c *Call) { c.Silence() })),
		row("complete-lost", Complete, func(c *Call) { c.Close() }),
		row("complete-reset", Complete, func(c *Call) { c.Reset() }),
		with(row("complete-lost-file-short", Complete, func(c *Call) { c.Close() }), Always(Incoming, Change(half))),
		with(row("complete-lost-file-changed", Complete, func(c *Call) { c.Close() }),
			Feature("HASH SHA-256*"), Always(Incoming, Change(flip))),
		with(row("complete-lost-nobody-answers", Complete, func(c *Call) {
			c.s.srv.drop(c.s.srv.listener)
			c.Close()
		})),
		with(once("complete-lost-short-once", Complete, func(c *Call) { c.Close() }), Once(Incoming, Change(half))),
		row("control-dropped-during-data", Incoming, DropControl("")),
		row("control-dropped-during-data-421", Incoming, DropControl("421 No command for too long.\r\n")),
	}
}

// flip changes a byte in the middle.
func flip(content []byte) []byte {
	if len(content) > 0 {
		content[len(content)/2] ^= 0x20
	}
	return content
}

// storedRows are servers that store something else than they were sent.
func storedRows() []FTPRow {
	longer := func(content []byte) []byte { return append(content, '\n') }
	shorter := func(content []byte) []byte { return content[:max(0, len(content)-1)] }
	lines := func(content []byte) []byte { return bytes.ReplaceAll(content, []byte("\n"), []byte("\r\n")) }
	return []FTPRow{
		row("stores-more", Incoming, Change(longer)),
		row("stores-less", Incoming, Change(shorter)),
		row("stores-nothing", Incoming, Change(func([]byte) []byte { return nil })),
		row("stores-other-line-ends", Incoming, Change(lines)),
		with(row("stores-a-changed-byte", Incoming, Change(flip)), Feature("HASH SHA-256*;SHA-1;MD5")),
		with(row("stores-a-changed-byte-xsha256", Incoming, Change(flip)), Feature("XSHA256")),
		row("stores-a-changed-byte-unseen", Incoming, Change(flip)),
		row("forgets-the-file", Incoming, func(c *Call) {
			c.Default()
			c.s.srv.remove(c.Arg)
		}),
	}
}
