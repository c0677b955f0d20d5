package transfer_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// The tests of this file have the server say no. It must not be asked twice, and its words must be in the error.

func TestServersReadOnly(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{ReadOnly: true})
		for _, inPlace := range []bool{false, true} {
			u := upload(content(0))
			u.InPlace = inPlace
			got := s.put(t, transfer.Options{Retries: 2}, u)
			refused(t, got, transfer.KindDenied)
			s.holds(t, nothing())
		}
	})
}

// refused looks at an error that repeats what the server said, and at that nothing was tried twice.
func refused(t *testing.T, got outcome, kinds ...transfer.Kind) {
	t.Helper()
	got.fails(t, kinds...)
	e := got.failure(t)
	if e.Code == 0 || e.Reply == "" || !strings.Contains(e.Error(), e.Reply) {
		t.Errorf("%q does not tell what the server said", e)
	}
	if got.count(transfer.StepRetry, "") != 0 || e.Temporary() {
		t.Errorf("%v: counts as one that passes", e)
	}
}

func TestServersForbidOverwriting(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{NoOverwrite: true})
		file, old := content(0), []byte("old")
		s.server.Place(name, old)
		for _, inPlace := range []bool{false, true} {
			u := upload(file)
			u.InPlace = inPlace
			got := s.put(t, transfer.Options{Retries: 2}, u)
			refused(t, got, transfer.KindExists, transfer.KindDenied)
			s.holds(t, only(old))
		}
		u := upload(file)
		u.Name = "other.bind"
		s.put(t, transfer.Options{}, u).succeeds(t)
		s.holds(t, map[string][]byte{name: old, u.Name: file})
	})
}

func TestServersFullDisk(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{FullDisk: 256 << 10})
		old := content(20_000)
		s.place(t, old)
		got := s.put(t, transfer.Options{Retries: 2}, upload(content(1<<20)))
		if m.isFTP() {
			refused(t, got, transfer.KindFull)
			s.eventuallyHolds(t, only(old))
			u := upload(content(1 << 20))
			u.Name, u.InPlace = "other.bind", true
			refused(t, s.put(t, transfer.Options{Retries: 2}, u), transfer.KindFull)
			s.eventuallyHolds(t, only(old))
			return
		}
		// nginx says 500, and leaves a file of its own.
		refused(t, got, transfer.KindRefused)
		files := s.files()
		if !bytes.Equal(files[name], old) {
			t.Error(listing(files))
		}
		for other := range files {
			if other != name && strings.Trim(strings.TrimPrefix(other, name+"."), "0123456789") != "" {
				t.Error(listing(files))
			}
		}
	})
}

func TestServersFolder(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{})
		file := content(0)
		there := s.sub(t, "there already")
		for _, folder := range []string{"missing", "not there/deeper", "Prüfung 電話 100% #1?;"} {
			t.Run(folder, func(t *testing.T) {
				s := there.down(folder)
				kind := transfer.KindMissing
				if !m.isFTP() {
					kind = transfer.KindRefused // it says 500
				}
				refused(t, s.put(t, transfer.Options{Retries: 2}, upload(file)), kind)
				there.holds(t, nothing())
			})
		}
		if !m.isFTP() {
			return
		}
		all := map[string][]byte{}
		for _, folder := range []string{"one", "two/with spaces/below", "Prüfung 電話 100% #1?;/[x]"} {
			t.Run("make "+folder, func(t *testing.T) {
				s := there.down(folder)
				u := upload(file)
				u.MakeFolder = true
				for i, made := range []int{strings.Count(folder, "/") + 1, 0} {
					got := s.put(t, transfer.Options{}, u)
					got.succeeds(t)
					s.holds(t, only(file))
					s.fits(t, got.Location, name, file)
					if got.count(transfer.StepMade, "") != made {
						t.Errorf("the %d. time: %s", i+1, got.events)
					}
				}
				top, _, _ := strings.Cut(folder, "/")
				all[top+"/"] = nil
				there.holds(t, all)
			})
		}
	})
}

func TestServersForbidFolder(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		if !m.isFTP() {
			return
		}
		s := m.start(t, realservers.Options{ReadOnly: true})
		u := upload(content(0))
		u.MakeFolder = true
		refused(t, s.down("new").put(t, transfer.Options{Retries: 2}, u), transfer.KindDenied)
		s.holds(t, nothing())
	})
}

// TestServersLogin has wrong logins. Servers lock out who tries too often; Pure-FTPd takes 3.5 s to say no.
func TestServersLogin(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{})
		for _, wrong := range []struct{ username, password string }{
			{realservers.Username, "wr0ng-canary"}, {"nobody-knows-me", "wr0ng-canary"},
		} {
			s.access.Username, s.access.Password = wrong.username, secret.New(wrong.password)
			got := s.put(t, transfer.Options{Retries: 2}, upload(content(0)))
			refused(t, got, transfer.KindLogin)
			if got.count(transfer.StepDialog, "> PASS") > 1 || got.count(transfer.StepDialog, "> HEAD") > 2 || got.count(transfer.StepDialog, "> PUT") > 0 {
				t.Error(got.events)
			}
			s.holds(t, nothing())
		}
	})
}

func TestServersEmptyPassword(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{EmptyPassword: true})
		file := content(0)
		s.put(t, transfer.Options{}, upload(file)).succeeds(t)
		s.holds(t, only(file))
	})
}

// TestServersRenamingRefused has a server that does not rename: the file goes to its own name, if no other has it.
func TestServersRenamingRefused(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		if !m.isFTP() {
			return
		}
		for _, denied := range []string{"RNFR", "RNTO"} {
			s := m.start(t, realservers.Options{Deny: []string{denied}})
			file, old := content(0), []byte("old")
			got := s.put(t, transfer.Options{}, upload(file))
			got.succeeds(t)
			s.holds(t, only(file))
			s.fits(t, got.Location, name, file)
			if !got.InPlace || got.Replaced || got.count(transfer.StepInPlace, "the server does not rename") != 1 {
				t.Errorf("%+v\n%s", got.Location, got.events)
			}
			s.place(t, old)
			refused(t, s.put(t, transfer.Options{Retries: 2}, upload(file)), transfer.KindExists, transfer.KindDenied)
			s.holds(t, only(old))
			u := upload(file)
			u.InPlace = true
			s.put(t, transfer.Options{}, u).succeeds(t)
			s.holds(t, only(file))
		}
	})
}

// TestServersRemovingRefused has a server that does not remove: what succeeds, succeeds, and what fails tells what it
// has left behind.
func TestServersRemovingRefused(t *testing.T) {
	t.Parallel()
	each(t, []model{{realservers.VSFTPD, false}, {realservers.ProFTPD, true}, {realservers.Nginx, true}}, func(t *testing.T, m model) {
		command := "DELE"
		if !m.isFTP() {
			command = "DELETE"
		}
		s := m.start(t, realservers.Options{Deny: []string{command}})
		file := content(0)
		s.put(t, transfer.Options{}, upload(file)).succeeds(t)
		s.holds(t, only(file))
		objection := errors.New("not for this phone")
		u := upload(content(1 << 20))
		u.Watch = func(bool) transfer.Watcher { return &watcher{onDone: objection} }
		got := s.put(t, transfer.Options{}, u)
		if !errors.Is(got.err, objection) {
			t.Errorf("%v", got.err)
		}
		if !m.isFTP() {
			s.eventuallyHolds(t, only(file))
			return
		}
		s.tellsWhatIsLeft(t, got, file)
	})
}

// tellsWhatIsLeft looks for one file besides the one that was there, and for its name in the error.
func (s site) tellsWhatIsLeft(t *testing.T, got outcome, old []byte) {
	t.Helper()
	e := (*transfer.Error)(nil)
	files := s.files()
	if !errors.As(got.err, &e) || len(files) != 2 || !bytes.Equal(files[name], old) {
		t.Fatalf("%v; %s", got.err, listing(files))
	}
	for other := range files {
		if other != name && e.Left != s.access.FileURL(other) {
			t.Errorf("%s is left, not %s", other, e.Left)
		}
	}
}
