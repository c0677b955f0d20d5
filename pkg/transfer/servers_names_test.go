package transfer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// TestServersNames sends files with names that mean something to somebody on the way.
func TestServersNames(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{})
		for _, folder := range []string{"plain", "with space & Ümlaut 電話"} {
			s := s.sub(t, folder)
			store, err := transfer.Dial(t.Context(), s.access, s.options(transfer.Options{}))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = store.Close() }()
			for _, name := range oddNames() {
				t.Run(folder+"/"+name, func(t *testing.T) { s.putName(t, store, name) })
			}
		}
	})
}

func oddNames() []string {
	return []string{
		"a b  c.bind", "Ünïcödé 電話.bind", "-dash", "--help", `quote".bind`, `"quoted"`, "it's",
		"100%", "per%20cent", "%2e%2e", "ha#sh", "what?.bind", "a;b", "[brackets]", "{braces}", "(parens)", "st*r", "*", "~tilde",
		"a:b", "a&b=c", "plus+", "back`tick", "$HOME", "$(x)", "!", "|pipe", "<x>", ".hidden", "...", "a..b", "dot.", "@", "CON", "e\u0301",
	}
}

func (s site) putName(t *testing.T, store transfer.Store, name string) {
	t.Helper()
	for i := range 2 {
		file := content(1000 + i)
		u := upload(file)
		u.Name = name
		l, err := store.Put(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		s.holds(t, map[string][]byte{name: file})
		s.fits(t, l, name, file)
		if l.Replaced != (i > 0) || l.InPlace {
			t.Errorf("%+v", l)
		}
	}
	u := upload(content(1))
	u.Name, u.NoOverwrite = name, true
	if e := (*transfer.Error)(nil); !errors.As(second(store.Put(t.Context(), u)), &e) || e.Kind != transfer.KindExists {
		t.Errorf("%v; want that it exists", e)
	}
	s.empty(t)
}

func second(_ transfer.Location, err error) error { return err }

// TestServersHome sends a file of the name that some servers take for the user's home.
func TestServersHome(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{}).sub(t, "folder")
		file := content(1000)
		u := upload(file)
		u.Name = "~"
		if got := s.put(t, transfer.Options{}, u); got.err != nil {
			refused(t, got, transfer.KindDenied, transfer.KindMissing)
			s.holds(t, nothing())
			return
		}
		s.holds(t, map[string][]byte{u.Name: file})
	})
}

// TestServersLongNames sends files with the longest name that a file can have, and with longer ones.
func TestServersLongNames(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{})
		for _, long := range []string{strings.Repeat("n", 255), strings.Repeat("電", 85), strings.Repeat("%", 255), strings.Repeat("x", 245) + ".bind"} {
			file := content(1000)
			u := upload(file)
			u.Name = long
			got := s.put(t, transfer.Options{}, u)
			if got.err != nil {
				got.fails(t, transfer.KindName, transfer.KindDenied)
				s.holds(t, nothing())
				t.Logf("not taken: %v", got.err)
				continue
			}
			s.holds(t, map[string][]byte{long: file})
			s.fits(t, got.Location, long, file)
			s.empty(t)
		}
		for _, wrong := range []string{strings.Repeat("n", 256), strings.Repeat("電", 86), "", ".", "..", "a/b", `a\b`, " leading", "trailing ", " ", "a\r\nDELE b", "\x00", "\xff"} {
			u := upload(content(1000))
			u.Name = wrong
			got := s.put(t, transfer.Options{}, u)
			if setting := (*transfer.SettingError)(nil); !errors.As(got.err, &setting) || setting.Setting != transfer.SettingFilename {
				t.Errorf("%q: %v", wrong, got.err)
			}
			if got.count(transfer.StepSend, "") != 0 {
				t.Errorf("%q: something was sent", wrong)
			}
			s.holds(t, nothing())
		}
	})
}
