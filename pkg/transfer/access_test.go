package transfer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// Validate names the setting that is wrong, and says why.
func TestValidate(t *testing.T) {
	ftp := transfer.Access{Server: "files.example", Username: "cp"}
	https := transfer.Access{Method: transfer.HTTPS, BaseURL: "https://files.example/firmware/"}
	canary := secret.New("canary")
	for name, test := range map[string]struct {
		base    transfer.Access
		change  func(*transfer.Access)
		setting string // "" if all is well
		problem string
	}{
		"ftp": {ftp, func(*transfer.Access) {}, "", ""},
		"ftp, everything": {ftp, func(a *transfer.Access) {
			a.Method, a.Port, a.Account, a.Path, a.Password = "ftp", 2121, "x", "/a b/ä", canary
		}, "", ""},
		"ftps to an address":         {ftp, func(a *transfer.Access) { a.Method, a.Server = transfer.FTPS, "192.0.2.7" }, "", ""},
		"ipv6":                       {ftp, func(a *transfer.Access) { a.Server = "2001:db8::7" }, "", ""},
		"ipv6 in brackets":           {ftp, func(a *transfer.Access) { a.Server = "[2001:db8::7]" }, "", ""},
		"ipv6 with a zone":           {ftp, func(a *transfer.Access) { a.Server = "fe80::1%eth0" }, "", ""},
		"https":                      {https, func(*transfer.Access) {}, "", ""},
		"https with a port":          {https, func(a *transfer.Access) { a.BaseURL = "https://[2001:db8::7]:8443/x" }, "", ""},
		"https by server":            {https, func(a *transfer.Access) { a.BaseURL, a.Server, a.Port = "", "files.example", 8443 }, "", ""},
		"server of no one machine":   {ftp, func(a *transfer.Access) { a.Server = "0.0.0.0" }, "server", "one machine"},
		"server of many":             {ftp, func(a *transfer.Access) { a.Server = "ff02::1" }, "server", "one machine"},
		"url of no one machine":      {https, func(a *transfer.Access) { a.BaseURL = "https://[::]/x" }, "base-url", "one machine"},
		"no server":                  {ftp, func(a *transfer.Access) { a.Server = "" }, "server", "is missing"},
		"no user":                    {ftp, func(a *transfer.Access) { a.Username = "" }, "username", "name it: anonymous"},
		"password without a user":    {https, func(a *transfer.Access) { a.Password = canary }, "username", "is missing"},
		"no method of ours":          {ftp, func(a *transfer.Access) { a.Method = "http" }, "method", `"http" is not a method: ftp, ftps or https`},
		"negative port":              {ftp, func(a *transfer.Access) { a.Port = -1 }, "port", "from 1 to 65535"},
		"large port":                 {ftp, func(a *transfer.Access) { a.Port = 65536 }, "port", "from 1 to 65535"},
		"path with https":            {https, func(a *transfer.Access) { a.Path = "firmware" }, "path", "part of base-url"},
		"account with https":         {https, func(a *transfer.Access) { a.Account = "x" }, "account", "ftp and ftps"},
		"base url with ftp":          {ftp, func(a *transfer.Access) { a.BaseURL = "https://x/" }, "base-url", "the method is ftp"},
		"https without":              {https, func(a *transfer.Access) { a.BaseURL = "" }, "base-url", "is missing"},
		"two servers":                {https, func(a *transfer.Access) { a.Server = "files.example" }, "server", "twice"},
		"two ports":                  {https, func(a *transfer.Access) { a.Port = 443 }, "port", "twice"},
		"colon in the name":          {https, func(a *transfer.Access) { a.Username = "a:b" }, "username", "colon"},
		"login in the url":           {https, func(a *transfer.Access) { a.BaseURL = "https://cp:canary@files.example/" }, "base-url", "contains a login"},
		"login in a broken url":      {https, func(a *transfer.Access) { a.BaseURL = "https://cp:can%ary@files.example/" }, "base-url", "contains a login"},
		"name in the url":            {https, func(a *transfer.Access) { a.BaseURL = "https://cp@files.example/" }, "base-url", "contains a login"},
		"http":                       {https, func(a *transfer.Access) { a.BaseURL = "http://files.example/" }, "base-url", "https://"},
		"no host":                    {https, func(a *transfer.Access) { a.BaseURL = "https:///x" }, "base-url", "names no server"},
		"query":                      {https, func(a *transfer.Access) { a.BaseURL = "https://files.example/?a=b" }, "base-url", "no ?"},
		"empty query":                {https, func(a *transfer.Access) { a.BaseURL = "https://files.example/?" }, "base-url", "no ?"},
		"fragment":                   {https, func(a *transfer.Access) { a.BaseURL = "https://files.example/#x" }, "base-url", "no #"},
		"url port 0":                 {https, func(a *transfer.Access) { a.BaseURL = "https://files.example:0/" }, "base-url", "an invalid port"},
		"url port large":             {https, func(a *transfer.Access) { a.BaseURL = "https://files.example:70000/" }, "base-url", "an invalid port"},
		"url colon":                  {https, func(a *transfer.Access) { a.BaseURL = "https://files.example:/" }, "base-url", "colon"},
		"url host":                   {https, func(a *transfer.Access) { a.BaseURL = "https://fi les/" }, "base-url", "cannot be read"},
		"url host odd":               {https, func(a *transfer.Access) { a.BaseURL = "https://fi$les/" }, "base-url", "not a host name"},
		"server is a url":            {ftp, func(a *transfer.Access) { a.Server = "ftp://files.example" }, "server", "https, ftps or ftp in method"},
		"server with a login":        {ftp, func(a *transfer.Access) { a.Server = "cp:canary@files.example" }, "server", "holds an @"},
		"server is a url with login": {ftp, func(a *transfer.Access) { a.Server = "ftp://cp:canary@files.example" }, "server", "holds an @"},
		"method is a url with login": {ftp, func(a *transfer.Access) { a.Method = "ftp://cp:canary@files.example" }, "method", "holds an @"},
		"server with a port":         {ftp, func(a *transfer.Access) { a.Server = "files.example:21" }, "server", "the port number in port"},
		"server with a path":         {ftp, func(a *transfer.Access) { a.Server = "files.example/x" }, "server", "the folder in path"},
		"server in another script":   {ftp, func(a *transfer.Access) { a.Server = "dätei.example" }, "server", "xn--"},
		"server that is an option":   {ftp, func(a *transfer.Access) { a.Server = "-x" }, "server", "not a host name"},
		"line break in the path":     {ftp, func(a *transfer.Access) { a.Path = "x\r\nDELE y" }, "path", "control character"},
		"line break in the name":     {ftp, func(a *transfer.Access) { a.Username = "x\nDELE y" }, "username", "control character"},
		"line break in the password": {ftp, func(a *transfer.Access) { a.Password = secret.New("canary\nDELE y") }, "password", "control character"},
		"line break in the account":  {ftp, func(a *transfer.Access) { a.Account = "\x00" }, "account", "control character"},
		"backslash in the path":      {ftp, func(a *transfer.Access) { a.Path = `firmware\cp` }, "path", "separated by slashes"},
		"no utf-8":                   {ftp, func(a *transfer.Access) { a.Path = "\xff" }, "path", "UTF-8"},
		"endless":                    {ftp, func(a *transfer.Access) { a.Path = strings.Repeat("x", 5000) }, "path", "4096"},
	} {
		a := test.base
		test.change(&a)
		err := a.Validate()
		e := (*transfer.SettingError)(nil)
		switch {
		case test.setting == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.setting == "":
		case !errors.As(err, &e) || e.Setting != test.setting || !strings.Contains(e.Problem, test.problem):
			t.Errorf("%s: %v, want %s: ...%s...", name, err, test.setting, test.problem)
		case strings.Contains(err.Error(), "canary"):
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}

// Set takes what Get gives, and refuses what cannot be meant.
func TestSet(t *testing.T) {
	for setting, texts := range map[string][]string{
		"method": {"ftp", "ftps", "https"}, "server": {"a.example", "::1"}, "port": {"1", "65535"}, "account": {"x y"},
		"username": {"ü"}, "path": {"/", "a/b c"}, "base-url": {"https://a.example/x"},
	} {
		for _, text := range texts {
			var a transfer.Access
			if err := a.Set(setting, text); err != nil || a.Get(setting) != text {
				t.Errorf("%s %q: %v, then %q", setting, text, err, a.Get(setting))
			}
		}
	}
	for setting, texts := range map[string][]string{
		"method": {"", "FTP", "sftp"}, "server": {"", "a:1", "a b"}, "port": {"", "0", "-1", "65536", "21x", "٣"}, "account": {"", "\n"},
		"username": {""}, "path": {"", "\t"}, "base-url": {"", "ftp://a.example/"}, "colour": {"x"}, "password": {"a\x00"},
	} {
		for _, text := range texts {
			err := new(transfer.Access).Set(setting, text)
			if e := (*transfer.SettingError)(nil); !errors.As(err, &e) || e.Setting != setting {
				t.Errorf("%s %q: %v", setting, text, err)
			}
		}
	}
	var a transfer.Access
	if err := a.Set("password", ""); err != nil || !a.Password.IsSet() || a.Get("password") != "[redacted]" {
		t.Errorf("an empty password: %v, %q", err, a.Get("password"))
	}
}

// FileURL names the file so that other programs find it, and never the login.
func TestFileURL(t *testing.T) {
	canary := secret.New("canary")
	for want, a := range map[string]transfer.Access{
		"ftp://files.example/a%20b%23.bind":              {Server: "files.example", Username: "cp", Password: canary},
		"ftp://files.example/x/y%20z/a%20b%23.bind":      {Server: "files.example", Path: "x/y z/"},
		"ftp://files.example/%2Fx/y/a%20b%23.bind":       {Server: "files.example", Path: "/x//y"},
		"ftp://files.example/%2Fa%20b%23.bind":           {Server: "files.example", Path: "/"},
		"ftps://files.example:990/a%20b%23.bind":         {Method: transfer.FTPS, Server: "files.example", Port: 990},
		"ftps://[2001:db8::7]/a%20b%23.bind":             {Method: transfer.FTPS, Server: "2001:db8::7", Port: 21},
		"ftps://[2001:db8::7]:2121/a%20b%23.bind":        {Method: transfer.FTPS, Server: "[2001:db8::7]", Port: 2121},
		"https://files.example/a%20b%23.bind":            {Method: transfer.HTTPS, BaseURL: "https://files.example"},
		"https://files.example/x%20y/a%20b%23.bind":      {Method: transfer.HTTPS, BaseURL: "https://files.example/x%20y/"},
		"https://files.example:8443/a%20b%23.bind":       {Method: transfer.HTTPS, Server: "files.example", Port: 8443},
		"https://[2001:db8::7]/a%20b%23.bind":            {Method: transfer.HTTPS, Server: "2001:db8::7"},
		"https://files.example:8443/x/y/a%20b%23.bind":   {Method: transfer.HTTPS, BaseURL: "https://files.example:8443/x/y"},
		"https://files.example/%C3%A4/a%20b%23.bind":     {Method: transfer.HTTPS, BaseURL: "https://files.example/ä"},
		"https://files.example/x%252Fy/a%20b%23.bind":    {Method: transfer.HTTPS, BaseURL: "https://files.example/x%252Fy"},
		"https://files.example:8443/q/a%20b%23.bind":     {Method: transfer.HTTPS, BaseURL: "https://files.example:8443/q//"},
		"ftp://files.example/%25/..%20/a%20b%23.bind":    {Server: "files.example", Path: "%/.. "},
		"https://files.example/with.dot/a%20b%23.bind":   {Method: transfer.HTTPS, BaseURL: "https://files.example/with.dot"},
		"ftp://192.0.2.7:2121/firmware/cp/a%20b%23.bind": {Server: "192.0.2.7", Port: 2121, Path: "firmware/cp"},
	} {
		if got := a.FileURL("a b#.bind"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Access data print without the password.
func TestAccessIsPrintedWithoutPassword(t *testing.T) {
	access := transfer.Access{Server: "x", Password: secret.New("canary")}
	asJSON, err := json.Marshal(access)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{fmt.Sprint(&access), string(asJSON)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		texts = append(texts, fmt.Sprintf(verb, access))
	}
	for _, text := range texts {
		if strings.Contains(text, "canary") || strings.Contains(text, "63616e617279") || !strings.Contains(text, "[redacted]") {
			t.Errorf("printed: %s", text)
		}
	}
}
