package badserver

import (
	"fmt"
	"strconv"
	"strings"
)

// sized changes the number in the reply to SIZE.
func sized(change func(n int64) int64) Action {
	return Bend(func(reply string) string {
		n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimPrefix(reply, "213")), 10, 64)
		if err != nil {
			return reply
		}
		return fmt.Sprintf("213 %d\r\n", change(n))
	})
}

// sizeRows are servers that tell sizes wrongly, oddly, or not at all.
func sizeRows() []FTPRow {
	notAtAll := []Fault{Without("SIZE"), Without("MLST")}
	noList := []Fault{Always("LIST", Say("502 No.\r\n")), Always("MLSD", Say("502 No.\r\n"))}
	return []FTPRow{
		row("size-bigger", "SIZE", sized(func(n int64) int64 { return n + 1 })),
		row("size-smaller", "SIZE", sized(func(n int64) int64 { return n - 1 })),
		row("size-zero", "SIZE", sized(func(int64) int64 { return 0 })),
		row("size-modulo-64k", "SIZE", sized(func(n int64) int64 { return n & 0xffff })),
		row("size-negative", "SIZE", sized(func(n int64) int64 { return -n })),
		row("size-too-big-a-number", "SIZE", Bend(func(string) string { return "213 99999999999999999999999\r\n" })),
		row("size-garbage", "SIZE", Say("213 lots\r\n")),
		row("size-empty", "SIZE", Say("213 \r\n")),
		row("size-trailing-blank", "SIZE", Bend(func(reply string) string { return strings.Replace(reply, "\r\n", " \r\n", 1) })),
		row("size-with-unit", "SIZE", Bend(func(reply string) string { return strings.Replace(reply, "\r\n", " bytes\r\n", 1) })),
		row("size-502-mlst", "SIZE", Say("502 Command not implemented.\r\n")),
		{Name: "size-502-list", Faults: notAtAll},
		with(FTPRow{Name: "size-502-nothing-else", Faults: notAtAll}, noList...),
		with(with(FTPRow{Name: "size-502-nor-retr", Faults: notAtAll}, noList...), Always("RETR", Say("550 Write only.\r\n"))),
		with(row("size-550-always", "SIZE", Say("550 Could not get file size.\r\n")), Without("MLST")),
	}
}

// digestRows are servers that tell digests, rightly and wrongly.
func digestRows() []FTPRow {
	const hash, xsha = "HASH SHA-256*;SHA-1;MD5", "XSHA256"
	digits := func(change func(digest string) string) Action {
		return Bend(func(reply string) string {
			words := strings.Fields(reply)
			for i, word := range words {
				if len(word) == 64 {
					words[i] = change(word)
				}
			}
			return strings.Join(words, " ") + "\r\n"
		})
	}
	wrong := func(string) string { return strings.Repeat("0123456789abcdef", 4) }
	short := func(digest string) string { return digest[:40] }
	both := func(name string, do Action) []FTPRow {
		return []FTPRow{
			{Name: "hash-" + name, Faults: []Fault{Feature(hash), Always("HASH", do)}},
			{Name: "xsha256-" + name, Faults: []Fault{Feature(xsha), Always("XSHA256", do)}},
		}
	}
	rows := both("right", func(c *Call) { c.Send(c.Default()) })
	rows = append(rows, both("uppercase", digits(strings.ToUpper))...)
	rows = append(rows, both("wrong", digits(wrong))...)
	rows = append(rows, both("too-short", digits(short))...)
	rows = append(rows, both("garbage", Say("213 SHA-256 it is fine\r\n"))...)
	rows = append(rows, both("empty", Say("213 \r\n"))...)
	rows = append(rows, both("refused", Say("550 Not now.\r\n"))...)
	rows = append(rows, both("unknown-after-all", Say("500 Unknown command.\r\n"))...)
	return append(rows, FTPRow{Name: "hash-other-algorithm", Faults: []Fault{
		Feature("HASH SHA-1*;MD5"),
		Always("OPTS", Say("501 Unknown algorithm.\r\n")),
		Always("HASH", Bend(func(string) string { return "213 SHA-1 0-9 da39a3ee5e6b4b0d3255bfef95601890afd80709 x\r\n" })),
	}})
}

// renameRows are servers on which renaming fails.
func renameRows() []FTPRow {
	gone := func(c *Call) {
		reply, name := c.Default(), c.s.path(c.Arg)
		c.s.srv.remove(name)
		c.Send(reply)
	}
	return []FTPRow{
		row("rnfr-500", "RNFR", Say("500 Unknown command.\r\n")),
		row("rnfr-502", "RNFR", Say("502 Command not implemented.\r\n")),
		row("rnfr-550", "RNFR", Say("550 Permission denied.\r\n")),
		row("rnfr-250", "RNFR", Bend(func(string) string { return "250 Fine.\r\n" })),
		{Name: "rnto-exists", Faults: []Fault{func(s *FTP) { s.noReplace = true }}},
		row("rnto-550", "RNTO", Say("550 Permission denied.\r\n")),
		row("rnto-553", "RNTO", Say("553 File name not allowed.\r\n")),
		row("rnto-and-gone", "RNTO", gone),
		row("rnto-226", "RNTO", DoAndSay("226 Fine.\r\n")),
		row("rnto-250-not-done", "RNTO", Say("250 Done.\r\n")),
		row("rnto-202-not-done", "RNTO", Say("202 Superfluous.\r\n")),
		row("rnto-lost", "RNTO", Cut),
		row("rnto-cut-not-done", "RNTO", func(c *Call) { c.Close() }),
		with(row("rnto-and-dele-refused", "RNTO", Say("550 Permission denied.\r\n")), Always("DELE", Say("550 Not you.\r\n"))),
		with(row("rnto-and-dele-502", "RNTO", Say("550 Permission denied.\r\n")), Always("DELE", Say("502 No.\r\n"))),
	}
}

// folderRows are answers about folders.
func folderRows() []FTPRow {
	return []FTPRow{
		row("mkd-250", "MKD", DoAndSay("250 Made.\r\n")),
		row("mkd-550", "MKD", Say("550 Permission denied.\r\n")),
		row("mkd-521-there-already", "MKD", DoAndSay("521 Directory already exists.\r\n")),
		row("mkd-521-and-not-there", "MKD", Say("521 Directory already exists.\r\n")),
		row("mkd-502", "MKD", Say("502 Command not implemented.\r\n")),
		row("cwd-550", "CWD", Say("550 Failed to change directory.\r\n")),
		row("cwd-200", "CWD", DoAndSay("200 Done.\r\n")),
		row("cwd-530", "CWD", Say("530 Please log in.\r\n")),
	}
}
