package wbm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// TestLongWords checks that errors, events and facts are bounded, however long the texts of a page are. The texts hold escapes
// of terminals, and letters that do not fit where they are cut.
func TestLongWords(t *testing.T) {
	t.Parallel()
	long := func(piece string) string { return strings.Repeat(piece, 8<<10/len(piece)) }
	for name, word := range map[string]string{
		"words": long("software "), "escapes and half letters": long("\x1b[2Jé€\xff"), "the password": long(`pass&amp;word&quot;1`), "half of it": long("pass&amp;word"),
	} {
		field := fmt.Sprintf(`<form action=page.cmd %s><input type=hidden name="%s" value="%s"><input type=file name="f%s"><input type=submit name="%s" value=Send></form>`,
			takesFile, word, word, word, word)
		for where, setup := range map[string]func(*site){
			"title": func(s *site) { s.page("/index.cmd", "<title>"+word+"</title>"+loginPage) },
			"fact":  func(s *site) { s.page("/index.cmd", "<p>Device type: "+word+"<p>MAC: "+word+loginPage) },
			"login": func(s *site) {
				s.page("/index.cmd", loginForm("method=post", word, "<input type=password name='"+word+"'>"))
			},
			"form":       func(s *site) { s.menu(links("Firmware")); s.page("Firmware", field) },
			"other form": func(s *site) { s.menu(links("Logo", "Dongle")); s.page("Logo", field); s.page("Dongle", field) },
			"several forms": func(s *site) {
				s.menu(links("Firmware"))
				s.page("Firmware", field+strings.ReplaceAll(field, "name=", "x name=")+field+"<form></form>")
			},
			"heading": func(s *site) { s.menu(links("Firmware")); s.page("Firmware", "<h1>"+word+"</h1>"+field) },
			"choice": func(s *site) {
				s.menu(links("Firmware"))
				s.page("Firmware", strings.ReplaceAll(field, "</form>", "<select name=k><option>"+word+"</select></form>"))
			},
			"answer":       func(s *site) { s.answers(200, "", "<p>"+word) },
			"answers":      func(s *site) { s.answers(500, "", "<p class=error>"+word+"<p class=success>"+word) },
			"redirect":     func(s *site) { s.answers(302, "Location: /"+strings.Repeat("x", 8000), "") },
			"line of HTTP": func(s *site) { s.says("/index.cmd", "HTTP/1.1 "+word+"\r\n\r\n") },
			"chunk": func(s *site) {
				s.says("/index.cmd", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+word[:1000]+"\r\n")
			},
			"kind": func(s *site) {
				s.says("/index.cmd", "HTTP/1.1 200 OK\r\nContent-Type: "+strings.Repeat("x", 9000)+"\r\nContent-Length: 0\r\n\r\n")
			},
		} {
			t.Run(name+"/"+where, func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				s.page("WEBM_Admin_FileTransferApp", field)
				setup(s)
				s.bounded(t)
			})
		}
	}
}

// bounded makes a whole visit, and measures what is reported.
func (s *site) bounded(t *testing.T) {
	t.Helper()
	const most = 2600
	o := s.options(t)
	o.Secrets = []secret.Secret{secret.New(password)}
	check := o.Event
	o.Event = func(e wbm.Event) {
		if check(e); len(e.Text) > most {
			t.Errorf("%s has %d bytes: %.100q", e.Step, len(e.Text), e.Text)
		}
	}
	v, err := wbm.Open(t.Context(), s.address, o)
	answer := wbm.Answer{}
	if err == nil {
		defer v.Close()
		err = v.Login(t.Context(), secret.New(password))
	}
	if v != nil && err == nil {
		var f *wbm.Form
		if f, err = v.Find(t.Context()); err == nil {
			answer, err = v.Upload(t.Context(), f, image("x"))
		}
	}
	if err != nil && (len(err.Error()) > most || strings.Contains(err.Error(), password)) {
		t.Errorf("the error has %d bytes: %.100q", len(err.Error()), err.Error())
	}
	if len(answer.Words) > 900 {
		t.Errorf("the answer has %d bytes", len(answer.Words))
	}
	if v == nil {
		return
	}
	for _, fact := range []string{v.Facts().Title, v.Facts().Device, v.Facts().MAC} {
		if len(fact) > 200 {
			t.Errorf("a fact has %d bytes: %.100q", len(fact), fact)
		}
	}
}
