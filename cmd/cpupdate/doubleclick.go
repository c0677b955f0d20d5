package main

import "path/filepath"

// doubleClickText returns what cobra prints on Windows, before it waits for the return key and ends, if the Explorer started the program: the
// window would close before anybody could read the help. A program that was started with a command, as by a shortcut, runs: the text is "".
// A file that was dropped on the program is no command.
func doubleClickText(args []string) string {
	if len(args) > 0 && !filepath.IsAbs(args[0]) {
		return ""
	}
	return `cpupdate is a command-line program: you type its commands in a terminal.

Click on the address bar of the folder that cpupdate is in, type powershell and
press return. Then type a command, such as:

  .\cpupdate demo      show a complete update with simulated phones
  .\cpupdate help      list all commands

`
}
