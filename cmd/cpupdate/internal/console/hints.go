package console

import (
	"regexp"
	"strings"
)

// Flags tells which flags the command line of this run has, for hints. Its zero value knows none.
type Flags struct {
	Given func(name string) bool // the flag was given
	Bool  func(name string) bool // the flag has no value: giving it twice changes nothing

	Server string // the flags that say which server has the journal, as the next command needs them; "" without a server
}

// rolloutForm finds a command about rollouts in a text, with its first argument.
var rolloutForm = regexp.MustCompile(`cpupdate rollout [a-z]+(?: (?:'[^']*'|"[^"]*"|[^\s;,)]+))?`)

// Whole adds to the commands about rollouts in a text the flags that say where the journal is.
func (f Flags) Whole(text string) string {
	if f.Server == "" {
		return text
	}
	return rolloutForm.ReplaceAllStringFunc(text, func(command string) string { return command + " " + f.Server })
}

// adviceForm finds a flag in a hint, with the word before it.
var adviceForm = regexp.MustCompile(`(?i)(?:\b(with|without|use|add|try|omit) )?--([a-z][a-z0-9-]*)`)

// Fit returns the hints that help in this run. A hint consists of clauses, separated by semicolons. Left out are clauses
// that advise a flag that was given already, or advise to omit one that was not given; a clause that begins with "with
// --flag" or "without --flag" is about a run with or without that flag.
func (f Flags) Fit(hints []string) []string {
	if f.Given == nil {
		return hints
	}
	var fit []string
	for _, hint := range hints {
		var kept []string
		for clause := range strings.SplitSeq(hint, "; ") {
			if f.helps(clause) {
				kept = append(kept, clause)
			}
		}
		if len(kept) > 0 {
			fit = append(fit, strings.Join(kept, "; "))
		}
	}
	return fit
}

// helps reports whether a clause of a hint helps in this run.
func (f Flags) helps(clause string) bool {
	for _, at := range adviceForm.FindAllStringSubmatchIndex(clause, -1) {
		flag := clause[at[4]:at[5]]
		if at[2] < 0 {
			continue
		}
		useless := false
		switch first := at[0] == 0; strings.ToLower(clause[at[2]:at[3]]) {
		case "with":
			useless = first && !f.Given(flag)
		case "without":
			useless = first && f.Given(flag)
		case "omit":
			useless = !f.Given(flag)
		default:
			useless = f.Given(flag) && f.Bool(flag)
		}
		if useless {
			return false
		}
	}
	return true
}
