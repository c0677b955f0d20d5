package secret_test

import (
	"testing"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

// TestLoginsInURLs checks which texts hold a URL with a login, and what is shown of them.
func TestLoginsInURLs(t *testing.T) {
	t.Parallel()
	for in, shown := range map[string]string{
		"ftp://user:pw@host/":                       "ftp://[redacted]@host/",
		"https://user:pw@host:8443/a/b":             "https://[redacted]@host:8443/a/b",
		"https://user@host/":                        "https://[redacted]@host/",
		"https://token:@host/":                      "https://[redacted]@host/",
		"https://:pw@host/":                         "https://[redacted]@host/",
		"//user:pw@host/":                           "//[redacted]@host/",
		"FTP://user:p@w@host/x":                     "FTP://[redacted]@host/x",
		"ftp://user:p%ZZw@host/":                    "ftp://[redacted]@host/",
		"ftp://user:p/w@host/":                      "ftp://[redacted]@host/",
		"ftp://user:1p/w?x#y@host/":                 "ftp://[redacted]@host/",
		"ftp://user:p w@host/":                      "ftp://[redacted]@host/",
		"ftp://u:p@one/ and ftp://u:p@two/":         "ftp://[redacted]@one/ and ftp://[redacted]@two/",
		`"ftp://user:pw@host/" is not a version`:    `"ftp://[redacted]@host/" is not a version`,
		"proxyconnect ftp://user:pw@host: no route": "proxyconnect ftp://[redacted]@host: no route",

		"https://host/":                        "",
		"https://host/a@b":                     "",
		"https://host:8443/a@b/c":              "",
		"https://host/?mail=a@b":               "",
		"mail a@b, see https://host/":          "",
		"see https://host:1/ and write to a@b": "",
		"user@host":                            "",
		"host:443 and a@b":                     "",
		"a//b":                                 "",
		"":                                     "",
	} {
		if got := secret.HoldsLogin(in); got != (shown != "") {
			t.Errorf("%s: holds a login: %t", in, got)
		}
		if shown == "" {
			shown = in
		}
		if got := secret.WithoutLogins(in); got != shown {
			t.Errorf("%s: shown as %s, want %s", in, got, shown)
		}
	}
}

// TestLoginsOfHosts checks that a login before a host is not shown either.
func TestLoginsOfHosts(t *testing.T) {
	t.Parallel()
	const in = `"user:pw@host" is not HOST`
	if got := secret.WithoutLogins(in); got != `"[redacted]@host" is not HOST` {
		t.Error(got)
	}
}
