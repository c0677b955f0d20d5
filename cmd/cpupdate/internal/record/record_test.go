package record_test

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// TestStore finds the file, and gives each error a hint.
func TestStore(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		store record.Store
		want  string
	}{
		{record.Store{Folder: "state"}, "state/journal.db"},
		{record.Store{Folder: "state", Variable: "v.db"}, "v.db"},
		{record.Store{Folder: "state", Variable: "v.db", Flag: "f.db"}, "f.db"},
		{record.Store{FolderErr: errors.New("x"), Flag: "f.db"}, "f.db"},
		{record.Store{FolderErr: errors.New("x")}, ""},
	} {
		if path, err := row.store.Path(); strings.ReplaceAll(path, `\`, "/") != row.want || (err != nil) != (row.want == "") {
			t.Errorf("%+v: %s, %v", row.store, path, err)
		}
	}
	if _, err := (&record.Store{FolderErr: errors.New("x")}).Open(t.Context()); err == nil {
		t.Error("a journal is opened without a folder")
	}
	seen := map[string]bool{}
	for _, kind := range []error{journal.ErrFull, journal.ErrReadOnly, journal.ErrForeign, journal.ErrNewer, journal.ErrDamaged, journal.ErrBusy, journal.ErrNoShare, journal.ErrFiles, journal.ErrGone, journal.ErrIO} {
		own := (*exit.Error)(nil)
		err := record.Error(&journal.Error{Place: "x", Kind: kind, Text: "fails"})
		if !errors.As(err, &own) || own.Code != exit.CodeSettings || len(own.Hints) != 1 || seen[own.Hints[0]] || !errors.Is(err, kind) {
			t.Errorf("%v: %+v", kind, own)
			continue
		}
		seen[own.Hints[0]] = true
		if record.Error(err) != err { //nolint:errorlint // the very one
			t.Error("an error gets two hints")
		}
	}
	own := (*exit.Error)(nil)
	loss := &rollout.LossError{Losses: []journal.Loss{{Key: journal.Key{Phone: "192.0.2.50"}, Err: context.DeadlineExceeded}}}
	if err := record.Error(loss); !errors.As(err, &own) || own.Code != exit.CodeSettings || len(own.Hints) != 1 {
		t.Errorf("a loss of another cause: %v", err)
	}
	if record.Error(nil) != nil || !errors.Is(record.Error(context.Canceled), context.Canceled) {
		t.Error("other errors")
	}
	store := record.Store{Folder: t.TempDir()}
	ledger, err := store.Open(t.Context()) // a real file
	if err != nil || ledger.Close() != nil {
		t.Error(err)
	}
	if a, b := record.Token(), record.Token(); a == b || len(a) != 8 {
		t.Errorf("%s, %s", a, b)
	}
}

// TestLinkToNowhere checks that a journal behind a link to a disk that is away is not taken for none.
func TestLinkToNowhere(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "state")
	if there, err := (&record.Store{Folder: folder}).Exists(); there || err != nil {
		t.Errorf("without a folder: %v, %v", there, err)
	}
	if err := os.Symlink(filepath.Join(t.TempDir(), "away"), folder); err != nil {
		t.Skip("this system makes no links: ", err)
	}
	if info, err := os.Lstat(folder); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Skip("a link to nowhere is none here, such as in Wine: ", err)
	}
	for _, store := range []record.Store{{Folder: folder}, {Flag: filepath.Join(folder, "journal.db")}} {
		there, err := store.Exists()
		own := (*exit.Error)(nil)
		if there || !errors.As(err, &own) || own.Code != exit.CodeSettings || !strings.Contains(err.Error(), "leads nowhere") {
			t.Errorf("%+v: %v, %v", store, there, err)
		}
	}
}

// TestServerErrors gives each error of a journal on a server an exit code and a hint of its own, which names no file.
func TestServerErrors(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, kind := range []error{journal.ErrUnreachable, journal.ErrDenied, journal.ErrFull, journal.ErrForeign, journal.ErrNewer, journal.ErrDamaged, journal.ErrGone, journal.ErrIO} {
		own := (*exit.Error)(nil)
		err := record.Error(&journal.Error{Place: "tls://a.example:4222", Kind: kind, Text: "fails"})
		want := exit.CodeSettings
		if errors.Is(kind, journal.ErrUnreachable) {
			want = exit.CodeUnreachable
		}
		if !errors.As(err, &own) || own.Code != want || len(own.Hints) != 1 || seen[own.Hints[0]] || strings.Contains(own.Hints[0], "--journal") || !errors.Is(err, kind) {
			t.Errorf("%v: %+v", kind, own)
			continue
		}
		seen[own.Hints[0]] = true
	}
	own := (*exit.Error)(nil)
	err := record.Error(&journal.Error{Place: "tls://a.example:4222", Kind: journal.ErrUnreachable, Text: "cannot be reached", Err: x509.UnknownAuthorityError{}})
	if !errors.As(err, &own) || own.Code != exit.CodeSettings || !strings.Contains(own.Hints[0], "--nats-ca FILE") {
		t.Errorf("a certificate: %+v", own)
	}
	store := record.Store{Server: jetstream.Options{URL: "tls://a.example", Creds: "a b.nk", CA: "ca.pem"}}
	if got := store.ServerFlags(); got != "--nats tls://a.example --nats-creds "+exit.Word("a b.nk")+" --nats-ca ca.pem" || (&record.Store{}).ServerFlags() != "" {
		t.Error(got)
	}
}
