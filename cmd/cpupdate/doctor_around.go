package main

import (
	"context"
	"fmt"
	"strings"
)

// surroundings holds the environment variables that are not settings.
type surroundings struct {
	proxies  []string // variables that name a proxy; their values may contain a password
	terminal string   // $TERM
	noColor  bool     // $NO_COLOR is set
	ci       bool     // $CI is set
}

// proxyVariables returns the variables from which other programs take a proxy.
func proxyVariables() []string {
	return []string{
		"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "FTP_PROXY", "ftp_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy",
	}
}

// aroundProxy names the proxy variables that are set.
func aroundProxy(_ context.Context, x *examination, _ int) finding {
	set := x.around.proxies
	if len(set) == 0 {
		return well("no proxy variable is set")
	}
	verb := "is"
	if len(set) > 1 {
		verb = "are"
	}
	return well("$" + strings.Join(set, ", $") + " " + verb + " set, but not used: cpupdate connects to servers and phones directly")
}

func aroundInput(_ context.Context, x *examination, _ int) finding {
	if x.con.inTerminal {
		return well("a terminal: you are prompted for a missing password")
	}
	return well("not a terminal: nothing is prompted for")
}

func aroundOutput(_ context.Context, x *examination, _ int) finding {
	text := fmt.Sprintf("%d columns, no colours", x.con.width)
	switch {
	case x.con.colorOut && !x.con.noColor:
		text = fmt.Sprintf("%d columns, with colours", x.con.width)
	case x.con.noColor:
		text += " (--no-color)"
	case x.around.noColor:
		text += " ($NO_COLOR)"
	case x.around.terminal == "dumb":
		text += " ($TERM is dumb)"
	case !x.con.colorOut:
		text += ": not a terminal that shows them"
	}
	return well(text)
}

func aroundProgress(_ context.Context, x *examination, _ int) finding {
	text := "a line from time to time: standard error is not a terminal"
	if x.con.errTerminal {
		text = "a progress bar"
	}
	if x.around.ci {
		text += "; $CI is set, but changes nothing"
	}
	return well(text)
}
