package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/browser"
)

// TestWatchSites shows a rollout of two sites in a real browser while it goes on. The page says when the command has lost its connection to the
// server, and afterwards shows what happened meanwhile, without being loaded anew.
func TestWatchSites(t *testing.T) {
	t.Parallel()
	c := browser.StartTab(t)
	s := newSites(t, 6, "berlin", "paris")
	s.plan("--waves", "2,rest", "--pause", "each")
	s.work(s.server.ClientURL(), "berlin")
	s.work(s.server.ClientURL(), "paris")
	w := s.start("rollout", "watch", "spring", "--json", "--nats", s.proxy.URL())
	w.until("\n")
	var doc struct{ Event, URL string }
	if err := json.Unmarshal([]byte(w.out.String()), &doc); err != nil || doc.Event != "ready" {
		t.Fatalf("%s: %v", w.out, err)
	}
	status := func(text string) {
		c.Until(fmt.Sprintf(`document.getElementById("live").textContent.startsWith(%q)`, text))
	}
	lead := func(text string) {
		c.Until(fmt.Sprintf(`document.querySelector(".lead").textContent.includes(%q)`, text))
	}
	c.Open(doc.URL)
	status("Live:")
	lead("6 phones: 6 not begun.")
	c.Eval(`window.same = true`) // until the page is loaded anew

	direct := func(args ...string) {
		if r := runHere(t, nil, append(append([]string{"rollout"}, args...), "--nats", s.server.ClientURL())...); r.code != exit.CodeOK {
			t.Fatalf("%v: exit code %d\n%s%s", args, r.code, r.out, r.errOut)
		}
	}
	ended := make(chan ran, 1)
	go func() { ended <- runHere(t, nil, "rollout", "run", "spring", "--nats", s.server.ClientURL()) }()
	lead("2 updated, 4 not begun.")

	s.proxy.Lead(nil)
	s.proxy.Cut()
	status("The server of the journal cannot be reached: this page is not updated now.")
	c.Open(doc.URL) // also a browser that comes now is told
	status("The server of the journal cannot be reached: this page is not updated now.")
	c.Eval(`window.same = true`)
	direct("resume", "spring")
	if r := <-ended; r.code != exit.CodeOK {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
	}
	lead("2 updated, 4 not begun.")
	s.proxy.Lead(s.server)
	status("Live:")
	lead("6 phones: 6 updated.")
	if got := c.Eval(`window.same`); got != "true" {
		t.Error("the page was loaded anew")
	}
	if len(c.Problems) > 0 {
		t.Errorf("the page has errors: %s", strings.Join(c.Problems, "\n"))
	}
	w.end()
	s.agree()
}
