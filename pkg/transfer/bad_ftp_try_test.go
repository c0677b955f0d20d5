package transfer_test

import (
	"errors"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// TestTry has every bad server tried. Whatever comes of it, nothing stays there without a word.
func TestTry(t *testing.T) {
	t.Parallel()
	wants := tryWants()
	for _, row := range badserver.FTPRows() {
		w, known := wants[row.Name]
		delete(wants, row.Name)
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			s := row.Start(t)
			err := try(t, s, row.Silent, false)
			e := (*transfer.Error)(nil)
			_ = errors.As(err, &e)
			for where := range s.Files() {
				if e == nil || !strings.Contains(e.Left, path.Base(where)) {
					t.Errorf("%s stays; %v", where, err)
				}
			}
			if err != nil && e == nil {
				t.Errorf("%T %v", err, err)
			}
			if !known {
				return
			}
			if len(w.kinds) == 0 != (err == nil) || e != nil && !slices.Contains(w.kinds, e.Kind) || w.left != (e != nil && e.Left != "") {
				t.Errorf("%v, want %v", err, w.kinds)
			}
			if w.never != "" && s.Saw(w.never) {
				t.Errorf("the client said %s", w.never)
			}
		})
	}
	for name := range wants {
		t.Errorf("no server is called %s", name)
	}
}

// tryWants are what trying some servers has to end in.
func tryWants() map[string]want {
	exists := fails(transfer.KindExists)
	return map[string]want{
		"tls-well-behaved":           {},
		"iis-exists":                 exists,
		"iis-exists-german":          exists,
		"iis-access-denied":          fails(transfer.KindDenied),
		"sharing-rnto-thrice":        {},
		"sharing-rnto-always":        fails(transfer.KindBusy),
		"no-rename-no-delete":        {kinds: []transfer.Kind{transfer.KindDenied}, never: "STOR"},
		"names-bind-only":            {},
		"names-no-part":              {},
		"tell-size-denied":           {},
		"tell-size-denied-no-list":   {},
		"tell-not-found-always":      {},
		"tell-not-found-nor-retr":    {},
		"tell-final-name-denied":     {},
		"tell-german":                {},
		"rnfr-502":                   {},
		"sharing-dele-thrice":        fails(transfer.KindFull),
		"rnto-and-dele-refused":      {kinds: []transfer.Kind{transfer.KindDenied}, left: true},
		"complete-451-dele-refused":  {kinds: []transfer.Kind{transfer.KindBusy}, left: true},
		"tls-strict-end":             {},
		"step-226-then-rnto-refused": fails(transfer.KindProtocol, transfer.KindDenied),
	}
}

// TestTryInPlace: in place a file is replaced also where renaming does not.
func TestTryInPlace(t *testing.T) {
	t.Parallel()
	for _, row := range badserver.FTPRows() {
		if !strings.HasPrefix(row.Name, "iis-") {
			continue
		}
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			s := row.Start(t)
			if err := try(t, s, false, true); err != nil || len(s.Files()) > 0 || s.Saw("RNTO") {
				t.Errorf("%v", err)
			}
		})
	}
}

// try tries a server.
func try(t *testing.T, s *badserver.FTP, silent, inPlace bool) error {
	t.Helper()
	told := &events{}
	o := transfer.Options{Trust: s.Trust(), Timeout: time.Minute, Pause: time.Millisecond, InPlace: inPlace, Event: told.add}
	if silent {
		o.Timeout = silentLimit
	}
	store, err := transfer.Dial(t.Context(), s.Access(), o)
	if err == nil {
		err = store.Try(t.Context())
		_ = store.Close()
	}
	s.WaitClosed()
	t.Logf("%v\n%s", err, told)
	checkSecrets(t, told.String())
	return err
}
