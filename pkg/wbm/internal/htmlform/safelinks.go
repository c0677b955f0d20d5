package htmlform

import (
	"net/url"
	"slices"
	"strings"
)

// IsSafe reports whether a link, or a redirect, can be followed without changing anything on the phone. That requesting a page
// changes nothing is assumed of addresses that end like those that were observed (page.cmd, index.cmd) or like a page, with
// no parameters but those that were observed (page, lang, user) and those that select what is shown (assumed), and with no
// name that stands for an action. user=none logs out (observed: sja/openstage-ssh).
func IsSafe(u *url.URL) bool {
	path := strings.ToLower(u.Path)
	if !slices.ContainsFunc([]string{"/", ".cmd", ".htm", ".html"}, func(end string) bool { return strings.HasSuffix(path, end) }) {
		return false
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return false
	}
	for name, values := range query {
		switch {
		case len(values) != 1, !slices.Contains([]string{"page", "lang", "user", "menu", "tab"}, name):
			return false
		case name == "user" && !strings.EqualFold(values[0], "Admin"):
			return false
		}
	}
	return !slices.ContainsFunc([]string{u.Path, query.Get("page"), query.Get("menu"), query.Get("tab")}, namesAction)
}

// namesAction reports whether the name of a page stands for an action. Names of pages that restart or reset were observed as
// WEBM_Admin_Restart and WEBM_Admin_FactoryReset; the others are assumed. A harmless page that is skipped because of its name
// costs little; a phone that is switched off costs more.
func namesAction(name string) bool {
	written := strings.ReplaceAll(strings.ToLower(name), "information", "") // contains "format"
	if slices.ContainsFunc([]string{
		"start", "boot", "reset", "logout", "logoff", "signout", "factory", "default", "restore", "erase", "delete", "remove", "clear",
		"wipe", "purge", "format", "initiali", "shutdown", "power", "halt", "stop", "abort", "cancel", "kill", "disable", "enable",
		"activate", "apply", "execute", "uninstall",
	}, func(word string) bool { return strings.Contains(written, word) }) {
		return true
	}
	return slices.ContainsFunc(tokens(name), func(word string) bool {
		return slices.Contains([]string{"off", "now", "do", "run", "set", "save", "go", "exec", "init", "install"}, word)
	})
}
