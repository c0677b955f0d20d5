package transfer_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"slices"
	"testing"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A lazyWatcher compares the file with what it should be, and computes the digest only when it is wanted.
type lazyWatcher struct {
	want []byte
	got  bytes.Buffer
	hash hash.Hash // nil if it is not wanted
}

var errOther = errors.New("this is another file")

func (w *lazyWatcher) Write(p []byte) (int, error) { return w.got.Write(p) }

func (w *lazyWatcher) Check() error {
	if !bytes.Equal(w.got.Bytes(), w.want) {
		return errOther
	}
	return nil
}

func (w *lazyWatcher) SHA256() *[32]byte {
	if w.hash == nil {
		return nil
	}
	_, _ = w.hash.Write(w.got.Bytes())
	return (*[32]byte)(w.hash.Sum(nil))
}

// watched is an upload that notes whether the digest was wanted, each time that the file was read.
func watched(file []byte) (u transfer.Upload, wanted *[]bool) {
	wanted = new([]bool)
	u = upload(file)
	want := bytes.Clone(file)
	u.Watch = func(whole bool) transfer.Watcher {
		*wanted = append(*wanted, whole)
		w := &lazyWatcher{want: want}
		if whole {
			w.hash = sha256.New()
		}
		return w
	}
	return u, wanted
}

// startRow starts a server with the faults of a row; without a name it has none.
func startRow(t *testing.T, method transfer.Method, row string) server {
	t.Helper()
	if method == transfer.FTP {
		i := slices.IndexFunc(badserver.FTPRows(), func(r badserver.FTPRow) bool { return r.Name == row })
		if row == "" {
			return badserver.NewFTP(t)
		}
		return badserver.NewFTP(t, badserver.FTPRows()[i].Faults...)
	}
	i := slices.IndexFunc(badserver.HTTPSRows(), func(r badserver.HTTPSRow) bool { return r.Name == row })
	if row == "" {
		return badserver.NewHTTPS(t)
	}
	return badserver.NewHTTPS(t, badserver.HTTPSRows()[i].Faults...)
}

// TestDigestWhereItIsNeeded: the SHA-256 of the file is computed where something is compared with it, or somebody wants it,
// and only there. Where that shows only after the file was sent, the file is read once more.
func TestDigestWhereItIsNeeded(t *testing.T) {
	t.Parallel()
	size, digest, readBack := transfer.ProofSize, transfer.ProofDigest, transfer.ProofReadBack
	for title, c := range map[string]struct {
		method transfer.Method
		row    string // of package badserver; "" for a server without faults
		change func(u *transfer.Upload)
		old    bool // the file is there before
		wanted []bool
		proofs []transfer.Proof
	}{
		"FTP":                               {transfer.FTP, "", nil, false, []bool{false}, []transfer.Proof{size}},
		"FTP, wanted":                       {transfer.FTP, "", func(u *transfer.Upload) { u.SHA256 = true }, false, []bool{true}, []transfer.Proof{size}},
		"FTP, read back":                    {transfer.FTP, "", func(u *transfer.Upload) { u.ReadBack = true }, false, []bool{true}, []transfer.Proof{size, readBack}},
		"FTP, HASH":                         {transfer.FTP, "hash-right", nil, false, []bool{true}, []transfer.Proof{size, digest}},
		"FTP, XSHA256":                      {transfer.FTP, "xsha256-right", nil, false, []bool{true}, []transfer.Proof{size, digest}},
		"FTP, no size":                      {transfer.FTP, "size-502-nothing-else", nil, false, []bool{false, true}, []transfer.Proof{readBack}},
		"HTTPS":                             {transfer.HTTPS, "", nil, false, []bool{false}, []transfer.Proof{size}},
		"HTTPS, wanted":                     {transfer.HTTPS, "", func(u *transfer.Upload) { u.SHA256 = true }, false, []bool{true}, []transfer.Proof{size}},
		"HTTPS, read back":                  {transfer.HTTPS, "", func(u *transfer.Upload) { u.ReadBack = true }, false, []bool{true}, []transfer.Proof{size, readBack}},
		"HTTPS, told afterwards":            {transfer.HTTPS, "repr-digest-right", nil, false, []bool{false, true}, []transfer.Proof{size, digest}},
		"HTTPS, told of the file before it": {transfer.HTTPS, "repr-digest-right", nil, true, []bool{true}, []transfer.Proof{size, digest}},
		"HTTPS, no size":                    {transfer.HTTPS, "head-405", nil, false, []bool{false, true}, []transfer.Proof{readBack}},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			s, file := startRow(t, c.method, c.row), content(700<<10)
			if c.old {
				s.Put(badserver.Folder+"/"+name, []byte("the old one"))
			}
			u, wanted := watched(file)
			if c.change != nil {
				c.change(&u)
			}
			l, err := put(t.Context(), s.Access(), transfer.Options{Trust: s.Trust()}, u)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(*wanted, c.wanted) || !slices.Equal(l.Proofs, c.proofs) {
				t.Errorf("wanted %t, proofs %v", *wanted, l.Proofs)
			}
			if known := slices.Contains(c.wanted, true); known != (l.SHA256 != nil) || known && *l.SHA256 != sha256.Sum256(file) {
				t.Errorf("SHA-256 %x", l.SHA256)
			}
		})
	}
}

// TestDigestOfChangedFile: where the file is read once more for its digest, it must still be the one that was sent.
func TestDigestOfChangedFile(t *testing.T) {
	t.Parallel()
	for title, s := range map[string]server{
		"FTP":   startRow(t, transfer.FTP, "size-502-nothing-else"),
		"HTTPS": startRow(t, transfer.HTTPS, "repr-digest-right"),
	} {
		t.Run(title, func(t *testing.T) {
			file := content(700 << 10)
			u, wanted := watched(file)
			watch := u.Watch
			u.Watch = func(whole bool) transfer.Watcher {
				if len(*wanted) > 0 {
					file[5] ^= 1
				}
				return watch(whole)
			}
			_, err := put(t.Context(), s.Access(), transfer.Options{Trust: s.Trust()}, u)
			if source := (*transfer.SourceError)(nil); !errors.As(err, &source) || !errors.Is(err, errOther) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A file goes out in chunks of 256 KiB, also by HTTPS: net/http must not cut them into pieces of its own.
func TestFileGoesOutInChunks(t *testing.T) {
	t.Parallel()
	const chunk = 256 << 10
	for _, method := range []transfer.Method{transfer.FTP, transfer.HTTPS} {
		s, file := startRow(t, method, ""), content(3*chunk+5)
		var sent []int64
		o := transfer.Options{Trust: s.Trust(), Sent: func(n int64) { sent = append(sent, n) }}
		if _, err := put(t.Context(), s.Access(), o, upload(file)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(sent, []int64{chunk, 2 * chunk, 3 * chunk, 3*chunk + 5}) {
			t.Errorf("%s: %d", method, sent)
		}
	}
}
