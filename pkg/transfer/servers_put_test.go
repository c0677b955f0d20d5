package transfer_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// TestServersPut sends files where nothing is in the way.
func TestServersPut(t *testing.T) {
	t.Parallel()
	eachModel(t, func(t *testing.T, m model) {
		s := m.start(t, realservers.Options{})
		for _, c := range []struct {
			name string
			test func(*testing.T, site)
		}{
			{"new", putNew},
			{"replaces", putReplaces},
			{"no overwrite", putNoOverwrite},
			{"no overwrite, appears meanwhile", putAppears},
			{"read back", putReadBack},
			{"in place", putInPlace},
			{"sizes", putSizes},
			{"rate", putRate},
			{"Watch objects", putWatchObjects},
			{"Watch cannot write", putWatchFails},
			{"truncated meanwhile", putTruncated},
			{"many on one connection", putMany},
			{"Try", putTry},
		} {
			t.Run(c.name, func(t *testing.T) { c.test(t, s.sub(t, strings.ReplaceAll(c.name, " ", "-"))) })
		}
	})
}

func putNew(t *testing.T, s site) {
	file := content(0)
	got := s.put(t, transfer.Options{}, upload(file))
	got.succeeds(t)
	s.holds(t, only(file))
	s.fits(t, got.Location, name, file)
	if got.Replaced || got.InPlace || got.Attempts != 1 {
		t.Errorf("%+v", got.Location)
	}
}

// fits compares what a location says with what was sent.
func (s site) fits(t *testing.T, l transfer.Location, name string, file []byte) {
	t.Helper()
	if l.URL != s.access.FileURL(name) || l.Size != int64(len(file)) || *l.SHA256 != sha256.Sum256(file) || l.Duration <= 0 {
		t.Errorf("%+v", l)
	}
	if !slices.Contains(l.Proofs, transfer.ProofSize) {
		t.Errorf("proofs: %q", l.Proofs)
	}
}

func putReplaces(t *testing.T, s site) {
	file := content(0)
	s.place(t, bytes.Repeat(file, 2))
	got := s.put(t, transfer.Options{}, upload(file))
	got.succeeds(t)
	s.holds(t, only(file))
	s.fits(t, got.Location, name, file)
	if !got.Replaced || got.Attempts != 1 {
		t.Errorf("%+v", got.Location)
	}
}

func putNoOverwrite(t *testing.T, s site) {
	file, old := content(0), []byte("old")
	u := upload(file)
	u.NoOverwrite = true
	s.put(t, transfer.Options{}, u).succeeds(t)
	s.holds(t, only(file))
	for _, inPlace := range []bool{false, true} {
		s.place(t, old)
		u.InPlace = inPlace
		got := s.put(t, transfer.Options{Retries: 2}, u)
		got.fails(t, transfer.KindExists)
		if got.count(transfer.StepSend, "") != 0 {
			t.Error("something was sent")
		}
		s.holds(t, only(old))
	}
}

// putAppears has a file of the name appear while ours is on its way. nginx knows no way to refuse that.
func putAppears(t *testing.T, s site) {
	file, old := content(1<<20), []byte("somebody else's")
	u := upload(file)
	u.NoOverwrite = true
	placed := false
	got := s.put(t, transfer.Options{Sent: func(int64) {
		if !placed {
			placed = true
			s.place(t, old)
		}
	}}, u)
	if !s.isFTP() && got.err == nil && got.Replaced {
		s.holds(t, only(file))
		return
	}
	got.fails(t, transfer.KindExists)
	s.holds(t, only(old))
}

func putReadBack(t *testing.T, s site) {
	file := content(0)
	u := upload(file)
	u.ReadBack = true
	got := s.put(t, transfer.Options{}, u)
	got.succeeds(t)
	s.holds(t, only(file))
	if !slices.Contains(got.Proofs, transfer.ProofReadBack) {
		t.Errorf("proofs: %q", got.Proofs)
	}
}

func putInPlace(t *testing.T, s site) {
	for i, file := range [][]byte{content(1 << 20), content(1000)} {
		u := upload(file)
		u.InPlace = true
		got := s.put(t, transfer.Options{}, u)
		got.succeeds(t)
		s.holds(t, only(file))
		s.fits(t, got.Location, name, file)
		if got.InPlace != s.isFTP() || got.Replaced != (i > 0) {
			t.Errorf("%+v", got.Location)
		}
	}
}

func putSizes(t *testing.T, s site) {
	for _, size := range []int{1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 256<<10 - 1, 256 << 10, 256<<10 + 1, 1<<20 + 3} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			file := content(size)
			last := int64(0)
			got := s.put(t, transfer.Options{Sent: func(n int64) { last = n }}, upload(file))
			got.succeeds(t)
			s.holds(t, only(file))
			s.fits(t, got.Location, name, file)
			if last != int64(size) {
				t.Errorf("sent %d", last)
			}
		})
	}
}

func putRate(t *testing.T, s site) {
	file := content(1<<20 + 77)
	last, jump := int64(0), int64(0)
	got := s.put(t, transfer.Options{Rate: 1 << 20, Sent: func(n int64) { last, jump = n, max(jump, n-last) }}, upload(file))
	got.succeeds(t)
	s.holds(t, only(file))
	if jump > 128<<10 || last != int64(len(file)) {
		t.Errorf("%d bytes at once, %d in all", jump, last)
	}
}

// A watcher looks at what it is given and then objects.
type watcher struct {
	bytes.Buffer
	checked         int // bytes that Check was called after
	onWrite, onDone error
}

func (w *watcher) Write(p []byte) (int, error) {
	_, _ = w.Buffer.Write(p)
	return len(p), w.onWrite
}

func (w *watcher) Check() error {
	w.checked = w.Len()
	return w.onDone
}

func (w *watcher) SHA256() *[32]byte { return nil }

// putWatchObjects has the file turn out to be wrong at its end. What was there stays, except in place by FTP: there it
// was gone with the first byte, and nothing is better than a part of a wrong file.
func putWatchObjects(t *testing.T, s site) {
	file, old := content(700<<10), []byte("old")
	objection := errors.New("this is not for this phone")
	for _, c := range []struct{ inPlace, old bool }{{true, false}, {true, true}, {false, false}, {false, true}} {
		w := &watcher{onDone: objection}
		u := upload(file)
		u.InPlace, u.Watch = c.inPlace, func(bool) transfer.Watcher { return w }
		if c.old {
			s.place(t, old)
		}
		got := s.put(t, transfer.Options{Retries: 2}, u)
		source := (*transfer.SourceError)(nil)
		if !errors.As(got.err, &source) || !errors.Is(got.err, objection) || got.err.Error() != objection.Error() {
			t.Errorf("%v", got.err)
		}
		if w.checked != len(file) || !bytes.Equal(w.Bytes(), file) {
			t.Errorf("the watcher saw %d bytes, and was asked after %d", w.Len(), w.checked)
		}
		want := nothing()
		if c.old && (!c.inPlace || !s.isFTP()) {
			want = only(old)
		}
		s.eventuallyHolds(t, want)
		s.empty(t)
	}
}

func putWatchFails(t *testing.T, s site) {
	objection := errors.New("the index cannot be built")
	u := upload(content(700 << 10))
	u.Watch = func(bool) transfer.Watcher { return &watcher{onWrite: objection} }
	got := s.put(t, transfer.Options{Retries: 2}, u)
	if source := (*transfer.SourceError)(nil); !errors.As(got.err, &source) || !errors.Is(got.err, objection) {
		t.Errorf("%v", got.err)
	}
	s.eventuallyHolds(t, nothing())
}

// putTruncated has the file on our own disk become shorter.
func putTruncated(t *testing.T, s site) {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content(2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	old := []byte("old")
	s.place(t, old)
	got := s.put(t, transfer.Options{Retries: 2, Sent: func(int64) { _ = os.Truncate(path, 700<<10) }},
		transfer.Upload{Name: name, Content: io.NewSectionReader(file, 0, 2<<20)})
	source := (*transfer.SourceError)(nil)
	if !errors.As(got.err, &source) || !strings.Contains(source.Error(), "ends at byte 716800") {
		t.Errorf("%v", got.err)
	}
	s.eventuallyHolds(t, only(old))
}

// putMany sends many files on one connection, as the last of which none differs from its source.
func putMany(t *testing.T, s site) {
	n := 40
	if testing.Short() {
		n = 10
	}
	store, err := transfer.Dial(t.Context(), s.access, s.options(transfer.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	file := content(200 << 10)
	for i := range n {
		part := file[i:]
		u := upload(part)
		l, err := store.Put(t.Context(), u)
		if err != nil {
			t.Fatal(i, err)
		}
		s.holds(t, only(part))
		if l.Attempts != 1 || l.Replaced != (i > 0) {
			t.Errorf("%+v", l)
		}
	}
}

func putTry(t *testing.T, s site) {
	store, err := transfer.Dial(t.Context(), s.access, s.options(transfer.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Try(t.Context()); err != nil {
		t.Error(err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	s.holds(t, nothing())
}
