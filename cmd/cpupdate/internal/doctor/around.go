package doctor

import (
	"context"
	"fmt"
	"strings"
)

// Surroundings holds the environment variables that are not settings.
type Surroundings struct {
	Proxies  []string // variables that name a proxy; their values may contain a password
	Terminal string   // $TERM
	NoColor  bool     // $NO_COLOR is set
	CI       bool     // $CI is set
}

// ProxyVariables returns the variables from which other programs take a proxy.
func ProxyVariables() []string {
	return []string{
		"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "FTP_PROXY", "ftp_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy",
	}
}

// aroundProxy names the proxy variables that are set.
func aroundProxy(_ context.Context, x *diagnosis, _ int) finding {
	set := x.around.Proxies
	if len(set) == 0 {
		return passed("no proxy variable is set")
	}
	verb := "is"
	if len(set) > 1 {
		verb = "are"
	}
	return passed("$" + strings.Join(set, ", $") + " " + verb + " set, but not used: cpupdate connects to servers and phones directly")
}

func aroundInput(_ context.Context, x *diagnosis, _ int) finding {
	if x.con.InTerminal {
		return passed("a terminal: you are prompted for a missing password")
	}
	return passed("not a terminal: nothing is prompted for")
}

func aroundOutput(_ context.Context, x *diagnosis, _ int) finding {
	text := fmt.Sprintf("%d columns, no colours", x.con.Width)
	switch {
	case x.con.ColorOut && !x.con.NoColor:
		text = fmt.Sprintf("%d columns, with colours", x.con.Width)
	case x.con.NoColor:
		text += " (--no-color)"
	case x.around.NoColor:
		text += " ($NO_COLOR)"
	case x.around.Terminal == "dumb":
		text += " ($TERM is dumb)"
	case !x.con.ColorOut:
		text += ": not a terminal that shows them"
	}
	return passed(text)
}

func aroundProgress(_ context.Context, x *diagnosis, _ int) finding {
	text := "a line from time to time: standard error is not a terminal"
	if x.con.ErrTerminal {
		text = "a progress bar"
	}
	if x.around.CI {
		text += "; $CI is set, but changes nothing"
	}
	return passed(text)
}
