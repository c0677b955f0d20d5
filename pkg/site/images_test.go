package site_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/cpupdate/cpupdate/internal/natstest"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
	"github.com/cpupdate/cpupdate/pkg/site"
)

// image returns an image of a size, with its digest.
func image(size int, seed byte) (content []byte, digest string) {
	content = make([]byte, size)
	for i := range content {
		content[i] = byte(i*7+i>>9) + seed
	}
	sum := sha256.Sum256(content)
	return content, hex.EncodeToString(sum[:])
}

func section(content []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(content), 0, int64(len(content)))
}

// store opens the images of a server, with a cache of its own.
func store(t *testing.T, url string) site.Images {
	t.Helper()
	return site.Images{Ledger: natstest.Open(t, jetstream.Options{URL: url, Wait: long}), Folder: filepath.Join(t.TempDir(), "images")}
}

func put(t *testing.T, i site.Images, content []byte, digest string) {
	t.Helper()
	if err := i.Put(t.Context(), digest, section(content)); err != nil {
		t.Fatal(err)
	}
}

func fetch(t *testing.T, i site.Images, content []byte, digest string) string {
	t.Helper()
	path, err := i.Fetch(t.Context(), digest, int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("it is another image: %v", err)
	}
	return path
}

// objects returns the stream of the object store.
func objects(t *testing.T, i site.Images) js.Stream {
	t.Helper()
	stream, err := i.Ledger.JetStream().Stream(t.Context(), "OBJ_"+site.Bucket)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// TestImages stores images once, and fetches them once.
func TestImages(t *testing.T) {
	t.Parallel()
	eachServer(t, testImages)
}

func testImages(t *testing.T, address string) {
	t.Helper()
	p := natstest.NewProxy(t, nil)
	p.LeadTo(address)
	i := store(t, p.URL())
	for _, size := range []int{1, 128 << 10, 128<<10 + 1, 1 << 20} {
		content, digest := image(size, 0)
		if _, err := i.Fetch(t.Context(), digest, int64(size)); !errors.Is(err, site.ErrMissing) {
			t.Fatal(err)
		}
		put(t, i, content, digest)
		before := objects(t, i).CachedInfo().State
		put(t, i, content, digest)
		if after := objects(t, i).CachedInfo().State; after.LastSeq != before.LastSeq {
			t.Error("it was stored twice")
		}
		path := fetch(t, i, content, digest)
		if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		p.Lead(nil)
		p.Cut()
		fetch(t, i, content, digest) // without the server
		p.LeadTo(address)
	}
	if left, _ := filepath.Glob(filepath.Join(i.Folder, "fetch-*")); len(left) > 0 {
		t.Errorf("%v", left)
	}
	if _, err := i.Fetch(t.Context(), "../../x", 1); err == nil || i.Put(t.Context(), "../x", section(nil)) == nil {
		t.Error("a name that is no digest")
	}
}

// TestDamagedCache has an image in the cache that is not what it was: it is fetched again.
func TestDamagedCache(t *testing.T) {
	t.Parallel()
	i := store(t, natstest.Run(t, natstest.Options(t.TempDir())).ClientURL())
	content, digest := image(1000, 0)
	put(t, i, content, digest)
	path := fetch(t, i, content, digest)
	for _, damage := range [][]byte{nil, content[:999], append(bytes.Clone(content), 1), append([]byte{content[0] ^ 1}, content[1:]...)} {
		if err := os.WriteFile(path, damage, 0o600); err != nil {
			t.Fatal(err)
		}
		fetch(t, i, content, digest)
	}
}

// TestDamagedStore has images on the server that are not what their names say. Each is found, and nothing is kept; to put the image
// again repairs it.
func TestDamagedStore(t *testing.T) {
	t.Parallel()
	const size = 300 << 10
	content, digest := image(size, 0)
	for name, damage := range map[string]func(t *testing.T, i site.Images, objects js.Stream){
		"another content": func(t *testing.T, i site.Images, _ js.Stream) {
			other, _ := image(size, 1)
			replace(t, i, digest, other)
		},
		"too short": func(t *testing.T, i site.Images, _ js.Stream) { replace(t, i, digest, content[:size-1]) },
		"too long":  func(t *testing.T, i site.Images, _ js.Stream) { replace(t, i, digest, append(bytes.Clone(content), 0)) },
		"a part is missing": func(t *testing.T, _ site.Images, objects js.Stream) {
			if err := objects.DeleteMsg(t.Context(), 2); err != nil {
				t.Fatal(err)
			}
		},
		"the last part is missing": func(t *testing.T, _ site.Images, objects js.Stream) {
			if err := objects.DeleteMsg(t.Context(), 3); err != nil {
				t.Fatal(err)
			}
		},
		"a word about it": func(t *testing.T, i site.Images, objects js.Stream) {
			m, err := objects.GetMsg(t.Context(), 4)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := i.Ledger.JetStream().Publish(t.Context(), m.Subject, []byte("hello")); err != nil {
				t.Fatal(err)
			}
		},
		"parts of no name": func(t *testing.T, i site.Images, objects js.Stream) {
			m, err := objects.GetMsg(t.Context(), 4)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := i.Ledger.JetStream().Publish(t.Context(), m.Subject, fmt.Appendf(nil, `{"name":%q,"nuid":">","size":%d}`, digest, size)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := store(t, natstest.Run(t, natstest.Options(t.TempDir())).ClientURL())
			put(t, i, content, digest)
			damage(t, i, objects(t, i))
			if path, err := i.Fetch(t.Context(), digest, size); !errors.Is(err, site.ErrDamaged) || path != "" && exists(path) {
				t.Errorf("%s, %v", path, err)
			}
			if entries, _ := os.ReadDir(i.Folder); len(entries) > 0 {
				t.Errorf("%v is kept", entries)
			}
			put(t, i, content, digest)
			fetch(t, i, content, digest)
		})
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// replace stores another content under the name of an image.
func replace(t *testing.T, i site.Images, digest string, content []byte) {
	t.Helper()
	objects, err := i.Ledger.JetStream().ObjectStore(t.Context(), site.Bucket)
	if err == nil {
		_, err = objects.PutBytes(t.Context(), digest, content)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestCacheBounded removes the images that were not used for the longest time, and what a stopped worker left, and nothing else.
func TestCacheBounded(t *testing.T) {
	t.Parallel()
	i := store(t, natstest.Run(t, natstest.Options(t.TempDir())).ClientURL())
	i.Max = 2500
	var paths []string
	for n := range 4 {
		content, digest := image(1000, byte(n))
		put(t, i, content, digest)
		paths = append(paths, fetch(t, i, content, digest))
		if n == 3 {
			break // the newest one
		}
		old := time.Now().Add(time.Duration(n-10) * 24 * time.Hour)
		for _, path := range []string{paths[n], filepath.Join(i.Folder, "fetch-1"), filepath.Join(i.Folder, "notes.txt")} {
			if path != paths[n] {
				if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	for n, path := range paths {
		if exists(path) != (n >= 2) {
			t.Errorf("image %d: %t", n, exists(path))
		}
	}
	if exists(filepath.Join(i.Folder, "fetch-1")) || !exists(filepath.Join(i.Folder, "notes.txt")) {
		t.Error("other files")
	}
	i.Max = 1 // images of today are kept
	content, digest := image(1000, 9)
	put(t, i, content, digest)
	fetch(t, i, content, digest)
	if !exists(paths[3]) {
		t.Error("an image of today is removed")
	}
}
