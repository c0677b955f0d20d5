package main

import (
	"strings"
)

// wantsJSON looks for --json before cobra parses the flags: errors in the command line itself are JSON too.
func wantsJSON(args []string) bool {
	for _, arg := range args {
		if arg == "--" {
			return false
		}
		if arg == "--json" || strings.HasPrefix(arg, "--json=t") || arg == "--json=1" {
			return true
		}
	}
	return false
}
