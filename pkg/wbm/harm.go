package wbm

import (
	"net/url"
	"slices"
	"strings"
)

// isHarmless reports whether a link, or a redirect, can be followed without doing anything. That asking for a page does
// nothing is assumed of addresses that end like those that were observed (page.cmd, index.cmd) or like a page, with no
// parameters but the ones that were observed (page, lang, user) and such that say which part is shown (assumed), and with no
// name that says what happens. user=none logs out (observed: sja/openstage-ssh).
func isHarmless(u *url.URL) bool {
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
	return !slices.ContainsFunc([]string{u.Path, query.Get("page"), query.Get("menu"), query.Get("tab")}, isDeed)
}

// isDeed reports whether a page's name says that it does something. The names of pages that restart or reset were observed
// as WEBM_Admin_Restart and WEBM_Admin_FactoryReset; the others are assumed. What is not read for its name's sake is only
// not read: better so than a phone that was turned off.
func isDeed(name string) bool {
	written := strings.ReplaceAll(strings.ToLower(name), "information", "") // it has a format
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
