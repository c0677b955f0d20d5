package doctor

import (
	"context"
	"fmt"
	"strings"
)

// Surroundings are what the environment says that is no setting.
type Surroundings struct {
	Proxies  []string // variables that name a proxy; what they say may hold a password
	Terminal string   // $TERM
	NoColor  bool     // $NO_COLOR is set
	CI       bool     // $CI is set
}

// ProxyVariables are those that other programs take a proxy from.
func ProxyVariables() []string {
	return []string{
		"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "FTP_PROXY", "ftp_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy",
	}
}

// aroundProxy names the variables that are set.
func aroundProxy(_ context.Context, x *examination, _ int) finding {
	set := x.around.Proxies
	if len(set) == 0 {
		return well("no variable names one")
	}
	verb := "is"
	if len(set) > 1 {
		verb = "are"
	}
	return well("$" + strings.Join(set, ", $") + " " + verb + " set, and not used: servers and phones are spoken to directly")
}

func aroundInput(_ context.Context, x *examination, _ int) finding {
	if x.con.InTerminal {
		return well("a terminal: who has no password is asked for it")
	}
	return well("no terminal: nobody is asked anything")
}

func aroundOutput(_ context.Context, x *examination, _ int) finding {
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
		text += ": no terminal that shows them"
	}
	return well(text)
}

func aroundProgress(_ context.Context, x *examination, _ int) finding {
	text := "a line now and then: standard error is no terminal"
	if x.con.ErrTerminal {
		text = "a bar"
	}
	if x.around.CI {
		text += "; $CI is set, and changes nothing"
	}
	return well(text)
}
