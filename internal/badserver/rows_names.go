package badserver

import "strings"

// names has every command that takes a name refuse some of them.
func names(forbidden func(name string) bool, reply string) Fault {
	var all []Fault
	for _, step := range []string{"STOR", "RNFR", "RNTO"} {
		all = append(all, Always(step, func(c *Call) {
			if forbidden(c.Arg) {
				c.Send(strings.ReplaceAll(reply, "NAME", c.Arg))
				return
			}
			c.Send(c.Default())
		}))
	}
	return All(all...)
}

// storOnly has STOR alone refuse some names.
func storOnly(forbidden func(name string) bool, reply string) Fault {
	return Always("STOR", func(c *Call) {
		if forbidden(c.Arg) {
			c.Send(strings.ReplaceAll(reply, "NAME", c.Arg))
			return
		}
		c.Send(c.Default())
	})
}

// nameRows are servers that do not accept every name, and such as forbid to rename or to remove.
func nameRows() []FTPRow {
	part := func(name string) bool { return strings.HasSuffix(name, ".part") }
	long := func(name string) bool { return len(name) > 20 }
	noBind := func(name string) bool { return !strings.HasSuffix(name, ".bind") }
	named := func(name string, faults ...Fault) FTPRow { return FTPRow{Name: name, Faults: faults} }
	return []FTPRow{
		named("names-no-part", names(part, "550 NAME: Forbidden filename\r\n")),
		named("names-no-part-denied", names(part, denied)),
		named("names-no-part-stor-only", storOnly(part, "553 Prohibited file name: NAME\r\n")),
		named("names-bind-only", storOnly(noBind, "550 File type not allowed: NAME\r\n")),
		named("names-bind-only-without-words", storOnly(noBind, "550 Upload refused.\r\n")),
		named("names-short-only", storOnly(long, "553 File name too long.\r\n")),
		named("names-long-without-words", storOnly(long, "553 Could not create file.\r\n")),
		named("names-no-temporary", names(temporary, "550 NAME: Forbidden filename\r\n")),
		named("names-no-temporary-stor-only", storOnly(temporary, "553 Invalid file name.\r\n")),
		named("names-final-too-long", ofFinal("SIZE", Say("550 cp600.bind: File name too long\r\n"))),
		named("no-rename-no-delete", Always("RNFR", Say(denied)), Always("RNTO", Say(denied)), Always("DELE", Say(denied))),
	}
}
