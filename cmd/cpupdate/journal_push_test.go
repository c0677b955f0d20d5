package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/sqlite"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// push pushes to phones of the site, with a journal in a folder.
func (s *site) push(folder string, args ...string) ran {
	s.t.Helper()
	a, out, errOut := s.app()
	a.record.Folder = folder
	return s.ranWith(a, func() string { return out.String() }, func() string { return errOut.String() }, append([]string{"push"}, args...))
}

func (s *site) ranWith(a *app, out, errOut func() string, args []string) ran {
	s.t.Helper()
	certificate, key := clitest.ServiceFiles(s.t)
	c := run(s.t.Context(), a, append(args, "--service-cert", certificate, "--service-key", key))
	return ran{c, out(), errOut()}
}

// historyOf returns what history says, with a journal in a folder.
func historyOf(t *testing.T, folder string, args ...string) ran {
	t.Helper()
	a, out, errOut := testApp(t, nil)
	a.record.Folder = folder
	a.clock = func() time.Time { return time.Now().UTC() }
	args = append([]string{"history"}, args...)
	c := run(t.Context(), a, args)
	r := ran{c, out.String(), errOut.String()}
	r.check(t, args)
	return r
}

// was is what phones of a site said before they were instructed.
func was(number int) journal.Device {
	return journal.Device{Type: "OpenScape Desk Phone CP600", SoftwareType: "Unify HFA", Version: versionOld, MAC: fmt.Sprintf("00:1A:E8:00:00:%02X", number)}
}

// killedRun writes what a run that was killed some time ago left in the journal.
func killedRun(t *testing.T, folder, address string, ago time.Duration, bodies ...journal.Body) {
	t.Helper()
	ledger, err := sqlite.Open(t.Context(), filepath.Join(folder, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-ago)
	name := fmt.Sprintf("push-killed-%d", at.UnixMilli())
	if _, err := journal.Create(t.Context(), ledger, name, at, journal.Planned{Images: []journal.Image{{Version: versionNew}}, Phones: 1, Push: true}); err != nil {
		t.Fatal(err)
	}
	after := journal.Seq(0)
	for _, body := range bodies {
		if after, err = ledger.Append(t.Context(), journal.Key{Rollout: name, Phone: address}, after, journal.Event{At: at, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	if err := ledger.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestPushAfterKill pushes again after a run that was killed: a phone that was instructed is queried and not instructed again, until
// it is known how that ended.
func TestPushAfterKill(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	told := journal.Instructing{Run: "dead", Attempt: 1, Version: versionNew}
	oldOne, newOne, third := version(t, versionOld), version(t, versionNew), version(t, "V1 R6.0.0")
	for name, row := range map[string]struct {
		steps   []journal.Body // after listed, begun and reported
		ago     time.Duration
		runs    bind.Version
		mac     string
		away    time.Duration // until it can be reached, running the new version; negative: never
		by      string        // address by which it is named then; "": the same
		end     string
		code    exit.Code
		says    string
		told    int // how often the second push instructs it
		least   time.Duration
		most    time.Duration
		another int // how often a third push instructs it
	}{
		"before the barrier":         {ago: time.Minute, runs: oldOne, end: "updated", told: 1, most: 8 * time.Minute},
		"at the barrier, updated":    {steps: []journal.Body{told}, ago: time.Minute, runs: newOne, end: "updated", most: time.Minute},
		"at the barrier, old":        {steps: []journal.Body{told}, ago: 5 * time.Minute, runs: oldOne, end: "unproven", code: exit.CodeUnverified, says: "and it still runs " + versionOld, least: 9 * time.Minute, most: 11 * time.Minute, another: 1},
		"fetched, restarting now":    {steps: []journal.Body{told, journal.Instructed{}, journal.Fetched{Bytes: 5}}, ago: time.Minute, away: 4 * time.Minute, end: "updated", least: 3 * time.Minute, most: 7 * time.Minute},
		"restarting, never back":     {steps: []journal.Body{told, journal.Instructed{}, journal.Restarting{}}, ago: time.Minute, away: -1, end: "no-answer", code: exit.CodeUnverified, least: 13 * time.Minute, most: 25 * time.Minute},
		"busy, so not instructed":    {steps: []journal.Body{told, journal.Busy{}}, ago: time.Minute, runs: oldOne, end: "updated", told: 1, most: 8 * time.Minute},
		"another phone there":        {steps: []journal.Body{told}, ago: time.Minute, runs: oldOne, mac: "00:1A:E8:77:77:77", end: "another-phone", code: exit.CodeUnverified, says: "00:1A:E8:77:77:77", most: time.Minute, another: 1},
		"updated by somebody else":   {steps: []journal.Body{told}, ago: time.Minute, runs: third, end: "unproven", code: exit.CodeUnverified, says: "runs V1 R6.0.0 now", most: time.Minute, another: 1},
		"long ago, still old":        {steps: []journal.Body{told}, ago: 48 * time.Hour, runs: oldOne, end: "unproven", code: exit.CodeUnverified, most: time.Minute, another: 1},
		"clock set back since":       {steps: []journal.Body{told}, ago: -3 * time.Hour, runs: oldOne, end: "unproven", code: exit.CodeUnverified, least: 14 * time.Minute, most: 16 * time.Minute, another: 1},
		"another notation":           {steps: []journal.Body{told}, ago: time.Minute, runs: newOne, by: "10.0.0.1", end: "updated", most: time.Minute},
		"another address, too early": {steps: []journal.Body{told}, ago: time.Minute, runs: oldOne, by: "phone.example", end: "taken", code: exit.CodeUnreachable, says: "an earlier run instructed it as 10.0.0.1:8085 at ", most: time.Minute},
		"another address, later":     {steps: []journal.Body{told}, ago: time.Hour, runs: oldOne, by: "phone.example", end: "updated", told: 1, most: 8 * time.Minute},
		"by its web page":            {steps: []journal.Body{journal.Sending{Run: "dead", Version: versionNew}}, ago: time.Minute, runs: newOne, end: "updated", most: time.Minute},
		"another version":            {steps: []journal.Body{journal.Instructing{Run: "dead", Version: "V1 R6.0.0"}}, ago: time.Minute, runs: oldOne, end: "updated", told: 1, most: 8 * time.Minute},
		"an outcome":                 {steps: []journal.Body{told, journal.Outcome{Result: journal.Failed, Failure: "old-version"}}, ago: time.Minute, runs: oldOne, end: "updated", told: 1, most: 8 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(s *site) {
				folder, address := s.t.TempDir(), "10.0.0.1:8085"
				killedRun(s.t, folder, address, row.ago, append([]journal.Body{
					journal.Listed{Address: address}, journal.Begun{Run: "dead", Attempt: 1}, journal.Reported{Device: was(1)},
				}, row.steps...)...)
				var phone *phonesim.Phone
				begin := func(runs bind.Version) {
					phone = s.phone("", func(c *phonesim.Config) {
						c.Version = runs
						if row.mac != "" {
							c.MAC = row.mac
						}
					})
				}
				var later sync.WaitGroup
				switch {
				case row.away == 0:
					begin(row.runs)
				case row.away > 0:
					later.Go(func() {
						time.Sleep(row.away)
						begin(newOne)
					})
				}
				target := address
				if row.by != "" {
					target = row.by
					s.net.Name("phone.example", netip.MustParseAddr("10.0.0.1"))
				}
				begun := time.Now()
				r := s.push(folder, image, target, "--serve", "--hw-level", "3", "--json")
				later.Wait()
				last := lastLine(s.t, pushLines(s.t, r.out))
				if last.Event == "failed" {
					last.Outcome = last.Error.Kind
				}
				if took := time.Since(begun); last.Outcome != row.end || r.code != row.code || took < row.least || took > row.most || !strings.Contains(r.errOut, row.says) {
					s.t.Errorf("%s with exit code %d after %s, want %s, %d\n%s", last.Outcome, r.code, took, row.end, row.code, r.errOut)
				}
				if later := strings.Contains(r.out, `"seen_later":true`); later != (row.told == 0 && row.end != "taken") || later && row.mac == "" && !strings.Contains(r.out, `"before":{"device_type":"OpenScape Desk Phone CP600","software_type":"Unify HFA","software_version":"`+versionOld+`",`) {
					s.t.Errorf("seen later: %v\n%s", later, r.out)
				}
				if phone == nil {
					return
				}
				if n := phone.State().Instructed; n != row.told {
					s.t.Errorf("it was instructed %d times, want %d", n, row.told)
				}
				if row.another > 0 {
					time.Sleep(10 * time.Minute)
					if r := s.push(folder, image, target, "--serve", "--hw-level", "3"); r.code != exit.CodeOK || phone.State().Instructed != row.told+row.another || phone.State().Version != newOne {
						s.t.Errorf("a third push ends with %d: %s\n%+v", r.code, r.errOut, phone.State())
					}
				}
			})
		})
	}
}

func version(t *testing.T, text string) bind.Version {
	t.Helper()
	v, err := bind.ParseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestTwoPushes runs two pushes to one phone at once: one of them lets go of it, and the phone gets one update command.
func TestTwoPushes(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	for _, apart := range []time.Duration{0, time.Second, 10 * time.Second, time.Minute} {
		t.Run(apart.String(), func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(s *site) {
				folder := s.t.TempDir()
				phone := s.phone("", nil)
				results := make([]ran, 2)
				var all sync.WaitGroup
				for i := range results {
					all.Go(func() {
						time.Sleep(time.Duration(i) * apart)
						results[i] = s.push(folder, image, phone.Address(), "--serve", "--hw-level", "3", "--listen", fmt.Sprintf("10.1.0.1:%d", 18443+i))
					})
				}
				all.Wait()
				state := phone.State()
				if state.Instructed != 1 || state.Version.String() != versionNew {
					s.t.Errorf("%+v", state)
				}
				good := 0
				for _, r := range results {
					switch {
					case r.code == exit.CodeOK:
						good++
					case r.code != exit.CodeUnreachable || !strings.Contains(r.errOut, "another run of cpupdate began with it, and this one left it alone"):
						s.t.Errorf("exit code %d\n%s", r.code, r.errOut)
					}
				}
				if good == 0 {
					s.t.Errorf("no push ended well\n%s\n%s", results[0].errOut, results[1].errOut)
				}
			})
		})
	}
}

// TestFullDisk fills the disk of the journal at each moment of a push: no phone is instructed from then on, those on their way are
// followed to the end, and the end says what is not recorded.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	full := &journal.Error{Place: "/state/journal.db", Kind: journal.ErrFull, Text: "was not extended: the disk is full"}
	inMemory(t, func(s *site) {
		place := journaltest.NewMemory()
		told := 0
		note := func(e phonesim.Event) {
			if e.Kind != phonesim.Instructed {
				return
			}
			if told++; told == 2 {
				place.Fail(func([]journal.Batch) journaltest.Fault { return journaltest.Fault{Err: full} })
			}
		}
		list := []string{"address,model,hw_level"}
		var phones []*phonesim.Phone
		for range 6 {
			phone := s.phone("", func(c *phonesim.Config) { c.Event = note })
			phones = append(phones, phone)
			list = append(list, phone.Address()+",CP600,3")
		}
		a, out, errOut := s.app()
		a.record.Connect = func(context.Context, string) (journal.Ledger, error) { return place.Open(), nil }
		r := s.ranWith(a, func() string { return out.String() }, func() string { return errOut.String() },
			[]string{"push", image, "--phones", listOf(s.t, list...), "--serve", "--parallel", "1"})
		instructed, updated := 0, 0
		for _, phone := range phones {
			instructed += phone.State().Instructed
			if phone.State().Version.String() == versionNew {
				updated++
			}
		}
		if r.code != exit.CodeSettings || instructed != updated || instructed < 2 || instructed > 3 {
			s.t.Errorf("exit code %d, %d instructed, %d updated\n%s%s", r.code, instructed, updated, r.out, r.errOut)
		}
		for _, want := range []string{"the disk is full", "not-recorded", "what happened last is not recorded for "} {
			if !strings.Contains(r.errOut, want) {
				s.t.Errorf("it does not say %q\n%s", want, r.errOut)
			}
		}
	})
	inMemory(t, func(s *site) { // full once the only phone is on its way
		place := journaltest.NewMemory()
		phone := s.phone("", func(c *phonesim.Config) {
			c.Event = func(e phonesim.Event) {
				if e.Kind == phonesim.Instructed {
					place.Fail(func([]journal.Batch) journaltest.Fault { return journaltest.Fault{Err: full} })
				}
			}
		})
		a, out, errOut := s.app()
		a.record.Connect = func(context.Context, string) (journal.Ledger, error) { return place.Open(), nil }
		r := s.ranWith(a, func() string { return out.String() }, func() string { return errOut.String() }, []string{"push", image, phone.Address(), "--serve", "--hw-level", "3"})
		if r.code != exit.CodeSettings || phone.State().Version.String() != versionNew ||
			!strings.Contains(r.errOut, "cpupdate: what happened last is not recorded for 10.0.0.1:8085: ") || !strings.Contains(r.errOut, "hint: make room") {
			s.t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
		}
	})
}

// TestUnusableJournal pushes with a journal that cannot be used: a push goes on unrecorded and says so, but not if the file was named.
func TestUnusableJournal(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	for name, row := range map[string]struct {
		err  error
		says string
	}{
		"read-only": {&journal.Error{Place: "/state/journal.db", Kind: journal.ErrReadOnly, Text: "cannot be written"}, "journal /state/journal.db cannot be written"},
		"newer":     {&journal.Error{Place: "/state/journal.db", Kind: journal.ErrNewer, Text: "was written by a newer program"}, "newer program"},
		"damaged":   {&journal.Error{Place: "/state/journal.db", Kind: journal.ErrDamaged, Text: "is damaged"}, "is damaged"},
		"foreign":   {&journal.Error{Place: "/state/journal.db", Kind: journal.ErrForeign, Text: "is not a journal"}, "is not a journal"},
		"no folder": {nil, "neither $XDG_STATE_HOME nor $HOME is set"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(s *site) {
				for _, named := range []bool{false, true} {
					phone := s.phone("", nil)
					a, out, errOut := s.app()
					if row.err == nil {
						a.record.Folder, a.record.FolderErr = "", errors.New(row.says)
					} else {
						a.record.Connect = func(context.Context, string) (journal.Ledger, error) { return nil, row.err }
					}
					args := []string{"push", image, phone.Address(), "--serve", "--hw-level", "3"}
					if named {
						if row.err == nil {
							return
						}
						args = append(args, "--journal", "/state/journal.db")
					}
					r := s.ranWith(a, func() string { return out.String() }, func() string { return errOut.String() }, args)
					state := phone.State()
					switch {
					case named && (r.code != exit.CodeSettings || state.Contacts > 0 || !strings.Contains(r.errOut, row.says)):
						s.t.Errorf("named: exit code %d, %d contacts\n%s", r.code, state.Contacts, r.errOut)
					case !named && (r.code != exit.CodeOK || state.Version.String() != versionNew || !strings.Contains(r.errOut, "this push is not recorded: ") || !strings.Contains(strings.Join(strings.Fields(r.errOut), " "), row.says)):
						s.t.Errorf("exit code %d\n%s", r.code, r.errOut)
					}
				}
			})
		})
	}
}

// TestDryRunIsNotRecorded queries phones and checks them: nothing is recorded, and no journal is made.
func TestDryRunIsNotRecorded(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	inMemory(t, func(s *site) {
		folder := s.t.TempDir()
		if r := s.push(folder, image, s.phone("", nil).Address(), "--dry-run", "--serve", "--hw-level", "3"); r.code != exit.CodeOK {
			s.t.Error(r.errOut)
		}
		if r := historyOf(s.t, folder, "--json"); r.code != exit.CodeOK || !strings.Contains(r.out, `"runs": []`) {
			s.t.Errorf("%d: %s", r.code, r.out)
		}
		if left, _ := filepath.Glob(filepath.Join(folder, "*")); len(left) > 0 {
			s.t.Errorf("it made %s", left)
		}
	})
}

// TestJournalHoldsNoSecret reads the bytes of a journal after pushes with passwords.
func TestJournalHoldsNoSecret(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	inMemory(t, func(s *site) {
		folder := filepath.Join(s.t.TempDir(), "state")
		phone, pin := s.pagePhone("user-pwd", nil)
		password := clitest.File(s.t, "secret", []byte(webPassword))
		if r := s.push(folder, image, phone.Address(), "--web", "--pin", pin, "--password-file", password, "--hw-level", "3"); r.code != exit.CodeOK {
			s.t.Fatal(r.errOut)
		}
		if r := s.push(folder, image, phone.Address(), "--serve", "--reinstall", "--hw-level", "3"); r.code != exit.CodeOK {
			s.t.Fatal(r.errOut)
		}
		files, err := filepath.Glob(filepath.Join(folder, "*"))
		if err != nil || len(files) == 0 {
			s.t.Fatalf("%d files, %v", len(files), err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil || len(content) == 0 {
				s.t.Fatal(file, err)
			}
			for _, secret := range []string{webPassword, phonesim.DefaultPassword, "BEGIN CERTIFICATE", "PRIVATE KEY", pin} {
				if strings.Contains(string(content), secret) {
					s.t.Errorf("%s contains %q", file, secret)
				}
			}
			if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				s.t.Errorf("%s: %v, %v", file, info.Mode(), err)
			}
		}
	})
}
