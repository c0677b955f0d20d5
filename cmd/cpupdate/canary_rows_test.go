package main

import (
	"encoding/base64"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// A canaryPeer is who is spoken to, and how a command line names it. It closes held when it keeps the command waiting.
type canaryPeer func(t *testing.T, held func()) []string

// A canaryRow is a command, who it speaks to, and how that ends; what is to be searched is always the same.
type canaryRow struct {
	name    string
	command string // IMAGE is an image, FILE a file that holds the canary
	peer    canaryPeer
	code    exit.Code      // if no phone is told
	sources []canarySource // nil: one of them, another for each row
}

func canaryRows() []canaryRow {
	server := onlySources("stdin", "file", "command")
	stored := onlySources("store", "keyring")
	return []canaryRow{
		{"ftp", "push IMAGE", ftpPeer(takesAll), exit.CodeOK, canarySources()},
		{"ftps", "push IMAGE", ftpsPeer(takesAll), exit.CodeOK, nil},
		{"https basic", "push IMAGE", httpsPeer(badserver.Login(anyLogin)), exit.CodeOK, nil},
		{"https digest, wrong", "push IMAGE", httpsPeer(badserver.Login(badserver.Digest("SHA-256", "auth", 0))), exit.CodeSettings, nil},
		{"wrong", "push IMAGE", ftpsPeer(badserver.Always("PASS", badserver.Say("530 Login incorrect.\r\n"))), exit.CodeSettings, nil},
		{"repeated", "push IMAGE", ftpPeer(badserver.Always("PASS", badserver.Say(repeatedBy("530 ")))), exit.CodeSettings, canarySources()},
		{"repeated on lines", "push IMAGE", ftpPeer(badserver.Always("PASS", badserver.Say("530-You sent:\r\nPASS "+canary+"\r\n"+repeatedBy("530 ")))), exit.CodeSettings, nil},
		{"repeated in a welcome", "push IMAGE", ftpPeer(badserver.All(takesAll, badserver.Always("CWD", badserver.DoAndSay(repeatedBy("250 "))))), exit.CodeOK, nil},
		{"repeated at the file", "push IMAGE", ftpPeer(badserver.All(takesAll, badserver.Always("STOR", badserver.Say(repeatedBy("550 "))))), exit.CodeRejected, nil},
		{"repeated by a web server", "push IMAGE", httpsPeer(badserver.Login(anyLogin), badserver.On("PUT", badserver.ReplyOnly(badserver.Response(403, "<p>"+repeatedBy(""))))), exit.CodeRejected, nil},
		{"repeated in a status", "push IMAGE", httpsPeer(badserver.Login(anyLogin), badserver.On("PUT", badserver.ReplyOnly("HTTP/1.1 403 "+strings.TrimSpace(repeatedBy(""))+"\r\nContent-Length: 0\r\n\r\n"))), exit.CodeRejected, nil},
		{"redirected to it", "push IMAGE", httpsPeer(badserver.Login(anyLogin), badserver.On("PUT", badserver.ReplyOnly(badserver.Response(302, "", "Location: https://"+url.UserPassword(canaryUser, canary).String()+"@x.example/"+url.PathEscape(canary))))), exit.CodeRejected, nil},
		{"repeated when asked for it", "push IMAGE", httpsPeer(badserver.Login(badserver.Nobody(`Basic realm="` + url.PathEscape(canary) + `"`))), exit.CodeSettings, nil},
		{"stranger by ftps", "push IMAGE", strange(ftpsPeer(takesAll)), exit.CodeSettings, nil},
		{"stranger by https", "push IMAGE", strange(httpsPeer(badserver.Login(anyLogin))), exit.CodeSettings, nil},
		{"no TLS", "push IMAGE", ftpsPeer(badserver.Always("AUTH", badserver.Say("500 What?\r\n"))), exit.CodeSettings, nil},
		{"broken off", "push IMAGE", ftpPeer(badserver.All(takesAll, badserver.Always("STOR", badserver.Reset))), exit.CodeUnreachable, nil},
		{"broken off at login", "push IMAGE", ftpsPeer(badserver.Always("PASS", badserver.Reset)), exit.CodeUnreachable, nil},
		{"noPeer there", "push IMAGE", noPeer, exit.CodeUnreachable, nil},
		{"dry run", "push IMAGE --dry-run", ftpPeer(takesAll), exit.CodeOK, nil},
		{"serve", "push IMAGE --dry-run 127.0.0.1:1 --serve --listen 127.0.0.1:0 --patience 1s", nil, exit.CodeUnreachable, onlySources("variable")},
		{"phones are told", "push IMAGE PHONE --patience 10s --listen 127.0.0.1:0 --contact-interval 1s --probe-interval 200ms", ftpPeer(takesAll), 0, onlySources("stdin", "store")},
		{"phones are told another", "push IMAGE PHONE --listen 127.0.0.1:0 --contact-interval 1s --probe-interval 200ms --patience 6s --fetch-username phones --fetch-password-file FILE --fetch-url ftp://127.0.0.1:1/", ftpPeer(takesAll), 0, onlySources("stdin", "keyring")},
		{"test", "defaults test", ftpsPeer(takesAll), exit.CodeOK, stored},
		{"test, repeated", "defaults test", ftpPeer(badserver.Always("PASS", badserver.Say(repeatedBy("530 ")))), exit.CodeSettings, stored},
		{"doctor", "doctor --listen 127.0.0.1:0", ftpsPeer(takesAll), exit.CodeOK, nil},
		{"doctor, repeated", "doctor --listen 127.0.0.1:0", ftpPeer(badserver.Always("PASS", badserver.Say(repeatedBy("530 ")))), exit.CodeSettings, nil},
		{"set", "defaults set", noPeer, exit.CodeOK, server},
		{"show", "defaults show --origin", noPeer, exit.CodeOK, stored},
		{"unset", "defaults unset password", noPeer, exit.CodeOK, stored},
		{"unset all", "defaults unset --all", noPeer, exit.CodeOK, stored},
		{"page", "push IMAGE --web", pagePeer(canary, ""), exit.CodeOK, onlySources("stdin", "command")},
		{"page, wrong", "push IMAGE --web", pagePeer("another", ""), exit.CodeSettings, onlySources("file", "variable")},
		{"page, cut", "push IMAGE --web", pagePeer(canary, "web-cuts"), exit.CodeUnreachable, onlySources("variable")},
		{"page, no form", "push IMAGE --web", pagePeer(canary, "web-no-form"), exit.CodeRejected, onlySources("prompt")},
		{"page, repeated", "push IMAGE --web", pagePeer(canary, "web-hostile-text"), exit.CodeUnknown, onlySources("stdin")},
		{"doctor, page", "doctor --web", doctorPeer(canary, ""), exit.CodeOK, onlySources("stdin", "file", "prompt")},
		{"doctor, page, wrong", "doctor --web", doctorPeer("another", ""), exit.CodeSettings, onlySources("variable", "command")},
		{"doctor, page, repeated", "doctor --web", doctorPeer(canary, "web-hostile-text"), exit.CodeOK, onlySources("stdin")},
		{"of no use", "inspect IMAGE", nil, exit.CodeOK, onlySources("variable")},
		{"wrong flag", "push IMAGE --no-such-flag", noPeer, exit.CodeUsage, onlySources("file", "variable")},
	}
}

// takesAll lets everybody in.
func takesAll(s *badserver.FTP) {
	badserver.Always("USER", badserver.Say("331 Password, please.\r\n"))(s)
	badserver.Always("PASS", func(c *badserver.Call) {
		if c.Arg != canary && c.Arg != "phones" {
			c.Send("530 not the password\r\n")
			return
		}
		badserver.LogIn("230 Welcome.\r\n")(c)
	})(s)
}

func anyLogin(x *badserver.Exchange) (ok bool, wanted string) {
	_, given, _ := x.Request.BasicAuth()
	return given == canary, `Basic realm="here", charset="UTF-8"`
}

// repeatedBy is a reply that repeats the password in the notations of servers.
func repeatedBy(code string) string {
	login := base64.StdEncoding.EncodeToString([]byte(canaryUser + ":" + canary))
	quoted := tomledit.Quote(canary)
	return code + "you sent " + canary + " and " + url.QueryEscape(canary) + " and " + url.PathEscape(canary) + " and Basic " + login + " and " + quoted + "\r\n"
}

// TestCanary sends a password through every command that takes one, from every source, into every trouble: it is in no
// output, file, list of processes or environment but where it was put.
func TestCanary(t *testing.T) {
	t.Parallel()
	image, program := phoneImage(t), buildCommand(t)
	t.Run("ended", func(t *testing.T) { testCanaryEnded(t, image, program) })
	next := 0
	for _, row := range canaryRows() {
		sources := row.sources
		if sources == nil {
			all := canarySources()
			sources = all[next%len(all) : next%len(all)+1]
			next++
		}
		for i, source := range sources {
			for _, mode := range [][]string{{"-v"}, {"-v", "--json"}} {
				if asJSON := len(mode) == 2; len(sources) > 2 && asJSON != (i%2 == 0) {
					continue // either, for each of many
				}
				t.Run(row.name+" "+source.name+" "+strings.Join(mode, ""), func(t *testing.T) {
					t.Parallel()
					source.skipWithout(t)
					r := newCanaryRun(t, program)
					row.run(r, source, image, mode)
				})
			}
		}
	}
}

func (row canaryRow) run(r *canaryRun, source canarySource, image string, mode []string) {
	r.t.Helper()
	var server []string
	if row.peer != nil {
		server = row.peer(r.t, nil)
	}
	args := strings.Fields(row.command)
	flags := source.put(r, server)
	if args[0] == "defaults" && args[1] != "set" {
		flags = nil // it knows no others
	}
	if args[0] == "push" {
		flags = append(flags, "--hw-level", "3")
	}
	if args[0] == "push" && row.peer != nil && !strings.Contains(row.command, "--web") {
		flags = append(flags, "--retries", "0")
	}
	var phone *phonesim.Phone
	for i, word := range args {
		switch word {
		case "IMAGE":
			args[i] = image
		case "FILE":
			args[i] = r.secretFile("fetch-password")
		case "PHONE":
			phone = startPhone(r.t, "", nil)
			args[i] = phone.Address()
		}
	}
	if row.name == "set" {
		r.allowed[r.path("settings/cpupdate/passwords.toml")] = true
	}
	c := r.run(slices.Concat(args, flags, mode)...)
	switch {
	case phone == nil && c != row.code:
		r.t.Errorf("exit code %d, want %d\n%s", c, row.code, r.said.String())
	case phone != nil && phone.State().Instructed != 1: // what becomes of it is looked at elsewhere
		r.t.Errorf("exit code %d, and the phone was told %d times\n%s", c, phone.State().Instructed, r.said.String())
	}
	if row.command == "defaults unset password" || row.command == "defaults unset --all" {
		r.allowed = nil // it is nowhere now
		r.files()
	}
}

// A canaryEnd is a moment at which a command is ended from outside.
type canaryEnd struct {
	name   string
	source string
	peer   canaryPeer
}

func canaryEnds() []canaryEnd {
	ftp := func(step string) canaryPeer {
		return func(t *testing.T, held func()) []string {
			hold := badserver.Always(step, func(c *badserver.Call) {
				held()
				c.Silence()
			})
			if step != "PASS" {
				hold = badserver.All(takesAll, hold)
			}
			s := badserver.NewFTPS(t, hold)
			return canaryFlags(s.Access(), s.Pin().String())
		}
	}
	https := func(t *testing.T, held func()) []string {
		s := badserver.NewHTTPS(t, badserver.Login(anyLogin), badserver.On("PUT", func(x *badserver.Exchange) {
			held()
			x.Silence()
		}))
		return canaryFlags(s.Access(), s.Pin().String())
	}
	return []canaryEnd{
		{"login", "stdin", ftp("PASS")},
		{"file", "variable", ftp("STOR")},
		{"file, stored", "store", ftp("STOR")},
		{"web", "keyring", https},
		{"web, by a program", "command", https},
		{"typed", "prompt", ftp("PASS")},
	}
}

// testCanaryEnded ends commands while they know the password: by Ctrl-C, and by SIGQUIT, upon which Go prints what it
// prints when a program panics.
func testCanaryEnded(t *testing.T, image, program string) {
	t.Helper()
	for _, end := range canaryEnds() {
		for name, send := range map[string]func(p *os.Process) error{
			"interrupt": func(p *os.Process) error { return p.Signal(os.Interrupt) },
			"quit":      dump,
		} {
			t.Run(end.name+" "+name, func(t *testing.T) {
				t.Parallel()
				source := onlySources(end.source)[0]
				source.skipWithout(t)
				r := newCanaryRun(t, program)
				held := make(chan struct{})
				var once sync.Once
				server := end.peer(t, func() { once.Do(func() { close(held) }) })
				r.started = func() {
					select {
					case <-held:
						r.processes()
						r.signal(send)
					case <-t.Context().Done():
					}
				}
				flags := source.put(r, server)
				c := r.run(slices.Concat([]string{"push", image, "--hw-level", "3", "-v", "--json"}, flags)...)
				dumped := strings.Contains(r.said.String(), "SIGQUIT: quit") && strings.Contains(r.said.String(), "goroutine 1 ")
				if name == "quit" && !dumped || name == "interrupt" && c != exit.CodeInterrupted {
					t.Errorf("exit code %s\n%s", strconv.Itoa(int(c)), r.said.String())
				}
			})
		}
	}
}
