package badserver

// What a server on Windows says.
const (
	alreadyExists = "550 Cannot create a file when that file already exists.\r\n"
	sharing       = "550 The process cannot access the file because it is being used by another process.\r\n"
)

// taken has RNTO refuse a name that is taken.
func taken(reply string) Fault {
	return Always("RNTO", func(c *Call) {
		if _, ok := c.s.srv.file(c.s.path(c.Arg)); ok {
			c.Send(reply)
			return
		}
		c.Send(c.Default())
	})
}

// windowsRows are servers that do not replace a file by renaming, and such as somebody disturbs for a moment.
func windowsRows() []FTPRow {
	full := Always(Complete, Say("552 Quota exceeded.\r\n"))
	named := func(name string, faults ...Fault) FTPRow { return FTPRow{Name: name, Faults: faults} }
	return []FTPRow{
		named("iis-exists", taken(alreadyExists)),
		named("iis-exists-german", taken("550 Eine Datei kann nicht erstellt werden, wenn sie bereits vorhanden ist.\r\n")),
		named("iis-access-denied", taken("550 Access is denied.\r\n")),
		named("rnto-cannot-rename", taken("553 Can't rename file.\r\n")),
		named("rnto-name-says-denied", taken("550 Cannot rename cp600.bind to cp600.bind: it is in the way.\r\n")),
		named("sharing-rnto-thrice", First(3, "RNTO", Say(sharing))),
		named("sharing-rnto-450", First(2, "RNTO", Say("450 cp600.bind: File is locked.\r\n"))),
		named("sharing-rnto-german", First(2, "RNTO", Say("550 Der Prozess kann nicht auf die Datei zugreifen, da sie von einem anderen Prozess verwendet wird.\r\n"))),
		named("sharing-rnto-always", Always("RNTO", Say(sharing))),
		named("sharing-rnfr-twice", second("RNFR", Say("550 File is in use.\r\n"))),
		named("sharing-dele-thrice", First(3, "DELE", Say(sharing)), full),
		named("sharing-dele-always", Always("DELE", Say(sharing)), full),
	}
}
