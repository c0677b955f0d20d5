package badserver

import "strings"

const denied = "550 Permission denied.\r\n"

// temporary reports whether a name is one that nobody has asked for.
func temporary(name string) bool {
	return strings.HasSuffix(name, ".part") || strings.HasPrefix(name, "cpu") || strings.HasPrefix(name, "cpupdate-test")
}

// ofFinal has the server do something only if the argument is a file's own name.
func ofFinal(step string, do Action) Fault {
	return Always(step, func(c *Call) {
		if temporary(c.Arg) {
			c.Send(c.Default())
			return
		}
		do(c)
	})
}

// Tell is what a client may know of a server that does not tell everything.
type Tell struct {
	FTPRow
	Blind bool // nobody can know whether a file of a name is there
}

// Tells returns servers that refuse to tell whether a file is there.
func Tells() []Tell {
	noSize := All(Without("MLST"), Always("SIZE", Say(denied)), Always("MDTM", Say(denied)))
	noList := All(Always("LIST", Say(denied)), Always("NLST", Say(denied)))
	noRename := Always("RNFR", Say(denied))
	neutral := All(Without("MLST"), Always("SIZE", Bend(func(reply string) string {
		if strings.HasPrefix(reply, "550") {
			return "550 Could not get file size.\r\n"
		}
		return reply
	})), ofFinal("RNFR", Bend(func(reply string) string {
		if strings.HasPrefix(reply, "550") {
			return "550 RNFR command failed.\r\n"
		}
		return reply
	})))
	hidden := func(s *FTP) { s.hidden = true }
	only := func(text string) Fault {
		return All(Without("MLST"), ofFinal("SIZE", Say(text)), ofFinal("RNFR", Say(text)), hidden)
	}
	tell := func(blind bool, name string, faults ...Fault) Tell {
		return Tell{FTPRow{Name: name, Faults: faults}, blind}
	}
	return []Tell{
		tell(false, "tell-vsftpd", neutral),
		tell(false, "tell-size-denied", noSize),
		tell(false, "tell-not-found-but-there", Without("MLST"), Always("SIZE", Say("550 No such file or directory.\r\n"))),
		tell(false, "tell-command-not-found", Without("MLST"), Always("SIZE", Say("550 SIZE: command not found\r\n"))),
		tell(false, "tell-command-does-not-exist", Without("MLST"), Always("SIZE", Say("502 This command does not exist.\r\n"))),
		tell(false, "tell-user-not-found", Without("MLST"), Always("SIZE", Say("550 User not found.\r\n"))),
		tell(true, "tell-attribute-not-found", only("550 Attribute not found.\r\n"), noList),
		tell(false, "tell-size-denied-nlst", noSize, Always("LIST", Say("502 No.\r\n"))),
		tell(false, "tell-size-denied-no-list", noSize, noList),
		tell(true, "tell-no-rename-no-list", noSize, noList, noRename),
		tell(true, "tell-nothing-but-words-for-all", noSize, noRename, hidden,
			Always("LIST "+Incoming, Bend(func(string) string { return "226 Transfer done (but failed to open directory).\r\n" }))),
		tell(true, "tell-final-name-denied", only(denied)),
		tell(true, "tell-not-found-or-denied", only("550 File not found or access denied.\r\n")),
		tell(true, "tell-words-of-the-rfc", only("550 Requested action not taken. File unavailable (e.g., file not found, no access).\r\n"), noList),
		tell(true, "tell-list-truncated", Without("MLST"), ofFinal("RNFR", Say("550 RNFR command failed.\r\n")), hidden, ofFinal("SIZE", Say("550 Could not get file size.\r\n")),
			Always("LIST "+Incoming, Bend(func(string) string { return "226-Output truncated to 2000 files\r\n226 Done.\r\n" }))),
		tell(true, "tell-rnfr-always-350", Without("SIZE"), Without("MLST"), Always("RNFR", Bend(func(string) string { return "350 And now?\r\n" }))),
		tell(false, "tell-mlst-without-size", Without("SIZE"), Always("MLST", Bend(func(reply string) string { return strings.ReplaceAll(reply, "size=", "x.size=") }))),
		tell(false, "tell-mlst-denied", Without("SIZE"), Always("MLST", Say(denied))),
		tell(false, "tell-german", ofFinal("SIZE", Bend(func(reply string) string {
			return strings.ReplaceAll(reply, "No such file.", "Das System kann die angegebene Datei nicht finden.")
		}))),
	}
}

// tellRows are the same servers for a client that only sends.
func tellRows() []FTPRow {
	noList := All(Always("LIST", Say(denied)), Always("NLST", Say(denied)))
	var rows []FTPRow
	for _, tell := range Tells() {
		rows = append(rows, tell.FTPRow)
	}
	return append(rows,
		with(row("tell-not-found-but-listed", "SIZE", Say("550 No such file or directory.\r\n")), Without("MLST"), Always("RETR", Say(denied))),
		row("tell-not-found-always", "SIZE", Say("550 No such file or directory.\r\n")),
		with(row("tell-not-found-nor-list", "SIZE", Say("550 No such file or directory.\r\n")), noList),
		with(row("tell-not-found-nor-anything", "SIZE", Say("550 No such file or directory.\r\n")), noList, Always("RETR", Say(denied))),
		with(row("tell-not-found-nor-retr", "SIZE", Say("550 No such file or directory.\r\n")), Always("RETR", Say(denied))),
	)
}
