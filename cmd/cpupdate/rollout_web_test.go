package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestRolloutByPages carries out a rollout by the web pages of several phones, whose keys are known ones: each page must present that of
// its phone, whatever the number of the phone in its wave. One page presents another key, and a second run, without flags, goes on
// when the key is the right one.
func TestRolloutByPages(t *testing.T) {
	t.Parallel()
	image := newImageOf(t, 100_000)
	inMemory(t, func(s *site) {
		const count = 4
		t := s.t // of the bubble
		folder := t.TempDir()
		password := clitest.File(t, "page-password", []byte(webPassword))
		list := &strings.Builder{}
		list.WriteString("address;hw_level;mac\n")
		var phones []*phonesim.Phone
		var keys []string
		for i := range count {
			phone, pin := s.pagePhone("", nil)
			phones, keys = append(phones, phone), append(keys, pin)
			fmt.Fprintf(list, "10.0.0.%d;3;00:1A:E8:00:00:%02X\n", i+1, i+1)
		}
		run := func(args ...string) ran {
			a, out, errOut := s.app()
			a.record.Folder = folder
			a.store.Folder = folder
			return s.ranWith(a, func() string { return out.String() }, func() string { return errOut.String() }, args)
		}
		trust := func(phone int, key string) {
			a, out, errOut := testApp(t, nil)
			a.store.Folder = folder
			if c := runApp(t, a, "trust", "add", fmt.Sprintf("10.0.0.%d:443", phone), "--pin", key); c != exit.CodeOK {
				t.Fatalf("%d\n%s%s", c, out, errOut)
			}
		}
		known := slices.Clone(keys)
		known[2] = keys[0] // of another phone
		for i, key := range known {
			trust(i+1, key)
		}
		if r := run("rollout", "plan", image, "--phones", clitest.File(t, "site.csv", []byte(list.String())), "--name", "spring", "--pause", "none", "--waves", "1,rest", "--stop-on", "any=9"); r.code != exit.CodeOK {
			t.Fatalf("%+v", r)
		}
		r := run("rollout", "run", "spring", "--web", "--password-file", password)
		if r.code != exit.CodePartial || !strings.Contains(r.errOut, "1 of 4 phones failed") || !strings.Contains(r.errOut, "hint: page-trust: ") {
			t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
		}
		for i, phone := range phones {
			if got, want := phone.State().Version.String(), i != 2; (got == versionNew) != want {
				t.Errorf("phone %d runs %s", i+1, got)
			}
		}
		if strings.Contains(r.out+r.errOut, webPassword) {
			t.Errorf("the password is shown\n%s%s", r.out, r.errOut)
		}
		text, err := os.ReadFile(filepath.Join(folder, "journal.db"))
		if err != nil || strings.Contains(string(text), webPassword) {
			t.Errorf("the password is in the journal, or there is none: %v", err)
		}

		trust(3, keys[2])
		a, out, errOut := s.app()
		a.record.Folder = folder
		if c := runApp(t, a, "rollout", "retry", "spring"); c != exit.CodeOK || !strings.Contains(out.String(), "1 phone may begin anew") {
			t.Errorf("exit code %d\n%s%s", c, out, errOut)
		}
		a, out, errOut = s.app()
		a.record.Folder, a.store.Folder = folder, folder
		c := runApp(t, a, "rollout", "run", "spring")
		if c != exit.CodeOK || !strings.Contains(errOut.String(), "note: spring: as the run before: --password-file "+password+" --web --service-cert ") || phones[2].State().Version.String() != versionNew {
			t.Errorf("exit code %d\n%s%s", c, out, errOut)
		}
	})
}

// runApp runs a command line.
func runApp(t *testing.T, a *app, args ...string) exit.Code {
	t.Helper()
	return run(t.Context(), a, args)
}
